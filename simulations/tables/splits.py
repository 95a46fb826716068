"""Which rows are tested on: those that the data mark, or some of each class, drawn by a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.contents import Column
from grokflow.simulations.tables.reading import spelled

_WORDS = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("test", "testing"), "test")
    | dict.fromkeys(("val", "valid", "validation", "dev"), "val")
)
# What numbers mark, by how many of them there are.
_NUMBERS = {2: {"0": "train", "1": "test"}, 3: {"0": "train", "1": "val", "2": "test"}}


class Split(NamedTuple):
    """Masks of training and test rows, and what there is to say of them."""

    train: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()


def marked(column: Column, remedy: str | None = None) -> Split:
    """Return the split that a column of words marks; rows for validation are left out.

    Parameters
    ----------
    column : Column
        The words train, test and val; or the numbers 0 and 1 for train and test, and 0, 1 and 2 for
        train, val and test.
    remedy : str, optional
        What to do about another column; by default to leave it out.

    Raises
    ------
    ValueError
        For blanks and other words, and where no row is left to train or to test on.
    """
    remedy = remedy or f"leave the column out with {spelled('drop', column.name)}"
    words = [_word(value) for value in column.values.tolist()]
    numbered = set(words) in ({"0", "1"}, {"0", "1", "2"})
    known = _NUMBERS[len(set(words))] if numbered else _WORDS
    for row, word in enumerate(words):
        if column.missing[row] or word not in known:
            said = "is blank" if column.missing[row] else f"is {str(column.values[row])!r}"
            raise ValueError(
                f"{column.label} {said} in row {row + 1}, expected train, test or val: mend it, or "
                f"{remedy}"
            )
    part = np.array([known[word] for word in words])
    train, test, out = part == "train", part == "test", int((part == "val").sum())
    if not train.any() or not test.any():
        lacking = "train" if not train.any() else "test"
        raise ValueError(
            f"{column.label} marks no row {lacking}, expected rows to train and to test on: mark "
            f"some, or {remedy}"
        )
    left = f", {out} rows for validation left out" if out else ""
    how = ", ".join(f"{number} as {name}" for number, name in known.items()) if numbered else ""
    note = f"{column.label} marks {train.sum()} rows to train and {test.sum()} to test on{left}"
    return Split(train, test, (f"{note}, with {how}" if how else note,))


def _word(value: object) -> str:
    """Return a mark in small letters, numbers as whole ones."""
    return str(value).strip().lower().removesuffix(".0")


def remark_on_seed(seed: int) -> tuple[str, ...]:
    """Say that a seed that was asked for draws nothing, as the data say what is tested on."""
    return (f"seed {seed} draws no test set: the data have their own",) if seed else ()


def held_out(classes: np.ndarray | None, rows: int, holdout: float, seed: int) -> Split:
    """Draw test rows: a share of each class, so that none of them is lost from training.

    Parameters
    ----------
    classes : ndarray, shape (rows,), or None
        The class of every row; None for real targets.
    rows : int
        Number of rows.
    holdout : float
        Share of the rows that is tested on.
    seed : int
        Seed of the draw.

    Raises
    ------
    ValueError
        Where the share leaves nothing to train or to test on.
    """
    order = np.random.default_rng(seed).permutation(rows)
    groups = [np.ones(rows, dtype=bool)] if classes is None else _groups(classes)
    test = np.zeros(rows, dtype=bool)
    for group in groups:
        members = order[group[order]]
        held = round(holdout * len(members))
        if classes is not None:
            # Two rows or more: one at least on each side. A single one is learned.
            held = min(max(held, 1), len(members) - 1)
        test[members[:held]] = True
    count = int(test.sum())
    if not 1 <= count < rows:
        share = "add rows" if rows == 1 else "take holdout=0.5 (--set holdout=0.5)"
        raise ValueError(
            f"holding out {holdout:g} of {rows} rows leaves {rows - count} to train and {count} to "
            f"test, expected one of each at least: {share}, or give test rows of their own (a "
            "column split, or X_test and y_test)"
        )
    return Split(~test, test, _drawn(count, rows, groups, holdout, seed, classes is not None))


def _drawn(
    count: int, rows: int, groups: list[np.ndarray], holdout: float, seed: int, by_class: bool
) -> tuple[str, ...]:
    """Say what was drawn, and why it is not the share that was asked for."""
    wanted, alone = round(holdout * rows), sum(int(group.sum()) == 1 for group in groups)
    said = ", class by class" if by_class else ""
    why = ""
    if abs(count - wanted) > max(2, wanted / 10):
        why = (
            f", and not {wanted} as holdout = {holdout:g} asks for: classes of two rows or more "
            "have one at least on either side, those of a single row are learned"
        )
    notes = [f"no test set in the data: {count} of {rows} rows held out{said} (seed {seed}){why}"]
    if alone and by_class:
        doubt = ": perhaps y is no class" if 2 * alone > len(groups) else ""
        notes.append(
            f"{alone} of {len(groups)} classes have a single row, which is not tested on{doubt}"
        )
    return tuple(notes)


def _groups(classes: np.ndarray) -> list[np.ndarray]:
    return [classes == value for value in np.unique(classes)]
