"""What y is: two classes, several, or real targets; and what was made of it, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

# Whole numbers with at most so many values, each of which occurs twice on average, are classes.
_MOST_CLASSES = 20
# Classes that a note lists.
_LISTED = 10
# Characters of a name that a note repeats.
_LONGEST = 40
# What reads numbers that are taken for classes as what they are.
_AS_NUMBERS = "regression=True (--regression) reads them as numbers"
# A whole number as it is written; no more digits than Python reads.
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as problems have them.

    Parameters
    ----------
    regression : bool
        Whether they are real targets.
    y, y_test : ndarray, shapes (n,) and (m,)
        Real targets; -1 and +1 for two classes; for k classes their numbers 0 to k - 1. Without a
        test set, `y_test` is None.
    classes : tuple of str
        The names of the classes, in the order of the numbers; none for real targets.
    notes : tuple of str
        How y was read, in a line.
    """

    regression: bool
    y: np.ndarray
    y_test: np.ndarray | None
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_labels(
    y: np.ndarray,
    y_test: np.ndarray | None = None,
    *,
    regression: bool | None = None,
    positive: str | float | None = None,
    what: str = "y",
) -> Labels:
    """Decide what labels are, and turn them into numbers.

    Parameters
    ----------
    y : ndarray, shape (n,)
        float64, or words as an array of objects.
    y_test : ndarray, shape (m,), optional
        The same of a test set.
    regression : bool, optional
        Whether y is a real target. By default words are classes, as are two values, and whole
        numbers of at most 20 values that occur twice on average.
    positive : str or float, optional
        The class that becomes +1; all others become -1.
    what : str
        What messages call y.

    Raises
    ------
    ValueError
        In one line, for labels that are neither, and test labels that do not occur in y.
    """
    asked = regression
    if regression is None and positive is None:
        regression = not _are_classes(y)
    if regression:
        if positive is not None:
            raise ValueError(
                f"positive is {positive!r} with regression, expected a class: leave one of them out"
            )
        return _targets(y, y_test, what)
    names = _distinct(y)
    if len(names) < 2:
        which = "" if y_test is None else "training "
        raise ValueError(
            f"{what} is {names[0]} in all {len(y)} {which}rows, expected two classes at least: add "
            f"rows of another class{'' if y.dtype.kind == 'O' else f', or {_AS_NUMBERS}'}"
        )
    if positive is None and y.dtype.kind == "f" and len(names) > 2 and not _are_classes(y):
        raise ValueError(
            f"{what} has {len(names)} distinct values, expected 2, or whole numbers of at most "
            f"{_MOST_CLASSES} values that repeat, for classification: use the square loss for "
            "real targets"
        )
    if positive is not None:
        return _one_against_rest(y, y_test, names, positive, what)
    numbers = asked is None and y.dtype.kind == "f"
    remedy = f"recode it, or {_AS_NUMBERS}" if numbers else "recode it"
    found = _classes(y, y_test, names, what, remedy)
    if numbers and len(names) > 2:
        said = f"{found.notes[0]}; {_AS_NUMBERS}"
        return replace(found, notes=(said, *found.notes[1:]))
    return found


def signs_of(y: np.ndarray, y_test: np.ndarray | None = None) -> Labels:
    """Return labels as -1 and +1, whatever the two classes are called.

    Parameters
    ----------
    y, y_test : ndarray, shapes (n,) and (m,)
        Numbers or words; labels that are -1 and +1 may all be equal.

    Raises
    ------
    ValueError
        For more than two classes, and test labels that do not occur in y.
    """
    if y.dtype.kind == "f" and set(np.unique(y).tolist()) <= {-1.0, 1.0}:
        # As if both classes were there, of which the notes would say nothing.
        found = _classes(np.append(y, (-1.0, 1.0)), y_test, ["-1", "1"], "y")
        return Labels(False, y, found.y_test, found.classes, found.notes[1:])
    found = read_labels(y, regression=False)
    if len(found.classes) > 2:
        raise ValueError(
            f"y has {len(found.classes)} classes ({_listed(list(found.classes))}), expected 2 for "
            "classification: gf.as_problem(x, y, positive=...) sets one against the rest"
        )
    return found if y_test is None else read_labels(y, y_test, regression=False)


class NumberedLabels(NamedTuple):
    """The classes of training and test samples as their places in the list of classes."""

    y: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]


def numbered_labels(y: np.ndarray, y_test: np.ndarray) -> NumberedLabels:
    """Return classes, two or more, by their numbers from 0.

    Parameters
    ----------
    y, y_test : ndarray, shapes (n,) and (m,)
        Numbers or words.

    Raises
    ------
    ValueError
        For a single class, and test labels that do not occur in y.
    """
    names = _distinct(y)
    if len(names) < 2:
        held = f"one class, {names[0]}" if names else "no label"
        raise ValueError(f"y holds {held}, expected at least two: add samples of another class")
    table = {name: float(i) for i, name in enumerate(names)}
    return NumberedLabels(
        _numbered(y, table, "y"), _numbered(y_test, table, "y_test"), tuple(names)
    )


class Alike(NamedTuple):
    """Different labels that are one number: two of them, and whether they are names of classes."""

    example: tuple[str, str]
    are_names: bool


def kept_apart(labels: np.ndarray, numbers: np.ndarray) -> Alike | None:
    """Say whether different labels are one number, as 01 and 1 are, or 2^53 and 2^53 + 1.

    Parameters
    ----------
    labels : ndarray, shape (n,)
        Whole numbers, or words.
    numbers : ndarray, shape (n,)
        The same in double precision.

    Returns
    -------
    Alike or None
        None where different labels are different numbers. Whole numbers of few values, written
        without a point, are names of classes; others, as 1 and 1.0, are the number that they are.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.theory.labels import kept_apart
    >>> kept_apart(np.array(["01", "1", "01", "1"], dtype=object), np.ones(4))
    Alike(example=('01', '1'), are_names=True)
    >>> kept_apart(np.array([1, 2]), np.array([1.0, 2.0])) is None
    True
    """
    seen: dict[float, object] = {}
    distinct, example = set(labels.tolist()), None
    if len(distinct) == len(np.unique(numbers)):
        return None
    for label, number in zip(labels.tolist(), numbers.tolist(), strict=True):
        other = seen.setdefault(number, label)
        if other != label and example is None:
            example = (str(other), str(label))
    assert example is not None
    whole = all(isinstance(label, int) or _WHOLE.fullmatch(str(label)) for label in distinct)
    return Alike(example, whole and _are_few(len(distinct), len(labels)))


def _are_few(distinct: int, count: int) -> bool:
    """Whether so many distinct labels are those of classes, if nobody says what they are."""
    return distinct <= 2 or (distinct <= _MOST_CLASSES and 2 * distinct <= count)


def name_of(label: object) -> str:
    """Return how a label is written, different ones differently: whole numbers without a point."""
    if isinstance(label, float):
        # Up to 2^53 every whole number is a number of double precision.
        return str(int(label)) if label.is_integer() and abs(label) <= 2**53 else repr(label)
    return str(label)


def _are_classes(y: np.ndarray) -> bool:
    """Whether labels are classes, if nobody says what they are."""
    if y.dtype.kind == "O":
        return True
    values = np.unique(y)
    whole = len(values) <= 2 or bool((values == np.round(values)).all())
    return whole and _are_few(len(values), len(y))


def _distinct(y: np.ndarray) -> list[str]:
    """Return the names of the labels in their order."""
    if y.dtype.kind != "O":
        return [name_of(value) for value in np.unique(y).tolist()]
    words = set(y.tolist())
    return sorted(words, key=_place if all(word.isdecimal() for word in words) else None)


def _place(word: str) -> tuple[int, str, str]:
    """Return what orders words of digits as their numbers, which may have any length."""
    digits = word.lstrip("0")
    return len(digits), digits, word


def _targets(y: np.ndarray, y_test: np.ndarray | None, what: str) -> Labels:
    for name, labels in ((what, y), (f"{what}_test", y_test)):
        if labels is not None and labels.dtype.kind == "O":
            raise ValueError(
                f"{name} holds the word {labels[0]!r}, expected numbers for "
                "regression=True (--regression or --loss square): recode it, or read it as classes "
                "with regression=False (--loss logistic, or --loss one-hot for least squares)"
            )
    note = f"{what} read as real targets from {y.min():g} to {y.max():g}"
    if len(np.unique(y)) == 2:
        note += "; regression=False (--loss logistic) reads its two values as classes"
    return Labels(True, y, y_test, (), (note,))


def _one_against_rest(
    y: np.ndarray,
    y_test: np.ndarray | None,
    names: list[str],
    positive: str | float,
    what: str,
) -> Labels:
    wanted = name_of(float(positive)) if isinstance(positive, int | float) else str(positive)
    if wanted not in names:
        raise ValueError(
            f"positive is {wanted!r}, expected a class of {what}, {_listed(names)}: pick one"
        )
    rest = [name for name in names if name != wanted]
    signs = dict.fromkeys(rest, -1.0) | {wanted: 1.0}
    named = names if len(names) == 2 else [f"not {wanted}", wanted]
    note = f"{what} read as {wanted} (+1) against {_listed(rest)} (-1)"
    extra = _numbered(y_test, signs, f"{what}_test") if y_test is not None else None
    return Labels(False, _numbered(y, signs, what), extra, tuple(named), (note,))


def _classes(
    y: np.ndarray,
    y_test: np.ndarray | None,
    names: list[str],
    what: str,
    remedy: str = "recode it",
) -> Labels:
    """Give every class a number; two are -1 and +1."""
    two = len(names) == 2
    numbers = (-1.0, 1.0) if two else tuple(float(i) for i in range(len(names)))
    table = dict(zip(names, numbers, strict=True))
    found = _numbered(y, table, what)
    counts = [int((found == number).sum()) for number in numbers]
    renamed = two and names != ["-1", "1"]
    said = [
        f"{name}{f' as {number:+g}' if renamed else ''} ({count} row{'s' if count > 1 else ''})"
        for name, number, count in zip(map(_shown, names), numbers, counts, strict=True)
    ]
    more = f", ... and {len(said) - _LISTED} more" if len(said) > _LISTED else ""
    notes = [f"{what} read as {len(names)} classes: {', '.join(said[:_LISTED])}{more}"]
    extra = None
    if y_test is not None:
        if names == ["-1", "1"] and set(_distinct(y_test)) == {"0", "1"}:
            table |= {"0": -1.0}
            notes.append(f"{what}_test has 0 for -1")
        extra = _numbered(y_test, table, f"{what}_test", remedy)
    return Labels(False, found, extra, tuple(names), tuple(notes))


def _numbered(
    y: np.ndarray, table: Mapping[str, float], what: str, remedy: str = "recode it"
) -> np.ndarray:
    """Return the number of every label; ValueError, with what helps, for one that has none."""
    values, places = np.unique(y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True)
    names = [name_of(value) for value in values.tolist()]
    if unknown := [name for name in names if name not in table]:
        raise ValueError(
            f"{what} holds {unknown[0]}, expected {_listed(list(table))} as in y: {remedy}"
        )
    return np.array([table[name] for name in names])[places.reshape(-1)]


def _listed(names: list[str]) -> str:
    """Return the first names in a list."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(_shown, names[:_LISTED])) + more


def _shown(name: str) -> str:
    """Return a name as notes have it, of which some are whole texts."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def names_of_categories(value: Any) -> Any:
    """Return what pandas calls categories as the names of classes, also where they are numbers."""
    if getattr(getattr(value, "dtype", None), "categories", None) is None:
        return value
    items = list(value)
    names = np.empty(len(items), dtype=object)
    names[:] = [None if is_missing(item) else name_of(item) for item in items]
    return names


def is_missing(item: Any) -> bool:
    """Whether an item is None, NaN, or what pandas has for it, which has no truth value."""
    try:
        return item is None or bool(item != item)
    except (TypeError, ValueError):
        return True
