"""What all tests in Python have."""

import pathlib
import shutil
import tempfile

import pytest
from hotplate import Server


@pytest.fixture
def serve():
    """Starts servers: serve({"hello.rhai": "get(|| 1);"}, dev=True, config="…")."""
    started = []
    folders = []

    def start(files, **options):
        folder = tempfile.mkdtemp(prefix="hotplate-browser-")
        folders.append(folder)
        for name, text in files.items():
            path = pathlib.Path(folder, "plugins", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        server = Server(folder, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
