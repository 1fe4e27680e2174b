"""The built site in a real browser: served on localhost, opened in Chromium.

`uv run mkdocs build` makes the site; these tests read it.
"""

import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def urls() -> list[str]:
    """Return the path of every page of the site, both languages."""
    pages = SITE.rglob("index.html")
    paths = (p.parent.relative_to(SITE).as_posix() for p in pages)
    return sorted("/" if path == "." else f"/{path}/" for path in paths)


def written() -> list[str]:
    """Return the paths without those that only repeat the English page."""
    translated = {
        "/ko/" + p.relative_to(ROOT / "docs/ko").with_suffix("").as_posix()
        for p in (ROOT / "docs/ko").rglob("*.md")
    }
    translated = {p.removesuffix("index").rstrip("/") + "/" for p in translated}
    return [u for u in urls() if not u.startswith("/ko/") or u in translated]


def concepts() -> list[str]:
    """Return the path of every page about a concept, in English."""
    return [u for u in urls() if u.count("/") == 3 and not u.startswith("/ko/")]


def pytest_generate_tests(metafunc):
    for fixture, values in (
        ("url", urls),
        ("written", written),
        ("concept", concepts),
    ):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, values())


@pytest.fixture(scope="session")
def concept_paths():
    """Return the path of every page about a concept, in English."""
    return concepts()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files without writing a line for each."""

    def log_message(self, format, *args):  # noqa: A002
        pass


class Server(http.server.ThreadingHTTPServer):
    """Serves on while a browser turns away from a page half loaded."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture(scope="session")
def server():
    """Serve the site and return its address."""
    if not (SITE / "ko/index.html").is_file():
        pytest.fail("there is no site: run `uv run mkdocs build` first")
    handler = functools.partial(Handler, directory=SITE)
    with Server(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """Start the Chromium of this machine, once."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("these tests need Chromium: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, server):
    """Return a function that opens a path of the site in a new window.

    At the end of the test nothing may have been written to the console as an
    error, and nothing may have come from another host.
    """
    contexts, problems = [], []

    def open_page(path="/", width=1280, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, **options
        )
        contexts.append(context)
        if options.get("java_script_enabled", True):
            context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", record)
        page.on("request", check_host)
        page.goto(server + path, wait_until="load")
        return page

    def record(message):
        if message.type == "error":
            problems.append(message.text)

    def check_host(request):
        if not request.url.startswith((server, "data:", "blob:")):
            problems.append(f"a request to {request.url}")

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
