"""Clients that were made from the document, calling the server."""

import sys
import urllib.request

from hotplate import NODE
from tools import PYTHON, node, run

# What openapi-python-client has no code for: bodies and answers that are neither JSON nor a form, lists in headers, and
# enumerations of more than one type.
UNSUPPORTED = ("text/plain", "image/gif", "is not allowed in header", "Got {<class 'str'>, <class 'int'>}", "Got {<class 'int'>, <class 'str'>}")

PYTHON_CALLS = """
from api_client import AuthenticatedClient
from api_client.api.forms import post_forms_upload
from api_client.api.guarded import get_guarded_reports, put_guarded_reports_by_id
from api_client.api.mocks import get_mocks_orders
from api_client.api.objects import (
    delete_objects_people_by_id, get_objects_people, get_objects_people_by_id, patch_objects_people_by_id, post_objects_people,
    post_objects_trees,
)
from api_client.api.administration import get_plugins
from api_client.models import *
from api_client.types import File
import io, sys

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
made = post_objects_people.sync_detailed(client=client, body=NewPerson(name="Ada", tags=["x"], address=Address(street="A 1", city="Bremen")))
assert made.status_code == 201 and made.parsed.name == "Ada" and made.parsed.id >= 1 and made.parsed.address.city == "Bremen", made
assert [person.id for person in get_objects_people.sync(client=client, limit=2)] == [1, 2]
assert get_objects_people_by_id.sync(client=client, id=3).id == 3
assert delete_objects_people_by_id.sync_detailed(client=client, id=3).status_code == 204
refused = post_objects_people.sync_detailed(client=client, body=NewPerson(name=""))
assert refused.status_code == 422 and refused.parsed.errors[0].pointer == "/name", refused
tree = post_objects_trees.sync(client=client, body=Node(name="a", children=[Node(name="b", children=[])]))
assert tree is not None
sent = File(payload=io.BytesIO(b"12345"), file_name="five.txt", mime_type="text/plain")
kept = post_forms_upload.sync(client=client, body=PostFormsUploadBody(document=sent))
assert kept.size == 5 and kept.content_type == "text/plain", kept
assert len(get_mocks_orders.sync(client=client)) >= 0
report = put_guarded_reports_by_id.sync(client=client, id=2, body=PutGuardedReportsByIdBody(title="two"))
assert (report.id, report.title, report.by) == (2, "two", "tools"), report
assert get_guarded_reports.sync(client=client)[0].by == "tools"
assert "objects" in get_plugins.sync(client=client).loaded_plugins
print("held")
"""

PYTHON_CALLS_OF_BUNDLED = """
from api_client import AuthenticatedClient
from api_client.api.notes import delete_notes_by_id, get_notes, get_notes_by_id, patch_notes_by_id, post_notes
from api_client.models import *
import sys

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
made = post_notes.sync_detailed(client=client, body=NewNote(title="Tea", text="green"))
assert made.status_code == 201 and made.parsed.title == "Tea" and made.headers["location"] == f"/notes/{made.parsed.id}", made
note = made.parsed.id
assert [kept.id for kept in get_notes.sync(client=client, limit=1)] == [note]
changed = patch_notes_by_id.sync(client=client, id=note, body=PatchNotesByIdBody(title="Coffee"))
assert (changed.title, changed.text) == ("Coffee", "green"), changed
assert get_notes_by_id.sync(client=client, id=note).title == "Coffee"
assert delete_notes_by_id.sync_detailed(client=client, id=note).status_code == 204
assert get_notes_by_id.sync_detailed(client=client, id=note).status_code == 404
print("held")
"""

TYPESCRIPT_CALLS_OF_BUNDLED = """
import createClient from "openapi-fetch";
import type { paths, components } from "./api.js";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2) as [string, string];
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const holds = (truth: boolean, what: unknown) => { if (!truth) throw new Error(JSON.stringify(what)); };

const made = await api.POST("/notes", { body: { title: "Tea", text: "green" } });
const note: components["schemas"]["Note"] = made.data!;
holds(made.response.status === 201 && note.title === "Tea", made);
const listed = await api.GET("/notes", { params: { query: { limit: 1 } } });
holds(listed.data?.[0]?.id === note.id, listed);
const gone = await api.DELETE("/notes/{id}", { params: { path: { id: note.id } } });
holds(gone.response.status === 204, gone);
const refused = await api.POST("/notes", { body: { title: "", text: "" } });
holds(refused.response.status === 422 && refused.error?.errors?.[0]?.pointer === "/title", refused);
console.log("held");
"""

TYPESCRIPT_CALLS = """
import createClient from "openapi-fetch";
import type { paths, components } from "./api.js";

declare const process: { argv: string[] };
const [url, key] = process.argv.slice(2) as [string, string];
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const holds = (truth: boolean, what: unknown) => { if (!truth) throw new Error(JSON.stringify(what)); };

const made = await api.POST("/objects/people", { body: { name: "Ada", tags: ["x"], settings: {} } });
const person: components["schemas"]["Person"] = made.data!;
holds(made.response.status === 201 && person.name === "Ada" && person.id >= 1, made);

const one = await api.GET("/objects/people/{id}", { params: { path: { id: 3 } } });
holds(one.data?.id === 3, one);

const gone = await api.DELETE("/objects/people/{id}", { params: { path: { id: 3 } } });
holds(gone.response.status === 204, gone);

const refused = await api.POST("/objects/people", { body: { name: "", tags: [], settings: {} } });
const problem: components["schemas"]["hotplate.Problem"] = refused.error!;
holds(refused.response.status === 422 && problem.errors?.[0]?.pointer === "/name", refused);

const tree = await api.POST("/objects/trees", { body: { name: "a", children: [{ name: "b", children: [] }] } });
holds(tree.response.ok, tree);

const report = await api.PUT("/guarded/reports/{id}", { params: { path: { id: 2 } }, body: { title: "two" } });
holds(report.data?.by === "tools", report);

const plugins = await api.GET("/plugins");
holds(plugins.data!.loaded_plugins.includes("objects"), plugins);

// @ts-expect-error: a name is a text
void (() => api.POST("/objects/people", { body: { name: 5, tags: [], settings: {} } }));
// @ts-expect-error: there is no such path
void (() => api.GET("/objects/nobody"));
console.log("held");
"""

CALLS = {
    "fixture": (PYTHON_CALLS, TYPESCRIPT_CALLS),
    "bundled": (PYTHON_CALLS_OF_BUNDLED, TYPESCRIPT_CALLS_OF_BUNDLED),
}


def fetch(server, path):
    request = urllib.request.Request(server.url + "/openapi.json", headers={"Authorization": f"Bearer {server.key}"})
    path.write_bytes(urllib.request.urlopen(request).read())


def test_a_client_in_python_calls_the_server(served, tmp_path):
    fetch(served, tmp_path / "openapi.json")
    said = run(PYTHON / "openapi-python-client", "generate", "--path", "openapi.json", "--output-path", "client", cwd=tmp_path)
    warnings = [part for part in said.split("WARNING")[1:] if not any(kind in part for kind in UNSUPPORTED)]
    assert warnings == [], said
    (tmp_path / "calls.py").write_text(CALLS[served.name][0])
    assert "held" in run(sys.executable, "calls.py", served.url, served.key, cwd=tmp_path, PYTHONPATH=str(tmp_path / "client"))


def test_a_client_in_typescript_calls_the_server(served, tmp_path):
    fetch(served, tmp_path / "openapi.json")
    node("openapi-typescript", "openapi.json", "--output", "api.ts", cwd=tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text(CALLS[served.name][1])
    node(
        "tsc", "--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext",
        "--lib", "es2022,dom", "calls.ts", "api.ts", cwd=tmp_path,
    )
    assert "held" in node("calls.js", served.url, served.key, cwd=tmp_path)
