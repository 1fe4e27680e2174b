"""A MkDocs hook: the page of corrections, collected from the pitfalls.

A pitfall whose heading stands in quotation marks is a claim:

    **"KL is a distance."** It is not. It has two values for one pair:

What follows says what is right, and the first session below refutes the claim.
The page `corrections` shows every claim of the book with these two, where it
says `<!-- corrections -->`. The n-th claim of a page gets the id claim-n, in
every language, which it leads to.
"""

import doctest
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from tools.pages import TITLE

ROOT = Path(__file__).parents[1]
MARK = "<!-- corrections -->"
PITFALLS = re.compile(
    r"^## .*\{ #pitfalls \}\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r'^\*\*([^*\s][^*]*[.?!]"?)\*\*', re.MULTILINE)
SESSION = re.compile(
    r"^```(?:pycon| \{ \.pycon .*\})\n(.*?)^```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
EQUATIONS = re.compile(
    r"\b(e|E)qs?\. (\d+(?:(?:[–-]|, | and | or | to )\d+(?!\d|\.\d))*)"
)


class Claim(NamedTuple):
    """What is often claimed, what is right, and the line that shows it."""

    heading: str
    right: str
    line: str
    id: str


def claims(page: str) -> list[Claim]:
    """Return the claims among a page's pitfalls.

    Raises:
        ValueError: A claim has no session below, or names an equation.
    """
    pitfalls = PITFALLS.search(page)
    if not pitfalls:
        return []
    _, *parts = HEADING.split(pitfalls[1])
    quoted = [
        (" ".join(heading.split()), body)
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
        if heading.startswith(('"', "“"))
    ]
    return [claim(*pair, number) for number, pair in enumerate(quoted, 1)]


def claim(heading: str, body: str, number: int) -> Claim:
    """Return a page's n-th claim from its heading and what follows it."""
    session = SESSION.search(body)
    if not session:
        raise ValueError(f"{heading} needs a session that refutes it")
    if EQUATIONS.search(heading):
        raise ValueError(f"{heading} must not name an equation by number")
    right, *_ = body[: session.start()].strip().split("\n\n")
    return Claim(heading, right, shown(session[1]), f"claim-{number}")


def shown(session: str) -> str:
    """Return the last statement of a session that has an answer."""
    examples = doctest.DocTestParser().get_examples(session)
    answered = [e for e in examples if e.want]
    if not answered:
        raise ValueError(f"an answer is needed in the session\n{session}")
    first, *rest = answered[-1].source.splitlines()
    lines = [f">>> {first}", *(f"... {line}" for line in rest)]
    return "\n".join(lines) + f"\n{answered[-1].want}"


def moved(text: str, concept: str) -> str:
    """Return a page's text with links and equations as seen from the root."""
    part = posixpath.dirname(concept)

    def link(match: re.Match) -> str:
        target = posixpath.join(part, match[1]) if match[1] else f"{concept}.md"
        return f"]({posixpath.normpath(target)}{match[2] or ''})"

    def equations(match: re.Match) -> str:
        word = ("E" if match[1] == "E" else "e") + "quation"
        if not match[2].isdecimal():
            word += "s"
        numbers = re.sub(
            r"\d+", lambda n: f"[{n[0]}]({concept}.md#eq-{n[0]})", match[2]
        )
        return f"{word} {numbers}"

    return EQUATIONS.sub(equations, LINK.sub(link, text))


def entry(found: Claim, concept: str) -> str:
    """Return the Markdown of a claim, folded under its words."""
    marks = iter("“”" * found.heading.count('"'))
    title = re.sub('"', lambda _: next(marks), found.heading)
    body = (
        f"{moved(found.right, concept)}\n\n"
        f"```pycon\n{found.line}```\n\n"
        f"[The whole example]({concept}.md#{found.id})"
    )
    indented = "\n".join(f"    {line}".rstrip() for line in body.split("\n"))
    return f'??? quote "{title}"\n\n{indented}'


def section(title: str, concepts: list[str], pages: dict[str, str]) -> str:
    """Return the claims of a part, page by page."""
    blocks = [f"## {title} {{ #{posixpath.dirname(concepts[0])} }}"]
    for concept in concepts:
        found = claims(pages[concept])
        if found:
            title = TITLE.search(pages[concept])[1]
            blocks.append(f"### [{title}]({concept}.md)")
            blocks += [entry(c, concept) for c in found]
    return "\n\n".join(blocks)


def book(nav: list, pages: dict[str, str]) -> str:
    """Return the claims of every part of the navigation."""
    parts = [
        (name, [path.removesuffix(".md") for path in paths])
        for item in nav
        if isinstance(item, dict)
        for name, paths in item.items()
    ]
    # With the name alone, two landmarks of the page would have one label.
    return "\n\n".join(
        section(f"Part {number}: {name}", concepts, pages)
        for number, (name, concepts) in enumerate(parts, 1)
    )


def with_ids(page: str) -> str:
    """Return a page whose claims have an id."""
    for found in claims(page):
        words = r"\s+".join(map(re.escape, found.heading.split()))
        page = re.sub(
            rf"^\*\*{words}\*\*",
            lambda match, found=found: f"{match[0]}{{ #{found.id} }}",
            page,
            count=1,
            flags=re.MULTILINE,
        )
    return page


def on_page_markdown(markdown, config, files, **_):
    """Give the claims their ids, and collect them where the page asks."""
    if MARK not in markdown:
        return with_ids(markdown)
    pages = {
        f.src_uri.removesuffix(".md"): f.content_string
        for f in files.documentation_pages()
    }
    return markdown.replace(MARK, book(config.nav, pages))
