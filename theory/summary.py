"""How results show themselves: in a line or two as text, as a small table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from html import escape
from textwrap import fill
from typing import Any, ClassVar

import numpy as np

_LINE_WIDTH = 100


class Summarised:
    """A result that shows what it says instead of all the numbers that it holds.

    A subclass is a dataclass made with ``repr=False``. By default it shows its fields, arrays by
    their shape; it overrides `_summary` to show less, or what follows from them.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __repr__(self) -> str:
        """Return the values in a line, which is folded when it is long."""
        values = ", ".join(f"{name}={brief(value)}" for name, value in self._summary().items())
        text = f"{type(self).__name__}({values})"
        return fill(
            text,
            _LINE_WIDTH,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _repr_html_(self) -> str:
        """Return the values as the table that a notebook shows."""
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(brief(value))}</td></tr>"
            for name, value in self._summary().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


def brief(value: object) -> str:
    """Return a value in a few characters: four digits, or what kind of thing it is."""
    match value:
        case str():
            return value
        case float():
            return f"{value:.4g}"
        case Enum():
            return str(value.value)
        case tuple() if hasattr(value, "_fields"):
            named = zip(value._fields, value, strict=True)
            return f"({', '.join(f'{name}={brief(item)}' for name, item in named)})"
        case Mapping() | tuple() | list() as many:
            return f"{len(many)} {'entry' if len(many) == 1 else 'entries'}"
        case None | bool() | int() | Summarised():
            return str(value)
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"array{tuple(shape)}"
    if is_dataclass(value) or isinstance(value, Sized):
        return type(value).__name__
    return str(value)


def between(first: float, last: float) -> str:
    """Return a range of values, or a change, as ``first → last``."""
    return f"{first:.4g} → {last:.4g}"


def ends(values: np.ndarray) -> str:
    """Return the first and the last value of a curve as ``first → last``."""
    return between(float(values[0]), float(values[-1])) if len(values) else "none"
