"""The mutants of a formula, and how one of them takes its place for a while.

A formula is a function, or a predictor: a class whose method `predict` has a rival in another norm.
A mutant of a function is put in place through its code, so that all who have imported the function
use it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FunctionType
from typing import NamedTuple

from grokflow.proofs_check.mutants.expressions import Place, changes, places
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm

Formula = Callable[..., object]

# Stands in source for a function that is called.
_TO_CALL = "the function to call"

_RIVALS: dict[Formula, Formula] = {
    MaxL1Margin: MaxL2Margin,
    MaxL2Margin: MaxL1Margin,
    MinL1Norm: MinL2Norm,
    MinL2Norm: MinL1Norm,
}


class Mutant(NamedTuple):
    """A formula with one thing changed.

    Parameters
    ----------
    formula : str
        Name of the function or predictor.
    change : str
        What became of what.
    owner : object
        What holds the formula: the function, or the class.
    attribute : str
        Under which name.
    value : object
        What stands there in its place.
    """

    formula: str
    change: str
    owner: object
    attribute: str
    value: object

    @property
    def name(self) -> str:
        """The formula and its change, in one line."""
        return f"{self.formula}: {self.change}"

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the mutant stand for the formula."""
        before = getattr(self.owner, self.attribute)
        setattr(self.owner, self.attribute, self.value)
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, before)


def mutants_of(formula: Formula) -> list[Mutant]:
    """Return the mutants of a function or a predictor.

    Raises
    ------
    ValueError
        For a class without a rival, and for a function whose source cannot be changed.
    """
    if isinstance(formula, type):
        return [_rival(formula)]
    function, tree, definition = _source(formula)
    # The same expression may stand in several lines: each of its changes has a name of its own.
    seen: Counter[str] = Counter()
    found = []
    for change, code in _changed(tree, definition):
        seen[change] += 1
        place = f" (place {seen[change]})" if seen[change] > 1 else ""
        found.append(Mutant(function.__qualname__, change + place, function, "__code__", code))
    return found


def noting(formula: Formula, note: Callable[[object], None]) -> Mutant:
    """Return the formula as it is, but that `note` is called with its owner where it is used.

    Unlike a profiler this costs nothing where other code runs.
    """
    if isinstance(formula, type):
        own = vars(formula)["predict"]

        def predict(*arguments: object, **more: object) -> object:
            note(formula)
            return own(*arguments, **more)

        return Mutant(formula.__name__, "is noted", formula, "predict", predict)
    function, tree, definition = _source(formula)
    # Code has no room for the function that it is to call but among its constants.
    definition.body.insert(0, ast.parse(f"{_TO_CALL!r}.__call__()").body[0])
    code = _code(tree, definition.name)
    called = partial(note, function)
    constants = tuple(called if item == _TO_CALL else item for item in code.co_consts)
    noted = code.replace(co_consts=constants)
    return Mutant(function.__qualname__, "is noted", function, "__code__", noted)


def _source(formula: Formula) -> tuple[FunctionType, ast.Module, ast.FunctionDef]:
    """Return the function of a formula with its source, without decorators."""
    function = inspect.unwrap(formula)
    if not isinstance(function, FunctionType) or function.__closure__:
        raise ValueError(
            f"{formula!r} cannot be mutated, expected a function of a module or a predictor: "
            "write the formula as such a function"
        )
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise ValueError(f"{formula!r} is no function with a name: write the formula as one")
    definition.decorator_list, definition.returns = [], None
    return function, tree, definition


def _rival(predictor: type) -> Mutant:
    if predictor not in _RIVALS:
        known = ", ".join(item.__name__ for item in _RIVALS if isinstance(item, type))
        raise ValueError(f"{predictor.__name__} has no rival in another norm, expected {known}")
    rival = _RIVALS[predictor]

    own = vars(predictor)["predict"]

    def predict(self: object, problem: object, **more: object) -> object:
        # A rival may start from the predictor itself, which then has to be the true one.
        with Mutant("", "", predictor, "predict", own).in_place():
            return rival().predict(problem)  # type: ignore[attr-defined]

    change = f"becomes {getattr(rival, '__name__', rival)}"
    return Mutant(predictor.__name__, change, predictor, "predict", predict)


def _changed(tree: ast.Module, definition: ast.FunctionDef) -> Iterator[tuple[str, CodeType]]:
    """Yield what is changed, in words, with the code that comes of it."""
    for place in list(places(definition)):
        before = place.node
        for after in changes(place):
            place.put(ast.copy_location(after, before))
            code = _code(tree, definition.name)
            place.put(before)
            yield f"{_said(before, place)} becomes {_said(after, place)}", code


def _said(node: ast.expr, place: Place) -> str:
    """Return an expression in words: a number to three digits, with what stands around it."""
    held = place.node
    digits = f"{float(str(node.value)):.3g}" if isinstance(node, ast.Constant) else ""
    if not isinstance(held, ast.Constant) or not isinstance(place.owner, ast.expr):
        return digits or ast.unparse(node)
    place.put(ast.Name(digits) if digits else node)
    said = ast.unparse(place.owner)
    place.put(held)
    return said


def _code(tree: ast.Module, name: str) -> CodeType:
    compiled = compile(ast.fix_missing_locations(tree), "<mutant>", "exec", dont_inherit=True)
    return next(
        item for item in compiled.co_consts if isinstance(item, CodeType) and item.co_name == name
    )
