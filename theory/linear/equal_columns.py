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
    sign, group = problem.inputs.alike()
    counts = np.bincount(group)
    total = np.bincount(group, weights=sign * w)
    return np.asarray(sign * (total / counts)[group])
