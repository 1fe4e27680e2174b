import ast
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.notebooks import paired
from tools.doctests import FLAGS, Checker
from tools.notebooks import (
    Page,
    concepts,
    needed_files,
    notebook,
    page_cells,
    save,
    text,
    third_party,
)

ROOT = Path(__file__).parents[2]
PAGES = [
    f"docs/{language}/{concept}.md"
    for language in ("en", "ko")
    for concept in concepts(language)
]
SHARDS = 2
MARKUP = re.compile(
    r"\{ ?[.#]|^:::|^ *\?\?\?|^```(?:reference|figure)|\]\([^)]*\.md"
    r"|\\(?:R|E|Var|Cov|argmax|argmin|softmax)(?![A-Za-z])|\x02",
    re.MULTILINE,
)


@cache
def made(path):
    """Return the notebook of the page with this path."""
    _, language, part, file = path.split("/")
    return notebook(f"{part}/{file.removesuffix('.md')}", language)


def sources(content, kind):
    cells = [c for c in content["cells"] if c["cell_type"] == kind]
    return ["".join(cell["source"]) for cell in cells]


def cells(markdown, **site):
    """Return kind and source of the cells of a made-up page."""
    found = page_cells(markdown, Page("part/page", **site))
    return [(cell["cell_type"], cell["source"]) for cell in found]


# --- What holds for every page ---------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_notebook_of_a_page(path):
    content = made(path)
    assert_valid(content)
    assert len(text(content).encode()) < 400_000
    assert json.loads(text(content)) == content
    for source in sources(content, "markdown"):
        outside_code = re.sub(r"```python\n.*?```|`[^`\n]+`", "", source)
        assert not MARKUP.search(outside_code)
    for source in sources(content, "code"):
        assert not source.startswith((">>>", "..."))
    assert_packages(content)


def assert_valid(content):
    """Raise unless this is a notebook for Python that has not run."""
    nbformat.validate(content)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert content["metadata"]["language_info"] == {"name": "python"}
    for cell in content["cells"]:
        *lines, last = cell["source"]
        assert all(line.endswith("\n") for line in lines)
        assert last.strip()
        assert not last.endswith("\n")
        if cell["cell_type"] == "code":
            assert (cell["execution_count"], cell["outputs"]) == (None, [])


def assert_packages(content):
    """Raise unless all that is imported is installed, and nothing else."""
    [line] = [s for s in sources(content, "code") if s.startswith("%pip")]
    packages = line.removeprefix("%pip install --quiet ").split()
    names = set()
    for source in sources(content, "code")[1:]:
        tree = ast.parse(source)
        names |= imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "save(" in ast.unparse(node):
                file, *saved = [a.value for a in node.args]
                if saved and file.endswith(".py"):
                    names |= imported(ast.parse(saved[0]))
    names -= sys.stdlib_module_names | {"experiments", "reference"}
    assert packages == sorted(distributions()[name][0] for name in names)


@cache
def distributions():
    return packages_distributions()


def imported(tree):
    names = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
        )
    ]
    return {name.partition(".")[0] for name in names}


def test_two_builds_are_the_same():
    # Sets have another order in a process that hashes in another way.
    pages = PAGES[::16]
    code = "import sys; from tools.notebooks import notebook, text\n"
    code += "for concept in sys.argv[1:]: print(text(notebook(concept)))"
    concepts = [page[len("docs/en/") : -len(".md")] for page in pages]
    run = subprocess.run(
        [sys.executable, "-c", code, *concepts],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    )
    built = "".join(f"{text(made(page))}\n" for page in pages)
    assert run.stdout == built.encode()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_notebooks_run_anywhere_and_answer_as_the_pages_do(shard):
    command = [sys.executable, "-W", "error", "-m", "tests.notebooks"]
    run = subprocess.run(
        [*command, *PAGES[shard::SHARDS]],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "path",
    [
        "docs/en/unsupervised/hierarchical_clustering.md",  # NumPy
        "docs/en/transformers/attention.md",  # PyTorch
    ],
)
def test_a_notebook_runs_in_jupyter(path, tmp_path):
    pairs = paired(made(path), (ROOT / path).read_text(encoding="utf-8"))
    ran = nbformat.reads(text(made(path)), as_version=4)
    cells = [cell for cell in ran.cells if cell.cell_type == "code"]
    assert cells[0].source.startswith("%pip ")
    cells[0].source = ""
    where = nbformat.v4.new_code_cell("import reference; reference.__file__")
    ran.cells.append(where)
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    environment.pop("PYTHONPATH", None)  # it would come before the folder
    client = nbclient.NotebookClient(ran, timeout=60)
    client.execute(cwd=tmp_path, env=environment)
    for cell, (_, example) in zip(cells, pairs, strict=True):
        want = example.exc_msg or example.want
        assert Checker().check_output(want, shown(cell), FLAGS), cell.source
    assert shown(where) == repr(str(tmp_path / "reference/__init__.py"))


def shown(cell):
    """Return what a reader sees below a cell."""
    return "".join(
        output.get("text")
        or output.get("data", {}).get("text/plain")
        or f"{output.ename}: {output.evalue}"
        for output in cell.outputs
    )


# --- Cells -----------------------------------------------------------------


def test_a_cell_ends_at_an_answer():
    page = "```pycon\n>>> x = 1\n>>> x + 1\n2\n>>> for i in [x]:\n"
    page += "...     print(i)\n1\n>>> x = 3\n```\n"
    assert cells(page) == [
        ("code", "x = 1\nx + 1"),
        ("code", "for i in [x]:\n    print(i)"),
        ("code", "x = 3"),
    ]


def test_a_cell_shows_what_a_loop_shows():
    page = (
        "```pycon\n>>> for i in (1, 2):\n...     f(\n...         i)\n1\n2\n```"
    )
    code = "for i in (1, 2):\n    print(repr(f(\n        i)))"
    assert cells(page) == [("code", code)]
    page = "```pycon\n>>> with f:\n...     1, f(2)\n(1, 2)\n```"
    assert cells(page) == [("code", "with f:\n    print(repr((1, f(2))))")]
    page = "```pycon\n>>> for i in (1, 2):\n...     print(i)\n1\n2\n```"
    assert cells(page) == [("code", "for i in (1, 2):\n    print(i)")]


def test_an_expected_error_has_a_tagged_cell_of_its_own():
    page = "```pycon\n>>> x = 0\n>>> 1 / x\nTraceback (most recent call last):"
    page += "\nZeroDivisionError: division by zero\n>>> x\n0\n```\n"
    found = page_cells(page, Page("part/page"))
    assert [c["source"] for c in found] == ["x = 0", "1 / x", "x"]
    tags = [c["metadata"].get("tags") for c in found]
    assert tags == [None, ["raises-exception"], None]


def test_what_needs_a_gpu_is_text():
    page = "``` { .pycon .gpu }\n>>> 1 + 1\n2\n```\n"
    assert cells(page) == [("markdown", "```pycon\n>>> 1 + 1\n2\n```")]


def test_front_matter_ids_and_api_are_left_out():
    page = "---\nneeds: [a]\n---\n\n# Title { #top }\n\nText\n\n## API { #api }"
    page += "\n\n::: reference.part.page.f\n\n## Sources { #sources }\n\n- S\n"
    assert cells(page) == [
        ("markdown", "# Title\n\nText"),
        ("markdown", "## Sources\n\n- S"),
    ]


def test_a_solution_is_moved_to_the_margin():
    page = """\
1. One
   line

    ??? success "Solution"

        It is $$ 1
         + 1 $$

        ```pycon
        >>> if True:
        ...     print(2)
        2
        ```

        - Done

2. Two

    more
"""
    assert cells(page) == [
        (
            "markdown",
            "1. One\n   line\n\n**Solution**\n\nIt is $$ 1\n + 1 $$",
        ),
        ("code", "if True:\n    print(2)"),
        ("markdown", "- Done\n\n2. Two\n\n    more"),
    ]


def test_what_follows_a_nested_fence_is_moved_to_the_margin():
    page = "1. One\n\n    ```pycon\n    >>> 1\n    1\n    ```\n\n    rest\n"
    assert cells(page)[1:] == [("code", "1"), ("markdown", "rest")]


def test_admonitions_and_tabs_have_a_title():
    page = '!!! note\n\n    Text\n\n=== "Tab"\n\n    More\n\nEnd[^1]\n\n[^1]: F'
    [(_, source)] = cells(page)
    assert source == "**Note**\n\nText\n\n**Tab**\n\nMore\n\nEnd[1]\n\n[1] F"


def test_macros_are_written_out_in_formulas_only():
    page = r"$x \in \R^\R$, `\R`, $\Rightarrow$, $$ \argmin_x \tag{2} $$, eq. 2"
    [(_, source)] = cells(page)
    assert source == (
        r"$x \in \mathbb{R}^{\mathbb{R}}$, `\R`, $\Rightarrow$, "
        r"$$ \operatorname*{arg\,min}_x \tag{2} $$, eq. 2"
    )


def test_links_to_pages_need_the_address_of_the_site():
    page = "[`a`](../b/c.md#d) [e](#f) [g](https://h.org) `[0](i.md)`"
    [(_, source)] = cells(page)
    assert source == "`a` e [g](https://h.org) `[0](i.md)`"
    [(_, source)] = cells(page, site="https://s.org/x/", language="ko")
    assert source == (
        "[`a`](https://s.org/x/ko/b/c/#d) "
        "[e](https://s.org/x/ko/part/page/#f) [g](https://h.org) `[0](i.md)`"
    )


def test_the_address_of_the_site_is_that_of_the_build(monkeypatch):
    monkeypatch.setenv("SITE_URL", "https://s.org/")
    linked = text(notebook("training/batch_norm"))
    assert "https://s.org/training/training_loop/" in linked
    monkeypatch.delenv("SITE_URL")
    assert "s.org" not in text(notebook("training/batch_norm"))


def test_listings_and_figures_are_text():
    page = "Text\n\n```reference\ntraining.batch_norm: Moments\n```\n\n"
    page += "```figure\npart.page: f\nTwo_lines.\n\nA $\\R$ [b](c.md).\n```\n"
    [(kind, source)] = cells(page)
    assert kind == "markdown"
    listing, figure = source.split("**Figure.**")
    assert "`reference/training/batch_norm.py`\n\n```python\nclass" in listing
    assert figure == " Two\\_lines.\n\nA $\\mathbb{R}$ b."


# --- Setup -----------------------------------------------------------------


def test_setup_stands_between_introduction_and_first_section():
    content = notebook("training/batch_norm")
    found = sources(content, "markdown")
    assert found[0].startswith("# Batch normalization\n")
    assert found[1].startswith("## Setup\n")
    assert found[2].startswith("## Concept\n")
    korean = notebook("training/batch_norm", "ko")
    assert sources(korean, "markdown")[1].startswith("## 준비\n")


def test_the_files_are_those_that_are_imported_or_read():
    files = needed_files("training/batch_norm", [])
    assert list(files) == [
        "reference/__init__.py",
        "reference/_typing.py",
        "reference/training/__init__.py",
        "reference/training/batch_norm.py",
    ]
    read = [
        'Path("experiments/training/mixup.json")',
        "import experiments.digits",
    ]
    more = needed_files("training/batch_norm", read)
    assert "experiments/training/mixup.json" in more
    assert {"experiments/digits.py", "reference/_datasets.py"} <= set(more)


def test_packages_have_the_names_that_one_installs():
    found = third_party(["import array_api_compat, json\nimport reference.a"])
    assert found == ["array-api-compat"]
    assert third_party(["from sklearn.svm import SVC"]) == ["scikit-learn"]


@pytest.mark.parametrize(
    "content", ["a = '''b'''\n", 'r"\\n"\n', "\\", "it's '", '"""c"""\n']
)
def test_a_saved_file_is_the_file(content):
    saved = {}
    exec(save("a/b.py", content), {"save": saved.__setitem__})
    assert saved == {"a/b.py": content}


# --- The run ---------------------------------------------------------------

RUNS = {
    "as promised": ("1 / 3", ">>> 1 / 3\n0.33\n", ""),
    "another answer": ("1 / 3", ">>> 1 / 3\n0.34\n", "Got:\n0.33333"),
    "no answer": ("x = 1", ">>> x = 1\n1\n", "Expected:\n1\nGot:\n"),
    "an answer": ("1", ">>> 1\n", "Got:\n1"),
    "an error": ("1 / 0", ">>> 1 / 0\n1\n", "ZeroDivisionError"),
    "a warning": (
        "import warnings; warnings.warn('w')",
        ">>> import warnings; warnings.warn('w')\n",
        "UserWarning: w",
    ),
    "code that is not on the page": ("2", ">>> 1\n1\n", "not on the page"),
    "a missing cell": ("1", ">>> 1\n1\n>>> 2\n2\n", "lacks 2"),
    "the end of the process": (
        "import os; os._exit(1)",
        ">>> import os; os._exit(1)\n",
        "did not end",
    ),
    "modules of the repository": (
        "import reference",
        ">>> import reference\n",
        "No module named 'reference'",
    ),
    "no shape checks": (
        "import sys; [p for p in sys.meta_path if 'jaxtyping' in repr(p)]",
        ">>> import sys; [p for p in sys.meta_path if 'jaxtyping' in repr(p)]"
        "\n[]\n",
        "",
    ),
}


def reports(runs):
    """Return what the runner says of notebooks of one cell and their pages."""
    script = (
        "import json, sys; from tests import notebooks; notebooks.SECONDS = 2\n"
        "found = [notebooks.failure(*run) for run in json.load(sys.stdin)]\n"
        "print(json.dumps(found))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        input=json.dumps(runs),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def one_cell(code, **metadata):
    cell = {"id": "cell-0", "cell_type": "code", "source": [code]}
    return {"cells": [{**cell, "metadata": metadata}]}


def test_the_run_finds_what_differs():
    pages = [(code, f"```pycon\n{p}```\n") for code, p, _ in RUNS.values()]
    found = reports([(one_cell(code), page) for code, page in pages])
    for (name, (*_, wanted)), report in zip(RUNS.items(), found, strict=True):
        assert (wanted in report) if wanted else (report == ""), name


def test_the_run_finds_an_error_that_is_missing_or_another():
    page = "```pycon\n>>> {}\nTraceback (most recent call last):\n"
    page += "ZeroDivisionError: division by zero\n```\n"
    tags = {"tags": ["raises-exception"]}
    runs = [
        (one_cell("1 / 0", **tags), page.format("1 / 0")),
        (one_cell("1 / 0"), page.format("1 / 0")),
        (one_cell("1 / 1", **tags), page.format("1 / 1")),
        (one_cell("1 / a", **tags), page.format("1 / a")),
    ]
    fine, untagged, nothing, another = reports(runs)
    assert fine == ""
    assert "ZeroDivisionError" in untagged
    assert "raised nothing" in nothing
    assert "Got:\nNameError" in another


def test_the_run_has_an_end():
    page = "```pycon\n>>> while True: pass\n```\n"
    [report] = reports([(one_cell("while True: pass"), page)])
    assert report == "cell-0:\nwhile True: pass\ndid not end"
