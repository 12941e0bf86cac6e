"""The program, started in a folder of its own: what the tests in Python stand on."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("HOTPLATE_PROGRAM", str(ROOT / "target/debug/hotplate"))
NODE = ROOT / "target/tools/node/node_modules"


class Server:
    """The program, serving the plugins of a folder until it is ended."""

    def __init__(self, folder, *, dev=True, config="", port=0):
        self.folder = pathlib.Path(folder)
        self.config = config
        (self.folder / "plugins").mkdir(exist_ok=True)
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config/hotplate.toml").write_text(config)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTPLATE_")}
        self.log = open(self.folder / "log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [PROGRAM, "serve", *(["--dev"] if dev else [])],
            cwd=self.folder,
            env={**inherited, "HOTPLATE_NETWORK__PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        line = self.process.stdout.readline()
        assert "http://" in line, (self.folder / "log").read_text()
        self.url = line.split()[3]
        self.port = int(self.url.rsplit(":", 1)[1])

    def save(self, name, text):
        """Saves a script as most editors do: beside it, then renamed over it."""
        path = self.folder / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        aside.write_text(text)
        aside.rename(path)

    def end(self):
        self.process.terminate()
        status = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.log.close()
        said = (self.folder / "log").read_text()
        for key in re.findall(r'^(?:api)?key = "([^"]{6,})"$', self.config, re.MULTILINE):
            assert key not in said, f"a key is in the log: {key}"
        return status
