"""A MkDocs hook: the map of the book's parts, drawn where a page asks for it.

    <!-- map -->

becomes a drawing of the parts as boxes. A line leads from a part to those that
use it, as the imports of their modules and examples say; lines that follow from
two others are left out. A box is a link to its part on the same page. The names
are those of the navigation.
"""

from functools import cache
from html import escape
from pathlib import Path

from tools.languages import ENGLISH, language_of, translate
from tools.pages import needs

ROOT = Path(__file__).parents[1]
MARK = "<!-- map -->"
# Where a part stands: its row and its column, of four.
PLACES = {
    "foundations": (0, 1.5),
    "regression": (1, 1.5),
    "generalization": (2, 1),
    "classification": (3, 1),
    "trees": (4, 0),
    "unsupervised": (4, 1),
    "neural_networks": (4, 2),
    "optimization": (4, 3),
    "training": (5, 1.5),
    "generative": (6, 0),
    "convolution": (6, 1),
    "sequences": (6, 2),
    "beyond_supervision": (6, 3),
    "transformers": (7, 1.5),
}
COLUMN, ROW, WIDTH, HEIGHT, LINE = 90, 62, 84, 38, 14
LABELS = {"en": "Map of the parts", "ko": "책의 지도"}


@cache
def uses() -> dict[str, set[str]]:
    """Return the parts whose pages each part uses, by its folder."""
    used = {part: set() for part in PLACES}
    for module in sorted((ROOT / "reference").glob("*/*.py")):
        part = module.parent.name
        for need in needs(f"{part}/{module.stem}"):
            used[part].add(need.split("/")[0])
    return {part: names - {part} for part, names in used.items()}


def edges(used: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the pairs (used part, part) that do not follow from others."""

    def below(part: str) -> set[str]:
        return used[part].union(*(below(name) for name in used[part]))

    return [
        (name, part)
        for part, names in used.items()
        for name in sorted(names)
        if not any(name in below(other) for other in names)
    ]


def middle(part: str) -> tuple[float, float]:
    """Return the middle of a part's box."""
    row, column = PLACES[part]
    return (column + 0.5) * COLUMN, (row + 0.5) * ROW


def line(used: str, part: str) -> str:
    """Return the SVG of the line from the part that is used to the other."""
    (x1, y1), (x2, y2) = middle(used), middle(part)
    return (
        f'<path d="M{x1:g} {y1 + HEIGHT / 2:g} L{x2:g} '
        f'{y2 - HEIGHT / 2 - 3:g}" marker-end="url(#map-end)"/>'
    )


def box(part: str, name: str) -> str:
    """Return the SVG of a part's box, a link to the part."""
    x, y = middle(part)
    words = name.split(" ", 1)
    top = y + 4 - LINE / 2 * (len(words) - 1)
    rows = "".join(
        f'<tspan x="{x:g}" y="{top + LINE * i:g}">{escape(word)}</tspan>'
        for i, word in enumerate(words)
    )
    return (
        f'<a href="#{part}"><rect x="{x - WIDTH / 2:g}" '
        f'y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>'
        f"<text>{rows}</text></a>"
    )


def drawing(names: dict[str, str], label: str) -> str:
    """Return the map: a name for each part, and what the drawing is called.

    Raises:
        ValueError: A part has no place on the map, or a place has no part.
    """
    if set(names) != set(PLACES):
        odd = sorted(set(names) ^ set(PLACES))
        raise ValueError(f"each part needs a place on the map, see {odd}")
    height = ROW * (1 + max(row for row, _ in PLACES.values()))
    lines = "".join(line(*edge) for edge in edges(uses()))
    boxes = "".join(box(part, name) for part, name in names.items())
    return (
        f'<nav class="parts" aria-label="{label}">'
        f'<svg viewBox="0 0 {4 * COLUMN} {height}">'
        '<defs><marker id="map-end" viewBox="0 0 6 6" refX="5" refY="3" '
        'markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0 L6 3 L0 6 z"/></marker></defs>'
        f'<g aria-hidden="true">{lines}</g>{boxes}</svg></nav>'
    )


def names(nav: list, config) -> dict[str, str]:
    """Return the names of the parts in the language of the site."""
    parts = [item for item in nav if isinstance(item, dict)]
    found = {
        pages[0].split("/")[0]: name
        for part in parts
        for name, pages in part.items()
    }
    if language_of(config) == ENGLISH:
        return found
    return {part: translate(name, config) for part, name in found.items()}


def on_page_markdown(markdown, config, **_):
    """Draw the map where the page has its mark."""
    if MARK not in markdown:
        return markdown
    label = LABELS[language_of(config)]
    return markdown.replace(MARK, drawing(names(config.nav, config), label))
