"""What can be done with a page of the server, and seen of it."""

from hotplate import NODE
from playwright.sync_api import expect

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Far beyond what anything takes, so that a busy machine fails no test.
expect.set_options(timeout=20_000)


def is_elsewhere(url, own):
    return url.startswith(("http:", "https:", "ws:", "wss:")) and url.split("/")[2] != own


def operation(page, method, path):
    """The block of one operation, opened and ready to be tried."""
    block = page.locator(f".opblock-{method}").filter(
        has=page.locator(f'[data-path="{path}"]'),
    )
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def execute(block):
    """Executes an operation and gives the status that it was answered with."""
    block.get_by_role("button", name="Execute").click()
    row = block.locator(".live-responses-table .response .response-col_status")
    row.first.wait_for()
    return row.first.inner_text().split()[0]


def faults_of_access(page, outside=""):
    """The serious faults that axe finds in a page, but for what lies below the selector `outside`."""
    page.evaluate((NODE / "axe-core/axe.min.js").read_text())
    # The policy of the page forbids scripts from outside it, not those of the test.
    found = page.evaluate(
        "outside => axe.run(outside ? { exclude: [outside] } : document, { resultTypes: ['violations'] })",
        outside,
    )
    return [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html']}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
