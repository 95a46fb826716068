"""How good predictors are: accuracy, error, loss, margin, and the kind of a transition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from grokflow.theory.summary import Summarised


class Kind(Enum):
    """What happens between the early and the late predictor."""

    GROKKING = "grokking"
    MISGROKKING = "misgrokking"
    NEITHER = "neither"


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Summarised):
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
    baseline : float
        Error of the zero predictor: one half, or the mean square of the labels.
    """

    accuracy: np.ndarray | None
    error: np.ndarray
    loss: np.ndarray | None
    size: int
    spread: np.ndarray
    baseline: float

    def at(self, chosen: slice | Sequence[int]) -> Scores:
        """Return the scores of some of the predictors, by their numbers."""
        return Scores(
            None if self.accuracy is None else self.accuracy[chosen],
            self.error[chosen],
            None if self.loss is None else self.loss[chosen],
            self.size,
            self.spread[chosen],
            self.baseline,
        )

    def split(self, count: int) -> tuple[Scores, Scores]:
        """Return the scores of the first `count` predictors and of the others."""
        return self.at(slice(count)), self.at(slice(count, None))


def joined(parts: Sequence[Scores]) -> Scores:
    """Return the scores of predictors that were judged in parts, on one test set."""
    first = parts[0]
    return Scores(
        None if first.accuracy is None else _all(part.accuracy for part in parts),
        _all(part.error for part in parts),
        None if first.loss is None else _all(part.loss for part in parts),
        first.size,
        _all(part.spread for part in parts),
        first.baseline,
    )


def _all(arrays: Iterable[np.ndarray | None]) -> np.ndarray:
    return np.concatenate([array for array in arrays if array is not None])


def kind_of(scores: Scores) -> Kind:
    """Compare the test errors of the early and the late predictor, the first two of `scores`.

    The difference counts when it exceeds three standard errors of the test set and a thousandth
    of the zero predictor's error; below that nobody could see the transition in a plot.
    """
    early, late = scores.error[:2]
    visible = max(3 * float(np.hypot(*scores.spread[:2])), 1e-3 * scores.baseline)
    if abs(early - late) <= visible:
        return Kind.NEITHER
    return Kind.GROKKING if late < early else Kind.MISGROKKING
