"""What is changed in the source of a formula: one exponent, constant, sign, term or norm at a time.

Every change is made where the source is arithmetic. Arguments of errors, indices and comparisons
are left alone: they are not what the statement says.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

# A constant is changed by so much, up and down. Claims have to notice 10 to 20 %.
FACTOR = 1.15

# Functions that stand for each other in a wrong formula.
_RIVALS = {"max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum"}


class Place(NamedTuple):
    """An expression in the source, by what holds it."""

    owner: ast.AST
    field: str
    item: int | None

    @property
    def node(self) -> ast.expr:
        """The expression that stands there."""
        held = getattr(self.owner, self.field)
        found: ast.expr = held if self.item is None else held[self.item]
        return found

    def put(self, node: ast.expr) -> None:
        """Put another expression there."""
        if self.item is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.item] = node


def places(owner: ast.AST) -> Iterator[Place]:
    """Yield the places of all expressions below a node that belong to the formula."""
    if isinstance(owner, ast.Raise | ast.Subscript | ast.Compare | ast.JoinedStr | ast.Assert):
        return
    for field, held in ast.iter_fields(owner):
        if field in ("annotation", "decorator_list", "args", "returns") and _is_definition(owner):
            continue
        for index, node in enumerate(held if isinstance(held, list) else [held]):
            if isinstance(node, ast.expr):
                yield Place(owner, field, index if isinstance(held, list) else None)
            if isinstance(node, ast.AST):
                yield from places(node)


def changes(place: Place) -> Iterator[ast.expr]:
    """Yield the wrong expressions that are tried at a place."""
    match place.node:
        case ast.BinOp(left, ast.Add(), right):
            yield from (ast.BinOp(left, ast.Sub(), right), left, right)
        case ast.BinOp(left, ast.Sub(), right):
            yield from (ast.BinOp(left, ast.Add(), right), left)
        case ast.BinOp(left, ast.Mult(), right):
            yield ast.BinOp(left, ast.Div(), right)
        case ast.BinOp(left, ast.Div(), right):
            yield ast.BinOp(left, ast.Mult(), right)
        case ast.BinOp(left, ast.Pow(), right):
            yield ast.BinOp(left, ast.Pow(), ast.BinOp(right, ast.Add(), ast.Constant(1)))
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Constant(int() | float() as value) if _counts(place):
            yield from map(ast.Constant, (FACTOR * value, value / FACTOR) if value else (1.0,))
        case ast.Call():
            yield from _other_calls(place.node)


def _counts(place: Place) -> bool:
    """Whether a constant belongs to the arithmetic: an operand or the result, but no exponent."""
    exponent = isinstance(place.owner, ast.BinOp) and isinstance(place.owner.op, ast.Pow)
    held = isinstance(place.owner, ast.BinOp | ast.Return)
    return held and not (exponent and place.field == "right")


def _other_calls(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("sqrt", "abs") and call.args:
        yield call.args[0]
    if name in ("log", "exp", "log1p", "expm1"):
        yield ast.BinOp(ast.Constant(FACTOR), ast.Mult(), call)
        yield ast.BinOp(call, ast.Div(), ast.Constant(FACTOR))
    if name in _RIVALS:
        yield ast.Call(_renamed(call.func, _RIVALS[name]), call.args, call.keywords)
    if name == "norm" and len(call.args) == 1 and not call.keywords:
        yield ast.Call(call.func, [*call.args, ast.Constant(1)], [])


def _renamed(function: ast.expr, name: str) -> ast.expr:
    if isinstance(function, ast.Attribute):
        return ast.Attribute(function.value, name, function.ctx)
    return ast.Name(name, ast.Load())


def _is_definition(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AnnAssign | ast.arg | ast.Lambda)
