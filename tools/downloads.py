"""A MkDocs hook: each page as a notebook, and its module as one file.

Both are written beside the site, as downloads/PART/PAGE.ipynb and .py, and a
line above the first section leads to them.
"""

import shutil
from pathlib import Path

from mkdocs.utils import get_relative_url

from tools import notebooks
from tools.languages import ENGLISH, is_translated, language_of
from tools.pages import CONCEPT
from tools.standalone import standalone

ROOT = Path(__file__).parents[1]
LABELS = {
    "en": ("Download", "this page as a notebook", "its code as one file"),
    "ko": ("내려받기", "이 페이지의 노트북", "코드 파일 하나"),
}


def concept_of(page) -> str | None:
    """Return the concept of a page, if it has a module."""
    concept = page.file.src_uri.removesuffix(".md")
    module = ROOT / "reference" / f"{concept}.py"
    return concept if module.is_file() else None


def line(concept: str, url: str, language: str) -> str:
    """Return the line with the links, as seen from the page at url."""
    label, *names = LABELS[language]
    links = " · ".join(
        f'<a href="{get_relative_url(target, url)}" download>{name}</a>'
        for name, target in zip(names, targets(concept), strict=True)
    )
    return f'<span class="related">{label}</span> {links}'


def targets(concept: str) -> tuple[str, str]:
    """Return where notebook and module stand, from the root of the site."""
    return f"downloads/{concept}.ipynb", f"downloads/{concept}.py"


def on_page_markdown(markdown, page, config, **_):
    """Put the links above the first section."""
    concept = concept_of(page)
    if concept is None:
        return markdown
    links = line(concept, page.url, language_of(config))
    return CONCEPT.sub(
        lambda match: f"{links}\n\n{match[0]}", markdown, count=1
    )


def on_post_page(output, page, config):
    """Write the files that the page leads to, or take those of English."""
    concept = concept_of(page)
    if concept is None:
        return output
    language, site = language_of(config), Path(config.site_dir)
    notebook, module = targets(concept)
    if language == ENGLISH:
        write(site / module, standalone(concept))
    else:
        copy(site.parent / module, site / module)
    if is_translated(page, language, config):
        write(
            site / notebook,
            notebooks.text(notebooks.notebook(concept, language)),
        )
    else:
        copy(site.parent / notebook, site / notebook)
    return output


def write(file: Path, text: str) -> None:
    """Write a text file, and the folders that it needs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def copy(source: Path, file: Path) -> None:
    """Copy a file, and make the folders that it needs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, file)
