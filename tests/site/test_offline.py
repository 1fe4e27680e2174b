"""The zip of the site works from a folder, without a server."""

import zipfile

import pytest

from tests.site.conftest import SITE
from tests.site.test_browser import search
from tools.offline import NAME, pack


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """Return the folder of the site, packed and unpacked again."""
    folder = tmp_path_factory.mktemp("offline")
    pack(SITE, folder / "site.zip")
    with zipfile.ZipFile(folder / "site.zip") as packed:
        packed.extractall(folder)
    return folder / NAME


@pytest.fixture
def open_file(chromium, unpacked):
    """Return a function that opens a file; nothing may be missing there.

    A page that is left before it has loaded everything aborts the rest.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    problems = []

    def record(request):
        if request.failure != "net::ERR_ABORTED":
            problems.append(f"{request.url}: {request.failure}")

    def open_file(path):
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", record)
        page.goto(f"file://{unpacked / path}", wait_until="load")
        return page

    yield open_file
    context.close()
    assert problems == []


@pytest.mark.parametrize(
    ("path", "query", "title", "target"),
    [
        ("index.html", "gini", "Decision tree", "trees/decision_tree"),
        (
            "ko/training/batch_norm/index.html",
            "어텐션은",
            "어텐션",
            "attention",
        ),
    ],
)
def test_search_leads_to_the_page(open_file, path, query, title, target):
    page = open_file(path)
    assert title in search(page, query)[:3]
    page.locator(".md-search-result__item", has_text=title).first.click()
    page.wait_for_url(f"**/{target}/index.html*")
    assert page.locator("h1").first.inner_text().startswith(title)


def test_links_formulas_and_languages_work(open_file):
    page = open_file("index.html")
    page.get_by_role("link", name="Batch normalization").first.click()
    page.wait_for_selector("mjx-container")
    assert page.url.endswith(f"{NAME}/training/batch_norm/index.html")
    page.goto(page.get_by_role("link", name="한국어").evaluate("a => a.href"))
    assert page.url.endswith(f"{NAME}/ko/training/batch_norm/index.html")
    assert page.locator("h1").first.inner_text().startswith("배치 정규화")


def test_downloads_are_there(open_file, unpacked):
    page = open_file("trees/boosting/index.html")
    links = page.locator("a[download]").evaluate_all("a => a.map(b => b.href)")
    assert [link.split("/")[-1] for link in links] == [
        "boosting.ipynb",
        "boosting.py",
    ]
    for link in links:
        path = link.removeprefix(f"file://{unpacked}/")
        assert (unpacked / path).stat().st_size > 1000
