"""How good weight vectors are on the test set of a problem."""

from __future__ import annotations

import numpy as np

from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, Square
from grokflow.theory.transition.scores import Scores


def score(problem: Problem, w: np.ndarray, loss: Loss | None = None) -> Scores:
    """Judge the weight vectors in the columns of `w`, shape (d, p), on the test set."""
    values, labels = problem.test.outputs(w)
    m = len(labels)
    if problem.is_classification:
        margins = values * labels[:, None]
        # An output of zero decides nothing: it is right half of the time.
        error = np.mean(margins < 0, axis=0) + np.mean(margins == 0, axis=0) / 2
        spread = np.sqrt(error * (1 - error) / m)
        mean = loss.value(margins, np.ones((m, 1))).mean(axis=0) if loss else None
        return Scores(1 - error, error, mean, m, spread, 0.5)
    baseline = float(np.mean(labels**2))
    squares = (values - labels[:, None]) ** 2
    error = squares.mean(axis=0)
    spread = squares.std(axis=0) / np.sqrt(m)
    return Scores(None, error, error if isinstance(loss, Square) else None, m, spread, baseline)
