import json
import zipfile

import pytest

from tools.offline import NAME, as_file, converted, pack


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("../gan/", "../gan/index.html"),
        ("../gan/#code", "../gan/index.html#code"),
        ("..", "../index.html"),
        (".", "./index.html"),
        ("./", "./index.html"),
        ("../..", "../../index.html"),
        ("../a.svg", "../a.svg"),
        ("a..", "a.."),
        ("#code", "#code"),
        ("https://a.b/c/", "https://a.b/c/"),
        ("//a.b/c/", "//a.b/c/"),
        ("mailto:a@b/", "mailto:a@b/"),
    ],
)
def test_a_link_to_a_folder_is_one_to_its_page(link, expected):
    assert as_file(link) == expected


@pytest.fixture
def convert(tmp_path):
    """Return a function that converts a file of a site with this content."""

    def convert(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return converted(name, tmp_path).decode()

    return convert


def test_pages_load_the_worker_of_their_own_language(convert):
    page = '<head><link href="x/"></head><a href="b/">'
    for name, root in (
        ("index.html", ""),
        ("a/b/index.html", "../../"),
        ("ko/index.html", ""),
        ("ko/a/index.html", "../"),
    ):
        text = convert(name, page)
        assert f'<script src="{root}javascripts/worker.js"></script>' in text
        assert '<a href="b/index.html">' in text


def test_other_files_stay(convert):
    assert convert("a/b.js", '<a href="x/">') == '<a href="x/">'


def test_the_search_index_is_a_script_that_names_files(convert):
    docs = [{"location": "", "title": "기초"}, {"location": "a/b/#c"}]
    text = convert("ko/search/search_index.json", json.dumps({"docs": docs}))
    index = json.loads(text.removeprefix("var __index = "))
    places = [entry["location"] for entry in index["docs"]]
    assert places == ["index.html", "a/b/index.html#c"]
    assert "기초" in text


def test_a_style_sheet_holds_its_fonts(convert, tmp_path):
    css = 'a { src: url("fonts/A.woff") } b { src: url("data:font/woff,x") }'
    tmp_path.joinpath("assets/fonts").mkdir(parents=True)
    tmp_path.joinpath("assets/fonts/A.woff").write_bytes(b"abc")
    text = convert("assets/mathematics.css", css)
    assert text == css.replace("fonts/A.woff", "data:font/woff;base64,YWJj")


def test_the_zip_holds_the_site_but_what_only_servers_need(tmp_path):
    site = tmp_path / "site"
    for name, text in {
        "index.html": "<head></head>",
        "404.html": "",
        "sitemap.xml": "",
        "ko/sitemap.xml.gz": "",
        "ko/a/index.html": "<head></head>",
        "search/search_index.json": '{"docs": []}',
        "javascripts/worker.js": "",
    }.items():
        site.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        site.joinpath(name).write_text(text)
    pack(site, tmp_path / "site.zip")
    with zipfile.ZipFile(tmp_path / "site.zip") as packed:
        assert packed.namelist() == [
            f"{NAME}/{name}"
            for name in (
                "index.html",
                "javascripts/worker.js",
                "ko/a/index.html",
                "search/search_index.js",
            )
        ]


def test_without_a_site_there_is_no_zip(tmp_path):
    with pytest.raises(ValueError, match=r"no site in .*: run `uv run mkdocs"):
        pack(tmp_path, tmp_path / "site.zip")
