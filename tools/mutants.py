"""Break the reference on purpose, and count the tests that do not notice.

    uv run --group torch python -m tools.mutants trees
    … python -m tools.mutants --sample 50

Cosmic Ray makes the mutants of the modules: a plus becomes a minus, a number
one more or less, a loop runs zero times. Each is put into a copy of the
project, and the tests of its page run there until one fails: those of the
module first, then the examples of the module and of the page, and those of the
pages that import it. Without a sample every mutant is tried, which takes hours.
Mutants that nobody could notice are not: the appendix of CONTRIBUTING.md lists
them, each with its reason.

Libraries are loaded once and each mutant is a fork: this is why the mutants are
Cosmic Ray's and their run is not.
"""

import argparse
import ast
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "experiments", "figures", "reference", "tests", "tools")
FILES = ("conftest.py", "mkdocs.yml", "mkdocs.ko.yml", "pyproject.toml")
# One neighbour for each operator. The others are further away, as a division in
# the place of a sum, and any test finds them.
SWAPS = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Pow_Mul"),
    *("Mod_FloorDiv", "BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitAnd"),
)
COMPARISONS = (
    *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt"),
    *("Lt_GtE", "Gt_LtE", "Is_IsNot", "IsNot_Is"),
)
OPERATORS = (
    *(f"ReplaceBinaryOperator_{swap}" for swap in SWAPS),
    *(f"ReplaceComparisonOperator_{swap}" for swap in COMPARISONS),
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Not"),
    *("ReplaceUnaryOperator_Delete_Invert", "AddNot", "NumberReplacer"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr"),
    *("ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ZeroIterationForLoop"),
    *("ReplaceContinueWithBreak", "ExceptionReplacer"),
)
LIBRARIES = (
    *("numpy", "scipy.optimize", "scipy.stats", "statsmodels.api", "torch"),
    *("sklearn.linear_model", "sklearn.model_selection", "sklearn.tree"),
    *("hypothesis", "pytest", "array_api_strict"),
)
# A row of the appendix: the module, the code, and what stands there instead.
ROW = re.compile(r"^\| `(\w+/\w+)` \| `(.+?)` \| `(.+?)` \|", re.MULTILINE)
KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
SECONDS = 120


class Mutant(NamedTuple):
    """One change of one module."""

    concept: str
    operator: str
    occurrence: int
    line: int

    def source(self, text: str) -> str:
        """Return the module's text with the change."""
        operator = get_operator(f"core/{self.operator}")()
        return mutate_code(text, operator, self.occurrence)

    def __str__(self) -> str:
        """Return file, line and change, as a compiler names an error."""
        text = path(self.concept).read_text(encoding="utf-8")
        pairs = zip(
            text.splitlines(), self.source(text).splitlines(), strict=False
        )
        old, new = next(pair for pair in pairs if pair[0] != pair[1])
        place = f"reference/{self.concept}.py:{self.line}"
        return f"{place}: {old.strip()}  ->  {new.strip()}"


class Result(NamedTuple):
    """What became of a mutant, and in how many seconds."""

    mutant: Mutant
    outcome: str
    seconds: float


def path(concept: str) -> Path:
    """Return the module of a concept."""
    return ROOT / "reference" / f"{concept}.py"


def concepts(names: list[str]) -> list[str]:
    """Return the concepts that these parts or concepts name; all for none."""
    found = [
        str(file.relative_to(ROOT / "reference").with_suffix(""))
        for file in sorted((ROOT / "reference").glob("*/*.py"))
        if file.read_text(encoding="utf-8").strip()
    ]
    chosen = [
        concept
        for concept in found
        if not names or concept in names or concept.split("/")[0] in names
    ]
    if not chosen:
        raise ValueError(f"a part or a concept needed, got {names}")
    return chosen


def mutants(concept: str) -> list[Mutant]:
    """Return every mutant of a module that may change what it does.

    Annotations are left alone, and so are numbers that one more or less leaves
    as they are.
    """
    text = path(concept).read_text(encoding="utf-8")
    skipped, nodes = annotations(text), list(ast_nodes(get_ast(text)))
    found = []
    for name in OPERATORS:
        operator, occurrence = get_operator(f"core/{name}")(), count()
        for node in nodes:
            positions = operator.mutation_positions(node)
            for which, (start, _) in enumerate(positions):
                mutant = Mutant(concept, name, next(occurrence), start[0])
                same = name == "NumberReplacer" and stays(node, (1, -1)[which])
                if not same and not any(a <= start < b for a, b in skipped):
                    found.append(mutant)
    return found


def stays(number, change: int) -> bool:
    """Return whether a changed number is the same number, or the same place.

    One more than 1e300 is 1e300; [-1] is [0] where there is one entry, and a
    test that counts on more finds [1] too.
    """
    value = ast.literal_eval(number.value)
    first = number.value == "0" and number.parent.type == "trailer"
    return value + change == value or (first and change < 0)


def listed(mutant: Mutant, appendix: str) -> bool:
    """Return whether the appendix says why nobody can notice a mutant."""
    text = path(mutant.concept).read_text(encoding="utf-8")
    old = text.splitlines()[mutant.line - 1]
    for concept, code, changed in ROW.findall(appendix):
        if concept == mutant.concept and code in old:
            new = mutant.source(text).splitlines()[mutant.line - 1]
            # Cosmic Ray puts a space in front of a number.
            if bare(old.replace(code, changed)) == bare(new):
                return True
    return False


def bare(line: str) -> str:
    """Return a line without its spaces."""
    return "".join(line.split())


def annotations(text: str) -> list[tuple]:
    """Return where the annotations of a module begin and end."""
    found = []
    for node in ast.walk(ast.parse(text)):
        for name in ("annotation", "returns"):
            if a := getattr(node, name, None):
                start, end = (
                    (a.lineno, a.col_offset),
                    (
                        a.end_lineno,
                        a.end_col_offset,
                    ),
                )
                found.append((start, end))
    return found


@cache
def tests(concept: str) -> list[str]:
    """Return what pytest runs for a mutant of a concept, the nearest first."""
    part, page = concept.split("/")
    module = f"reference.{part}.{page} import"
    near = [
        f"tests/{part}/test_{page}.py",
        f"reference/{concept}.py",
        f"docs/en/{concept}.md",
    ]
    users = [
        str(file.relative_to(ROOT))
        for pattern in ("tests/*/test_*.py", "docs/en/*/*.md")
        for file in sorted(ROOT.glob(pattern))
        if module in file.read_text(encoding="utf-8")
    ]
    return [
        name
        for name in dict.fromkeys([*near, *users])
        if (ROOT / name).is_file()
    ]


def copy(folder: Path) -> None:
    """Copy what the tests need."""
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)


def load(libraries: tuple[str, ...]) -> None:
    """Import what most tests import, so that a fork has it already."""
    for name in libraries:
        import_module(name)
    import_module("torch").set_num_threads(1)


def passes(files: list[str], seconds: float) -> bool | None:
    """Return whether the tests pass in this folder; None if time runs out."""
    pid = os.fork()
    if not pid:
        run_tests(files)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run_tests(files: list[str]) -> None:
    """Run pytest and end this process with its answer."""
    os.setsid()
    # The copy has its own of these.
    for name in [n for n in sys.modules if n.split(".")[0] in FOLDERS]:
        del sys.modules[name]
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # Hypothesis is loaded before pytest could rewrite its assertions.
    rewriting = "ignore::pytest.PytestAssertRewriteWarning"
    options = ["-q", "-x", "-W", rewriting]
    for plugin in ("cacheprovider", "xdist", "cov"):
        options += ["-p", f"no:{plugin}"]
    code = 1
    try:
        code = int(import_module("pytest").main([*options, *files]))
    finally:
        os._exit(code)


def work(todo, done, libraries: tuple[str, ...]) -> None:
    """Try the mutants of a queue until it has no more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        os.chdir(folder)
        sys.path[:] = [str(folder), *(p for p in sys.path if p != str(ROOT))]
        # Options of a run of pytest around this one do not count.
        for variable in [v for v in os.environ if "PYTEST" in v]:
            del os.environ[variable]
        try:
            load(libraries)
            for mutant in iter(todo.get, None):
                done.put(attempt(mutant, folder))
        except Exception as error:
            # Whoever waits for results has to know that none will come.
            done.put(RuntimeError(f"no mutant can be tried: {error}"))
        os.chdir(ROOT)


@cache
def check(test: str) -> None:
    """Raise a RuntimeError unless the tests of a file pass without a mutant."""
    if not passes([test], SECONDS):
        raise RuntimeError(f"{test} must pass without a mutant")


def attempt(mutant: Mutant, folder: Path) -> Result:
    """Put a mutant into the copy, run its tests, and take it out again."""
    file = folder / "reference" / f"{mutant.concept}.py"
    text = file.read_text(encoding="utf-8")
    start = time.monotonic()
    file.write_text(mutant.source(text), encoding="utf-8")
    outcome, killer = SURVIVED, None
    for test in tests(mutant.concept):
        passed = passes([test], SECONDS)
        if not passed:
            outcome, killer = (TIMEOUT if passed is None else KILLED), test
            break
    file.write_text(text, encoding="utf-8")
    seconds = time.monotonic() - start
    if killer:
        check(killer)
    return Result(mutant, outcome, seconds)


def try_all(
    chosen: list[Mutant],
    processes: int,
    libraries: tuple[str, ...] = LIBRARIES,
):
    """Yield the result of each mutant as it comes.

    Raises:
        RuntimeError: The tests do not even run without a mutant.
    """
    context = multiprocessing.get_context("spawn")
    todo, done = context.Queue(), context.Queue()
    for mutant in [*chosen, *[None] * processes]:
        todo.put(mutant)
    workers = [
        context.Process(target=work, args=(todo, done, libraries))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for _ in chosen:
        result = done.get()
        if isinstance(result, RuntimeError):
            for worker in workers:
                worker.terminate()
            raise result
        yield result
    for worker in workers:
        worker.join()


def table(results: list[Result], totals: Counter) -> str:
    """Return a line for each part: mutants there are, tried, killed."""
    lines = [f"{'part':20} {'mutants':>8} {'tried':>6} {'killed':>7} {'%':>6}"]
    for part in totals:
        tried = [r for r in results if r.mutant.concept.split("/")[0] == part]
        killed = sum(r.outcome != SURVIVED for r in tried)
        share = 100 * killed / max(len(tried), 1)
        lines.append(
            f"{part:20} {totals[part]:8} {len(tried):6} {killed:7} {share:6.1f}"
        )
    return "\n".join(lines)


def sample(found: list[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """Return this many mutants of each part, drawn at random; all for None."""
    if size is None:
        return found
    rng, parts = random.Random(seed), {}
    for mutant in found:
        parts.setdefault(mutant.concept.split("/")[0], []).append(mutant)
    chosen = [
        mutant
        for part in parts.values()
        for mutant in rng.sample(part, min(size, len(part)))
    ]
    rng.shuffle(chosen)
    return chosen


def main() -> int:
    """Run the command; the survivors and the table are its answer."""
    parser = argparse.ArgumentParser(prog="tools.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="PART or PART/PAGE")
    parser.add_argument("--sample", type=int, help="mutants of each part")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--least", type=float, default=0.0, help="per cent")
    parser.add_argument("--json", type=Path, help="where to write results")
    options = parser.parse_args()
    appendix = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = [
        mutant
        for concept in concepts(options.names)
        for mutant in mutants(concept)
        if not listed(mutant, appendix)
    ]
    chosen = sample(found, options.sample, options.seed)
    results = []
    for result in try_all(chosen, options.processes):
        results.append(result)
        if result.outcome == SURVIVED:
            print(f"survived {result.mutant}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(results))
    print(table(results, Counter(m.concept.split("/")[0] for m in found)))
    killed = sum(r.outcome != SURVIVED for r in results)
    return int(100 * killed < options.least * len(results))


if __name__ == "__main__":
    sys.exit(main())
