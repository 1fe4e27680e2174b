import ast
import builtins
import json
import os
import re
import subprocess
import symtable
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from tests.alone import needs
from tests.checks import assert_close
from tools.doctests import FLAGS, Checker
from tools.listing import needs_torch, parts, path, plain, without_docstrings
from tools.standalone import examples, standalone

ROOT = Path(__file__).parents[2]
CONCEPTS = [
    str(page.relative_to(ROOT / "docs/en").with_suffix(""))
    for page in sorted(ROOT.glob("docs/en/*/*.md"))
    if path(str(page.relative_to(ROOT / "docs/en").with_suffix(""))).is_file()
]
file_of = cache(standalone)
each = pytest.mark.parametrize("concept", CONCEPTS)


def module_of(concept):
    return path(concept).read_text(encoding="utf-8")


NEED_TORCH = [c for c in CONCEPTS if needs_torch(module_of(c))]
NEED_NONE = [c for c in CONCEPTS if c not in NEED_TORCH]
SHARDS = {
    "numpy 1": NEED_NONE[::2],
    "numpy 2": NEED_NONE[1::2],
    "torch": NEED_TORCH,
    # In interpreters of their own: NumPy, PyTorch, and names that clash.
    "fresh numpy": ["training/batch_norm"],
    "fresh torch": ["transformers/gpt"],
    "fresh clash": ["convolution/stride_and_padding"],
}


@pytest.mark.parametrize("concepts", SHARDS.values(), ids=SHARDS.keys())
def test_every_file_runs_alone_and_its_doctests_pass(concepts, tmp_path):
    found = alone({c: file_of(c) for c in concepts}, tmp_path)
    assert {c: r["report"] for c, r in found.items() if r["report"]} == {}
    for concept, result in found.items():
        outputs = result["outputs"]
        wanted = [e.want for e in examples(module_of(concept)) if kept(e)]
        assert sorted(want for want, _ in outputs) == sorted(wanted), concept
        wrong = [o for o in outputs if not Checker().check_output(*o, FLAGS)]
        assert wrong == [], concept


def kept(example):
    """Return whether an example is in the file: what it has, it imports not."""
    return not example.source.startswith("from reference.")


def alone(texts, folder):
    """Return what the files did, run where nothing else can be imported."""
    empty = folder / "empty"
    empty.mkdir()
    files = []
    for name, text in texts.items():
        files.append(folder / f"{name.replace('/', '-')}.py")
        files[-1].write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", ROOT / "tests/alone.py", *files],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(
        zip(texts, map(json.loads, run.stdout.splitlines()), strict=True)
    )


REFUSED = {
    "reference": "import reference.training.batch_norm",
    "jaxtyping": "import jaxtyping",
    "scipy": "import scipy",
    "tests": "import tests.alone",
}


@pytest.mark.parametrize("package", REFUSED)
def test_alone_means_that_nothing_else_can_be_imported(package, tmp_path):
    text = f'"""One.\n\nNeeds   NumPy 2\n"""\n\n{REFUSED[package]}\n'
    [result] = alone({"one": text}, tmp_path).values()
    assert f"{package}" in result["report"]
    assert "is refused" in result["report"]


def test_alone_reports_a_doctest_that_raises(tmp_path):
    text = '"""One.\n\nNeeds   Python\n\n>>> 1 / 0\n1\n>>> 2\n3\n"""\n'
    [result] = alone({"one": text}, tmp_path).values()
    assert "ZeroDivisionError" in result["report"]
    assert result["outputs"] == [["3\n", "2\n"]]


@each
def test_the_head_names_all_that_is_imported(concept, tmp_path):
    text = file_of(concept)
    tree = ast.parse(text)
    shown = "".join(e.source for e in examples(text))
    imported = {
        package
        for node in [*ast.walk(tree), *ast.walk(ast.parse(shown))]
        for package in packages(node)
    }
    file = tmp_path / "one.py"
    file.write_text(text, encoding="utf-8")
    assert imported - sys.stdlib_module_names == set(needs(file))
    assert "reference" not in imported
    if concept in NEED_NONE:
        assert re.search(r"^Needs   NumPy 2$", text, re.MULTILINE)
    docstring, copyright_ = ast.get_docstring(tree), "Copyright (c) 2026 the"
    assert docstring.startswith(
        ast.get_docstring(ast.parse(module_of(concept)))
    )
    assert f"File    reference/{concept}.py of" in docstring
    assert copyright_ in docstring
    assert copyright_ in (ROOT / "LICENSE").read_text(encoding="utf-8")


def packages(node):
    """Return the packages that a node imports, if it is an import."""
    if isinstance(node, ast.Import):
        return [a.name.partition(".")[0] for a in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module.partition(".")[0]]
    return []


@each
def test_a_file_has_all_public_names_and_nothing_unused(concept):
    text = file_of(concept)
    found = definitions(text)
    public = {n for n in definitions(module_of(concept)) if n[0] != "_"}
    assert public <= found.keys()
    open_ = public | (globals_of(examples_of(text)) & found.keys())
    reached = set()
    while open_:
        name = open_.pop()
        reached.add(name)
        open_ |= (globals_of(found[name]) & found.keys()) - reached
    assert reached == found.keys()


@each
def test_every_name_in_a_file_is_there(concept):
    text = file_of(concept)
    imported = {
        a.asname or a.name
        for node in ast.parse(text).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for a in node.names
    }
    known = {*imported, *definitions(text), *dir(builtins)}
    assert globals_of(text) <= known
    used = globals_of(text) | globals_of(examples_of(text))
    assert imported <= used


def definitions(text):
    """Return the source of what a module defines, and that each is once."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets]
        else:
            continue
        for name in names:
            assert name not in found
            found[name] = ast.unparse(node)
    return found


def examples_of(text):
    return "".join(e.source for e in examples(text))


def globals_of(text):
    """Return the global names that a text uses, as Python itself sees them."""

    def used(table):
        return {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced()
            and (table.get_type() == "module" or s.is_global())
        }.union(*map(used, table.get_children()))

    return used(symtable.symtable(text, "text", "exec"))


@each
def test_docstrings_lose_nothing_but_the_examples_of_others(concept):
    text = file_of(concept)
    sections = re.split(
        r"^# From reference/(.*)\.py$", text, flags=re.MULTILINE
    )
    for other, section in zip(sections[1::2], sections[2::2], strict=True):
        docs = set(map(prose, docstrings(module_of(other))))
        assert {prose(doc) for doc in docstrings(section)} <= docs
        assert other == concept or examples(section) == []


def docstrings(text):
    """Return the docstrings of what a text defines, "" where there is none."""
    return [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]


def prose(doc):
    """Return the paragraphs of a docstring that are no examples."""
    found = re.split(r"\n\s*\n", doc.strip())
    return "\n\n".join(p for p in found if not p.lstrip().startswith(">>>"))


@each
def test_a_file_can_be_read(concept):
    text = file_of(concept)
    lines = text.splitlines()
    assert [s for s in lines if len(s) > 80 or s != s.rstrip()] == []
    marks = re.findall(r"# eq\. \d+", module_of(concept))
    own = text.partition(f"# From reference/{concept}.py\n")[2]
    assert re.findall(r"# eq\. \d+", own) == marks
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated"]
    run = subprocess.run(
        [*ruff, "--line-length", "80", "--diff", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    changed = re.findall(r"^[-+] .*", run.stdout, re.MULTILINE)
    assert len(changed) <= 20, run.stdout


@pytest.mark.parametrize("concept", NEED_NONE)
def test_the_numpy_tab_shows_the_same_code(concept):
    text, tab = file_of(concept), parts(module_of(concept))
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name in tab:
            code = without_docstrings(text, node)
            assert without_annotations(code) == without_annotations(
                plain(tab[node.name])
            )


def without_annotations(code):
    """Return code without those that the tab leaves to inner functions."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def test_a_text_does_not_depend_on_the_run():
    concepts = [
        "transformers/gpt",
        "trees/boosting",
        "neural_networks/autograd",
    ]
    code = (
        "from tools.standalone import standalone\n"
        f"print(*map(standalone, {concepts}))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(texts) == 1


def loaded(text):
    """Return a text as a module."""
    module = ModuleType("loaded")
    exec(compile(text, "loaded", "exec"), vars(module))
    return module


def batch_norm(m, rng):
    dy, x, gamma = rng.normal(size=(3, 5, 4))
    return m.batch_norm_backward(dy, x, gamma[0])


def multi_head_attention(m, rng):
    x, context, *w = rng.normal(size=(6, 4, 4))
    return (m.multi_head_attention(x, context, *w, heads=2),)


def support_vector_machine(m, rng):
    x = rng.normal(size=(12, 2))
    y = np.where(x[:, 0] + x[:, 1] > 0, 1, -1)
    return m.smo(x @ x.T, y, 0.1)


def stride_and_padding(m, rng):
    x, w = rng.normal(size=(1, 2, 8, 8)), rng.normal(size=(3, 2, 3, 3))
    b = rng.normal(size=3)
    return (m.strided_conv2d(x, w, b, stride=2, padding=1),)


def classification_losses(m, rng):
    z, t = rng.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
    return m.cross_entropy(z, t), m.cross_entropy_one_hot(z, np.eye(3)[t])


def boosting(m, rng):
    x = rng.normal(size=(20, 2))
    y = np.where(x[:, 0] * x[:, 1] > 0, 1, -1)
    return (m.scores(m.adaboost(x, y, rounds=3), x),)


def gpt(m, _):
    torch.manual_seed(0)
    model = m.GPT(vocabulary=10, context=8, width=4, heads=2, layers=2)
    logits = model(torch.tensor([[3, 1, 4, 1]]))
    return logits, m.next_token_distribution(logits, top_p=0.7)


def vision_transformer(m, rng):
    torch.manual_seed(0)
    model = m.VisionTransformer(4, 2, 1, 10, 6, 2, 12, layers=3)
    images = torch.asarray(rng.normal(size=(2, 1, 4, 4)), dtype=torch.float32)
    return model(images), m.cls_attention(model, images)


@pytest.mark.parametrize(
    ("concept", "results"),
    {
        "training/batch_norm": batch_norm,
        "transformers/multi_head_attention": multi_head_attention,
        "classification/support_vector_machine": support_vector_machine,
        "convolution/stride_and_padding": stride_and_padding,
        "neural_networks/classification_losses": classification_losses,
        "trees/boosting": boosting,
        "transformers/gpt": gpt,
        "transformers/vision_transformer": vision_transformer,
    }.items(),
)
def test_a_file_gives_the_results_of_the_module(concept, results):
    module = import_module(f"reference.{concept.replace('/', '.')}")
    desired = results(module, np.random.default_rng(0))
    actual = results(loaded(file_of(concept)), np.random.default_rng(0))
    for a, d in zip(actual, desired, strict=True):
        assert_close(a, d, rtol=0, atol=0)


ONE = '"""One."""\n\n'
TWO = '"""Two."""\n\n'


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Return a function that writes modules of a book and folds part/one."""
    monkeypatch.setattr("tools.listing.ROOT", tmp_path)
    folder = tmp_path / "reference/part"
    folder.mkdir(parents=True)

    def fold(**modules):
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return standalone("part/one")

    return fold


def test_a_private_name_that_two_modules_have_is_renamed(book):
    text = book(
        one=ONE + "from reference.part.two import double\n\n\n"
        "def _check(x):\n    return 'one'\n\n\n"
        "def both(x):\n    return _check(x), *double(x)\n",
        two=TWO + "def _check(x):\n"
        '    """Return what _check returns."""\n'
        "    return '_check'  # _check\n\n\n"
        "def double(x):\n"
        "    return '한', _check(x), local(x), hidden(3), [f() for f in many()]"
        "\n\n\n"
        "def hidden(_check):\n    return _check\n\n\n"
        "def local(x):\n    _check = 4\n    return lambda x: _check\n\n\n"
        "def many(known=_check, f=lambda _check: _check):\n"
        "    return [_check for _check in (abs,)] and [lambda: _check(0)]\n",
    )
    result = loaded(text.replace("abs", "len")).both(1)
    assert result[:3] == ("one", "한", "_check")
    assert result[3](1) == 4
    assert result[4:] == (3, ["_check"])
    for line in (
        "def _check(x):\n    return 'one'",
        "    return _check(x), *double(x)",
        'def _two_check(x):\n    """Return what _check returns."""\n',
        "    return '_check'  # _check\n",
        "    return '한', _two_check(x), local(x),",
        "def hidden(_check):\n    return _check\n",
        "    _check = 4\n    return lambda x: _check\n",
        "known=_two_check, f=lambda _check: _check):\n",
        "    return [_check for _check in (abs,)] and [lambda: _two_check(0)]",
    ):
        assert line in text


def test_a_class_hides_its_names_from_its_methods(book):
    text = book(
        one=ONE + "from reference.part.two import Box\n\n\n"
        "def size():\n    return Box().full()\n",
        two=TWO + "def size():\n    return 2\n\n\n"
        "class Box:\n    size = 5\n    twice = size * 2\n\n"
        "    def full(self):\n        return size(), self.size, self.twice\n",
    )
    assert loaded(text).size() == (2, 5, 10)
    assert "        return _two_size(), self.size, self.twice\n" in text


def test_the_name_that_the_module_has_for_a_thing_is_its_name(book):
    text = book(
        one=ONE + "from reference.part.two import total as sum_up\n\n\n"
        "def total(x):\n    return -sum_up(x)\n",
        two=TWO + "def total(x):\n    return x if x < 9 else total(x - 1)\n",
    )
    assert loaded(text).total(11) == -8
    assert "def sum_up(x):\n    return x if x < 9 else sum_up(x - 1)\n" in text


def test_a_name_that_would_be_hidden_is_renamed(book):
    text = book(
        one=ONE + "from reference.part.two import outer as attend\n\n\n"
        "def run(x):\n    return attend(x)\n",
        two=TWO + "def outer(attend):\n"
        "    return outer(attend - 1) if attend else 0\n",
    )
    assert loaded(text).run(3) == 0
    assert "return _one_attend(attend - 1) if attend else 0" in text
    assert "def run(x):\n    return _one_attend(x)\n" in text


def test_names_of_python_and_of_packages_keep_their_meaning(book):
    text = book(
        one=ONE + "from math import sqrt\n\n"
        "from reference.part.two import f\n\n\n"
        "def root(x):\n    return sqrt(x), max(x, 1), *f(x)\n",
        two=TWO + "from cmath import sqrt\n\n\n"
        "def max(x):\n    return 'mine'\n\n\n"
        "def f(x):\n    return sqrt(-x), max(x)\n",
    )
    assert loaded(text).root(4) == (2.0, 4, 2j, "mine")
    assert "from cmath import sqrt as _two_sqrt\nfrom math import sqrt" in text


def test_only_what_is_reached_is_there_and_once(book):
    text = book(
        one=ONE + "from reference.part.two import f\n"
        "from reference.part.zero import BASE\n\n\n"
        "def g(x):\n    return f(x) + BASE\n\n\n"
        "def _unused(x):\n    return BASE\n",
        two=TWO + "from reference.part.zero import BASE\n\n\n"
        "def f(x):\n    return x + BASE\n\n\n"
        "def other(x):\n    return f(x)\n",
        zero='"""Zero."""\n\nfrom math import pi, tau\n\n'
        "# What all start from.\nBASE = pi\nMORE = tau\n",
    )
    assert text.endswith(
        '"""\n\nfrom math import pi\n\n'
        "# From reference/part/zero.py\n\n\n"
        "# What all start from.\nBASE = pi\n\n\n"
        "# From reference/part/two.py\n\n\n"
        "def f(x):\n    return x + BASE\n\n\n"
        "# From reference/part/one.py\n\n\n"
        "def g(x):\n    return f(x) + BASE\n"
    )


def test_examples_are_kept_where_they_are_the_files_own(book):
    text = book(
        one=ONE + "from reference.part.two import f\n\n\n"
        'def g(x):\n    """Return more.\n\n'
        "    >>> from reference.part.two import shown\n"
        '    >>> shown(g(1))\n    3\n    """\n    return f(x)\n',
        two=TWO + 'def f(x):\n    """Return x.\n\n    >>> f(1)\n    1\n\n'
        '    The end.\n    """\n    return x\n\n\n'
        'def shown(x):\n    """Show x.\n\n    >>> f(1)\n    1\n    """\n'
        "    return x + 2\n",
    )
    assert 'x.\n\n    The end.\n    """\n    return x\n' in text
    assert '    """Show x."""\n    return x + 2\n' in text
    assert 'more.\n\n    >>> shown(g(1))\n    3\n    """\n' in text
    assert loaded(text).shown(loaded(text).g(1)) == 3


TENSORS = """\
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Pair(NamedTuple):
    x: Float[Tensor, "N *C"]
    n: int


class Layer(nn.Module):
    def forward(
        self, x: Float[Tensor, "N C"], *, scale: Float[Tensor, ""] | None = None
    ) -> Float[torch.Tensor, "N"]:
        \"\"\"Return x.\"\"\"
        # As it is.
        return x
"""


def test_shapes_become_comments(book):
    text = book(one=ONE + TENSORS)
    assert "    x: Tensor  # (N, ...)\n    n: int\n" in text
    assert (
        "    def forward(self, x, *, scale=None):\n"
        '        """Return x."""\n'
        "        # x (N, C), scale ()\n"
        "        # As it is.\n"
        "        return x\n"
    ) in text
    assert "jaxtyping" not in text
    assert "\nimport torch\n" not in text
    assert loaded(text).Layer()(3) == 3


def test_long_lines_are_broken(book):
    names = [f"argument_{i}" for i in range(9)]
    pair = (
        "    return value_of(x, 'first argument'), value_of(x, 'second one')\n"
    )
    text = book(
        one=ONE + "from reference.part.two import both\n\n\n"
        "def value_of(x):\n    return both(x)\n\n\n"
        f"def f({', '.join(names[:6])}, a=0):\n    return 1\n\n\n"
        f"def g({', '.join(names)}, pair=(1, 2)):\n    return 1\n",
        two=TWO
        + f"def value_of(x, y):\n    return y\n\n\ndef both(x):\n{pair}",
    )
    assert f"def f(\n    {', '.join(names[:6])}, a=0\n):\n" in text
    rows = "".join(f"    {name},\n" for name in [*names, "pair=(1, 2)"])
    assert f"def g(\n{rows}):\n" in text
    assert max(map(len, text.splitlines())) <= 80
    assert loaded(text).value_of(0) == ("first argument", "second one")


CORE = "from array_api_compat import array_namespace\n\n\n"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("from reference.part import two\n\n\nF = two.f\n", "part.py to fold"),
        ("from reference.part.no import f\n\n\nF = f\n", "no module .*part/no"),
        ("from reference.part.two import g\n\n\nF = g\n", "g is imported from"),
        (
            "from reference.part.three import h\n\n\n"
            "def max(x):\n    return h(x)\n",
            "the name max",
        ),
        ("F = unheard_of\n", "no module defines unheard_of"),
        (
            f"{CORE}def f(x):\n    return array_namespace(x).abs(x)\n",
            "is needed",
        ),
    ],
)
def test_what_cannot_be_folded_is_refused(book, module, message):
    two = (
        TWO + "from math import sqrt as g\n\nfrom reference.part.three import h"
        "\n\n\ndef f(x):\n    return h(x)\n"
    )
    three = '"""Three."""\n\n\ndef h(x):\n    return max(x)\n'
    with pytest.raises(ValueError, match=message):
        book(one=ONE + module, two=two, three=three)
