"""The timeline says what the pages' own sources say, and what it draws."""

import re
from calendar import month_name
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
import yaml

from figures.timeline import ENTRIES, LONG, STRANDS
from tools.figures import figure

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/en"
MONTHS = list(month_name)  # the first is empty
ROW = re.compile(
    r"^\| (?:([A-Z]\w+) )?(\d{4}) \| "
    r"\[(.+?)\]\((\S+?\.md)\), (.+?) \| .+ \|$",
    re.MULTILINE,
)
# First author, venue (arXiv alone has none) and year.
CITATION = re.compile(r"(\w+)(?: et al\.| and \w+)?, (?:(\D+?) )?(\d{4})")
ARXIV = re.compile(r"(?:arxiv\.org/abs/|arXiv:)(\d\d)(\d\d)\.\d{4}")

# What no history of deep learning may lack.
EXPECTED = [
    (2012, "convolution/alexnet.md"),
    (2013, "beyond_supervision/deep_q_network.md"),
    (2014, "sequences/seq2seq.md"),
    (2014, "generative/gan.md"),
    (2014, "optimization/adam.md"),
    (2015, "convolution/resnet.md"),
    (2017, "transformers/transformer.md"),
    (2018, "transformers/bert.md"),
    (2019, "transformers/gpt.md"),
    (2020, "beyond_supervision/simclr.md"),
    (2020, "transformers/gpt.md"),
]


class Row(NamedTuple):
    """A row of a table: month is 0 where the date is a year."""

    month: int
    year: int
    name: str
    page: str
    citations: list[tuple[str, str, int]]


def rows():
    """Return the rows of all tables of the page, in its order."""
    return [
        Row(
            MONTHS.index(month),
            int(year),
            name,
            page,
            [citation(text) for text in cited.split("; ")],
        )
        for month, year, name, page, cited in ROW.findall(timeline())
    ]


def timeline():
    return PAGES.joinpath("timeline.md").read_text(encoding="utf-8")


def citation(text):
    """Return first author, venue and year."""
    match = CITATION.fullmatch(text)
    assert match, f"`{text}` is not `Author et al., Venue 2000`"
    return match[1], match[2] or "", int(match[3])


def sources(page):
    """Return the items of a page's Sources, each on one line."""
    text = PAGES.joinpath(page).read_text(encoding="utf-8")
    listed = text.split("{ #sources }")[1].split("\n## ")[0]
    return [" ".join(item.split()) for item in listed.split("\n- ")[1:]]


def found(page, author, venue, year):
    """Return the source that a citation is, or nothing."""
    for item in sources(page):
        first = re.split(r",| and | et al", item)[0]
        if (
            first.split()[-1] == author
            and re.search(rf"\b{year}\b", item)
            and venue in item
        ):
            return item
    return None


@pytest.fixture(params=rows(), ids=lambda row: f"{row.year} {row.name}")
def row(request):
    return request.param


def test_every_row_of_the_tables_is_read():
    """What the pattern does not match would not be tested."""
    lines = re.findall(r"^\| (?!Date|---).*", timeline(), re.MULTILINE)
    assert len(rows()) == len(lines) > 30


def test_entries_are_in_order_of_time():
    """Where only the year is known, it may stand anywhere in its year."""
    years = [row.year for row in rows()]
    assert years == sorted(years)
    dated = [(row.year, row.month) for row in rows() if row.month]
    assert dated == sorted(dated)


def test_an_entry_leads_to_a_page(row):
    navigation = ROOT.joinpath("mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(navigation.split("\nnav:")[1])
    parts = [item for item in nav if isinstance(item, dict)]
    pages = [page for part in parts for name in part for page in part[name]]
    assert row.page in pages


def test_the_page_has_the_sources_of_the_entry(row):
    missing = [c for c in row.citations if not found(row.page, *c)]
    assert missing == [], f"not in the Sources of {row.page}"


def test_the_date_is_that_of_the_first_publication(row):
    """The number on arXiv tells year and month; without, it is the venue's."""
    source = found(row.page, *row.citations[0])
    assert source, f"not in the Sources of {row.page}"
    number = ARXIV.search(source)
    expected = (
        (2000 + int(number[1]), int(number[2]))
        if number
        else (row.citations[0][2], 0)
    )
    assert (row.year, row.month) == expected


@pytest.mark.parametrize(("year", "page"), EXPECTED)
def test_the_milestones_of_deep_learning_are_there(year, page):
    assert (year, page) in [(row.year, row.page) for row in rows()]


def test_the_drawing_has_the_entries_of_the_tables():
    assert [(year, name) for year, name, _ in ENTRIES] == [
        (row.year, row.name) for row in rows()
    ]


def test_every_entry_is_drawn():
    """From top to bottom: each year once, pauses, names, then the strands."""
    svg = ET.fromstring(figure("timeline", "history"))
    drawn = ["".join(text.itertext()) for text in svg.iter("text")]
    expected, last = [], None
    for year, name, _ in ENTRIES:
        if last is not None and year - last >= LONG:
            expected.append(f"{year - last} years")
        if year != last:
            expected.append(str(year))
        expected.append(name)
        last = year
    assert drawn == expected + [label for label, *_ in STRANDS.values()]


def test_the_words_for_the_blind_count_the_entries():
    count = int(re.search(r"line with (\d+) entries", timeline())[1])
    assert count == len(ENTRIES)
