import re
from types import SimpleNamespace

import pytest
import yaml

from tests.test_structure import ROOT
from tools.parts import LABELS, PLACES, drawing, edges, names, on_page_markdown
from tools.parts import uses as used_parts

NAV = yaml.safe_load(
    ROOT.joinpath("mkdocs.yml").read_text("utf-8").split("\nnav:")[1]
)


def config(language="en", translations=None):
    return SimpleNamespace(
        docs_dir=f"docs/{language}",
        config_file_path="mkdocs.yml",
        nav=NAV,
        extra={"translations": translations or {}},
    )


def test_lines_that_follow_from_others_are_left_out():
    used = {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"a"}}
    assert edges(used) == [("a", "b"), ("b", "c"), ("a", "d")]


def test_a_part_uses_parts_that_stand_before_it():
    order = list(names(NAV, config()))
    for part, used in used_parts().items():
        assert all(order.index(name) < order.index(part) for name in used)


def test_lines_lead_down():
    for used, part in edges(used_parts()):
        assert PLACES[used][0] < PLACES[part][0], (used, part)


def test_no_two_parts_share_a_place():
    assert len(set(PLACES.values())) == len(PLACES)


def test_every_part_of_the_navigation_is_a_link_with_its_name():
    svg = drawing(names(NAV, config()), "Map")
    for part, name in names(NAV, config()).items():
        link = re.search(rf'<a href="#{part}">.*?</a>', svg)[0]
        words = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", link)
        assert " ".join(words) == name
    assert svg.count("<a ") == len(PLACES)
    assert svg.count("<path d") == 1 + len(edges(used_parts()))
    assert 'aria-label="Map"' in svg


def test_a_part_without_a_place_is_refused():
    with pytest.raises(ValueError, match=r"place on the map, see \['x'\]"):
        drawing({**names(NAV, config()), "x": "X"}, "Map")


def test_names_are_translated():
    korean = {name: f"{name}!" for name in names(NAV, config()).values()}
    found = names(NAV, config("ko", korean))
    assert found["trees"] == "Trees!"


def test_only_a_page_with_the_mark_gets_the_map():
    assert on_page_markdown("text", config=config()) == "text"
    page = on_page_markdown("a\n\n<!-- map -->\n\nb", config=config())
    assert page.startswith("a\n\n<nav")
    assert page.endswith("</nav>\n\nb")
    assert LABELS["en"] in page
