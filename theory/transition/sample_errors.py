"""The errors of single test samples, of which copies are one and the same sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.theory.transition.intervals import effective_size, standard_error


class SampleErrors(NamedTuple):
    """The error of every test sample, by which predictors are compared sample by sample.

    Parameters
    ----------
    predicted : ndarray, shape (m, p)
        Errors of the p predictors on the m samples: 0 for the right class, 1 for a wrong one, the
        part that is wrong on average for a guess among several; or squared errors.
    constant : ndarray, shape (m,)
        Those of the best constant predictor, as the training set has it.
    untested : float
        Part of all that could be tested that is not in the test set. It is 1 for a small sample
        of many, and 0 where everything is tested, so that nothing is left to chance.
    alike : ndarray of int, shape (m,), or None
        The number of the first sample that each is a copy of, itself where it is none. Copies are
        right or wrong together, and so one independent sample. None where all samples differ.
    """

    predicted: np.ndarray
    constant: np.ndarray
    untested: float = 1.0
    alike: np.ndarray | None = None

    @property
    def changes(self) -> np.ndarray:
        """Errors of the second predictor minus those of the first, shape (m,)."""
        return np.asarray(self.predicted[:, 1] - self.predicted[:, 0])

    @property
    def size(self) -> int:
        """Number of distinct samples."""
        return len(self.constant) if self.alike is None else len(np.unique(self.alike))

    def spread(self, errors: np.ndarray) -> np.ndarray:
        """Return the standard errors of the means of errors of shape (m, p)."""
        each, counts = self.distinct(errors)
        counts = np.ones(len(each)) if counts is None else counts
        return np.asarray(standard_error(each, counts) * np.sqrt(self.untested))

    def effective_size(self, errors: np.ndarray) -> float:
        """Return how many distinct samples tell as much of the mean of errors of shape (m,)."""
        each, counts = self.distinct(errors)
        return float(len(each)) if counts is None else effective_size(each, counts)

    def distinct(self, errors: np.ndarray) -> Distinct:
        """Return errors of shape (m, ...) of the distinct samples, and how often these occur."""
        if self.alike is None:
            return Distinct(errors, None)
        first, counts = np.unique(self.alike, return_counts=True)
        return Distinct(errors[first], counts.astype(float))


class Distinct(NamedTuple):
    """Errors of distinct samples, and how often each occurs; None where each does once."""

    errors: np.ndarray
    counts: np.ndarray | None
