"""Matrix completion problems: linear measurements of a matrix, and entries to predict.

The model is ``W = U Uᵀ - V Vᵀ`` with d×d factors and the loss ``(1/N) Σ (<A_i, W> - y_i)²``
(Lyu et al. 2024, section 3.3). W is symmetric, so an entry and its mirror are one measurement.

A rectangular u×i matrix A is learned as the block form ``W = [[0, A], [Aᵀ, 0]]`` with d = u + i.
The flow from ``U = V = α I`` keeps ``V = J U J`` with ``J = diag(I, -I)``, and so W a block form.
With ``U = [P; Q] / √2``, P of shape (u, d) and Q of shape (i, d), it is the flow of the ordinary
factorisation ``A = P Qᵀ`` under the weight decay ``(λ/2) (‖P‖² + ‖Q‖²)``, from the start
``P = √2 α [I, 0]``, ``Q = √2 α [0, I]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.completion.checks import (
    check_finite,
    check_values,
    merge,
    refuse_contradiction,
)
from grokflow.theory.completion.measurements import Matrices, Measurements
from grokflow.theory.completion.spaces.protocol import MatrixSpace
from grokflow.theory.conversion import as_array
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.scores import Scores, scores_of_targets


class TestEntries(NamedTuple):
    """True values of k entries that predictors are judged on.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (k,)
        Indices from 0; k may be zero.
    values : ndarray, shape (k,)
        The true values.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> test = gf.TestEntries(np.array([0, 1]), np.array([2, 2]), np.array([0.5, 1.0]))
    >>> seen = np.array([0, 1]), np.array([0, 1]), np.array([1.0, 2.0])
    >>> gf.make_entries_problem("mine", 3, *seen, test=test)
    CompletionProblem(name=mine, d=3, n=2, test entries=2)
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def none(cls) -> TestEntries:
        """Return no entries."""
        return cls(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))


class EntryNames(NamedTuple):
    """What the rows and columns of a matrix are called in a file.

    Parameters
    ----------
    rows, columns : tuple of str
        One name for each row and each column.

    Examples
    --------
    >>> import grokflow as gf
    >>> names = gf.EntryNames(rows=("ann", "bob"), columns=("tea", "milk", "water"))
    >>> names.columns[1]
    'milk'
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class CompletionProblem(Summarised):
    """N measurements of a symmetric d×d matrix, of which m are distinct.

    A rectangular u×i matrix is measured through its block form, with d = u + i.
    `make_entries_problem` makes one from observed entries, `make_matrix_problem` from a matrix with
    NaN where nothing is observed, `make_measurement_problem` from any linear measurements,
    `load_entries` from a file; `completion` draws that of the paper.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    measurements : Measurements
        The m distinct measurements, ``W → <A_i, W>``.
    values : ndarray, shape (m,)
        Their values y.
    counts : ndarray, shape (m,)
        How many of the N samples each of them stands for.
    test : TestEntries
        Entries on which predictors are judged.
    settings : mapping
        What reproduces the problem (sizes, seeds, file).
    notes : tuple of str
        What was found or changed when the data were read.
    names : EntryNames or None
        What rows and columns are called, where they are not called by their indices.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> problem
    CompletionProblem(name=completion, d=5, n=15, test entries=5)
    >>> problem.values.shape, int(problem.counts.sum())
    ((12,), 15)
    >>> len(problem.test.values)
    5
    """

    name: str
    measurements: Measurements
    values: np.ndarray
    counts: np.ndarray
    test: TestEntries
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    names: EntryNames | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        rows, columns = self.space.shape
        size = {"d": self.d} if self.space.square else {"shape": f"{rows}×{columns}"}
        return {"name": self.name, **size, "n": self.n, "test entries": len(self.test.values)}

    @property
    def space(self) -> MatrixSpace:
        """The matrices that are measured."""
        return self.measurements.space

    @property
    def d(self) -> int:
        """Number of rows of W."""
        return self.space.d

    @property
    def n(self) -> int:
        """Number N of samples in the loss, duplicates and mirrors included."""
        return int(self.counts.sum())

    @cached_property
    def weights(self) -> np.ndarray:
        """Weight ``count / N`` of every distinct measurement in the loss, shape (m,)."""
        return np.asarray(self.counts / self.counts.sum())

    @cached_property
    def mean(self) -> float:
        """Mean of the observed entries; 0 where sums of entries are measured instead."""
        if isinstance(self.measurements, Matrices):
            return 0.0
        return float(self.weights @ self.values)

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

        Without test entries every error is NaN. They are judged beside the mean of the observed
        entries, the best constant that could have been predicted. The spread is that of a draw
        without replacement from all entries that were not observed: zero when all of them are
        tested.
        """
        rows, columns, values = self.test
        k = len(values)
        if k == 0:
            missing = np.full(len(matrices), np.nan)
            return Scores(None, missing, missing, 0, missing, float("nan"))
        left = max(0.0, 1 - k / max(prod(self.space.shape) - self.measurements.fixed_entries, 1))
        found = matrices[:, rows, columns].T
        scores = scores_of_targets(found, values, self.mean, untested=left)
        return replace(scores, loss=scores.error)


def make_measurement_problem(
    name: str,
    matrices: ArrayLike,
    values: ArrayLike,
    test: TestEntries | None = None,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
) -> CompletionProblem:
    """Check linear measurements of a symmetric matrix and make a `CompletionProblem` of them.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    matrices : ndarray, shape (N, d, d)
        The symmetric matrices A_i that the unknown matrix W is measured with.
    values : ndarray, shape (N,)
        The inner products ``<A_i, W> = Σ_jk A_i,jk W_jk``.
    test, settings, notes
        As for `make_entries_problem`.

    Raises
    ------
    ValueError
        For mismatched shapes, NaN, matrices that are zero or not symmetric, and equal matrices
        with two values.

    Examples
    --------
    The trace and one corner of a 2×2 matrix:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> matrices = np.array([np.eye(2), np.diag([1.0, 0.0])])
    >>> problem = gf.make_measurement_problem("mine", matrices, np.array([3.0, 1.0]))
    >>> print(gf.MinFrobeniusNorm().predict(problem).matrix.round(3) + 0.0)
    [[1. 0.]
     [0. 2.]]
    """
    matrices, values = as_array("matrices", matrices), as_array("values", values)
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
    refuse_contradiction(key, values, "matrix {}".format, "drop one, or average them")
    kept = merge(key, values)
    if extra := len(array) - len(kept.first):
        notes += (f"{extra} of {len(array)} measurements repeat another (A3.8 fails)",)
    array = array[kept.first]
    return CompletionProblem(
        name,
        Matrices((array + array.transpose(0, 2, 1)) / 2),
        kept.values,
        kept.counts,
        TestEntries.none() if test is None else test,
        dict(settings or {}),
        notes,
    )
