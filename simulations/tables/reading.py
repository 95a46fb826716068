"""What a user may say about data: which column is learned, and what becomes of gaps and words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any

import numpy as np

from grokflow.theory.arguments import check_kind, check_number, check_whole, member_of, written
from grokflow.theory.labels import name_of


class Missing(Enum):
    """What becomes of rows that lack a value."""

    REFUSE = "refuse"
    DROP = "drop"
    MEAN = "mean"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data are read; the defaults leave everything to the data and refuse what is unclear.

    Parameters
    ----------
    target : str, optional
        Name of the column or array that is learned, or the place of a column, from 1. By default
        ``y``, or else ``target``, ``label`` or ``class``, in capitals or not.
    drop : tuple of str
        Columns that are no inputs; one text may name several with commas between them.
    missing : Missing
        Refuse rows that lack a value, drop them, or fill in the mean of the column over the
        training rows.
    na : tuple of str
        Words and numbers that stand for no value, beside those that always do; one text may name
        several with commas between them.
    categories : bool
        Whether a column of words becomes an input of 0 and 1 for each of its words.
    decimal : str, optional
        The decimal mark of a text file, ``.`` or ``,``, where the file leaves it open.
    regression : bool, optional
        Whether y is a real target, see `grokflow.theory.labels`.
    positive : str, optional
        The class that becomes +1, against all others.
    seed, holdout : int and float
        Seed and share of the test rows that are drawn where the data have none.
    """

    target: str | None = None
    drop: tuple[str, ...] = ()
    missing: Missing = Missing.REFUSE
    na: tuple[str, ...] = ()
    categories: bool = False
    decimal: str | None = None
    regression: bool | None = None
    positive: str | None = None
    seed: int = 0
    holdout: float = 0.25

    @property
    def named(self) -> frozenset[str]:
        """The names of columns that the user gives; a text may be one, or several with commas."""
        given = self.drop if self.target is None else (*self.drop, self.target)
        parts = (part for name in given for part in (name, *name.split(",")))
        return frozenset(one_line(part) for part in parts)

    def __post_init__(self) -> None:
        """Refuse what is none of the choices."""
        check_number("holdout", self.holdout)
        if not 0 < self.holdout < 1:
            raise ValueError(
                f"holdout is {written(self.holdout)}, expected 0 < holdout < 1: try holdout=0.25"
            )
        check_number("seed", self.seed)
        check_whole("seed", self.seed)
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected at least 0: choose another seed")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal is {self.decimal!r}, expected '.' or ',': pick one")
        check_kind("categories", self.categories, bool, "give True or False")
        if self.regression is not None:
            check_kind("regression", self.regression, bool, "give True, False or None")


def reading_of(**asked: Any) -> Reading:
    """Return a reading of what users give: names may be numbers, choices go by their names.

    Parameters
    ----------
    **asked
        The parameters of `Reading`.

    Raises
    ------
    ValueError
        For what is none of the choices.
    """
    found = dict(asked)
    for name in ("target", "positive"):
        if found.get(name) is not None:
            found[name] = _one_name(name, found[name])
    for name, what in (("drop", "names of columns"), ("na", "words that stand for no value")):
        given = _several(name, found.get(name), what)
        found[name] = tuple(_as_name(item) for item in given if item != "")
    found["missing"] = member_of(Missing, "missing", found.get("missing", Missing.REFUSE))
    return Reading(**found)


def one_line(name: str) -> str:
    """Return a name with single blanks in the place of all white space, by which names are told."""
    return " ".join(name.split())


def spelled(key: str, value: str) -> str:
    """Return a setting as Python takes it, and in brackets as a shell takes the option."""
    word = shlex.quote(one_line(value) if key in ("drop", "target") else value)
    return f"{key}={value!r} (--{key}{'=' if value.startswith('-') else ' '}{word})"


def likely(setting: str, name: str, names: Iterable[str]) -> str:
    """Propose the name that is nearest, whatever its capitals; or that it be checked."""
    lower = {other.lower(): other for other in names}
    near = get_close_matches(name.lower(), lower, n=1)
    return f"perhaps {spelled(setting, lower[near[0]])}" if near else "check the name"


def _one_name(setting: str, value: object) -> str:
    """Return the name of one column or class; columns of pandas may be called by a tuple."""
    if np.ndim(value) > 0 and not isinstance(value, tuple):  # type: ignore[arg-type]
        remedy = "give labels as y" if setting == "target" else "pick one class"
        raise ValueError(f"{setting} is a {type(value).__name__}, expected one name: {remedy}")
    return _as_name(value)


def _as_name(value: object) -> str:
    """Return a name; those of columns and classes may be numbers."""
    return name_of(float(value)) if isinstance(value, float) else str(value)


def _several(setting: str, value: object, what: str) -> list[object]:
    """Return several names, of which one may stand alone; none for None."""
    if value is None:
        return []
    if isinstance(value, str | int | float):
        return [value]
    if isinstance(value, Iterable) and getattr(value, "ndim", 1) == 1:
        return list(value)
    raise ValueError(f"{setting} is a {type(value).__name__}, expected {what}: give a list")
