"""What the tests in a browser stand on: a page that watches itself."""

import shutil

import pytest
from pages import FLAGS, is_elsewhere
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def look(browser):
    """Opens pages: look(url, color_scheme="dark"). At the end none may have logged an error or asked another host.

    A page's `forgiven` are texts of errors that the test provokes.
    """
    pages = []

    def open_page(url, *, before=None, wait=True, **context):
        context.setdefault("viewport", {"width": 1200, "height": 1000})
        page = browser.new_context(**context).new_page()
        page.errors, page.elsewhere, page.forgiven = [], [], []
        page.on("console", lambda line: page.errors.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        own = url.split("/")[2]
        page.on("request", lambda request: page.elsewhere.append(request.url) if is_elsewhere(request.url, own) else None)
        page.set_default_timeout(20_000)
        if before:
            before(page)
        page.goto(url)
        if wait:
            page.locator(".opblock").first.wait_for()
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        errors = [text for text in page.errors if not any(part in text for part in page.forgiven)]
        assert errors == [], errors
        assert page.elsewhere == [], page.elsewhere
        page.context.close()
