"""How good predictors are: accuracy, error, loss, margin, and the kind of a transition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from grokflow.theory.summary import Summarised
from grokflow.theory.transition.intervals import (
    ROUNDING,
    Interval,
    clopper_pearson,
    mean_interval,
    paired_shares,
    sign_test,
    student,
)
from grokflow.theory.transition.sample_errors import SampleErrors

# Confidence at which a transition counts: that of three standard errors of a Gaussian.
VISIBLE = 0.9973


class Kind(Enum):
    """What happens between the early and the late predictor.

    GROKKING is a transition after which the test error is smaller, MISGROKKING one after which it
    is larger, whether or not a constant would do as well, see `Scores.is_useless`. NEITHER means
    that the test set cannot tell the two errors apart at a confidence of 99.73 %, that of three
    standard errors, or that they differ by less than a thousandth in accuracy or R². It is no
    proof that they are equal. NO_TRANSITION means that nothing is visible either, and that there
    is one predictor only for λ → 0: the data determine the weights, at any scale of the start.

    STARTS_LATE means that half of the change or more is done from the start: the scale is so small
    that the net starts beyond the transition, and the early predictor is never seen. SHRINKING
    means that the test error changes because weight decay presses the weights towards zero, and
    that for λ → 0 it does not change so. NOT_HELD means that the early predictor is that of
    λ → 0 only: some combinations of the inputs are so weak that at this λ weight decay outweighs
    them while the kernel regime lasts, and no predictor says what the net answers until late.

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
    STARTS_LATE = "starts late"
    SHRINKING = "shrinking"
    NOT_HELD = "early predictor not held"

    @property
    def is_visible(self) -> bool:
        """Whether a change follows the early phase that the test set shows."""
        return self in (Kind.GROKKING, Kind.MISGROKKING, Kind.SHRINKING)


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
        Error of the best constant that could have been predicted. For classes it is that of always
        answering with the most frequent class of the training set, or with a guess among several
        that are equally frequent. For regression it is that of the mean of the training targets,
        and ``1 - error / baseline`` is R², the share of the variance that is explained.
    zero : float, optional
        Error of the predictor that is zero everywhere; that of a guess for classes.
    samples : SampleErrors, optional
        Errors of the single test samples. With them two predictors are compared on the same
        samples, without them as if their errors had nothing in common.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=20, d=50, k=3, n_test=100)
    >>> scores = problem.score(gf.MaxL2Margin().predict(problem).w[:, None])
    >>> print(f"error {scores.error[0]:.2f} ± {scores.spread[0]:.2f}, by chance {scores.zero}")
    error 0.29 ± 0.05, by chance 0.5
    """

    accuracy: np.ndarray | None
    error: np.ndarray
    loss: np.ndarray | None
    size: int
    spread: np.ndarray
    baseline: float
    zero: float | None = None
    samples: SampleErrors | None = None

    @property
    def distinct(self) -> int:
        """Number of test samples without copies of others, as far as is known."""
        return self.size if self.samples is None else self.samples.size

    def at(self, chosen: slice | Sequence[int]) -> Scores:
        """Return the scores of some of the predictors, by their numbers."""
        samples = self.samples
        return Scores(
            None if self.accuracy is None else self.accuracy[chosen],
            self.error[chosen],
            None if self.loss is None else self.loss[chosen],
            self.size,
            self.spread[chosen],
            self.baseline,
            self.zero,
            samples and samples._replace(predicted=samples.predicted[:, chosen]),
        )

    def split(self, count: int) -> tuple[Scores, Scores]:
        """Return the scores of the first `count` predictors and of the others."""
        return self.at(slice(count)), self.at(slice(count, None))

    def increase(self, confidence: float) -> Interval:
        """Return an interval for the error of the second predictor minus that of the first."""
        if self.samples is None:
            early, late = (self.error_interval(i, (1 + confidence) / 2) for i in (0, 1))
            return Interval(late.low - early.high, late.high - early.low)
        return self._mean_of(self.samples.changes, confidence)

    @property
    def differ(self) -> bool:
        """Whether the first two errors differ at a confidence of 99.73 %.

        For classes each distinct sample counts once, and copies may not reverse what these show.
        """
        if self.samples is not None and self.accuracy is not None:
            changes = self.samples.distinct(self.samples.changes).errors
            same_way = changes.sum() * (self.error[1] - self.error[0]) > 0
            return bool(same_way and sign_test(changes) < 1 - VISIBLE)
        low, high = self.increase(VISIBLE)
        return not low <= 0 <= high

    @property
    def is_useless(self) -> bool:
        """Whether neither of the first two predictors errs less than the best constant does."""
        return bool(self.error[:2].min() >= self.baseline * (1 - ROUNDING))

    @property
    def change_error(self) -> float:
        """Standard error of the difference of the first two errors."""
        if self.samples is None:
            return float(np.hypot(*self.spread[:2]))
        return float(self.samples.spread(self.samples.changes[:, None])[0])

    def excess(self, i: int, confidence: float) -> Interval:
        """Return an interval for the error of predictor `i` minus that of a constant."""
        if self.samples is None or (self.accuracy is not None and not self.samples.constant.std()):
            # The error of a guess among all classes is known, whatever the draw.
            low, high = self.error_interval(i, confidence)
            return Interval(low - self.baseline, high - self.baseline)
        more = self.samples.predicted[:, i] - self.samples.constant
        return self._mean_of(more, confidence)

    def _mean_of(self, changes: np.ndarray, confidence: float) -> Interval:
        """Return an interval for the mean of differences of errors, sample by sample."""
        assert self.samples is not None
        each, counts = self.samples.distinct(changes)
        if self.accuracy is not None:
            return paired_shares(each, confidence, counts)
        return mean_interval(each, confidence, self.samples.untested, counts)

    def error_interval(self, i: int, confidence: float) -> Interval:
        """Return an interval for the error of predictor `i` over the draw of the test set."""
        error = float(self.error[i])
        if self.accuracy is not None:
            # A count, up to the rounding of the mean that it comes from; a guess is part of one.
            size = self._effective_size(i)
            wrong = error * size
            near = round(wrong) if abs(wrong - round(wrong)) < ROUNDING * size else wrong
            return clopper_pearson(min(near, size), size, confidence)
        if self.size < 2:
            return Interval(0.0, np.inf)
        reach = student(confidence, self._effective_size(i)) * float(self.spread[i])
        return Interval(error - reach, error + reach)

    def _effective_size(self, i: int) -> float:
        """Return how many distinct samples tell as much of the error of predictor `i`."""
        if self.samples is None:
            return float(self.size)
        return self.samples.effective_size(self.samples.predicted[:, i])


def errors_of_most_frequent(labels: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Return how wrong it is to answer with the most frequent class, for every test sample.

    Where several classes are equally frequent the answer is a guess among them.

    Parameters
    ----------
    labels, tested : ndarray, shapes (n,) and (m,)
        Classes of the training and of the test set.
    """
    classes, counts = np.unique(labels, return_counts=True)
    frequent = classes[counts == counts.max()]
    return np.where(np.isin(tested, frequent), 1 - 1 / len(frequent), 1.0)


def scores_of_classes(
    wrong: np.ndarray,
    chance: float,
    labels: np.ndarray | None,
    tested: np.ndarray,
    loss: np.ndarray | None = None,
    alike: np.ndarray | None = None,
) -> Scores:
    """Judge p classifiers by how wrong they are on m samples.

    Parameters
    ----------
    wrong : ndarray, shape (m, p)
        0 for the right class, 1 for a wrong one, between them for a guess.
    chance : float
        Error of a guess.
    labels : ndarray, shape (n,), or None
        Classes of the training samples; where they are not known the best constant is a guess.
    tested : ndarray, shape (m,)
        Classes of the test samples.
    loss : ndarray, shape (p,), optional
        Mean losses.
    alike : ndarray of int, shape (m,), optional
        Which samples are copies, see `SampleErrors`.
    """
    size, error = len(wrong), wrong.mean(axis=0)
    constant = np.full(size, chance)
    if labels is not None:
        constant = errors_of_most_frequent(labels, tested)
    baseline = float(constant.mean())
    samples = SampleErrors(wrong, constant, alike=alike)
    spread = np.sqrt(error * (1 - error) / size) if alike is None else samples.spread(wrong)
    return Scores(1 - error, error, loss, size, spread, baseline, chance, samples)


def scores_of_targets(
    values: np.ndarray,
    targets: np.ndarray,
    mean: float,
    loss: np.ndarray | None = None,
    untested: float = 1.0,
    alike: np.ndarray | None = None,
) -> Scores:
    """Judge p predictors of real targets by their squared errors on m samples.

    Parameters
    ----------
    values : ndarray, shape (m, p)
        What is predicted.
    targets : ndarray, shape (m,)
        What is true.
    mean : float
        Mean of the training targets, the best constant that could have been predicted.
    loss : ndarray, shape (p,), optional
        Mean losses.
    untested : float
        Part of all that could be tested that is not in the test set.
    alike : ndarray of int, shape (m,), optional
        Which samples are copies, see `SampleErrors`.
    """
    squares, size = (values - targets[:, None]) ** 2, len(targets)
    constant, zero = (targets - mean) ** 2, float(np.mean(targets**2))
    samples = SampleErrors(squares, constant, untested, alike)
    error, spread = squares.mean(axis=0), samples.spread(squares)
    return Scores(None, error, loss, size, spread, float(constant.mean()), zero, samples)


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
        first.zero,
        _joined_samples([part.samples for part in parts]),
    )


def _joined_samples(parts: Sequence[SampleErrors | None]) -> SampleErrors | None:
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    return found[0]._replace(predicted=np.hstack([part.predicted for part in found]))


def _concatenated(arrays: Iterable[np.ndarray | None]) -> np.ndarray:
    return np.concatenate([array for array in arrays if array is not None])


def kind_of(scores: Scores, *, determined: bool = False) -> Kind:
    """Compare the test errors of the early and the late predictor, the first two of `scores`.

    The difference counts when it is shown at a confidence of 99.73 %, that of three standard
    errors: for classes by the exact test of McNemar. It must also exceed a thousandth in accuracy
    or R²: below that nobody could see the transition in a plot. Where it does not count and the
    data determine the weights there is no transition.
    """
    early, late = scores.error[:2]
    scale = 1.0 if scores.accuracy is not None else scores.baseline
    if not scores.differ or abs(early - late) <= 1e-3 * scale:
        return Kind.NO_TRANSITION if determined else Kind.NEITHER
    return Kind.GROKKING if late < early else Kind.MISGROKKING
