"""The built site is whole: links, anchors, assets and ids."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.site.conftest import SITE, urls
from tests.test_concepts import TERMS, read_glossary

LOADED = {"img": "src", "link": "href", "script": "src", "source": "src"}
NOT_LOADED = {"alternate", "canonical", "next", "prev"}


class Page(HTMLParser):
    """The ids, links and loaded files of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        elif tag in LOADED and attrs.get("rel") not in NOT_LOADED:
            self.loads += filter(None, [attrs.get(LOADED[tag])])


@pytest.fixture(scope="session")
def pages():
    """Return every page of the site by its path."""
    return {url: Page(SITE / url.lstrip("/") / "index.html") for url in urls()}


def test_ids_are_unique(url, pages):
    ids = pages[url].ids
    assert sorted(ids) == sorted(set(ids))


def test_links_and_anchors_lead_somewhere(url, pages):
    broken = []
    for link in pages[url].links + pages[url].loads:
        target = urlsplit(urljoin(f"//site{url}", link))
        if target.scheme or target.netloc != "site":
            continue
        path = unquote(target.path)
        if path in pages:
            if target.fragment and unquote(target.fragment) not in [
                *pages[path].ids,
                "__tabbed",
            ]:
                broken.append(link)
        elif not (SITE / path.lstrip("/")).is_file():
            broken.append(link)
    assert broken == []


def test_nothing_is_loaded_from_another_host(url, pages):
    hosts = {urlsplit(load).netloc for load in pages[url].loads}
    assert hosts == {""}


def test_every_equation_is_typeset_and_has_its_line(concept):
    html = (SITE / concept.lstrip("/") / "index.html").read_text("utf-8")
    equations = re.findall(
        r'class="equation" id="eq-(\d+)">(.*?)class="equation-number"',
        html,
        re.DOTALL,
    )
    assert equations
    for number, equation in equations:
        assert "<mjx-math" in equation
        assert "<math" in equation
        assert f'id="line-{number}"' in html
    lines = re.findall(r'data-equation="(\d+)">(.*?)</span>\n', html)
    assert {number for number, _ in equations} == {n for n, _ in lines}
    for number, line in lines:
        assert f'<a class="mark" href="#eq-{number}">' in line


def test_every_figure_is_described(concept):
    html = (SITE / concept.lstrip("/") / "index.html").read_text("utf-8")
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    assert figures
    for figure in figures:
        assert re.search(r'<svg[^>]* aria-label="[^"]{20}', figure)


@pytest.mark.parametrize("folder", ["", "ko/"])
def test_the_search_knows_every_concept_in_both_languages(folder):
    file = SITE / folder / "search/search_index.json"
    docs = json.loads(file.read_text("utf-8"))["docs"]
    [found] = [d for d in docs if d["location"] == "glossary/"]
    text = unescape(found["text"]).lower()
    rows = read_glossary()
    for _, term in TERMS:
        korean = rows[term.lower()][0]
        assert term.lower() in text
        assert korean.lower() in text


def test_the_inventory_for_other_projects_lists_the_reference():
    assert (SITE / "objects.inv").is_file()


def test_both_languages_have_the_same_pages():
    english = {u for u in urls() if not u.startswith("/ko/")}
    korean = {u.removeprefix("/ko") for u in urls() if u.startswith("/ko/")}
    assert english == korean
