"""Equal columns: which of many minimisers of an L1 penalty the flow heads for."""

from __future__ import annotations

import numpy as np

from grokflow.theory.linear.problem import Problem


def spread_over_equal_columns(problem: Problem, w: np.ndarray) -> np.ndarray:
    """Return weights of shape (d,) with equal outputs and norm, alike on equal columns.

    Columns that are equal up to their sign start alike and feel the same pull, so the flow keeps
    their weights equal up to that sign; an L1 penalty does not care how they share, as long as no
    weight is of the wrong sign.
    """
    columns = problem.inputs.to_array().T
    first = columns[np.arange(len(columns)), np.argmax(columns != 0, axis=1)]
    sign = np.where(first < 0, -1.0, 1.0)
    _, group, counts = np.unique(
        columns * sign[:, None], axis=0, return_inverse=True, return_counts=True
    )
    group = group.ravel()
    total = np.bincount(group, weights=sign * w)
    return np.asarray(sign * (total / counts)[group])
