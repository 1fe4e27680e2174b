"""A MkDocs hook: what every page gets without being asked.

"Needs" and "Used by" come from the imports of the reference modules and of the
examples on the pages, so they cannot go stale. What a page needs beside these
stands in its front matter: `needs: [regression/least_squares]`.

Tooltips come from the abbreviations of the glossary.

What a session prints is left out when it is copied, and so are errors.
"""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LABELS = {
    "en": ("Needs", "Used by"),
    "ko": ("먼저 볼 것", "쓰이는 곳"),
}
CONCEPT = re.compile(r"^## .*\{ #concept \}$", re.MULTILINE)
TITLE = re.compile(r"^# (.+?)(?: \{.*\})?$", re.MULTILINE)
EXAMPLE = re.compile(r"^ *>>> (from reference\.[\w.]+ import) ", re.MULTILINE)
NEEDS = re.compile(r"\A---\n(?:.*\n)*?needs: \[(.*)\]\n(?:.*\n)*?---\n")
TRACEBACK = re.compile(
    r'(?<=<span class="gt">Traceback \(most recent call last\):</span>\n)'
    r'(.*?)(?=<span class="gp">|</code>)',
    re.DOTALL,
)
TAG = re.compile(r"<[^>]+>")
ABBREVIATION = re.compile(r"^\| \*\*(.+?)\*\* \(([A-Z][\w-]+)\)", re.MULTILINE)


def needs(concept: str) -> list[str]:
    """Return what a concept's front matter, module and examples name."""
    module = ROOT / "reference" / f"{concept}.py"
    page = ROOT / "docs/en" / f"{concept}.md"
    if not (module.is_file() and page.is_file()):
        return []
    text = page.read_text(encoding="utf-8")
    examples = "\n".join(f"{line} *" for line in EXAMPLE.findall(text))
    found = [
        *(named[1].split(", ") if (named := NEEDS.search(text)) else []),
        *imported(module.read_text(encoding="utf-8")),
        *imported(examples),
    ]
    return [need for need in dict.fromkeys(found) if need != concept]


@cache
def imported(source: str) -> list[str]:
    """Return the concepts that a module's text imports, in its order."""
    modules = [
        node.module.removeprefix("reference.").replace(".", "/")
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        and node.module.startswith("reference.")
    ]
    return [m for m in modules if "/" in m and not m.endswith("/layers")]


def used_by(concept: str) -> list[str]:
    """Return the concepts whose modules import a concept's module."""
    paths = sorted((ROOT / "reference").glob("*/*.py"))
    names = [
        str(p.relative_to(ROOT / "reference").with_suffix("")) for p in paths
    ]
    return [name for name in names if concept in needs(name)]


def related(concept: str, pages: dict[str, str], language: str) -> str:
    """Return one line with the pages that a page needs and that need it.

    pages gives the Markdown of every page by its path without ending.
    """

    def links(concepts):
        return ", ".join(
            f"[{TITLE.search(pages[c])[1]}](../{c}.md)"
            for c in concepts
            if c in pages
        )

    rows = zip(
        LABELS[language],
        (links(needs(concept)), links(used_by(concept))),
        strict=True,
    )
    return " · ".join(
        f'<span class="related">{label}</span> {row}'
        for label, row in rows
        if row
    )


def abbreviations(glossary: str) -> str:
    """Return the Markdown that gives each abbreviation its tooltip."""
    return "\n".join(
        f"*[{short}]: {term}" for term, short in ABBREVIATION.findall(glossary)
    )


def on_page_markdown(markdown, page, config, files):
    """Add the related concepts above the first section, and the tooltips."""
    pages = {
        f.src_uri.removesuffix(".md"): f.content_string
        for f in files.documentation_pages()
    }
    concept = page.file.src_uri.removesuffix(".md")
    line = related(concept, pages, config.theme["language"])
    if line:
        markdown = CONCEPT.sub(
            lambda match: f"{line}\n\n{match[0]}", markdown, count=1
        )
    if concept != "glossary" and "glossary" in pages:
        markdown += "\n\n" + abbreviations(pages["glossary"])
    return markdown


def on_page_content(html, **_):
    """Mark all lines of an error as output, as its first is."""
    return TRACEBACK.sub(
        lambda lines: f'<span class="gr">{TAG.sub("", lines[1])}</span>', html
    )
