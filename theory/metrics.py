"""How good predictors are: accuracy, error, loss, margin, and the kind of a transition."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.losses import Loss, Square
from theory.problems import Problem


class Kind(Enum):
    """What happens between the early and the late predictor."""

    GROKKING = "grokking"
    MISGROKKING = "misgrokking"
    NEITHER = "neither"


@dataclass(frozen=True)
class Scores:
    """Test results of p predictors, in arrays of shape (p,).

    Parameters
    ----------
    accuracy : ndarray or None
        Fraction of test points with the right sign; None for regression.
    error : ndarray
        Misclassified fraction, or mean squared error.
    loss : ndarray or None
        Mean loss on the test set, None where no loss was given.
    size : int
        Number of test points.
    spread : ndarray
        Standard error of ``error`` over the draw of the test set.
    """

    accuracy: np.ndarray | None
    error: np.ndarray
    loss: np.ndarray | None
    size: int
    spread: np.ndarray

    def split(self, count: int) -> tuple[Scores, Scores]:
        """Return the scores of the first `count` predictors and of the others."""
        first, rest = (
            Scores(
                None if self.accuracy is None else self.accuracy[part],
                self.error[part],
                None if self.loss is None else self.loss[part],
                self.size,
                self.spread[part],
            )
            for part in (slice(count), slice(count, None))
        )
        return first, rest


def score(problem: Problem, w: np.ndarray, loss: Loss | None = None) -> Scores:
    """Judge the weight vectors in the columns of `w`, shape (d, p), on the test set."""
    values, labels = problem.test.outputs(w)
    m = len(labels)
    if problem.is_classification:
        margins = values * labels[:, None]
        error = np.mean(margins <= 0, axis=0)
        spread = np.sqrt(error * (1 - error) / m)
        mean = loss.value(margins, np.ones((m, 1))).mean(axis=0) if loss else None
        return Scores(1 - error, error, mean, m, spread)
    squares = (values - labels[:, None]) ** 2
    error = squares.mean(axis=0)
    spread = squares.std(axis=0) / np.sqrt(m)
    return Scores(None, error, error if isinstance(loss, Square) else None, m, spread)


def kind_of(early: float, late: float, early_spread: float, late_spread: float) -> Kind:
    """Compare the early and the late test error.

    The difference counts when it exceeds three standard errors of the test set and one
    test point in a thousand (of the larger error, for regression); below that nobody could
    see the transition in a plot.
    """
    visible = max(3 * float(np.hypot(early_spread, late_spread)), 1e-3 * max(early, late, 1e-300))
    if abs(early - late) <= visible:
        return Kind.NEITHER
    return Kind.GROKKING if late < early else Kind.MISGROKKING
