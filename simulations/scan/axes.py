"""Axes of a scan: values listed, or spaced evenly in their logarithm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from grokflow.simulations.scan.cells import Value

# Digits that name a value: the last bits of a power differ between libraries of mathematics.
_DIGITS = 12
# Values of one axis.
_MOST_VALUES = 10**5


def axis(values: Value | Iterable[Value]) -> tuple[Value, ...]:
    """Return the values of an axis.

    Parameters
    ----------
    values : number, str or iterable
        ``"lo:hi:count"`` for logarithmic spacing with both ends, ``"a,b,c"``, one value, or a
        list.

    Raises
    ------
    ValueError
        For text that is neither, a spacing that is not from above 0, and values that repeat.
    """
    if isinstance(values, str):
        found = _spaced(values) if ":" in values else tuple(map(_value, values.split(",")))
    elif isinstance(values, (int, float)):
        found = (values,)
    else:
        found = tuple(_plain(value) for value in values)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"axis is {found}, expected distinct values: drop the copies")
    return found


def rounded(value: float) -> float:
    """Return the number that its first twelve digits name."""
    return float(f"{value:.{_DIGITS}g}")


def _spaced(text: str) -> tuple[Value, ...]:
    try:
        low, high, count = text.split(":")
        ends, points = np.array([float(low), float(high)]), int(count)
    except ValueError:
        ends, points = np.zeros(2), 0
    if not (
        np.isfinite(ends).all()
        and (ends > 0).all()
        and 1 < points <= _MOST_VALUES
        and ends[0] != ends[1]
    ):
        raise ValueError(
            f"axis is {text!r}, expected LOW:HIGH:COUNT with both ends above 0 and a count of at "
            f"least 2 and at most {_MOST_VALUES}: for example 1e1:1e8:15"
        )
    return tuple(rounded(float(value)) for value in np.geomspace(ends[0], ends[1], points))


def _value(text: str) -> Value:
    """Return a whole number, a number, or the word itself."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return _plain(number)
    if not text.strip():
        raise ValueError("axis has an empty value, expected a,b,c or LOW:HIGH:COUNT: fill it in")
    return text.strip()


def _plain(value: object) -> Value:
    """Return a Python number or word, for numpy's are no JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"axis has the value {value}, expected finite numbers: drop it")
    if not isinstance(value, (int, float, str)):
        raise ValueError(f"axis has the value {value!r}, expected numbers or words: convert it")
    return value
