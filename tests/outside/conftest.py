"""What proofs with tools from outside stand on: the bundled plugins and the fixture, served with keys."""

import pathlib

import pytest
from hotplate import ROOT

KEY = "the-key-of-the-tools"
CONFIG = f"""
[auth]
apikey = "{KEY}"

[auth.keys.tools]
key = "{KEY}-of-reports"
scopes = ["reports", "admin"]
"""
FOLDERS = {"bundled": ROOT / "plugins", "fixture": ROOT / "tests/contract"}


def scripts(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(pathlib.Path(folder).rglob("*.rhai"))}


@pytest.fixture(params=FOLDERS)
def served(request, serve):
    """Each of the two, with the key that opens all of it."""
    server = serve(scripts(FOLDERS[request.param]), config=CONFIG)
    server.name = request.param
    server.key = KEY + "-of-reports"
    return server
