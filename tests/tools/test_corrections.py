from pathlib import Path

import pytest

from tools.corrections import book, claims, entry, moved, shown, with_ids

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*/*/*.md"))
PAGE = """# Sums

## Pitfalls { #pitfalls }

**"Two and two
are five."** No, see eq. 2. [Counting](../a/b.md#c) says so:

```pycon
>>> x = 2
>>> x + x
4
>>> y = x
```

More text.

**A sum without its sign.** It is no claim.

**"A sum is
never 0."** It may be:

``` { .pycon .torch }
>>> sum(
...     (1, -1)
... )
0
```

## Exercises { #exercises }
"""


def test_claims_stand_in_quotation_marks():
    first, second = claims(PAGE)
    assert first.heading == '"Two and two are five."'
    assert first.right == "No, see eq. 2. [Counting](../a/b.md#c) says so:"
    assert first.line == ">>> x + x\n4\n"
    assert second.heading == '"A sum is never 0."'
    assert second.line == ">>> sum(\n...     (1, -1)\n... )\n0\n"
    assert (first.id, second.id) == ("claim-1", "claim-2")


def test_only_pitfalls_have_claims():
    assert claims(PAGE.replace("#pitfalls", "#concept")) == []
    assert claims(PAGE.replace('"', "")) == []


def test_a_claim_without_a_session_is_refused():
    with pytest.raises(ValueError, match=r'never 0\." needs a session'):
        claims(PAGE.replace("``` { .pycon .torch }", "```python"))


def test_a_claim_that_names_an_equation_is_refused():
    with pytest.raises(ValueError, match="must not name an equation"):
        claims(PAGE.replace('"A sum is', '"By eq. 3 a sum is'))


def test_a_session_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="an answer is needed"):
        shown(">>> x = 1\n")


def test_an_error_is_an_answer():
    session = ">>> 1 / 0\nTraceback (most recent call last):\nZero: no\n"
    assert shown(session) == session


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](b.md)", "[a](x/b.md)"),
        ("[a](../y/b.md#c)", "[a](y/b.md#c)"),
        ("[a](../notation.md)", "[a](notation.md)"),
        ("[a](#concept)", "[a](x/z.md#concept)"),
        ("[a](https://b.c/d)", "[a](https://b.c/d)"),
        ("by eq. 3.", "by equation [3](x/z.md#eq-3)."),
        ("Eq. 3 is", "Equation [3](x/z.md#eq-3) is"),
        (
            "eqs. 1 and 12",
            "equations [1](x/z.md#eq-1) and [12](x/z.md#eq-12)",
        ),
        ("eq. (3) of Xu", "eq. (3) of Xu"),
    ],
)
def test_links_and_equations_lead_to_the_page(text, expected):
    assert moved(text, "x/z") == expected


def test_an_entry_is_folded_under_the_claim():
    text = entry(claims(PAGE)[0], "x/z")
    title, _, right, *_ = text.split("\n")
    assert title == '??? quote "“Two and two are five.”"'
    assert right.startswith("    No, see equation [2](x/z.md#eq-2).")
    assert "    >>> x + x\n    4\n    ```" in text
    assert text.endswith("    [The whole example](x/z.md#claim-1)")


def test_quotation_marks_within_a_claim_come_in_pairs():
    page = PAGE.replace('five."', 'five" and "so on."')
    assert entry(claims(page)[0], "x/z").startswith(
        '??? quote "“Two and two are five” and “so on.”"'
    )


def test_each_claim_gets_its_id():
    page = with_ids(PAGE)
    assert '**"Two and two\nare five."**{ #claim-1 } No' in page
    assert '**"A sum is\nnever 0."**{ #claim-2 } It' in page
    assert "its sign.** It" in page


@pytest.mark.parametrize(
    "path", PAGES, ids=[str(p.relative_to(DOCS).with_suffix("")) for p in PAGES]
)
def test_every_claim_of_the_book_is_refuted_by_a_line_and_has_an_id(path):
    page = path.read_text(encoding="utf-8")
    marked = with_ids(page)
    for claim in claims(page):
        assert marked.count(f"**{{ #{claim.id} }}") == 1


@pytest.mark.parametrize(
    "path",
    sorted(DOCS.glob("ko/*/*.md")),
    ids=lambda path: path.stem,
)
def test_a_translation_has_as_many_claims(path):
    english = DOCS / "en" / path.relative_to(DOCS / "ko")
    pages = (p.read_text(encoding="utf-8") for p in (path, english))
    korean, original = map(claims, pages)
    assert len(korean) == len(original) > 0


def test_the_book_has_its_parts_in_their_order():
    nav = ["index.md", {"Sums": ["a/x.md", "a/y.md"]}, {"More": ["b/z.md"]}]
    pages = {"a/x": PAGE, "a/y": "# None\n", "b/z": PAGE}
    text = book(nav, pages)
    headings = [line for line in text.split("\n") if line.startswith("#")]
    assert headings == [
        "## Part 1: Sums { #a }",
        "### [Sums](a/x.md)",
        "## Part 2: More { #b }",
        "### [Sums](b/z.md)",
    ]
