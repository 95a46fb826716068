"""How good predictors are: accuracy, error, loss, margin, and the kind of a transition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from grokflow.theory.summary import Summarised


class Kind(Enum):
    """What happens between the early and the late predictor.

    GROKKING is a transition after which the test error is smaller, MISGROKKING one after which it
    is larger. NEITHER means that the two errors differ by less than three standard errors of the
    test set, or by less than a thousandth of the error of a predictor that is zero everywhere.
    NO_TRANSITION means that there is one predictor only: the data determine the weights, at any
    scale of the start.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> found.kind is gf.Kind.GROKKING
    True
    """

    GROKKING = "grokking"
    MISGROKKING = "misgrokking"
    NEITHER = "neither"
    NO_TRANSITION = "no transition"

    @property
    def is_visible(self) -> bool:
        """Whether there is a transition that the test set shows."""
        return self in (Kind.GROKKING, Kind.MISGROKKING)


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Summarised):
    """Test results of p predictors, in arrays of shape (p,).

    Parameters
    ----------
    accuracy : ndarray or None, shape (p,)
        Fraction of test samples whose class is predicted; None for regression.
    error : ndarray, shape (p,)
        Misclassified fraction, or mean squared error.
    loss : ndarray or None, shape (p,)
        Mean loss on the test set, None where no loss was given.
    size : int
        Number of test samples.
    spread : ndarray, shape (p,)
        Standard error of ``error`` over the draw of the test set.
    baseline : float
        Error of the predictor that is zero everywhere: one half for classes, the mean square of
        the labels for regression.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=20, d=50, k=3, n_test=100)
    >>> scores = problem.score(gf.MaxL2Margin().predict(problem).w[:, None])
    >>> print(f"error {scores.error[0]:.2f} ± {scores.spread[0]:.2f}, by chance {scores.baseline}")
    error 0.29 ± 0.05, by chance 0.5
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
        None if first.accuracy is None else _concatenated(part.accuracy for part in parts),
        _concatenated(part.error for part in parts),
        None if first.loss is None else _concatenated(part.loss for part in parts),
        first.size,
        _concatenated(part.spread for part in parts),
        first.baseline,
    )


def _concatenated(arrays: Iterable[np.ndarray | None]) -> np.ndarray:
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
