"""The page at /docs, in a real browser."""

import os
import subprocess

import pytest
from hotplate import PROGRAM, Server
from pages import execute, faults_of_access, operation
from playwright.sync_api import expect

HELLO = '''//! Greetings.

/// Say hello.
get(|| "hello");

/// Say hello to somebody.
get("/{name}", |req| `hello, ${req.params.name}`);

/// Take anything.
post("/", #{ body: any_value() }, |req| req.body);
'''
BROKEN = HELLO.replace("req.params.name}", "req.params.name.to_uper()}")


def test_a_request_is_executed(serve, look):
    page = look(serve({"hello.rhai": HELLO}).url + "/docs")
    block = operation(page, "get", "/hello/{name}")
    block.locator("input").fill("ada")
    assert execute(block) == "200"
    expect(block.locator(".live-responses-table .microlight, .live-responses-table code").first).to_contain_text("hello, ada")


def test_a_new_route_appears_when_a_file_is_saved_and_the_page_says_so(serve, look):
    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs")
    expect(page.locator("#status")).to_have_text("Generation 1, shows each save at once")
    page.evaluate("window.loaded = 'once'")
    server.save("added.rhai", 'get(|| "new");')
    page.locator('[data-path="/added"]').wait_for()
    expect(page.locator("#news")).to_have_text("new: GET /added")
    expect(page.locator("#status")).to_have_text("Generation 2, shows each save at once")
    (server.folder / "plugins/added.rhai").unlink()
    page.locator('[data-path="/added"]').wait_for(state="detached")
    expect(page.locator("#news")).to_have_text("gone: GET /added")
    assert page.evaluate("window.loaded") == "once", "the page was loaded again"


def test_a_broken_save_shows_its_source_line_until_it_is_mended(serve, look):
    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs")
    expect(page.locator("#trouble")).to_be_hidden()
    server.save("hello.rhai", BROKEN)
    expect(page.locator("#trouble")).to_be_visible()
    expect(page.locator(".fault .place")).to_have_text("hello.rhai:7:48")
    expect(page.locator(".fault pre")).to_contain_text('get("/{name}", |req| `hello, ${req.params.name.to_uper()}`);')
    expect(page.locator("#trouble-note")).to_have_text("The last version that worked is served of hello.")
    expect(page.locator("#mend")).to_have_text("1 thing to mend")
    server.save("never.rhai", "get(||")
    expect(page.locator("#trouble-note")).to_contain_text("Not served, because no version has worked yet: never.")
    (server.folder / "plugins/never.rhai").unlink()
    server.save("hello.rhai", HELLO)
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#mend")).to_be_hidden()


def test_what_is_being_typed_survives_a_save(serve, look):
    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs")
    named = operation(page, "get", "/hello/{name}")
    named.locator("input").fill("ada")
    posted = operation(page, "post", "/hello")
    text = posted.locator("textarea")
    text.fill('{"half": "wri')
    text.evaluate("field => { field.own = true; }")
    server.save("hello.rhai", HELLO.replace("Say hello to somebody", "Greet somebody"))
    server.save("added.rhai", "get(|| 1);")
    page.locator('[data-path="/added"]').wait_for()
    expect(named).to_contain_text("Greet somebody")
    text.press_sequentially("tten")
    assert text.input_value() == '{"half": "written'
    assert named.locator("input").input_value() == "ada"
    assert text.evaluate("field => field.own && document.activeElement === field"), "the field is another one"


def test_a_list_in_a_form_is_sent_as_it_is_taken(serve, look):
    script = """post("/", #{ body: form(#{ ns: array(int()) }), returns: any_value() }, |req| req.body);"""
    page = look(serve({"u.rhai": script}).url + "/docs")
    # The Swagger UI says so of each integer with a format, and shows it all the same.
    page.forgiven.append("Could not find component")
    asked = operation(page, "post", "/u")
    asked.get_by_role("button", name="Add integer item").click()
    asked.locator(".json-schema-form-item input").nth(0).fill("5")
    asked.get_by_role("button", name="Add integer item").click()
    asked.locator(".json-schema-form-item input").nth(1).fill("8")
    assert execute(asked) == "200"


def test_a_change_of_a_named_schema_is_news(serve, look):
    script = """const C = schema("Cat", #{ a: int() }); get("/", #{ returns: C });"""
    server = serve({"cats.rhai": script})
    page = look(server.url + "/docs")
    operation(page, "get", "/cats")
    server.save("cats.rhai", script.replace("a: int()", "a: int(), b: int()"))
    expect(page.locator("#news")).to_contain_text("changed: GET /cats")


def test_an_operation_that_goes_and_comes_back_is_shown_as_it_is_then(serve, look):
    server = serve({"hello.rhai": HELLO, "other.rhai": "get(|| 1);"})
    page = look(server.url + "/docs")
    operation(page, "get", "/hello/{name}")
    (server.folder / "plugins/hello.rhai").unlink()
    page.locator('[data-path="/hello/{name}"]').wait_for(state="detached")
    server.save("hello.rhai", HELLO.replace("Say hello to somebody", "Greet somebody"))
    page.locator('[data-path="/hello/{name}"]').wait_for()
    expect(page.locator("#swagger-ui")).to_contain_text("Greet somebody")
    expect(page.locator("#swagger-ui")).not_to_contain_text("Say hello to somebody")


def test_it_polls_where_events_cannot_be_had(serve, look):
    def no_events(page):
        page.route("**/docs/events", lambda route: route.fulfill(status=503, body="{}"))

    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs", before=no_events)
    page.forgiven = ["503"]
    expect(page.locator("#status")).to_have_text("Generation 1, looks for saves every 2 seconds")
    server.save("added.rhai", 'get(|| "new");')
    page.locator('[data-path="/added"]').wait_for()
    expect(page.locator("#status")).to_have_text("Generation 2, looks for saves every 2 seconds")


def test_it_finds_a_server_again_that_was_started_anew(serve, look):
    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs")
    page.forgiven = ["ERR_", "Failed to fetch", "503"]
    assert server.end() == 0
    expect(page.locator("#status")).to_have_text("The server does not answer; looking again…")
    (server.folder / "plugins/added.rhai").write_text("get(|| 1);")
    again = Server(server.folder, port=server.port)
    try:
        page.locator('[data-path="/added"]').wait_for()
        expect(page.locator("#status")).to_have_text("Generation 1, shows each save at once")
    finally:
        again.end()


CARRIERS = {
    "Bearer": ("Authorization", lambda request: request.headers.get("authorization") == "Bearer secret-key"),
    "X-Custom-Auth": ("X-Custom-Auth", lambda request: request.headers.get("x-custom-auth") == "secret-key"),
    "query": ("apikey", lambda request: "apikey=secret-key" in request.url),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_authorize_works_with_each_carrier(serve, look, carrier):
    config = '[auth]\napikey = "secret-key"\n[plugins.hello]\nauth = "global"\n'
    server = serve({"hello.rhai": HELLO}, config=config)
    page = look(server.url + "/docs")
    page.forgiven = ["403", "401"]
    block = operation(page, "get", "/hello")
    assert execute(block) in ("401", "403")
    page.locator(".auth-wrapper .authorize").first.click()
    dialog = page.locator(".modal-ux")
    wanted = dialog.locator(".auth-container").filter(has_text={
        "Bearer": "(http, Bearer)",
        "X-Custom-Auth": "X-Custom-Auth",
        "query": "In: query",
    }[carrier])
    wanted.locator("input").first.fill("secret-key")
    wanted.get_by_role("button", name="Apply credentials").or_(
        wanted.get_by_role("button", name="Authorize")).first.click()
    dialog.get_by_role("button", name="Close").first.click()
    with page.expect_request(lambda request: "/hello" in request.url and CARRIERS[carrier][1](request)):
        block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response .response-col_status").first).to_contain_text("200")


def dismiss(page):
    """Stands in for a person who dismisses the browser's own question, which is not asked here: what is behind it is shown."""

    def without_the_question(route):
        answer = route.fetch()
        assert answer.status == 401
        headers = {name: value for name, value in answer.headers.items() if name != "www-authenticate"}
        assert len(headers) < len(answer.headers)
        route.fulfill(response=answer, headers=headers)

    page.route("**/docs", without_the_question, times=1)


def test_a_key_opens_the_page_and_stays_in_its_memory(serve, look):
    config = '[auth]\napikey = "secret-key"\n'
    server = serve({"hello.rhai": HELLO}, dev=False, config=config)
    page = look(server.url + "/docs", wait=False, before=dismiss)
    page.forgiven = ["403", "401"]
    expect(page.locator("#ask")).to_be_visible()
    assert page.locator(".opblock").count() == 0
    assert faults_of_access(page) == []
    page.locator("#key").fill("not-the-key")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#key-note")).to_have_text("That key does not open this page.")
    page.locator("#key").fill("secret-key")
    page.get_by_role("button", name="Open").click()
    page.locator('[data-path="/hello"]').first.wait_for()
    expect(page.locator("#ask")).to_be_hidden()
    server.save("added.rhai", "get(|| 1);")
    page.locator('[data-path="/added"]').wait_for()
    kept = page.evaluate("[document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage), location.href].join()")
    assert "secret-key" not in kept
    server.save("added.rhai", "get(||")
    expect(page.locator("#status")).to_have_text("Generation 3, shows each save at once")
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_key_in_the_address_opens_the_page_and_leaves_the_address(serve, look):
    server = serve({"hello.rhai": HELLO}, dev=False, config='[auth]\napikey = "secret-key"\n')
    page = look(server.url + "/docs?apikey=secret-key")
    assert page.url.split("#")[0] == server.url + "/docs"


INJECTION = '''//! <script>window.taken = 1</script> <img src=x onerror="window.taken = 2">
/// <img src=x onerror="window.taken = 3"> title
///
/// [click](javascript:window.taken=4) <svg onload="window.taken=5"></svg> <style>* { display: none }</style>
get(|| 1);
'''


def test_titles_and_descriptions_inject_nothing(serve, look):
    server = serve({"x.rhai": INJECTION})
    (server.folder / "openapi").mkdir()
    (server.folder / "openapi/info.toml").write_text(
        "title = \"<img src=x onerror='window.taken=7'>\"\ndescription = \"<iframe src='javascript:parent.taken=8'></iframe>\"\n"
    )
    server.save("y.rhai", "get(|| 1);")
    page = look(server.url + "/docs")
    # The policy stops a picture of a description before it is asked for, and says so.
    page.forgiven = ["Content Security Policy", "404"]
    page.locator('[data-path="/x"]').wait_for()
    page.locator(".opblock-summary-control").first.click()
    page.locator(".opblock-description").first.wait_for()
    for link in page.locator(".opblock a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript:")
    assert page.evaluate("window.taken") is None
    assert page.locator("#swagger-ui script, #swagger-ui style, #swagger-ui iframe").count() == 0


def test_changes_of_the_contract_are_told_in_words(serve, look):
    server = serve({"hello.rhai": HELLO})
    page = look(server.url + "/docs")
    expect(page.locator("#changes")).to_be_hidden()
    server.save("hello.rhai", HELLO.replace('get("/{name}"', 'get("/{name}/loudly"'))
    expect(page.locator("#changes li.breaking")).to_have_text("/hello/{name}: route removed: breaking")
    expect(page.locator("#contract")).to_be_hidden()


def test_what_differs_from_the_accepted_contract_stands_there_until_it_is_accepted(serve, look):
    server = serve({"hello.rhai": HELLO})
    accept = [PROGRAM, "openapi", "--accept"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOTPLATE_")}
    subprocess.run(accept, cwd=server.folder, check=True, env=environment)
    page = look(server.url + "/docs")
    expect(page.locator("#contract")).to_be_hidden()
    server.save("hello.rhai", HELLO.replace('get(|| "hello");', ""))
    expect(page.locator("#contract li.breaking")).to_have_text("GET /hello: method removed: breaking")
    subprocess.run(accept, cwd=server.folder, check=True, env=environment)
    expect(page.locator("#contract")).to_be_hidden()


def test_everybody_can_use_documents_and_pages_of_errors(serve, look):
    config = "[[documents.mounts]]\npath = \"/pages\"\nfolder = \"pages\"\nlisting = true\n"
    server = serve({"hello.rhai": HELLO}, config=config)
    (server.folder / "pages").mkdir()
    page_text = "# A page\n\nText, `code`, [a link](/hello).\n\n```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    (server.folder / "pages/page.md").write_text(page_text)
    for path, shown in [("/pages/page.md", "A page"), ("/pages/", "page.md"), ("/pages/none", "404")]:
        page = look(server.url + path, wait=False)
        page.forgiven = ["404"]
        expect(page.locator("body")).to_contain_text(shown)
        assert faults_of_access(page) == [], path


def test_an_edited_document_is_loaded_again_and_so_is_what_includes_it(serve, look):
    config = "[[documents.mounts]]\npath = \"/pages\"\nfolder = \"pages\"\n"
    server = serve({"hello.rhai": HELLO, "index.rhai": 'get("/{*rest}", |req| "everything");'}, config=config)
    pages = server.folder / "pages"
    pages.mkdir()
    (pages / "part.md").write_text("a part\n")
    (pages / "page.md").write_text("# First\n\n@INCLUDE=part.md@\n")
    (pages / "plain.html").write_text("<!doctype html><title>t</title><h1>First</h1>")
    for path in ["/pages/page.md", "/pages/plain.html"]:
        page = look(server.url + path, wait=False)
        expect(page.locator("h1")).to_have_text("First")
        file = pages / path.rsplit("/", 1)[1]
        for text in ["Second", "Third"]:
            file.write_text(file.read_text().replace(page.locator("h1").inner_text(), text))
            expect(page.locator("h1")).to_have_text(text)
    page = look(server.url + "/pages/page.md", wait=False)
    (pages / "part.md").write_text("another part\n")
    expect(page.locator("body")).to_contain_text("another part")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_dark_where_that_is_preferred(serve, look, scheme):
    page = look(serve({"hello.rhai": HELLO}).url + "/docs", color_scheme=scheme)
    light = page.evaluate(
        "[document.documentElement, document.querySelector('body > header')].map(e =>"
        " Number(getComputedStyle(e).backgroundColor.match(/[0-9]+/)[0]) > 128)")
    assert light == [scheme == "light"] * 2
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_what_we_put_around_the_swagger_ui(serve, look, scheme):
    page = look(serve({"hello.rhai": BROKEN, "other.rhai": "get(|| 1);"}).url + "/docs", color_scheme=scheme)
    expect(page.locator("#trouble")).to_be_visible()
    assert faults_of_access(page, "#swagger-ui") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_start_page(serve, look, scheme):
    server = serve({"hello.rhai": HELLO, "broken.rhai": "get(||"})
    page = look(server.url + "/", wait=False, color_scheme=scheme)
    page.locator(".plugin").first.wait_for()
    expect(page.locator("#trouble")).to_be_visible()
    assert faults_of_access(page) == []
    page.get_by_role("link", name="/docs").first.click()
    page.locator('[data-path="/hello"]').first.wait_for()
