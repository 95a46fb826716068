"""The source of the package, module by module: what each imports, its functions, its length."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("theory", "simulations", "proofs_check", "figures")
# The modules of the folder grokflow itself; the floors in it are links.
COMMANDS = "grokflow"


@dataclass(frozen=True)
class Module:
    """A module of the package.

    Parameters
    ----------
    path : Path
        Relative to the root of the checkout, as ``theory/linear/l1.py``.
    """

    path: Path

    @property
    def floor(self) -> str:
        """The top folder: theory, simulations, proofs_check, figures or grokflow."""
        return self.path.parts[0]

    @property
    def folder(self) -> str:
        """The folder in which the module lies, as ``theory/linear``."""
        return self.path.parent.as_posix()

    @property
    def is_package(self) -> bool:
        """Whether this is the ``__init__`` of a folder."""
        return self.path.stem == "__init__"

    @property
    def name(self) -> str:
        """The dotted name by which the module is imported."""
        parts = self.path.with_suffix("").parts
        parts = parts[:-1] if self.is_package else parts
        return ".".join(parts if self.floor == COMMANDS else (COMMANDS, *parts))

    @cached_property
    def source(self) -> str:
        """The text."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    def functions(self) -> Iterator[tuple[str, int]]:
        """Yield every function with its number of lines, without decorators and docstring."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{self.name}.{node.name}", _lines(node)

    def imports(self) -> Iterator[str]:
        """Yield every dotted name that is imported anywhere in the module.

        Imports inside functions and those for type checkers count; ``from a import b`` yields
        ``a.b``, of which ``b`` may be a module or not. Dotted names of this package that stand in
        strings, as a table of lazy imports holds them, are not imports.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> list[Module]:
    """Return all modules of the package."""
    return [
        Module(path.relative_to(ROOT))
        for floor in (*FLOORS, COMMANDS)
        for path in sorted((ROOT / floor).rglob("*.py"))
        if floor != COMMANDS or path.relative_to(ROOT / COMMANDS).parts[0] not in FLOORS
    ]


def import_graph() -> dict[str, set[str]]:
    """Return for every module the modules of this package that it imports.

    Importing from a folder is importing its ``__init__``; that importing a module also runs the
    ``__init__`` of its folders, which are empty of imports, is left out.
    """
    every = modules()
    names = {module.name for module in every}
    return {
        module.name: {_longest(name, names) for name in module.imports()} - {module.name, ""}
        for module in every
    }


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            place = stack.index(name)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for name in graph:
        if name not in index:
            visit(name)
    return found


def _longest(name: str, names: set[str]) -> str:
    """Return the module of the package that an imported name is, or is in; "" for no module."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring left out."""
    first, last = node.lineno, node.end_lineno or node.lineno
    text = 0
    if ast.get_docstring(node, clean=False) is not None:
        words = node.body[0]
        text = (words.end_lineno or words.lineno) - words.lineno + 1
    return last - first + 1 - text
