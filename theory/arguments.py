"""What arguments are refused for: another kind, another range, a name that does not exist.

Examples
--------
>>> from grokflow.theory.arguments import check_number
>>> check_number("alpha", "10")
Traceback (most recent call last):
    ...
ValueError: alpha is a str, expected a number: convert it
"""

from __future__ import annotations

import sys
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import TypeVar

Member = TypeVar("Member", bound=Enum)

# Scales in which double precision holds the states of the reduced flows.
ALPHA_RANGE = (1e-12, 1e120)
LAM_RANGE = (1e-140, 1e2)


def check_kind(name: str, value: object, kind: type, remedy: str) -> None:
    """Refuse an argument of another class.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : object
        The argument.
    kind : type
        The class that is expected.
    remedy : str
        What to do instead.
    """
    if not isinstance(value, kind):
        raise ValueError(
            f"{name} is a {type(value).__name__}, expected a {kind.__name__}: {remedy}"
        )


# What takes the data of each kind, and what makes them.
_TAKERS = {
    "Problem": "gf.forecast and gf.DiagonalStart take it",
    "ClassesProblem": "gf.forecast_softmax and gf.forecast_classes forecast several classes, "
    "gf.SoftmaxFlow and gf.follow_classes follow them, gf.as_problem(x, y, positive=...) sets "
    "one against the rest",
    "CompletionProblem": "gf.forecast_completion and gf.CompletionStart take it",
    "NetProblem": "gf.NetStart takes it",
}
_MAKERS = {
    "Problem": "gf.as_problem(x, y) or gf.load(file)",
    "ClassesProblem": "gf.make_classes_problem",
    "CompletionProblem": "gf.load_entries or gf.make_matrix_problem",
    "NetProblem": "gf.NetProblem",
}


def check_data(problem: object, kind: type) -> None:
    """Refuse data of another kind than a function takes, and name what takes them.

    Parameters
    ----------
    problem : object
        The data.
    kind : type
        The kind of problem that is expected.
    """
    takers = _TAKERS.get(type(problem).__name__)
    made = f"make one with {_MAKERS[kind.__name__]}"
    check_kind("problem", problem, kind, takers or made)


def written(value: float | int) -> str:
    """Return a number as messages write it, also one that is too large for a double."""
    try:
        return f"{float(value):g}"
    except OverflowError:
        return f"{Decimal(int(value)):.3g}"


def check_number(name: str, value: object) -> None:
    """Refuse text, arrays, truth values and whatever else is no real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} is a {type(value).__name__}, expected a number: convert it")


def check_range(name: str, value: float | int, bounds: tuple[float, float]) -> None:
    """Refuse what is no number, a value outside its range, and NaN."""
    check_number(name, value)
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(
            f"{name} is {written(value)}, expected {low:g} to {high:g}: choose a value in range"
        )


def check_positive(name: str, value: float | int, remedy: str = "choose another value") -> None:
    """Refuse what is no number, or is not above 0 and finite."""
    check_number(name, value)
    if not 0 < value <= sys.float_info.max:
        raise ValueError(f"{name} is {written(value)}, expected a finite number above 0: {remedy}")


def check_fraction(name: str, value: float | int, remedy: str) -> None:
    """Refuse what is no number, or is not above 0 and below 1."""
    check_number(name, value)
    if not 0 < value < 1:
        raise ValueError(f"{name} is {written(value)}, expected above 0 and below 1: {remedy}")


def check_whole(name: str, value: float | int) -> None:
    """Refuse what is no number, and numbers that are not whole."""
    check_number(name, value)
    if not abs(value) < float("inf") or value != int(value):
        raise ValueError(f"{name} is {written(value)}, expected a whole number: round it")


def check_count(name: str, value: int, least: int = 1) -> None:
    """Refuse what is no number of things: a float too, whatever its value."""
    check_number(name, value)
    if not isinstance(value, Integral):
        raise ValueError(
            f"{name} is {written(value)}, a {type(value).__name__}, expected a whole number: "
            "convert it with int"
        )
    if value < least:
        raise ValueError(
            f"{name} is {written(value)}, expected at least {least}: choose a larger {name}"
        )


def check_seed(value: int) -> None:
    """Refuse what is no seed."""
    check_count("seed", value, 0)


def check_flag(name: str, value: bool) -> None:
    """Refuse whatever is neither true nor false, such as a word, which would count as true."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(
            f"{name} is a {type(value).__name__}, expected True or False: give one of them"
        )


def member_of(kind: type[Member], name: str, value: Member | str) -> Member:
    """Return the member of an enumeration, which may be given by its name in lower case.

    Parameters
    ----------
    kind : type of Enum
        The enumeration.
    name : str
        What the argument is called.
    value : member or str
        The argument.

    Raises
    ------
    ValueError
        For anything else; the message lists the names.
    """
    if isinstance(value, kind):
        return value
    known = {member.name.lower().replace("_", "-"): member for member in kind}
    if isinstance(value, str) and value in known:
        return known[value]
    raise ValueError(f"{name} is {value!r}, expected {', '.join(known)}: pick one")


def set_members(settings: object, **kinds: type[Enum]) -> None:
    """Replace names by members of enumerations in settings that are being made.

    Parameters
    ----------
    settings : frozen dataclass
        What is being made: the function is for its `__post_init__`.
    **kinds : type of Enum
        The enumeration of each setting.
    """
    for name, kind in kinds.items():
        object.__setattr__(settings, name, member_of(kind, name, getattr(settings, name)))
