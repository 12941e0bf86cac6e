"""The document of the API, held against the tools that read such documents."""

import json
import os
import urllib.request

import pytest
from hotplate import ROOT
from tools import PYTHON, node, run

# How many requests schemathesis makes for each operation, and its seed. scripts/proof.sh sets more.
EXAMPLES = os.environ.get("PROOF_EXAMPLES", "5")
SEED = os.environ.get("PROOF_SEED", "1")


@pytest.fixture
def document(served, tmp_path):
    request = urllib.request.Request(served.url + "/openapi.json", headers={"Authorization": f"Bearer {served.key}"})
    path = tmp_path / "openapi.json"
    path.write_bytes(urllib.request.urlopen(request).read())
    return path


def test_the_specification_has_nothing_against_it(document):
    assert "OK" in run(PYTHON / "openapi-spec-validator", document)


def test_redocly_finds_no_error(document, tmp_path):
    (tmp_path / "redocly.yaml").write_text("extends:\n  - recommended\n")
    node("redocly", "lint", "--format=stylish", document.name, cwd=tmp_path, REDOCLY_TELEMETRY="off")


def test_the_yaml_document_is_the_same(served, document):
    yaml = pytest.importorskip("yaml")
    request = urllib.request.Request(served.url + "/openapi.yaml", headers={"Authorization": f"Bearer {served.key}"})
    assert yaml.safe_load(urllib.request.urlopen(request).read()) == json.loads(document.read_text())


def test_schemathesis_finds_the_server_true_to_its_document(served, tmp_path):
    said = run(
        PYTHON / "schemathesis",
        f"--config-file={ROOT / 'tests/outside/schemathesis.toml'}",
        "run",
        served.url + "/openapi.json",
        "--checks=all",
        "--continue-on-failure",
        f"--max-examples={EXAMPLES}",
        f"--seed={SEED}",
        "--no-color",
        "--header",
        f"Authorization: Bearer {served.key}",
        cwd=tmp_path,
        SCHEMATHESIS_HOOKS=str(ROOT / "tests/outside/hooks.py"),
    )
    print(said[said.index("= SUMMARY") :])
    if served.name == "fixture":
        tested = int(said.split("Tested: ")[1].split()[0])
        assert tested >= 60, f"only {tested} operations"
