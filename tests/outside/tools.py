"""Runs the tools that scripts/tools.sh installed."""

import os
import subprocess

from hotplate import NODE, ROOT

PYTHON = ROOT / "target/tools/venv/bin"


def run(*words, cwd=None, **environment):
    """Runs a tool to its end and gives what it said; fails with that when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "CI": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words[0]} failed:\n{done.stdout[-20000:]}"
    return done.stdout


def node(tool, *words, **options):
    """Runs an npm package, or a script, with the node that was installed for them."""
    own = NODE / ".bin" / tool
    return run(NODE / ".bin/node", own if own.exists() else tool, *words, **options)
