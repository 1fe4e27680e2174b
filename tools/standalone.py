"""One file for one concept: its module with all that it uses of the others.

    standalone("training/batch_norm")

returns the text of a file that runs without this repository. What is written
against the array API standard becomes plain NumPy, as in the listings. A file
that needs PyTorch keeps the standard, since its tensors go through it.

The definitions of other modules that are needed, and no more, stand above the
module's own, without their examples. They keep the names that the module has
for them; where a name is taken, `check` of `training/dropout` becomes
`_dropout_check`.
"""

import ast
import builtins
import doctest
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tools.listing import (
    DEVICE,
    FIELD,
    NAMESPACE,
    NO_BREAK,
    ROOT,
    SHAPE,
    WIDTH,
    needs_torch,
    path,
    separated,
    shapes,
    signature,
    wrapped,
)

TENSOR = re.compile(r'\[(?:torch\.)?Tensor, (?=")')
OWN_IMPORT = re.compile(
    r"^ *>>> (from reference\..*\n(?: *\.\.\. .*\n)*)", re.MULTILINE
)
PACKAGES = {
    "numpy": "NumPy 2",
    "torch": "PyTorch",
    "tqdm": "tqdm",
    "array_api_compat": "array-api-compat",
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.FunctionDef, ast.Lambda, ast.ClassDef, *COMPREHENSIONS)


class Import(NamedTuple):
    """`from module import name as alias`, or without a name of the two."""

    module: str
    name: str
    alias: str


class Definition(NamedTuple):
    """A function, class or constant of a concept."""

    concept: str
    name: str


Thing = Import | Definition
NUMPY = Import("numpy", "", "np")
TORCH_TENSOR = Import("torch", "Tensor", "Tensor")


class FreeName(NamedTuple):
    """A name, where it stands, and the names that are local there."""

    name: str
    row: int
    column: int
    local: frozenset[str]


class Module(NamedTuple):
    """What a module says, and what each of its names stands for."""

    text: str
    docstring: str
    sources: dict[str, str]
    scope: dict[str, Thing]


def standalone(concept: str) -> str:
    """Return the text of a file that does what a concept's module does.

    Raises:
        ValueError: There is no such module, or it does not fit into one file.
    """
    modules = folded(concept)
    needed = reached(concept, modules)
    names = final_names(concept, modules, needed)
    torch = any(needs_torch(modules[d.concept].text) for d in needed)
    sections = {}
    for other, module in modules.items():
        found = {
            names[d]: printed(
                with_names(source, module, names), torch, other == concept
            )
            for name, source in module.sources.items()
            if (d := Definition(other, name)) in needed
        }
        if found:
            sections[other] = found
    imports = used_imports(sections, modules[concept], names)
    head = docstring(concept, sections, modules[concept], imports)
    parts = [
        f"# From reference/{other}.py\n\n\n{separated(found)}"
        for other, found in sections.items()
    ]
    return f"{head}{import_lines(imports)}\n" + "\n\n".join(parts)


def folded(concept: str) -> dict[str, Module]:
    """Return a concept's module below all that it needs, by concept."""
    found = {}

    def visit(name: str, examples: str) -> None:
        if name in found or name in open_:
            return
        open_.add(name)
        module = read(name)
        wanted = {
            d.concept: None
            for d in [*module.scope.values(), *bindings(examples).values()]
            if isinstance(d, Definition)
        }
        for other in wanted:
            visit(other, "")
        found[name] = module

    open_ = set()
    visit(concept, own_imports(read(concept).text))
    return found


def read(concept: str) -> Module:
    """Return the module of a concept.

    Raises:
        ValueError: There is no such module.
    """
    file = path(concept)
    if not file.is_file():
        raise ValueError(f"there is no module reference/{concept}.py to fold")
    return analyzed(concept, file.read_text(encoding="utf-8"))


@cache
def analyzed(concept: str, text: str) -> Module:
    """Return a module from its text; a tensor's shape is written as Array's."""
    text = TENSOR.sub("[Array, ", text)
    tree, lines = ast.parse(text), text.splitlines(keepends=True)
    sources = {}
    for node in tree.body:
        if name := defined(node):
            start = first_line(node)
            while lines[start - 2].startswith("#"):
                start -= 1
            sources[name] = "".join(lines[start - 1 : node.end_lineno])
    scope = bindings(text) | {n: Definition(concept, n) for n in sources}
    head = ast.get_source_segment(text, tree.body[0])
    return Module(text, head, sources, scope)


def defined(node: ast.stmt) -> str | None:
    """Return the name that a statement of a module defines, if it does."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign):
        return node.targets[0].id
    return None


def first_line(node: ast.stmt) -> int:
    """Return the number of a definition's first line, decorators included."""
    above = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in above)])


def bindings(text: str) -> dict[str, Thing]:
    """Return what the names stand for that a text imports."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            for a in node.names:
                name = a.asname or a.name
                found[name] = Import(a.name, "", name)
        elif is_from_import(node):
            for a in node.names:
                name = a.asname or a.name
                found[name] = origin(Import(node.module, a.name, name))
    return found


def is_from_import(node: ast.stmt) -> bool:
    """Return whether a statement imports what can be in a file.

    The type Array is only for annotations, which are not printed.
    """
    return (
        isinstance(node, ast.ImportFrom) and node.module != "reference._typing"
    )


def origin(imported: Import) -> Thing:
    """Return the definition that is imported, if it is one of the book's."""
    package, _, module = imported.module.partition(".")
    if package == "reference":
        return Definition(module.replace(".", "/"), imported.name)
    return imported


def own_imports(text: str) -> str:
    """Return the book's imports in the examples of a module."""
    found = "".join(OWN_IMPORT.findall(text))
    return re.sub(r"^ *\.\.\. ", "", found, flags=re.MULTILINE)


@cache
def free_names(source: str) -> list[FreeName]:
    """Return the names in a definition that are not local to it."""
    return [*free_below(ast.parse(source), frozenset())]


def free_below(node: ast.AST, local: frozenset[str]) -> Iterator[FreeName]:
    """Yield the names below a node that are not local.

    Annotations of arguments and results do not count: they are not printed.
    """
    if isinstance(node, ast.Name) and node.id not in local:
        yield FreeName(node.id, node.lineno, node.col_offset, local)
    outside, inside = [*ast.iter_child_nodes(node)], []
    inner = local
    if isinstance(node, SCOPES):
        outside, inside = split_scope(node)
        inner = local | bound(node)
    for child in outside:
        yield from free_below(child, local)
    for child in inside:
        # A method does not see the names of its class.
        is_method = isinstance(node, ast.ClassDef) and isinstance(child, SCOPES)
        yield from free_below(child, local if is_method else inner)


def split_scope(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """Return what of a scope is computed outside of it, and what inside."""
    if isinstance(node, ast.ClassDef):
        bases = [*node.bases, *(k.value for k in node.keywords)]
        return [*node.decorator_list, *bases], [*node.body]
    if isinstance(node, COMPREHENSIONS):
        first = node.generators[0]
        inside = [c for c in ast.iter_child_nodes(node) if c is not first]
        return [first.iter], [first.target, *first.ifs, *inside]
    arguments = node.args
    defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
    if isinstance(node, ast.Lambda):
        return defaults, [node.body]
    return [*node.decorator_list, *defaults], [*node.body]


def bound(scope: ast.AST) -> set[str]:
    """Return the names that are local to a scope."""
    found, open_ = set(), split_scope(scope)[1]
    if isinstance(scope, ast.FunctionDef | ast.Lambda):
        below = ast.iter_child_nodes(scope.args)
        found = {n.arg for n in below if isinstance(n, ast.arg)}
    while open_:
        node = open_.pop()
        found.add(bound_by(node))
        if isinstance(node, COMPREHENSIONS):
            inner = ast.walk(node)
            open_ += [n.target for n in inner if isinstance(n, ast.NamedExpr)]
        elif not isinstance(node, SCOPES):
            open_ += ast.iter_child_nodes(node)
    return found - {None}


def bound_by(node: ast.AST) -> str | None:
    """Return the name that a node by itself binds, if it does."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.alias):
        return node.asname or node.name
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
        return node.name
    return None


def known_names(main: Module) -> dict[str, Thing]:
    """Return what the names of a module and of its examples stand for."""
    return main.scope | bindings(own_imports(main.text))


def reached(concept: str, modules: dict[str, Module]) -> set[Definition]:
    """Return the definitions that public names and examples lead to."""
    main = modules[concept]
    known, shown = known_names(main), example_names(main.text)
    public = [n for n in main.sources if not n.startswith("_")]
    open_ = [known[n] for n in [*public, *sorted(shown & known.keys())]]
    found = set()
    while open_:
        item = open_.pop()
        if isinstance(item, Definition) and item not in found:
            found.add(item)
            open_ += uses(modules[item.concept], item.name)
    return found


def uses(module: Module, name: str) -> list[Thing]:
    """Return what a definition of a module needs.

    Raises:
        ValueError: The module does not define it.
    """
    if name not in module.sources:
        raise ValueError(f"{name} is imported from where it is not defined")
    names = {free.name for free in free_names(module.sources[name])}
    return [module.scope[n] for n in sorted(names & module.scope.keys())]


@cache
def example_names(text: str) -> set[str]:
    """Return the names that the examples of a module expect to be there."""
    found, imported = set(), set()
    for example in examples(text):
        tree = ast.parse(example.source)
        found |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        imported |= {
            name
            for name, item in bindings(example.source).items()
            if isinstance(item, Import)
        }
    return found - imported


@cache
def examples(text: str) -> list[doctest.Example]:
    """Return the examples in the docstrings of a module or definition."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = [
        ast.get_docstring(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    ]
    parser = doctest.DocTestParser()
    return [e for doc in docs if doc for e in parser.get_examples(doc)]


def final_names(
    concept: str, modules: dict[str, Module], needed: set[Definition]
) -> dict[Thing, str]:
    """Return the name of each thing in the file, all different.

    Raises:
        ValueError: Two things would have one name.
    """
    hidden, unknown = names_in_use(modules, needed)
    fixed = {*modules[concept].sources, *example_names(modules[concept].text)}
    names = {NUMPY: "np", TORCH_TENSOR: "Tensor"}
    for item, name, home in candidates(concept, modules):
        is_left_out = isinstance(item, Definition) and item not in needed
        if item in names or is_left_out:
            continue
        taken = {*names.values(), *unknown, *hidden.get(item, ())}
        if name in taken and (home != concept or name not in fixed):
            name = f"_{home.rpartition('/')[2]}_{name.lstrip('_')}"
        if name in taken:
            raise ValueError(f"two things in a file would have the name {name}")
        names[item] = name
    return names


def candidates(
    concept: str, modules: dict[str, Module]
) -> Iterator[tuple[Thing, str, str]]:
    """Yield each thing, the name that it should have, and in which module.

    The names in the concept's own module come first: they stay if they can.
    """
    for name, item in known_names(modules[concept]).items():
        yield item, name, concept
    for other, module in modules.items():
        for name, item in module.scope.items():
            if isinstance(item, Import) or item.concept == other:
                yield item, name, other


def names_in_use(
    modules: dict[str, Module], needed: set[Definition]
) -> tuple[dict[Thing, set[str]], set[str]]:
    """Return the names that would hide each thing somewhere, and Python's."""
    hidden, unknown = {}, set()
    for item in needed:
        module = modules[item.concept]
        for free in free_names(module.sources[item.name]):
            if free.name in module.scope:
                found = module.scope[free.name]
                hidden.setdefault(found, set()).update(free.local)
            else:
                unknown.add(free.name)
    return hidden, unknown


def with_names(source: str, module: Module, names: dict[Thing, str]) -> str:
    """Return a definition with the names that things have in the file.

    Raises:
        ValueError: A name does not stand where Python says it does.
    """
    spots = {(free.row, free.column, free.name) for free in free_names(source)}
    head = re.search(r"^(def |class )(\w+)", source, re.MULTILINE)
    if head:
        row = source.count("\n", 0, head.start()) + 1
        spots.add((row, len(head[1]), head[2]))
    lines = source.encode().splitlines(keepends=True)
    for row, column, name in sorted(spots, reverse=True):
        new = names.get(module.scope.get(name), name)
        if new != name:
            line = lines[row - 1]
            end = column + len(name.encode())
            # Before Python 3.12 a name in an f-string has a wrong position.
            if line[column:end] != name.encode():
                raise ValueError(f"{name} cannot be renamed in\n{source}")
            lines[row - 1] = line[:column] + new.encode() + line[end:]
    before = source.splitlines(keepends=True)
    after = [line.decode() for line in lines]
    return "".join(
        new if new == old else broken(new)
        for old, new in zip(before, after, strict=True)
    )


def broken(line: str) -> str:
    """Return a line that a name has made too long in three."""
    match = re.fullmatch(r"( *)(.*\()([^()]*)(\).*\n)", line)
    if len(line) <= WIDTH + 1 or not match:
        return line
    indent, start, inside, end = match.groups()
    return f"{indent}{start}\n{indent}    {inside}\n{indent}{end}"


@cache
def printed(source: str, torch: bool, own: bool) -> str:
    """Return a definition without annotations, and shapes as comments.

    Without PyTorch it is in plain NumPy. Only its own file has its examples.
    """
    lines = source.splitlines(keepends=True)
    nodes = [
        n
        for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.FunctionDef | ast.ClassDef)
    ]
    for node in sorted(nodes, key=lambda n: n.lineno, reverse=True):
        if ast.get_docstring(node) and not own:
            drop_examples(lines, node.body[0])
        if isinstance(node, ast.FunctionDef):
            print_header(lines, node, source)
    text = OWN_IMPORT.sub("", "".join(lines))
    array = "Tensor" if torch else "np.ndarray"
    text = FIELD.sub(lambda m: f"{m[1]}{array}  # ({axes(m[2])})", text)
    text = SHAPE.sub(lambda m: array_of(m[0], array), text)
    return text if torch else plain_numpy(text)


def plain_numpy(text: str) -> str:
    """Return a definition with np. for xp.

    Raises:
        ValueError: The namespace is looked up in another way than elsewhere.
    """
    text = DEVICE.sub("", NAMESPACE.sub("", text))
    if "array_namespace" in text:
        raise ValueError(f"`xp = array_namespace(...)` is needed in\n{text}")
    return re.sub(r"\bxp\b", "np", text)


def array_of(annotation: str, array: str) -> str:
    """Return the array type of a shape: NumPy's where it is always NumPy's."""
    return "np.ndarray" if "np.ndarray" in annotation else array


def axes(shape: str) -> str:
    """Return the axes of a shape as a tuple shows them."""
    return re.sub(r"[*]\w+", "...", shape.replace(" ", ", "))


def drop_examples(lines: list[str], doc: ast.Expr) -> None:
    """Empty the lines of a docstring's examples, and those above them."""
    is_example = False
    for i in range(doc.lineno, doc.end_lineno - 1):
        if lines[i].lstrip().startswith(">>> "):
            is_example = True
            if not lines[i - 1].strip():
                lines[i - 1] = ""
        elif not lines[i].strip():
            is_example = False
        if is_example:
            lines[i] = ""
    first, last = doc.lineno - 1, doc.end_lineno - 1
    one = lines[first].rstrip() + lines[last].lstrip()
    is_short = len(one) <= WIDTH + 1 and not any(lines[first + 1 : last])
    if first != last and is_short:
        lines[first], lines[last] = one, ""


def print_header(lines: list[str], node: ast.FunctionDef, source: str) -> None:
    """Replace a function's signature, and put the shapes above its code."""
    first = node.body[0]
    body = first_line(first)
    while lines[body - 2].lstrip().startswith("#"):
        body -= 1
    new = header(source, node, " " * node.col_offset)
    comment = shape_comment(node, " " * first.col_offset)
    if ast.get_docstring(node) is None:
        new += comment
    else:
        lines[first.end_lineno - 1] += comment
    lines[node.lineno - 1 : body - 1] = [new]


def header(source: str, node: ast.FunctionDef, indent: str) -> str:
    """Return `def f(x, eps=1e-5):`, broken as ruff does where it is long."""
    start, _, rest = signature(source, node).partition("(")
    names = " ".join(rest.rpartition(")")[0].split()).rstrip(",")
    start, end = f"{indent}{start}(", f"{indent}):\n"
    if len(f"{start}{names}):") <= WIDTH:
        return f"{start}{names}):\n"
    if len(f"{indent}    {names}") <= WIDTH:
        return f"{start}\n{indent}    {names}\n{end}"
    apart = re.split(r", (?![^()]*\))", names)
    rows = [f"{indent}    {name},\n" for name in apart]
    return f"{start}\n{''.join(rows)}{end}"


def shape_comment(node: ast.FunctionDef, indent: str) -> str:
    """Return a comment with the shapes of the arguments, or nothing."""
    text = re.sub(r"\s*# ", " ", shapes(node)).strip()
    if not text:
        return ""
    glued = re.sub(r" (?=\(|[^()]*\))", NO_BREAK, text)
    return wrapped(glued, f"{indent}# ").replace(NO_BREAK, " ") + "\n"


def used_imports(
    sections: dict[str, dict[str, str]], main: Module, names: dict[Thing, str]
) -> dict[Import, str]:
    """Return what definitions and examples need of other packages.

    Raises:
        ValueError: A name stands for nothing.
    """
    free = {
        free.name
        for found in sections.values()
        for source in found.values()
        for free in free_names(source)
    }
    if lost := free - {*names.values(), *dir(builtins)}:
        raise ValueError(f"no module defines {', '.join(sorted(lost))}")
    used = free | example_names(main.text)
    return {
        item: name
        for item, name in names.items()
        if isinstance(item, Import) and name in used
    }


def import_lines(imports: dict[Import, str]) -> str:
    """Return sorted imports: those of Python first, then those of others."""
    groups = {True: "", False: ""}
    found = {}
    for item, name in imports.items():
        found.setdefault((item.name != "", item.module), []).append(
            alias(item.name or item.module, name)
        )
    for (is_from, module), names in sorted(found.items()):
        is_python = module.partition(".")[0] in sys.stdlib_module_names
        groups[is_python] += import_line(module if is_from else "", names)
    return "".join(f"\n{group}" for group in groups.values() if group)


def alias(name: str, new: str) -> str:
    """Return `name as new`, or the name alone if it stays."""
    return name if name == new else f"{name} as {new}"


def import_line(module: str, names: list[str]) -> str:
    """Return the import of names from a module, or of modules."""
    if not module:
        return "".join(f"import {name}\n" for name in names)
    # Constants, classes, functions: the order of isort.
    ordered = sorted(
        names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
    )
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    rows = "".join(f"    {name},\n" for name in ordered)
    return f"from {module} import (\n{rows})\n"


def docstring(concept: str, sections: dict, main: Module, imports: dict) -> str:
    """Return the module's docstring, and what the file is, needs and allows."""
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    owner = re.search(r"^Copyright .*$", licence, re.MULTILINE)[0]
    others = [c for c in sections if c != concept]
    origin = f"reference/{concept}.py of Basics of Deep Learning"
    if others:
        origin += (
            f", with what it uses of {', '.join(others)}. A mark such as "
            '"eq. 3" counts the equations on the page of its part.'
        )
    rows = {
        "File": origin,
        "Needs": ", ".join(packages(main, imports)) or "Python alone",
        "License": f"MIT, see LICENSE there. {owner}",
    }
    above = main.docstring.removesuffix('"""').rstrip()
    return f'{above}\n\n{"".join(map(labelled, rows, rows.values()))}"""\n'


def labelled(label: str, text: str) -> str:
    """Return a text with a label before it, as module docstrings have them."""
    first, rest = f"{label:8}", " " * 8
    filled = textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return f"{filled}\n"


def packages(main: Module, imports: dict[Import, str]) -> list[str]:
    """Return the names of the packages that a file and its examples need."""
    shown = [
        item
        for example in examples(main.text)
        for item in bindings(example.source).values()
        if isinstance(item, Import)
    ]
    found = {item.module.partition(".")[0] for item in [*imports, *shown]}
    needed = sorted(found - sys.stdlib_module_names)
    return [PACKAGES[package] for package in needed]
