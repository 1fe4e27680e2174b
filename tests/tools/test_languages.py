import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from py_mini_racer import MiniRacer

from tools.languages import differences

ROOT = Path(__file__).parents[2]
CONFIG = {
    "site_name": "Mini",
    "docs_dir": "docs/en",
    "watch": ["docs/ko", "mkdocs.ko.yml"],
    "strict": True,
    "theme": {
        "name": "material",
        "custom_dir": str(ROOT / "theme"),
        "language": "en",
        "font": False,
        "palette": [
            {
                "scheme": "default",
                "toggle": {
                    "icon": "material/weather-night",
                    "name": "Switch to dark mode",
                },
            },
            {
                "scheme": "slate",
                "toggle": {
                    "icon": "material/weather-sunny",
                    "name": "Switch to light mode",
                },
            },
        ],
    },
    "extra": {
        "alternate": [
            {"name": "English", "link": "", "lang": "en"},
            {"name": "한국어", "link": "ko/", "lang": "ko"},
        ]
    },
    "plugins": {"search": {}},
    "markdown_extensions": {"attr_list": {}, "toc": {"permalink": True}},
    "hooks": [str(ROOT / "tools/languages.py")],
    "validation": {
        "nav": {"omitted_files": "warn"},
        "links": {"anchors": "warn"},
    },
    "nav": [
        "index.md",
        {"Training": ["training/norm.md", "training/momentum.md"]},
    ],
}
PAGES = {
    "en/index.md": "# Basics\n\n[norm](training/norm.md)",
    "en/image.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "en/training/norm.md": (
        "# Normalization\n\n## Code { #code }\n\nOf a batch."
    ),
    "en/training/momentum.md": (
        "# Momentum\n\n## Code { #code }\n\nA heavy ball. "
        "![](../image.svg) [norm](norm.md#code)"
    ),
    "ko/index.md": "# 기초\n\n[모멘텀](training/momentum.md#code)",
    "ko/training/norm.md": "# 정규화\n\n## 코드 { #code }\n\n배치 정규화.",
}


def project(folder, config, pages):
    """Write a small site, with the Korean settings of this repository."""
    settings = {**CONFIG, **config}
    folder.joinpath("mkdocs.yml").write_text(yaml.safe_dump(settings))
    shutil.copy(ROOT / "mkdocs.ko.yml", folder)
    for name, text in {**PAGES, **pages}.items():
        path = folder / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def mkdocs(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as it stands below a path of a host."""
    folder = project(
        tmp_path_factory.mktemp("site"),
        {"site_url": "https://example.org/deep/"},
        {},
    )
    result = mkdocs(folder, "build")
    assert result.returncode == 0, result.stderr
    return folder / "site"


def read(site, path):
    return site.joinpath(path).read_text(encoding="utf-8")


def search_index(site, folder):
    """Return the texts of a language's search index by address."""
    index = json.loads(read(site, f"{folder}search/search_index.json"))
    return {entry["location"]: entry["text"] for entry in index["docs"]}


def test_both_languages_have_the_same_files(site):
    english = {p.relative_to(site) for p in site.rglob("*.*")}
    korean = {p.relative_to(site / "ko") for p in site.glob("ko/**/*.*")}
    assert korean == {p for p in english if p.parts[0] != "ko"}
    assert Path("image.svg") in korean


def test_translated_page_is_korean(site):
    html = read(site, "ko/training/norm/index.html")
    assert '<html lang="ko"' in html
    assert "<title>정규화 - 딥러닝 기초</title>" in html
    assert "번역되지 않아" not in html
    assert 'lang="en">\n<h1' not in html


def test_page_without_translation_is_english_under_a_notice(site):
    html = read(site, "ko/training/momentum/index.html")
    assert '<html lang="ko"' in html
    assert "이 문서는 아직 한국어로 번역되지 않아 영어로 보여 드립니다." in html
    assert '<div lang="en">\n<h1 id="momentum">Momentum<a' in html
    assert html.index("번역되지 않아") < html.index('<div lang="en">')
    assert 'src="../../image.svg"' in html


def test_page_without_translation_is_rendered_once(site):
    """Words of the renderer stay English, and the contents are complete."""
    permalink = "이 절로 가는 링크"
    html = read(site, "ko/training/momentum/index.html")
    assert permalink in read(site, "ko/training/norm/index.html")
    assert permalink not in html
    assert '<a href="#code" class="md-nav__link">' in html


def test_notice_is_not_searched(site):
    korean = search_index(site, "ko/")
    assert "A heavy ball." in korean["training/momentum/#code"]
    assert not any("번역되지 않아" in text for text in korean.values())


def test_both_search_indices_have_the_same_addresses(site):
    assert set(search_index(site, "ko/")) == set(search_index(site, ""))


def test_search_indices_do_not_mix(site):
    assert "배치 정규화." in search_index(site, "ko/")["training/norm/#code"]
    assert "Of a batch." in search_index(site, "")["training/norm/#code"]


def test_navigation_is_korean(site):
    html = read(site, "ko/index.html")
    names = re.findall(r'<span class="md-ellipsis">\s*(.*?)\s*<', html)
    assert {"기초", "학습", "정규화", "Momentum"} <= set(names)
    assert "Training" not in names


def test_navigation_of_translated_pages_takes_their_own_title(tmp_path):
    nav = [{"Home": "index.md"}, {"Training": [{"N": "training/norm.md"}]}]
    folder = project(tmp_path, {"nav": nav, "strict": False}, {})
    assert mkdocs(folder, "build").returncode == 0
    html = read(folder / "site", "ko/index.html")
    names = re.findall(r'<span class="md-ellipsis">\s*(.*?)\s*<', html)
    assert "정규화" in names
    assert not {"Home", "N"} & set(names)


def test_palette_toggle_is_korean(site):
    assert 'title="어두운 화면으로 바꾸기"' in read(site, "ko/index.html")
    assert 'title="Switch to dark mode"' in read(site, "index.html")


def language_links(html):
    return dict(
        re.findall(r'<a href="([^"]*)" hreflang="(..)" lang=', html)[i][::-1]
        for i in range(2)
    )


@pytest.mark.parametrize(
    ("page", "english", "korean"),
    [
        ("index.html", "./", "./ko/"),
        ("ko/index.html", "./../", "./../ko/"),
        (
            "training/norm/index.html",
            "../../training/norm/",
            "../../ko/training/norm/",
        ),
        (
            "ko/training/norm/index.html",
            "../../../training/norm/",
            "../../../ko/training/norm/",
        ),
        ("404.html", "/deep/", "/deep/ko/"),
        ("ko/404.html", "/deep/ko/../", "/deep/ko/../ko/"),
    ],
)
def test_language_menu_leads_to_the_same_page(site, page, english, korean):
    links = language_links(read(site, page))
    assert links == {"en": english, "ko": korean}
    if "404" not in page:
        for link in links.values():
            target = (site / page).parent / link / "index.html"
            assert target.resolve().is_file()


def alternates(html):
    head = html.split("</head>")[0]
    return {
        re.search(r'hreflang="(.*?)"', link)[1]: re.search(
            r'href="(.*?)"', link
        )[1]
        for link in re.findall(r'<link rel="alternate ?".*?>', head)
    }


def test_script_of_the_theme_finds_no_alternates(site):
    """It would ask for training/norm/sitemap.xml, which is not there."""
    assert 'rel="alternate"' not in read(site, "training/norm/index.html")


def test_alternates_are_absolute_and_exist(site):
    english = "https://example.org/deep/training/norm/"
    expected = {
        "x-default": english,
        "en": english,
        "ko": "https://example.org/deep/ko/training/norm/",
    }
    assert alternates(read(site, "training/norm/index.html")) == expected
    assert alternates(read(site, "ko/training/norm/index.html")) == expected


def test_page_without_translation_points_to_the_english_one(site):
    english = "https://example.org/deep/training/momentum/"
    html = read(site, "ko/training/momentum/index.html")
    assert f'<link rel="canonical" href="{english}">' in html
    assert alternates(html) == {"x-default": english, "en": english}


def test_site_without_address_has_no_alternates(tmp_path):
    folder = project(tmp_path, {}, {})
    assert mkdocs(folder, "build").returncode == 0
    assert alternates(read(folder / "site", "ko/index.html")) == {}
    links = language_links(read(folder / "site", "ko/404.html"))
    assert links == {"en": "/../", "ko": "/../ko/"}


@pytest.mark.parametrize(
    ("page", "text", "message"),
    [
        ("index.md", "# 기초\n\n[x](missing.md)", "'missing.md'"),
        (
            "index.md",
            "# 기초\n\n[x](training/momentum.md#no)",
            "an anchor '#no'",
        ),
        ("extra.md", "# 더", "extra.md"),
    ],
)
def test_warning_of_the_translation_fails_the_strict_build(
    tmp_path, page, text, message
):
    folder = project(tmp_path, {}, {f"ko/{page}": text})
    result = mkdocs(folder, "build")
    assert result.returncode != 0
    assert message in result.stderr


def test_text_of_the_navigation_without_translation_fails(tmp_path):
    pages = ["training/norm.md", "training/momentum.md"]
    nav = ["index.md", {"Cooking": pages}]
    folder = project(tmp_path, {"nav": nav, "strict": False}, {})
    result = mkdocs(folder, "build", "--strict")
    assert result.returncode != 0
    assert "extra.translations has no 'Cooking'" in result.stderr
    assert mkdocs(folder, "build").returncode == 0


def test_option_for_a_lenient_build_reaches_the_translation(tmp_path):
    page = {"ko/index.md": "# 기초\n\n[x](missing.md)"}
    folder = project(tmp_path, {}, page)
    assert mkdocs(folder, "build").returncode != 0
    assert mkdocs(folder, "build", "--no-strict").returncode == 0


def test_dirty_build_keeps_what_did_not_change(tmp_path):
    folder = project(tmp_path, {"strict": False}, {})
    assert mkdocs(folder, "build").returncode == 0
    built = folder / "site/ko/training/norm/index.html"
    built.write_text("as it was")
    folder.joinpath("docs/ko/index.md").write_text("# 새 기초")
    time.sleep(0.01)
    assert mkdocs(folder, "build", "--dirty").returncode == 0
    assert built.read_text() == "as it was"
    assert "새 기초" in read(folder, "site/ko/index.html")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def wait_for(url, text, seconds=15):
    """Return the page once it contains the text."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=seconds) as answer:
                html = answer.read().decode()
        except OSError:
            html = ""
        if text in html:
            return html
        time.sleep(0.1)
    raise AssertionError(f"{url} never said {text}")


@pytest.mark.parametrize("option", ["--clean", "--dirty"])
def test_serve_rebuilds_both_languages(tmp_path, option):
    folder = project(tmp_path, {"strict": False}, {})
    port = free_port()
    arguments = [] if option == "--clean" else [option]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mkdocs", "serve", "-q", *arguments),
            *("-a", f"127.0.0.1:{port}"),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/ko/", "모멘텀")
        norm = folder / "docs/ko/training/norm.md"
        norm.write_text("# 정규화\n\n새 문장.", encoding="utf-8")
        wait_for(f"{url}/ko/training/norm/", "새 문장.")
        index = wait_for(f"{url}/search/search_index.json", "Of a batch.")
        titles = {entry["title"] for entry in json.loads(index)["docs"]}
        assert titles == {"Basics", "Normalization", "Code", "Momentum"}
        momentum = folder / "docs/en/training/momentum.md"
        momentum.write_text("# Momentum\n\nA new sentence.")
        wait_for(f"{url}/training/momentum/", "A new sentence.")
        wait_for(f"{url}/ko/training/momentum/", "A new sentence.")
        index = wait_for(f"{url}/ko/search/search_index.json", "A new sentence")
        titles = [entry["title"] for entry in json.loads(index)["docs"]]
        assert sorted(titles) == ["Momentum", "기초", "정규화"]
    finally:
        server.terminate()
        server.wait()


def separator(name):
    """Return how a language's search splits text into words."""
    lines = ROOT.joinpath(name).read_text(encoding="utf-8")
    search = yaml.load(lines, Loader=yaml.BaseLoader)["plugins"]["search"]
    return search["separator"]


@pytest.fixture(scope="module")
def words():
    """Split a text as the search does in a browser: with V8's expressions."""
    with MiniRacer() as v8:

        def split(text, pattern):
            arguments = f"{json.dumps(text)}, {json.dumps(pattern)}"
            found = v8.eval(
                "((text, pattern) => JSON.stringify(text.toLowerCase()"
                ".split(new RegExp(pattern)).filter(Boolean)))"
                f"({arguments})"
            )
            return json.loads(found)

        yield split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("역전파를 역전파에서는 역전파란", ["역전파"] * 3),
        ("기울기는 기울기의 기울기로부터", ["기울기"] * 3),
        ("어텐션이 어텐션과", ["어텐션"] * 2),
        ("배치 정규화, 정규화된 정규화합니다.", ["배치", *["정규화"] * 3]),
        ("softmax는 ReLU를 `softmax`", ["softmax", "relu", "softmax"]),
        ("batch_norm(x)", ["batch", "norm", "x"]),
        ("np.mean은 0.5", ["np", "mean", "0.5"]),
        (
            "정확도 차이 평가 회로 정의",
            ["정확도", "차이", "평가", "회로", "정의"],
        ),
    ],
)
def test_korean_search_takes_particles_off(words, text, expected):
    assert words(text, separator("mkdocs.ko.yml")) == expected


ENGLISH = r"""
# Normalization

The mean is $\mu$.

## Mathematics { #mathematics }

$$ y = x
 - \mu \tag{1} $$

```figure
training.norm: signal
A falling line.

A caption with $x_{nc}$.
```

## Code { #code }

```reference
training.norm: imports, norm
```

```pycon
>>> norm(1.0)
0.5
```

::: reference.training.norm.norm
"""


def test_translation_of_the_words_alone_is_the_same_page():
    korean = (
        ENGLISH.replace("Normalization", "정규화")
        .replace("The mean is $\\mu$.", "평균은 $\\mu$이다.")
        .replace("## Code", "## 코드")
        .replace("A falling line.", "내려가는 선.")
        .replace("A caption with $x_{nc}$.", "설명 $x_{nc}$.")
        .replace("$$ y = x\n - \\mu", "$$ y = x - \\mu")
    )
    assert differences(ENGLISH, korean) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "{ #code }",
            "{ #kode }",
            "The translation changes headings: "
            "'## { #code }' has become '## { #kode }'.",
        ),
        (
            "## Code { #code }\n",
            "",
            "The translation lacks headings: '## { #code }'.",
        ),
        (
            "## Code",
            "### Code",
            "The translation changes headings: "
            "'## { #code }' has become '### { #code }'.",
        ),
        (
            "- \\mu",
            "+ \\mu",
            "The translation changes equations: "
            "'y = x - \\mu \\tag{1}' has become 'y = x + \\mu \\tag{1}'.",
        ),
        (
            "is $\\mu$",
            "is $\\nu$",
            "The translation changes formulas: '\\mu' has become '\\nu'.",
        ),
        (
            "caption with $x_{nc}$",
            "caption",
            "The translation lacks formulas: 'x_{nc}'.",
        ),
        (
            "imports, norm",
            "norm",
            "The translation changes listings: 'training.norm: imports, norm' "
            "has become 'training.norm: norm'.",
        ),
        (
            "norm: signal",
            "norm: noise",
            "The translation changes figures: 'training.norm: signal' "
            "has become 'training.norm: noise'.",
        ),
        (
            "norm(1.0)",
            "norm(2.0)",
            "The translation changes examples: 'pycon\n>>> norm(1.0)\n0.5' "
            "has become 'pycon\n>>> norm(2.0)\n0.5'.",
        ),
        (
            "\n0.5\n",
            "\n0.6\n",
            "The translation changes examples: 'pycon\n>>> norm(1.0)\n0.5' "
            "has become 'pycon\n>>> norm(1.0)\n0.6'.",
        ),
        (
            "```pycon",
            "``` { .pycon .torch }",
            "The translation changes examples: 'pycon\n>>> norm(1.0)\n0.5' "
            "has become '{ .pycon .torch }\n>>> norm(1.0)\n0.5'.",
        ),
        (
            "::: reference.training.norm.norm",
            "",
            "The translation lacks API entries: "
            "'::: reference.training.norm.norm'.",
        ),
        (
            "## Code",
            "$$ z = 1 $$\n\n## Code",
            "The translation adds equations: 'z = 1'.",
        ),
    ],
)
def test_difference_is_told_in_a_sentence(old, new, sentence):
    assert old in ENGLISH
    assert differences(ENGLISH, ENGLISH.replace(old, new)) == [sentence]


def test_configuration_serves_both_languages():
    text = ROOT.joinpath("mkdocs.yml").read_text(encoding="utf-8")
    config = yaml.load(text, Loader=yaml.BaseLoader)
    assert {"docs/ko", "mkdocs.ko.yml"} <= set(config["watch"])
    assert "tools/languages.py" in config["hooks"]
