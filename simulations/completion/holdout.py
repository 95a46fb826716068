"""Which of the observed entries are held out for testing, when a file has none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.theory.completion.problem import TestEntries


class Split(NamedTuple):
    """Entries to learn and entries to predict."""

    train: TestEntries
    test: TestEntries


def hold_out_pairs(entries: TestEntries, seed: int, holdout: float) -> Split:
    """Split entries of a symmetric matrix; a test entry has no mirror among the others."""
    low, high = np.minimum(*entries[:2]), np.maximum(*entries[:2])
    pairs = np.unique(np.column_stack([low, high]), axis=0, return_inverse=True)[1].ravel()
    distinct = int(pairs.max(initial=-1)) + 1
    count = _count(holdout, distinct)
    held = np.isin(pairs, np.random.default_rng(seed).permutation(distinct)[:count])
    return _split(entries, held)


def hold_out_by_row(entries: TestEntries, seed: int, holdout: float) -> Split:
    """Split entries of a rectangular matrix, with the same share of every row to within one entry.

    A row or a column that would have nothing to learn from gets its first entry back.
    """
    rows, columns, _ = entries
    entry = np.unique(np.column_stack([rows, columns]), axis=0, return_inverse=True)[1].ravel()
    distinct, first = np.unique(entry, return_index=True)
    _count(holdout, len(distinct))
    rng = np.random.default_rng(seed)
    # Every 1/holdout-th entry of a list by rows, in random order within each of them.
    order = np.lexsort((rng.random(len(distinct)), rows[first]))
    steps = np.floor(np.arange(len(distinct) + 1) * holdout + rng.random())
    chosen = np.zeros(len(distinct), bool)
    chosen[order] = np.diff(steps) > 0
    for index in (rows[first], columns[first]):
        left = np.bincount(index[~chosen], minlength=int(index.max()) + 1)
        alone, at = np.unique(index, return_index=True)
        chosen[at[left[alone] == 0]] = False
    if not chosen.any():
        raise ValueError(
            f"holding out {holdout} of {len(distinct)} entries would leave a row or a column "
            "without any, expected two entries in some of them: add entries, or set holdout=0"
        )
    return _split(entries, chosen[entry])


def _count(holdout: float, distinct: int) -> int:
    """Return how many of the distinct entries are held out; some, and not all."""
    count = round(holdout * distinct)
    if not 1 <= count < distinct:
        raise ValueError(
            f"holding out {holdout} of {distinct} distinct entries leaves {distinct - count} to "
            f"train and {count} to test, expected one of each at least: add entries, or holdout=0"
        )
    return count


def _split(entries: TestEntries, held: np.ndarray) -> Split:
    return Split(
        TestEntries(*(part[~held] for part in entries)),
        TestEntries(*(part[held] for part in entries)),
    )
