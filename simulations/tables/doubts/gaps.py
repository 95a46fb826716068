"""Gaps among the inputs, with the means of their columns in their place."""

from __future__ import annotations

import numpy as np


def filled(
    train: np.ndarray, test: np.ndarray, columns: tuple[str, ...], notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Fill gaps with the mean of the column over the training rows, and say how many there are.

    A gap in a column of words is one, though it is a gap in all inputs that the column became.
    """
    present = ~np.isnan(train)
    first = np.unique(columns or np.arange(train.shape[1]), return_index=True)[1]
    counts = present.sum(axis=0)
    if not counts.all():
        column = int(np.flatnonzero(counts == 0)[0])
        raise ValueError(
            f"input {column + 1} has no value in any training row, expected some for a mean: "
            "leave the column out"
        )
    means = np.where(present, train, 0.0).sum(axis=0) / counts
    gaps = int((~present[:, first]).sum() + np.isnan(test[:, first]).sum())
    notes.append(f"{gaps} missing values replaced by the mean of their column in training")
    return np.where(present, train, means), np.where(np.isnan(test), means, test)
