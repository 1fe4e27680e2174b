"""Run the notebooks of pages, and compare their answers with the pages.

    python -W error -m tests.notebooks docs/en/training/batch_norm.md ...

Each notebook runs in an empty folder, where nothing of this repository can be
imported, in a process of its own. The processes are forks of this one, which
has imported once what is slow to import: the large libraries, with what they
themselves import late.
"""

import ast
import doctest
import gc
import importlib
import importlib.util
import os
import signal
import sys
import traceback
from collections import deque
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from tools.doctests import FLAGS, Checker, fences
from tools.notebooks import notebook, shown

ROOT = Path(__file__).parents[1]
SECONDS = 300  # for one notebook, on a busy machine
LIBRARIES = [
    "array_api_compat",
    "jaxtyping",
    "sklearn.datasets",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.svm",
    "torch._dynamo",  # the first optimizer imports it
]


def examples(page: str) -> deque[doctest.Example]:
    """Return what a page has one type, but for the examples on a GPU."""
    sessions = [f.body for f in fences(page) if "gpu" not in f.attributes]
    parser = doctest.DocTestParser()
    return deque(e for s in sessions for e in parser.get_examples(s))


def source(cell: dict) -> str:
    """Return the code of a cell, but for the lines that install packages."""
    lines = [line for line in cell["source"] if not line.startswith("%pip ")]
    return "".join(lines)


def is_setup(cell: dict) -> bool:
    """Return whether a cell installs packages or writes a module."""
    return "jupyter" in cell["metadata"] or source(cell) == ""


def paired(content: dict, page: str) -> list[tuple[dict, doctest.Example]]:
    """Return the code cells of a notebook, each with its last example.

    Raises:
        ValueError: The cells are not what the page has one type.
    """
    left, pairs = examples(page), []
    nothing = doctest.Example("", "")
    for cell in content["cells"]:
        if cell["cell_type"] != "code":
            continue
        example, typed = nothing, ""
        while not is_setup(cell) and typed != source(cell) + "\n":
            if example.want or not left:
                raise ValueError(f"{cell['id']} is not on the page")
            example = left.popleft()
            has_answer = example.want and example.exc_msg is None
            typed += shown(example.source) if has_answer else example.source
        pairs.append((cell, example))
    if left:
        raise ValueError(f"the notebook lacks {left[0].source}")
    return pairs


def failure(content: dict, page: str) -> str:
    """Run a notebook; return what went wrong, or nothing."""
    try:
        pairs = paired(content, page)
    except ValueError as error:
        return str(error)
    with TemporaryDirectory() as folder:
        report, empty = Path(folder, "report"), Path(folder, "empty")
        empty.mkdir()
        child = os.fork()
        if child == 0:
            run_and_exit(pairs, report, empty)
        os.waitpid(child, 0)
        return report.read_text(encoding="utf-8")


def run_and_exit(pairs, report: Path, empty: Path) -> None:
    """Run the cells in an empty folder, and never return.

    The report says that a cell did not end, until it has.
    """
    try:
        signal.alarm(SECONDS)
        report.write_text("the notebook did not start", encoding="utf-8")
        leave_repository(empty)
        namespace = new_main()
        for cell, example in pairs:
            code = f"{cell['id']}:\n{source(cell)}\n"
            report.write_text(f"{code}did not end", encoding="utf-8")
            if wrong := problem(cell, example, namespace):
                report.write_text(f"{code}{wrong}", encoding="utf-8")
                break
        else:
            report.write_text("", encoding="utf-8")
    except BaseException:
        report.write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(0)


def leave_repository(folder: Path) -> None:
    """Go to a folder, so that Python finds nothing in the repository.

    Raises:
        RuntimeError: It still does.
    """
    os.chdir(folder)
    others = [p for p in sys.path if p and Path(p).resolve() != ROOT]
    sys.path[:] = ["", *others]
    if importlib.util.find_spec("reference"):
        raise RuntimeError("the modules of the repository can be imported")


def new_main() -> dict:
    """Return the namespace of a new module that is the main one."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    return vars(main)


def problem(cell: dict, example: doctest.Example, namespace: dict) -> str:
    """Run a cell; return in what it is not as promised, or nothing."""
    printed, want = StringIO(), example.exc_msg or example.want
    raises = "raises-exception" in cell["metadata"].get("tags", [])
    try:
        with redirect_stdout(printed):
            execute(source(cell), namespace)
    except Exception as error:
        if not raises:
            return traceback.format_exc()
        got = traceback.format_exception_only(error)[-1]
    else:
        if raises:
            return "raised nothing"
        got = printed.getvalue()
    if Checker().check_output(want, got, FLAGS):
        return ""
    return f"Expected:\n{want}Got:\n{got}"


def execute(code: str, namespace: dict) -> None:
    """Run the code of a cell, and print the value of its last expression."""
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    module = ast.Module(body, type_ignores=[])
    exec(compile(module, "cell", "exec", dont_inherit=True), namespace)
    if last:
        value = compile(
            ast.Expression(last.value), "cell", "eval", dont_inherit=True
        )
        if (answer := eval(value, namespace)) is not None:
            print(repr(answer))


def main(paths: list[str]) -> None:
    """Run the notebooks of pages, and stop with what went wrong in all."""
    contents = {}
    for path in paths:
        _, language, part, file = Path(path).parts
        concept = f"{part}/{Path(file).stem}"
        page = Path(path).read_text(encoding="utf-8")
        contents[path] = notebook(concept, language), page
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # a fork copies what its garbage collector touches
    wrong = {path: failure(*content) for path, content in contents.items()}
    reports = [f"{path}, {report}" for path, report in wrong.items() if report]
    if reports:
        sys.exit("\n\n".join(reports))
    print(f"{len(paths)} notebooks ran")


if __name__ == "__main__":
    main(sys.argv[1:])
