"""Page, module, test and figure of a concept share a path and equations."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from tools.figures import blocks as figures
from tools.languages import differences
from tools.listing import blocks as listings
from tools.listing import is_core

ROOT = Path(__file__).parents[1]
CONCEPTS = sorted(
    str(p.relative_to(ROOT / "reference").with_suffix(""))
    for p in ROOT.glob("reference/*/*.py")
    if p.stem not in ("__init__", "layers")
)
SECTIONS = [
    "concept",
    "mathematics",
    "code",
    "pitfalls",
    "exercises",
    "api",
    "sources",
]
HEADING = re.compile(r"^## .*\{ #([\w-]+) \}$", re.MULTILINE)
EQUATION = re.compile(r"\$\$ *([^$]*?)\s*\\tag\{(\d+)\}\s*\$\$")
MARK = re.compile(r"\w.*  # eq\. (\d+)$", re.MULTILINE)
BOLD = re.compile(r"\*\*([^*\n]+)\*\*")


def read(*parts):
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


@pytest.fixture(params=CONCEPTS)
def concept(request):
    return request.param


@pytest.fixture
def page(concept):
    return read("docs/en", f"{concept}.md")


@pytest.fixture
def module(concept):
    return read("reference", f"{concept}.py")


@pytest.fixture
def proof(concept):
    part, name = concept.split("/")
    return read("tests", part, f"test_{name}.py")


def test_every_page_of_a_part_has_its_module():
    pages = ROOT.glob("docs/en/*/*.md")
    paths = {
        str(p.relative_to(ROOT / "docs/en").with_suffix("")) for p in pages
    }
    assert paths == set(CONCEPTS)


def test_front_matter_describes_the_page(page):
    """Not closed, it would show as text."""
    front = re.match(r"---\n((?:\w+: .+\n)+)---\n\n# \S", page)
    assert front
    assert len(yaml.safe_load(front[1])["description"]) > 20


def test_listings_in_a_row_have_words_between(page):
    """Without, they would become one listing with twice the tabs."""
    assert not re.search(r"```reference\n[^`]+```\n\s*```reference", page)


def test_links_have_words(page):
    """Mathematics alone has no name that a screen reader could say."""
    assert not re.search(r"\[\$[^$\]]*\$\]\(", page)


def test_page_has_the_sections_in_order(page):
    assert HEADING.findall(page) == SECTIONS


def test_page_shows_a_figure_of_its_own(concept, page):
    assert concept.replace("/", ".") in [module for module, _ in figures(page)]
    assert ROOT.joinpath("figures", f"{concept}.py").is_file()


def test_every_figure_is_shown(concept, page):
    public = re.findall(
        r"^def ([a-z]\w*)", read("figures", f"{concept}.py"), re.MULTILINE
    )
    shown = {name for _, name in figures(page)}
    assert set(public) <= shown


def test_page_is_a_whole_lesson(page):
    """Three to five exercises, each with a solution that runs."""
    exercises = page.split("{ #exercises }")[1].split("\n## ")[0]
    solutions = re.split(r"^ *\?\?\? ", exercises, flags=re.MULTILINE)[1:]
    assert 3 <= len(solutions) <= 5
    assert all(">>> " in solution for solution in solutions)


def test_equations_of_page_module_and_test_are_the_same(page, module, proof):
    """Equation 3 of the page is computed by the line marked "eq. 3", and its
    LaTeX is the docstring of test_eq_3, which computes it index by index.
    """
    on_page = {
        int(number): latex.split() for latex, number in EQUATION.findall(page)
    }
    tested = {
        int(f.name.removeprefix("test_eq_")): (
            ast.get_docstring(f, clean=False) or ""
        ).split()
        for f in ast.parse(proof).body
        if isinstance(f, ast.FunctionDef)
        and re.fullmatch(r"test_eq_\d+", f.name)
    }
    assert page.count(r"\tag{") == len(on_page)
    assert list(on_page) == list(range(1, len(on_page) + 1))
    assert sorted(int(n) for n in MARK.findall(module)) == list(on_page)
    assert tested == on_page


def test_page_prints_every_public_name(concept, page, module):
    printed = {
        name
        for listed, names in listings(page)
        if listed == concept.replace("/", ".")
        for name in names
    }
    public = re.findall(r"^(?:def|class) ([a-zA-Z]\w*)", module, re.MULTILINE)
    assert {"imports", *public} <= printed


def test_every_layer_is_printed():
    pages = [read(p) for p in ROOT.glob("docs/en/*/*.md")]
    printed = {
        f"{listed}.{name}"
        for page in pages
        for listed, names in listings(page)
        for name in names
    }
    for file in ROOT.glob("reference/*/layers.py"):
        text = file.read_text(encoding="utf-8")
        for name in re.findall(r"^class ([A-Z]\w*)", text, re.MULTILINE):
            assert f"{file.parent.name}.layers.{name}" in printed


KINDS = {
    "core": {"array_api_compat", "collections", "jaxtyping", "math", "typing"},
    "host": {"collections", "jaxtyping", "math", "numpy", "typing"},
    "model": {
        "collections",
        "jaxtyping",
        "math",
        "numpy",
        "pathlib",
        "torch",
        "tqdm",
        "typing",
    },
}


def test_the_imports_of_a_module_tell_one_kind(module):
    imported = set()
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Import):
            imported |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    imported -= {"reference"}
    kind = "core" if is_core(module) else "host"
    kind = "model" if "torch" in imported else kind
    assert imported <= KINDS[kind], f"{kind}: {imported - KINDS[kind]}"


EMPTY_HEADER = re.compile(r"^ *\|(?:[^|\n]*\|)*? *\|.*\n *\|[ :|-]+\|$", re.M)


def test_every_column_of_a_table_has_a_name(page):
    """A screen reader says the header of each cell."""
    assert EMPTY_HEADER.findall(page) == []


def test_code_on_pages_fits_without_scrolling(page, module):
    fences = re.findall(r"```.*?pycon.*?\n(.*?)```", page, re.DOTALL)
    lines = "\n".join([module, *fences]).splitlines()
    assert [line for line in lines if len(line.strip()) > 80] == []


def test_bold_terms_of_pages_are_in_the_glossary():
    """Bold is a term, unless it ends in a full stop: then it is a run-in."""
    glossary = read("docs/en/glossary.md").lower()
    missing = {
        f"{p.stem}: {term}"
        for p in ROOT.glob("docs/en/*/*.md")
        for term in BOLD.findall(re.sub(r"```.*?```", "", read(p), flags=re.S))
        if not term.rstrip('"').endswith((".", "?"))
        and f"**{term.lower()}**" not in glossary
    }
    assert missing == set()


def leaves(nav):
    """Return the pages of a navigation, in order."""
    if isinstance(nav, str):
        return [nav]
    items = nav.values() if isinstance(nav, dict) else nav
    return [leaf for item in items for leaf in leaves(item)]


def navigation():
    return leaves(yaml.safe_load(read("mkdocs.yml").split("\nnav:")[1]))


def test_navigation_holds_every_page_once():
    pages = ROOT.glob("docs/en/**/*.md")
    names = sorted(str(p.relative_to(ROOT / "docs/en")) for p in pages)
    assert sorted(navigation()) == names


def test_the_home_page_leads_to_every_concept():
    home = read("docs/en/index.md")
    assert [c for c in CONCEPTS if f"({c}.md)" not in home] == []


def test_parts_of_navigation_folders_and_layers_have_the_same_order():
    contracts = re.search(
        r"layers = \[(.*?)\]", read("pyproject.toml"), re.DOTALL
    )
    layers = re.findall(r'"([a-z_]+)",', contracts[1])[::-1]
    folders = [p.parent.name for p in ROOT.glob("reference/*/__init__.py")]
    assert sorted(layers) == sorted(folders)
    parts = list(
        dict.fromkeys(p.split("/")[0] for p in navigation() if "/" in p)
    )
    assert parts == [layer for layer in layers if layer in parts]


TRANSLATED = [
    str(p.relative_to(ROOT / "docs/ko")) for p in ROOT.glob("docs/ko/**/*.md")
]


@pytest.mark.parametrize("path", sorted(TRANSLATED))
def test_korean_page_is_the_english_page(path):
    """Same anchors, equations, listings, doctests and figures."""
    assert differences(read("docs/en", path), read("docs/ko", path)) == []
