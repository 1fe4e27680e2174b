from collections import Counter

import pytest

from tools import mutants as tool
from tools.mutants import (
    KILLED,
    ROW,
    SURVIVED,
    TIMEOUT,
    Mutant,
    Result,
    concepts,
    listed,
    mutants,
    sample,
    table,
)

SOURCE = '''"""A module."""


def double(x: int | None = 1) -> int | None:
    """Return twice x."""
    if not x < 3:
        raise ValueError(f"x below 3 needed, got {x}")
    return 2 * x
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Put a project with one module into a folder of its own."""
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    folder = tmp_path / "reference/sums"
    folder.mkdir(parents=True)
    folder.joinpath("double.py").write_text(SOURCE)
    folder.joinpath("__init__.py").write_text("")


def changed(mutant):
    """Return the lines that a mutant changes, before and after."""
    lines = zip(
        SOURCE.splitlines(), mutant.source(SOURCE).splitlines(), strict=True
    )
    return [(a.strip(), " ".join(b.split())) for a, b in lines if a != b]


@pytest.mark.usefixtures("module")
def test_mutants_change_one_line_each_and_no_annotation():
    found = [change for m in mutants("sums/double") for change in changed(m)]
    assert len(found) == len(mutants("sums/double"))
    assert ("return 2 * x", "return 2 / x") in found
    assert ("return 2 * x", "return 3 * x") in found
    assert ("if not x < 3:", "if not x <= 3:") in found
    assert ("if not x < 3:", "if x < 3:") in found
    assert not [new for _, new in found if "int & None" in new]
    assert str(mutants("sums/double")[0]).startswith(
        "reference/sums/double.py:8: return 2 * x  ->  return 2"
    )


@pytest.mark.usefixtures("module")
def test_numbers_that_stay_the_same_are_no_mutants(tmp_path):
    text = "def f(x):\n    return x[0] + x[1] * 1e300 + x[0, 0] + 0\n"
    (tmp_path / "reference/sums/double.py").write_text(text)
    found = [
        " ".join(m.source(text).splitlines()[1].replace("[ ", "[").split())
        for m in mutants("sums/double")
        if m.operator == "NumberReplacer"
    ]
    assert found == [
        "return x[1] + x[1] * 1e300 + x[0, 0] + 0",
        "return x[0] + x[2] * 1e300 + x[0, 0] + 0",
        "return x[0] + x[0] * 1e300 + x[0, 0] + 0",
        "return x[0] + x[1] * 1e300 + x[1, 0] + 0",
        "return x[0] + x[1] * 1e300 + x[-1, 0] + 0",
        "return x[0] + x[1] * 1e300 + x[0, 1] + 0",
        "return x[0] + x[1] * 1e300 + x[0, -1] + 0",
        "return x[0] + x[1] * 1e300 + x[0, 0] + 1",
        "return x[0] + x[1] * 1e300 + x[0, 0] + -1",
    ]


@pytest.mark.usefixtures("module")
def test_a_mutant_in_the_appendix_is_left_out():
    row = "| `sums/double` | `x < 3` | `x < 2` | because |"
    out = [m for m in mutants("sums/double") if listed(m, row)]
    assert [changed(m) for m in out] == [[("if not x < 3:", "if not x < 2:")]]
    for other in ("sums/area", "other/double"):
        moved = row.replace("sums/double", other)
        assert not any(listed(m, moved) for m in mutants("sums/double"))


def test_every_row_of_the_appendix_is_a_mutant_of_one_line():
    """Of lines alike too; a row for more would hide mutants that matter."""
    text = (tool.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    appendix = text.split("## Appendix: mutants that live")[1]
    rows = [line for line in appendix.splitlines() if line.startswith("| `")]
    assert len(ROW.findall(appendix)) == len(rows) > 9
    found = {name: mutants(name) for name, _, _ in ROW.findall(appendix)}
    for row in rows:
        name = ROW.match(row)[1]
        lines = tool.path(name).read_text(encoding="utf-8").splitlines()
        out = {lines[m.line - 1] for m in found[name] if listed(m, row)}
        assert len(out) == 1, row


@pytest.mark.usefixtures("module")
def test_concepts_are_named_by_part_or_by_page():
    assert concepts([]) == concepts(["sums"]) == ["sums/double"]
    assert concepts(["sums/double"]) == ["sums/double"]
    with pytest.raises(ValueError, match=r"a part .* needed, got \['x'\]"):
        concepts(["x"])


@pytest.mark.usefixtures("module")
def test_the_nearest_tests_come_first(tmp_path):
    tool.tests.cache_clear()
    for name, text in {
        "tests/sums/test_double.py": "",
        "docs/en/sums/double.md": "",
        "tests/sums/test_area.py": "from reference.sums.double import double",
        "docs/en/sums/none.md": "from reference.sums.doubles import x",
    }.items():
        tmp_path.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(name).write_text(text)
    assert tool.tests("sums/double") == [
        "tests/sums/test_double.py",
        "reference/sums/double.py",
        "docs/en/sums/double.md",
        "tests/sums/test_area.py",
    ]
    tool.tests.cache_clear()


def test_a_sample_takes_as_many_of_each_part():
    found = [
        Mutant(f"{part}/x", "Swap", i, 1) for part in "ab" for i in range(9)
    ]
    chosen = sample(found, 4, seed=0)
    assert Counter(m.concept for m in chosen) == {"a/x": 4, "b/x": 4}
    assert chosen == sample(found, 4, seed=0)
    assert chosen != sample(found, 4, seed=1)
    assert sample(found, None, seed=0) == found
    assert len(sample(found, 100, seed=0)) == len(found)


def test_a_timeout_counts_as_killed():
    mutant = Mutant("a/x", "Swap", 0, 1)
    outcomes = [KILLED, KILLED, TIMEOUT, SURVIVED]
    results = [Result(mutant, outcome, 1.0) for outcome in outcomes]
    _, line = table(results, Counter(a=9)).splitlines()
    assert line.split() == ["a", "9", "4", "3", "75.0"]


def test_mutants_of_this_project_are_tried_in_a_copy():
    """A swapped sign is killed; the file of the project stays as it is."""
    file = tool.ROOT / "reference/foundations/affine_maps.py"
    before = file.read_text(encoding="utf-8")
    mutant = next(
        m
        for m in mutants("foundations/affine_maps")
        if m.operator == "ReplaceBinaryOperator_Add_Sub"
    )
    [result] = tool.try_all([mutant], processes=1, libraries=("pytest",))
    assert result.mutant == mutant
    assert result.outcome == KILLED
    assert file.read_text(encoding="utf-8") == before


def test_a_worker_that_fails_ends_the_run():
    missing = Mutant("foundations/none", "NumberReplacer", 0, 1)
    with pytest.raises(RuntimeError, match=r"no mutant .* tried: .*none\.py"):
        list(tool.try_all([missing], processes=1, libraries=()))
