"""What the transition does to the test results, with an interval for the draw of the test set.

One measure serves every task. The *quality* is the test accuracy of a classifier, and R² for a
regression or a completion: ``1 - E / E_0``, with E_0 the error of the mean of the training targets,
the best constant that could have been predicted. 1 is perfect, and below 0 a constant would have
been better. The *drop* is the early minus the late quality: above 0 for misgrokking, below 0 for
grokking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.transition.scores import Kind, Scores, kind_of

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Change:
    """Quality before and after the transition.

    Parameters
    ----------
    early, late : float
        Quality: accuracy, or R².
    low, high : float
        Interval of the drop, at a confidence of 95 % over the draw of the test set; infinite where
        the test set bounds nothing.
    kind : Kind
        Grokking, misgrokking, or neither.
    size : int
        Test points.
    chance : float
        Quality of the zero predictor: that of a guess among the classes, or its R².
    error : float
        Standard error of the drop over the draw of the test set.
    is_accuracy : bool
        Whether the quality is an accuracy, not R².
    constant : float
        Quality of the best constant that could have been predicted: the accuracy of always
        answering with the most frequent class of the training set; 0 for R².
    is_useless : bool
        Whether neither predictor is better than that.
    least_gain : float
        Lower end of the 95 % interval of what the better predictor is better by than that.
    distinct : int
        Test points without copies of others: these alone are independent.
    """

    early: float
    late: float
    low: float
    high: float
    kind: Kind
    size: int
    chance: float
    error: float
    is_accuracy: bool
    constant: float
    is_useless: bool
    least_gain: float
    distinct: int

    @property
    def drop(self) -> float:
        """Early minus late quality."""
        return self.early - self.late

    @property
    def resolution(self) -> float:
        """Half of the interval of the drop, or a thousandth: smaller differences do not count."""
        return max((self.high - self.low) / 2, 1e-3)

    @property
    def learns(self) -> bool:
        """Whether the better predictor is better than a constant at 95 % confidence."""
        return self.least_gain > 0


def quality(scores: Scores) -> np.ndarray:
    """Return the accuracies, or R², of shape (p,)."""
    if scores.accuracy is not None:
        return scores.accuracy
    return np.asarray(1 - scores.error / _scale(scores))


def change_of(scores: Scores, *, determined: bool = False, kind: Kind | None = None) -> Change:
    """Compare the first two predictors of `scores`, the early and the late one.

    Both are judged on the same test samples, so that what counts is where they differ, see
    `grokflow.theory.transition.intervals`. Of data that determine the weights this says whether
    weight decay alone changes what the test set shows. A kind that is known from more than the two
    predictors, see `grokflow.theory.transition.seen`, is taken as it is.
    """
    values, scale = quality(scores), _scale(scores)
    drop = scores.increase(CONFIDENCE)
    # The better of two is chosen by the same samples: each may fail half as often.
    excess = scores.excess(int(np.argmin(scores.error[:2])), (1 + CONFIDENCE) / 2)
    zero = scores.baseline if scores.zero is None else scores.zero
    return Change(
        float(values[0]),
        float(values[1]),
        drop.low / scale,
        drop.high / scale,
        kind or kind_of(scores, determined=determined),
        scores.size,
        1 - zero / scale,
        scores.change_error / scale,
        scores.accuracy is not None,
        1 - scores.baseline / scale,
        scores.is_useless,
        -excess.high / scale,
        scores.distinct,
    )


def _scale(scores: Scores) -> float:
    """Return the error in units of which quality is measured."""
    if scores.accuracy is not None:
        return 1.0
    if not scores.baseline > 0:
        raise ValueError(
            "the test targets all equal the mean of the training targets, expected some that do "
            "not: R² has no scale, test on other samples"
        )
    return scores.baseline
