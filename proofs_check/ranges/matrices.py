"""Matrices to complete, and factors to start from."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from grokflow.proofs_check.ranges.tables import Draw, numbers, tables
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem, make_measurement_problem


@st.composite
def entries(
    draw: Draw, max_d: int = 6, decades: int = 0, repeated: bool = True
) -> CompletionProblem:
    """Return some entries of a symmetric matrix of small rank, also repeated or with mirrors.

    Parameters
    ----------
    max_d : int
        The most rows of the matrix.
    decades : int
        By how many decades the units of its rows differ at most.
    repeated : bool
        Whether an entry may be sampled again, by itself or by its mirror.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.entries(max_d=4, repeated=False))
    ... def check_that_each_is_there_once(problem):
    ...     assert (problem.counts == 1).all()
    >>> check_that_each_is_there_once()
    """
    d = draw(st.integers(2, max_d))
    rank = draw(st.integers(1, d))
    left = draw(tables(d, rank, d, rank, decades))
    truth = (left * draw(numbers((rank,), "signs"))) @ left.T
    pairs = list(zip(*np.triu_indices(d), strict=True))
    seen = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=len(pairs), unique=True))
    if repeated:
        again = draw(st.lists(st.sampled_from(seen), max_size=3))
        seen = seen + [(j, i) for i, j in again]
    rows, columns = np.array(seen).T
    values = truth[rows, columns]
    if not values.any():
        values = values + 1.0
    return make_entries_problem("drawn", d, rows, columns, values)


@st.composite
def ratings(draw: Draw, max_rows: int = 5, max_columns: int = 6) -> CompletionProblem:
    """Return some entries of a rectangular matrix, also repeated.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.ratings(max_rows=3, max_columns=4))
    ... def check_shape(problem):
    ...     assert problem.space.shape <= (3, 4)
    >>> check_shape()
    """
    truth = draw(tables(max_rows, max_columns, 1, 1, decades=0))
    pairs = [(i, j) for i in range(truth.shape[0]) for j in range(truth.shape[1])]
    seen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=len(pairs) + 2))
    rows, columns = np.array(seen).T
    values = truth[rows, columns]
    if not values.any():
        values = values + 1.0
    return make_entries_problem("drawn", truth.shape, rows, columns, values)


@st.composite
def factors(draw: Draw, max_d: int = 6, decades: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two d×d factors U and V, among them those of smaller rank and with equal columns.

    Examples
    --------
    >>> from hypothesis import given
    >>> import numpy as np
    >>> import grokflow as gf
    >>> @given(gf.strategies.factors(max_d=4))
    ... def check_that_products_are_symmetric(pair):
    ...     u, v = pair
    ...     w = u @ u.T - v @ v.T
    ...     assert np.allclose(w, w.T)
    >>> check_that_products_are_symmetric()
    """
    d = draw(st.integers(1, max_d))
    u, v = (draw(tables(d, d, d, d, decades)) for _ in range(2))
    return u, v


@st.composite
def completions(draw: Draw, max_d: int = 7) -> CompletionProblem:
    """Return entries, or general measurements, of an indefinite matrix of rank 2.

    Its numbers are normal: `entries` has the others.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.completions(max_d=4))
    ... def check_that_something_is_not_measured(problem):
    ...     assert problem.n < problem.d * (problem.d + 1) / 2
    >>> check_that_something_is_not_measured()
    """
    d = draw(st.integers(3, max_d))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, b = rng.standard_normal((2, d))
    truth = np.outer(a, a) - np.outer(b, b)
    n = draw(st.integers(2, d * (d + 1) // 2 - 1))
    if draw(st.booleans()):
        rows, columns = np.triu_indices(d)
        seen = rng.choice(len(rows), n, replace=False)
        rows, columns = rows[seen], columns[seen]
        return make_entries_problem("entries", d, rows, columns, truth[rows, columns])
    matrices = rng.standard_normal((n, d, d))
    matrices = matrices + matrices.transpose(0, 2, 1)
    values = np.einsum("nij,ij->n", matrices, truth)
    return make_measurement_problem("measurements", matrices, values)
