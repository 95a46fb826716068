"""Matrix completion problems: linear measurements of a symmetric matrix, and entries to predict.

The model is ``W = U Uᵀ - V Vᵀ`` with d×d factors and the loss ``(1/N) Σ (<A_i, W> - y_i)²``
(Lyu et al. 2024, section 3.3). W is symmetric, so an entry and its mirror are one measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from grokflow.theory.completion.checks import check_entries, check_finite, check_values, merge
from grokflow.theory.completion.measurements import Entries, Matrices, Measurements
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.scores import Scores


class TestEntries(NamedTuple):
    """True values of entries to predict, in arrays of shape (k,); k may be zero."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def none(cls) -> TestEntries:
        """Return no entries."""
        return cls(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))


@dataclass(frozen=True, eq=False, repr=False)
class CompletionProblem(Summarised):
    """N measurements of a symmetric d×d matrix, of which m are distinct.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    measurements : Measurements
        The m distinct measurements.
    values : ndarray, shape (m,)
        Their values y.
    counts : ndarray, shape (m,)
        How many of the N samples each of them stands for.
    test : TestEntries
        Entries on which predictors are judged.
    settings : mapping
        What reproduces the problem (sizes, seeds, file).
    notes : tuple of str
        What was found or changed at the door.
    """

    name: str
    measurements: Measurements
    values: np.ndarray
    counts: np.ndarray
    test: TestEntries
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {"name": self.name, "d": self.d, "n": self.n, "test entries": len(self.test.values)}

    @property
    def d(self) -> int:
        """Number of rows of the matrix."""
        return self.measurements.d

    @property
    def n(self) -> int:
        """Number N of samples in the loss, duplicates and mirrors included."""
        return int(self.counts.sum())

    @cached_property
    def weights(self) -> np.ndarray:
        """Weight ``count / N`` of every distinct measurement in the loss, shape (m,)."""
        return np.asarray(self.counts / self.counts.sum())

    def residuals(self, w: np.ndarray) -> np.ndarray:
        """Return ``<A_i, W> - y_i``, shape (m,)."""
        return np.asarray(self.measurements.apply(w) - self.values)

    def loss(self, w: np.ndarray) -> float:
        """Return ``(1/N) Σ (<A_i, W> - y_i)²`` over all N samples."""
        return float(self.weights @ self.residuals(w) ** 2)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        """Return the symmetric gradient ``(2/N) Σ (<A_i, W> - y_i) A_i`` of the loss."""
        return self.measurements.adjoint(2 * self.weights * self.residuals(w))

    def score(self, matrices: np.ndarray) -> Scores:
        """Judge the p matrices of shape (p, d, d) by mean squared error over the test entries.

        Without test entries every error is NaN. The spread is that of a draw without replacement
        from all entries that were not observed: zero when all of them are tested.
        """
        rows, columns, values = self.test
        k = len(values)
        if k == 0:
            missing = np.full(len(matrices), np.nan)
            return Scores(None, missing, missing, 0, missing, float("nan"))
        squares = (matrices[:, rows, columns] - values) ** 2
        error = squares.mean(axis=1)
        left = max(0.0, 1 - k / max(self.d**2 - self.measurements.seen, 1))
        spread = squares.std(axis=1) * np.sqrt(left / k)
        return Scores(None, error, error, k, spread, float(np.mean(values**2)))


def make_entries_problem(
    name: str,
    d: int,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    test: TestEntries | None = None,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
) -> CompletionProblem:
    """Check observed entries at the door and build a `CompletionProblem`.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    d : int
        Number of rows of the symmetric matrix.
    rows, columns : ndarray of int, shape (N,)
        Indices from 0 to d - 1.
    values : ndarray, shape (N,)
        Observed values.
    test : TestEntries, optional
        Entries to predict.
    settings : mapping, optional
        What reproduces the problem.
    notes : tuple of str, optional
        What was changed before.

    Raises
    ------
    ValueError
        For mismatched shapes, NaN, indices out of range, and an entry or its mirror observed with
        two values.
    """
    check_entries(d, rows, columns, values, "value")
    if test is not None and len(test.values):
        check_entries(d, *test, "value_test")
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    names = [f"({i}, {j})" for i, j in zip(rows, columns, strict=True)]
    kept = merge(low * d + high, values, names)
    extra = len(values) - len(kept.first)
    if extra:
        notes += (
            f"{extra} of {len(values)} observed entries repeat another or its mirror: the "
            "features are dependent there (A3.8 of Corollary 3.11 fails, its conclusion holds)",
        )
    measurements = Entries(d, low[kept.first], high[kept.first])
    return CompletionProblem(
        name,
        measurements,
        np.asarray(values[kept.first], dtype=np.float64),
        kept.counts,
        TestEntries.none() if test is None else test,
        dict(settings or {}),
        notes,
    )


def make_measurement_problem(
    name: str,
    matrices: np.ndarray,
    values: np.ndarray,
    test: TestEntries | None = None,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
) -> CompletionProblem:
    """Check general measurements at the door and build a `CompletionProblem`.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    matrices : ndarray, shape (N, d, d)
        Symmetric A_i.
    values : ndarray, shape (N,)
        Their inner products with W.
    test, settings, notes
        As for `make_entries_problem`.

    Raises
    ------
    ValueError
        For mismatched shapes, NaN, matrices that are zero or not symmetric, and equal matrices
        with two values.
    """
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or 0 in matrices.shape:
        raise ValueError(
            f"matrices have shape {matrices.shape}, expected (N, d, d) with N, d ≥ 1: reshape them"
        )
    check_values(values, len(matrices), "values")
    check_finite(matrices, "matrices")
    array = np.asarray(matrices, dtype=np.float64)
    for i, a in enumerate(array):
        if not a.any():
            raise ValueError(f"matrix {i} is zero, expected a nonzero A_i: drop it")
        if np.abs(a - a.T).max() > 1e-12 * np.abs(a).max():
            raise ValueError(f"matrix {i} is not symmetric, expected A = Aᵀ: use (A + Aᵀ) / 2")
    key = np.unique(array.reshape(len(array), -1), axis=0, return_inverse=True)[1].ravel()
    kept = merge(key, values, [f"matrix {i}" for i in range(len(array))])
    if extra := len(array) - len(kept.first):
        notes += (f"{extra} of {len(array)} measurements repeat another (A3.8 fails)",)
    array = array[kept.first]
    return CompletionProblem(
        name,
        Matrices((array + array.transpose(0, 2, 1)) / 2),
        np.asarray(values[kept.first], dtype=np.float64),
        kept.counts,
        TestEntries.none() if test is None else test,
        dict(settings or {}),
        notes,
    )
