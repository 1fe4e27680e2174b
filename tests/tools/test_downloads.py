import json
from types import SimpleNamespace

import pytest

from tests.test_structure import ROOT
from tools.downloads import line, on_page_markdown, on_post_page

CONCEPT = "regression/design_matrix"
PAGE = "# Title\n\nText.\n\n## Concept { #concept }\n\nMore.\n"


def page(path=CONCEPT, url=None):
    file = SimpleNamespace(src_uri=f"{path}.md")
    return SimpleNamespace(file=file, url=url or f"{path}/")


@pytest.fixture
def site(tmp_path):
    """Return a function that gives the configuration of a language."""

    def config(language="en"):
        folder = tmp_path / ("" if language == "en" else language)
        return SimpleNamespace(
            docs_dir=ROOT / "docs" / language, site_dir=str(folder)
        )

    return config


def test_links_stand_above_the_first_section(site):
    text = on_page_markdown(PAGE, page=page(), config=site())
    above, below = text.split("\n\n## Concept { #concept }")
    assert above.startswith("# Title\n\nText.\n\n<span")
    for ending in ("ipynb", "py"):
        link = f'<a href="../../downloads/{CONCEPT}.{ending}" download>'
        assert link in above
    assert below == "\n\nMore.\n"


def test_links_are_those_of_the_page_and_its_language():
    text = line(CONCEPT, f"{CONCEPT}.html", "ko")
    assert f'href="../downloads/{CONCEPT}.py"' in text
    assert "내려받기" in text


def test_a_page_without_a_module_has_no_links(site):
    assert on_page_markdown(PAGE, page=page("index"), config=site()) == PAGE
    assert on_post_page("html", page=page("index"), config=site()) == "html"


def test_english_files_are_written_and_taken_for_korean(site, tmp_path):
    for language in ("en", "ko"):
        on_post_page("", page=page(), config=site(language))
    here, there = tmp_path / "downloads", tmp_path / "ko/downloads"
    for ending in ("ipynb", "py"):
        name = f"{CONCEPT}.{ending}"
        assert (
            here.joinpath(name).read_text() == there.joinpath(name).read_text()
        )
    assert "def dummy_variables" in here.joinpath(f"{CONCEPT}.py").read_text()
    cells = json.loads(here.joinpath(f"{CONCEPT}.ipynb").read_text())["cells"]
    assert "# Design matrix" in "".join(cells[0]["source"])


def test_a_translated_page_has_a_notebook_of_its_own(site, tmp_path):
    translated = page("transformers/attention")
    for language in ("en", "ko"):
        on_post_page("", page=translated, config=site(language))
    name = "downloads/transformers/attention"
    english, korean = tmp_path / name, tmp_path / "ko" / name
    read = [
        p.with_suffix(".ipynb").read_text("utf-8") for p in (english, korean)
    ]
    assert "어텐션" in read[1]
    assert "어텐션" not in read[0]
    code = [p.with_suffix(".py").read_text("utf-8") for p in (english, korean)]
    assert code[0] == code[1]
