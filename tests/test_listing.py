import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import pytest_in
from tools.listing import (
    blocks,
    expand,
    is_core,
    needs_torch,
    parts,
    path,
    plain,
)

ROOT = Path(__file__).parents[1]


def test_the_numpy_listings_pass_the_tests_of_their_modules(tmp_path):
    """The tests of a module run what the NumPy tab prints of it."""
    for folder in ("reference", "tests", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tests = {"core": [], "host": []}
    for file in sorted((tmp_path / "reference").glob("*/[a-z]*.py")):
        text = file.read_text(encoding="utf-8")
        if not needs_torch(text):
            code = "\n\n".join(plain(p) for p in parts(text).values())
            file.write_text(code, encoding="utf-8")
            test = f"tests/{file.parent.name}/test_{file.name}"
            tests["core" if is_core(text) else "host"].append(test)
    assert all(tests.values())
    for run in (
        pytest_in(
            tmp_path,
            *tests["core"],
            "-k",
            "numpy and not torch and not strict and not cuda",
        ),
        pytest_in(tmp_path, *tests["host"]),
    ):
        assert run.returncode == 0, run.stdout


FUNCTION = '''
def f(
    x: Float[Array, "N C"], k: int = 2, *, eps: float = 1e-5
) -> Float[Array, "N"]:
    """Return something.

    >>> f(1)
    """
    xp = array_namespace(x)
    zero = xp.zeros(x.shape, dtype=x.dtype, device=x.device)
    return xp.sum(x + zero, axis=1) + k  # eq. 1
'''


def test_a_plain_listing_keeps_shapes_defaults_and_marks():
    assert plain(parts(FUNCTION)["f"]) == (
        "def f(x, k=2, *, eps=1e-5):\n"
        "    # x (N, C)\n"
        "    zero = np.zeros(x.shape, dtype=x.dtype)\n"
        "    return np.sum(x + zero, axis=1) + k  # eq. 1\n"
    )


def test_a_long_comment_breaks_between_shapes():
    shape = 'Float[Array, "*batch Q D"]'
    arguments = ", ".join(f"argument_{i}: {shape}" for i in range(4))
    code = plain(f"def f({arguments}):\n    return 1\n")
    comments = [s for s in code.splitlines() if s.startswith("    # ")]
    assert len(comments) == 2
    assert all(s.count("(") == s.count(")") for s in comments)


def test_the_imports_of_a_plain_listing_are_numpys():
    imports = (
        "from math import sqrt\n"
        "from array_api_compat import array_namespace\n"
        "from jaxtyping import Float\n"
        "from reference._typing import Array\n"
        "from reference.trees.decision_tree import gini\n"
    )
    assert plain(imports) == (
        "from math import sqrt\n"
        "\n"
        "import numpy as np\n"
        "\n"
        "from reference.trees.decision_tree import gini\n"
    )


def test_a_class_keeps_the_shapes_of_its_fields():
    source = 'class P(NamedTuple):\n    mean: Float[Array, "C"]\n    n: int\n'
    assert plain(source) == (
        "class P(NamedTuple):\n    mean: np.ndarray  # (C)\n    n: int\n"
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("training.batch_norm: normalise", "batch_norm has no normalise"),
        ("training.bach_norm: moments", "no module reference.training.bach"),
    ],
)
def test_an_unknown_name_stops_the_build(block, message):
    with pytest.raises(ValueError, match=message):
        expand(f"```reference\n{block}\n```")


def test_every_page_prints_complete_listings(listed_page, tmp_path):
    """What a page prints in its NumPy or PyTorch tabs runs in a new file."""
    file = tmp_path / "listing.py"
    shapeless = re.sub(r', "[^"\n]*"\]', "]", listed_page)
    file.write_text(shapeless, encoding="utf-8")
    check = [sys.executable, "-m", "ruff", "check", "--isolated"]
    run = subprocess.run(
        [*check, "--select", "F821,F811", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    exec(compile(listed_page, str(file), "exec"), {"__name__": "listing"})


def pytest_generate_tests(metafunc):
    if "listed_page" in metafunc.fixturenames:
        pages = {
            str(p.relative_to(ROOT / "docs")): first_tabs(p)
            for p in sorted(ROOT.glob("docs/*/*/*.md"))
        }
        metafunc.parametrize("listed_page", pages.values(), ids=pages.keys())


def first_tabs(page):
    """Return what the first tab of every listing of a page shows."""
    code = []
    for module, names in blocks(page.read_text(encoding="utf-8")):
        text = path(module).read_text(encoding="utf-8")
        found = parts(text)
        code += [
            found[n] if needs_torch(text) else plain(found[n]) for n in names
        ]
    return "\n\n".join(code)
