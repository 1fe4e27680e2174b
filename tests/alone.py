"""Runs standalone files where only what their heads name can be imported.

    python -I tests/alone.py FILE ...

prints a line of JSON for each file: of each of its doctests what it wants and
what it got, and what went wrong otherwise. Each file runs in a process of its
own, forked from this one, which has imported what is slow to import: NumPy, and
PyTorch with what PyTorch itself imports late.
"""

import doctest
import importlib
import importlib.util
import json
import os
import re
import sys
import traceback
from pathlib import Path

PACKAGES = {
    "NumPy 2": ["numpy"],
    "PyTorch": ["torch"],
    "array-api-compat": ["array_api_compat"],
    "tqdm": ["tqdm"],
}


class Refusal:
    """Finds no module but those of Python and of some packages."""

    def __init__(self, packages):
        self.allowed = {*sys.stdlib_module_names, "alone", *packages}

    def find_spec(self, name, *_):
        if name.partition(".")[0] not in self.allowed:
            raise ModuleNotFoundError(f"{name} is refused", name=name)


class Record(doctest.OutputChecker):
    """Notes what every example wants and gets, and accepts it."""

    def __init__(self):
        self.outputs = []

    def check_output(self, want, got, _):
        self.outputs.append((want, got))
        return True


def needs(file):
    """Return the packages that the head of a file names."""
    head = Path(file).read_text(encoding="utf-8")
    names = re.search(r"^Needs +(.*)", head, re.MULTILINE)[1].split(", ")
    return [package for name in names for package in PACKAGES.get(name, [])]


def run(file):
    """Return the outputs of a file's doctests, and a report of failures."""
    record, report = Record(), []
    try:
        sys.meta_path.insert(0, Refusal(needs(file)))
        spec = importlib.util.spec_from_file_location("alone", file)
        module = importlib.util.module_from_spec(spec)
        sys.modules["alone"] = module
        spec.loader.exec_module(module)
        runner = doctest.DocTestRunner(record, False)
        for test in doctest.DocTestFinder().find(module):
            runner.run(test, out=report.append)
    except Exception:
        report.append(traceback.format_exc())
    return {"outputs": record.outputs, "report": "".join(report)}


def forked(file):
    """Return what `run` returns, from another process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as stream:
            json.dump(run(file), stream)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        result = json.load(stream)
    os.waitpid(child, 0)
    return result


if __name__ == "__main__":
    files = sys.argv[1:]
    importlib.import_module("numpy")
    if any("torch" in needs(file) for file in files):
        importlib.import_module("torch._dynamo")
    for file in files:
        print(json.dumps(forked(file)))
