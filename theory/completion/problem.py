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
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.completion.checks import (
    check_finite,
    check_values,
    contradiction,
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
        tested. A test entry and its mirror are one sample of that draw.
        """
        rows, columns, values = self.test
        if not len(values):
            missing = np.full(len(matrices), np.nan)
            return Scores(None, missing, missing, 0, missing, float("nan"))
        found, (alike, untested) = matrices[:, rows, columns].T, self._tested
        scores = scores_of_targets(found, values, self.mean, untested=untested, alike=alike)
        return replace(scores, loss=scores.error)

    @cached_property
    def _tested(self) -> _Tested:
        """Which test entries are one, and which part of what is not observed is not tested."""
        cells = cells_of(self.space, self.test.rows, self.test.columns)
        distinct, first, place = np.unique(cells, return_index=True, return_inverse=True)
        alike = None if len(distinct) == len(cells) else first[place.ravel()]
        observed = np.unique(cells_of(self.space, *self.measurements.fixed_entries))
        # What is learned too is no part of what is not observed.
        unseen = int((~np.isin(distinct, observed)).sum())
        rows, columns = self.space.shape
        total = rows * (rows + 1) // 2 if self.space.square else rows * columns
        return _Tested(alike, 1 - unseen / max(total - len(observed), 1))


class _Tested(NamedTuple):
    """The first test entry that each one is a mirror of, and which part is not tested."""

    alike: np.ndarray | None
    untested: float


def cells_of(space: MatrixSpace, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return a number for each entry, the same for all that have one value in every matrix.

    Parameters
    ----------
    space : MatrixSpace
        The matrices: an entry of a symmetric one has the value of its mirror.
    rows, columns : ndarray of int, shape (k,)
        Indices of stored entries.
    """
    i, j = rows.astype(np.int64), columns.astype(np.int64)
    if space.square:
        i, j = np.minimum(i, j), np.maximum(i, j)
    return np.asarray(i * space.shape[1] + j)


class _Once(NamedTuple):
    """Test entries, and what is said of those that are tested again."""

    test: TestEntries
    notes: tuple[str, ...]


def tested_once(space: MatrixSpace, test: TestEntries) -> _Once:
    """Merge values of one test entry into their mean, as those of an observed entry are.

    Of a symmetric matrix an entry and its mirror may both be tested. They are merged where
    something else is, or where their values differ beyond rounding.
    """
    rows, columns, values = test
    size, cells = len(values), cells_of(space, rows, columns)
    repeats = size - len(np.unique(np.column_stack([rows, columns]), axis=0))
    if not size or not (repeats or contradiction(cells, values)):
        return _Once(test, ())
    kept = merge(cells, values)
    apart = np.abs(values - kept.values[np.searchsorted(cells[kept.first], cells)]).max()
    mirrors = ", or their mirrors," if space.square else ""
    note = (
        f"{size - len(kept.first)} of {size} test entries{mirrors} are tested again: each entry "
        f"counts once, with the mean of its values, from which they differ by up to {apart:.3g}"
    )
    return _Once(TestEntries(rows[kept.first], columns[kept.first], kept.values), (note,))


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
    measurements = Matrices((array + array.transpose(0, 2, 1)) / 2)
    judged = tested_once(measurements.space, TestEntries.none() if test is None else test)
    return CompletionProblem(
        name,
        measurements,
        kept.values,
        kept.counts,
        judged.test,
        dict(settings or {}),
        notes + judged.notes,
    )
