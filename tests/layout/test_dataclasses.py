"""Dataclasses that hold arrays are compared by identity: arrays have no single truth value."""

import ast
import re

import pytest

from tests.layout.modules import ROOT

ARRAYS = re.compile(r"\b(ndarray|Tensor|Vector|Matrix|Samples|Inputs|Kernel|Values|Square)\b")
FILES = sorted(
    path
    for top in ("theory", "simulations", "proofs_check", "figures", "grokflow")
    for path in (ROOT / top).rglob("*.py")
    if not any(part.is_symlink() for part in path.parents)
)


def dataclasses(tree):
    """Yield each dataclass with the text of its decorator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for decorator in map(ast.unparse, node.decorator_list):
                if re.match(r"(dataclasses\.)?dataclass\b", decorator):
                    yield node, decorator


def holds_arrays(node):
    fields = (part.annotation for part in node.body if isinstance(part, ast.AnnAssign))
    return any(ARRAYS.search(ast.unparse(annotation)) for annotation in fields)


@pytest.mark.parametrize("top", ["theory", "simulations", "proofs_check", "figures", "grokflow"])
def test_dataclasses_with_arrays_have_no_generated_equality(top):
    trees = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in FILES]
    lacking = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, tree in trees
        if path.relative_to(ROOT).parts[0] == top
        for node, decorator in dataclasses(tree)
        if holds_arrays(node) and "eq=False" not in decorator
    ]
    assert lacking == []


def test_the_search_finds_one_that_is_missing():
    tree = ast.parse("@dataclass(frozen=True)\nclass A:\n    x: np.ndarray | None = None\n")
    ((node, decorator),) = dataclasses(tree)
    assert holds_arrays(node) and "eq=False" not in decorator
