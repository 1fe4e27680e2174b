r"""A notebook for each page, made from the page itself.

`notebook("training/batch_norm")` returns the page as a Jupyter notebook that
runs from top to bottom in an empty folder:

- Prose becomes Markdown cells. Formulas keep their tags, and the macros of
  tools.mathematics are written out: a notebook has no place to define them.
- Listings are text there. The setup cells below the introduction install the
  packages and write the modules of reference/ that the page needs.
- A `pycon` session becomes code cells, each up to the next answer. The answers
  are left out: whoever runs the notebook sees them. A cell that is to raise an
  error has the tag that lets the run go on.
- A figure becomes its description. The API is left out.
- Links to pages need the address of the site, SITE_URL; else they are text.
"""

import ast
import doctest
import json
import os
import posixpath
import re
import sys
from pathlib import Path
from typing import NamedTuple

from tools.doctests import FENCE
from tools.figures import files_of, imports, parse
from tools.listing import blocks, listing
from tools.mathematics import MACROS

ROOT = Path(__file__).parents[1]
FIGURE = {"en": "Figure", "ko": "그림"}
SETUP = {
    "en": """\
## Setup

The next cell installs the packages that this notebook imports. The folded cells
after it write the code of the page, and what it builds on, into folders beside
the notebook. Run them once.""",
    "ko": """\
## 준비

다음 셀은 이 노트북에서 쓰는 패키지를 설치합니다. 그 뒤의 접힌 셀들은 이 문서의
코드와 그 바탕이 되는 코드를 노트북 옆의 폴더에 저장합니다. 한 번만 실행하면
됩니다.""",
}
SAVE = '''\
# @title save
from importlib import invalidate_caches
from pathlib import Path


def save(name, text=""):
    """Write a text file, and the folders that it needs."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    invalidate_caches()

'''
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
# Packages that are not called what one imports.
PACKAGES = {"sklearn": "scikit-learn"}

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
API = re.compile(r"^## [^\n]*\{ #api \}\n.*?(?=^## |\Z)", re.M | re.DOTALL)
TICKS = re.compile(r" *(`{3,})")
# An admonition, a folded one, or a tab.
BOX = re.compile(
    r' *(?:(?:!!!|\?\?\?\+?) (?P<kind>[\w-]+)|===)(?: "(?P<title>.*)")?'
)
HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
CODE_OR_FORMULA = re.compile(
    r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
    r"|\$\$.+?\$\$|(?<![\\$])\$(?!\s)[^$]+?(?<!\s)\$(?!\d)",
    re.DOTALL,
)
KEPT = re.compile("\x02(\\d+)\x03")
ATTRIBUTES = re.compile(r" *\{:? *[#.][^{}\n]*\}")
LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]+)\)")
FOOTNOTE = re.compile(r"\[\^([\w-]+)\]:?")
MACRO = re.compile(rf"([_^]\s*)?\\({'|'.join(MACROS)})(?![A-Za-z])")
SPECIAL = re.compile(r"([\\`*_$<])")
RESULTS = re.compile(r"experiments/[\w/]+\.json")


class Page(NamedTuple):
    """A page: its concept, its language, and the address of the site or ""."""

    concept: str
    language: str = "en"
    site: str = ""

    def text(self) -> str:
        """Return the Markdown of the page."""
        path = ROOT / "docs" / self.language / f"{self.concept}.md"
        return path.read_text(encoding="utf-8")

    def address(self, target: str) -> str:
        """Return where a link of the page leads on the site."""
        file, _, anchor = target.partition("#")
        folder = posixpath.dirname(self.concept)
        path = posixpath.normpath(posixpath.join(folder, file))
        name = path.removesuffix(".md") if file else self.concept
        language = "" if self.language == "en" else f"{self.language}/"
        url = f"{self.site.rstrip('/')}/{language}{name}/"
        return f"{url}#{anchor}" if anchor else url


def concepts(language: str = "en") -> list[str]:
    """Return the pages of a language that have a module, and so a notebook."""
    folder = ROOT / "docs" / language
    paths = [p.relative_to(folder) for p in folder.glob("*/*.md")]
    names = sorted(p.with_suffix("").as_posix() for p in paths)
    return [n for n in names if (ROOT / "reference" / f"{n}.py").is_file()]


def notebook(concept: str, language: str = "en") -> dict:
    """Return the notebook of a page as the JSON of nbformat 4.5."""
    page = Page(concept, language, os.environ.get("SITE_URL", ""))
    cells = page_cells(page.text(), page)
    is_section = [is_text(c) and c["source"][:3] == "## " for c in cells]
    start = is_section.index(True)
    cells[start:start] = setup_cells(concept, language, cells)
    return {
        "cells": [numbered(i, cell) for i, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def text(content: dict) -> str:
    """Return what stands in the file of a notebook."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


# --- Cells -----------------------------------------------------------------


def text_cell(source: str) -> dict:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source: str, **metadata) -> dict:
    """Return a code cell that has not run."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source.rstrip("\n"),
    }


def is_text(cell: dict) -> bool:
    """Return whether a cell is a Markdown cell."""
    return cell["cell_type"] == "markdown"


def numbered(number: int, cell: dict) -> dict:
    """Return a cell as the format has it: with an id, its source in lines."""
    lines = cell["source"].splitlines(keepends=True)
    return {"id": f"cell-{number}", **cell, "source": lines}


def add_text(cells: list[dict], source: str) -> None:
    """Add text to the last cell; a heading or text after code begins one."""
    source = source.strip("\n")
    if not source.strip():
        return
    if cells and is_text(cells[-1]) and not HEADING.match(source):
        cells[-1]["source"] += f"\n\n{source}"
    else:
        cells.append(text_cell(source))


# --- The page --------------------------------------------------------------


def page_cells(markdown: str, page: Page) -> list[dict]:
    """Return the cells of a page, without setup."""
    markdown = flat(API.sub("", FRONT_MATTER.sub("", markdown)))
    cells, end = [], 0
    for fence in FENCE.finditer(markdown):
        add_prose(cells, markdown[end : fence.start()], page)
        add_fence(cells, fence, page)
        end = fence.end()
    add_prose(cells, markdown[end:], page)
    return cells


def flat(markdown: str) -> str:
    """Return a page with all that a cell may begin with at the margin.

    A code cell ends the list, the solution or the tab it stands in, so what is
    indented because of them is moved to the margin, and their title is bold.
    """
    lines, margin, ticks = [], 0, ""
    for line in markdown.split("\n"):
        indent = len(line) - len(line.lstrip())
        fence, box = TICKS.match(line), BOX.fullmatch(line)
        if ticks:
            ticks = "" if line.strip() == ticks else ticks
        elif fence:
            margin, ticks = indent, fence[1]
        elif line:
            margin = min(margin, indent // 4 * 4)
            if box:
                margin = indent + 4
                title = box["title"] or box["kind"].capitalize()
                line = f"{'':{margin}}**{title}**"
        lines.append(line[margin:])
    return "\n".join(lines)


def add_prose(cells: list[dict], markdown: str, page: Page) -> None:
    """Add what stands between two fences; each heading begins a cell."""
    for section in HEADING.split(markdown):
        add_text(cells, prose(section, page))


def prose(markdown: str, page: Page) -> str:
    """Return Markdown that a notebook understands."""
    kept = []

    def keep(match):
        is_code = match["ticks"] is not None
        kept.append(match[0] if is_code else formula(match[0]))
        return f"\x02{len(kept) - 1}\x03"

    def link(match):
        label, target = match.groups()
        if re.match(r"\w+:", target):
            return match[0]
        return f"[{label}]({page.address(target)})" if page.site else label

    # What looks like a link or an attribute in code or a formula is none.
    markdown = CODE_OR_FORMULA.sub(keep, markdown)
    markdown = LINK.sub(link, ATTRIBUTES.sub("", markdown))
    markdown = FOOTNOTE.sub(r"[\1]", markdown)
    return KEPT.sub(lambda match: kept[int(match[1])], markdown)


def formula(tex: str) -> str:
    r"""Return a formula with the site's macros written out.

    As an index or exponent one needs braces: x^\mathbb{R} is an error.
    """

    def macro(match):
        script, tex = match[1], MACROS[match[2]]
        return f"{script}{{{tex}}}" if script else tex

    return MACRO.sub(macro, tex)


def add_fence(cells: list[dict], fence: re.Match, page: Page) -> None:
    """Add a session as code, and all other fences as text."""
    words = re.findall(r"[\w-]+", fence["info"])
    if "pycon" in words and "gpu" not in words:
        cells += session_cells(fence["body"])
    elif words == ["reference"]:
        add_text(cells, listing_text(fence[0]))
    elif words == ["figure"]:
        add_text(cells, figure_text(fence["body"], page))
    else:
        language = words[0] if words else ""
        add_text(cells, f"```{language}\n{fence['body']}```")


def session_cells(session: str) -> list[dict]:
    """Return what one types in a session, in cells that end at an answer.

    A line that is to raise an error has a cell of its own: in it, any error
    passes.
    """
    cells, typed = [], ""
    for example in doctest.DocTestParser().get_examples(session):
        if example.exc_msg is not None:
            cells += [
                code_cell(typed),
                code_cell(example.source, tags=["raises-exception"]),
            ]
            typed = ""
            continue
        typed += shown(example.source) if example.want else example.source
        if example.want:
            cells.append(code_cell(typed))
            typed = ""
    cells.append(code_cell(typed))
    return [cell for cell in cells if cell["source"]]


def shown(source: str) -> str:
    """Return code that prints the value at the end of a loop or a `with`.

    A session shows it; a notebook shows no value but that of the last line.
    """
    last = ast.parse(source).body[-1]
    while isinstance(last, ast.For | ast.With):
        last = last.body[-1]
        if isinstance(last, ast.Expr):
            value = ast.get_source_segment(source, last)
            before, _, after = source.rpartition(value)
            if isinstance(last.value, ast.Tuple):  # may have no brackets
                value = f"({value})"
            if not value.startswith("print("):
                return f"{before}print(repr({value})){after}"
    return source


def listing_text(block: str) -> str:
    """Return the listing of a reference block as text, as it is imported."""
    [(module, names)] = blocks(block)
    *_, source = listing(module, names).values()
    path = f"reference/{module.replace('.', '/')}.py"
    return f"`{path}`\n\n```python\n{source}```"


def figure_text(body: str, page: Page) -> str:
    """Return what a figure shows, in words, and its caption."""
    block = parse(body)
    alt = SPECIAL.sub(r"\\\1", block.alt)
    caption = prose(block.caption, page)
    return f"**{FIGURE[page.language]}.** {alt}\n\n{caption}".rstrip()


# --- Setup -----------------------------------------------------------------


def setup_cells(concept: str, language: str, cells: list[dict]) -> list[dict]:
    """Return the cells that install and write what a notebook imports."""
    typed = [cell["source"] for cell in cells if not is_text(cell)]
    files = needed_files(concept, typed)
    modules = [text for file, text in files.items() if file.endswith(".py")]
    packages = " ".join(third_party([*modules, *typed]))
    empty = [f"save({file!r})\n" for file, text in files.items() if not text]
    return [
        text_cell(SETUP[language]),
        code_cell(f"%pip install --quiet {packages}"),
        code_cell(SAVE + "".join(empty), **FOLDED),
        *(
            code_cell(save(file, text), **FOLDED)
            for file, text in files.items()
            if text
        ),
    ]


def needed_files(concept: str, typed: list[str]) -> dict[str, str]:
    """Return the files of the repository that a notebook needs, and their text.

    They are the page's module, what the cells import, what these import in
    turn, and the results of experiments that the cells name.
    """
    names = ["reference." + concept.replace("/", ".")]
    names += [name for source in typed for name in imports(source, ())]
    found, waiting = set(), [p for name in names for p in files_of(name, ROOT)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            package = path.relative_to(ROOT).parent.parts
            for name in imports(path.read_text(encoding="utf-8"), package):
                waiting += files_of(name, ROOT)
    found |= {ROOT / file for file in RESULTS.findall("\n".join(typed))}
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(found)
    }


def third_party(sources: list[str]) -> list[str]:
    """Return the packages to install for what these texts import."""
    names = {n.partition(".")[0] for s in sources for n in imports(s, ())}
    known = sys.stdlib_module_names | {"experiments", "reference"}
    return sorted(PACKAGES.get(n, n.replace("_", "-")) for n in names - known)


def save(file: str, text: str) -> str:
    """Return the code that saves a file, its text readable where it can be."""
    literal = f"r'''{text}'''"
    if "'''" in text or text.endswith(("\\", "'")):
        literal = repr(text)
    return f"# @title {file}\nsave({file!r}, {literal})"
