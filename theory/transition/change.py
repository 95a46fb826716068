"""What the transition does to the test results, with an interval for the draw of the test set.

One measure serves every task. The *quality* is the test accuracy of a classifier, and ``1 - E /
E_0`` for a regression or a completion, with E_0 the error of the zero predictor: 1 is perfect. The
*drop* is the early minus the late quality: above 0 for misgrokking, below 0 for grokking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.transition.intervals import Interval, clopper_pearson
from grokflow.theory.transition.scores import Kind, Scores, kind_of

CONFIDENCE = 0.95
# Relative error of a mean of so many zeros and ones, with room for 1e6 of them.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Change:
    """Quality before and after the transition.

    Parameters
    ----------
    early, late : float
        Quality: accuracy, or one minus the error relative to the zero predictor's.
    low, high : float
        Interval of the drop, at a confidence of 95 % over the draw of the test set.
    kind : Kind
        Grokking, misgrokking, or neither.
    size : int
        Test points.
    chance : float
        Quality of the zero predictor: a guess among the classes, or 0.
    error : float
        Standard error of the drop over the draw of the test set, the errors of the two taken as
        independent.
    """

    early: float
    late: float
    low: float
    high: float
    kind: Kind
    size: int
    chance: float
    error: float

    @property
    def drop(self) -> float:
        """Early minus late quality."""
        return self.early - self.late


def quality(scores: Scores) -> np.ndarray:
    """Return the accuracies, or the explained fractions, of shape (p,)."""
    if scores.accuracy is not None:
        return scores.accuracy
    if not scores.baseline > 0:
        raise ValueError(
            "the test targets are all zero, expected some that are not: their error has no scale"
        )
    return np.asarray(1 - scores.error / scores.baseline)


def change_of(scores: Scores) -> Change:
    """Compare the first two predictors of `scores`, the early and the late one.

    Each of them gets an interval of half the allowed failure probability, so that both hold
    together whatever their errors have in common: Clopper-Pearson for accuracies, and Student's t
    of the mean squared errors otherwise.
    """
    early, late = _interval(scores, 0), _interval(scores, 1)
    values = quality(scores)
    scale = scores.baseline if scores.accuracy is None else 1.0
    return Change(
        float(values[0]),
        float(values[1]),
        early.low - late.high,
        early.high - late.low,
        kind_of(scores),
        scores.size,
        0.0 if scores.accuracy is None else 1 - scores.baseline,
        float(np.hypot(*scores.spread[:2])) / scale,
    )


def _interval(scores: Scores, i: int) -> Interval:
    """Return the interval of the quality of predictor `i`, at confidence ½ + ½ · 95 %."""
    from scipy.stats import t

    confidence = (1 + CONFIDENCE) / 2
    if scores.accuracy is not None:
        # A count, up to the rounding of the mean that it comes from; a guess is part of one.
        right = float(scores.accuracy[i]) * scores.size
        near = round(right) if abs(right - round(right)) < _ROUNDING * scores.size else right
        return clopper_pearson(near, scores.size, confidence)
    value = float(quality(scores)[i])
    if scores.size < 2:
        return Interval(-np.inf, 1.0)
    reach = float(t.ppf((1 + confidence) / 2, scores.size - 1) * scores.spread[i] / scores.baseline)
    return Interval(value - reach, value + reach)
