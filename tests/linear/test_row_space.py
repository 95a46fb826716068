"""The row space of any data matrix: its rank in exact arithmetic, and factors that give it back."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grokflow.simulations.linear.presets import sparse
from grokflow.theory.linear.row_space import least_norm, row_space
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.rational import fraction, matrix

EPS = np.finfo(float).eps


def exact_rank(matrix):
    """Rank by elimination in rational numbers."""
    rows = [[Fraction(float(x)) for x in row] for row in matrix]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((row for row in rows[rank:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(rank, pivot)
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / pivot[column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], pivot, strict=True)]
        rank += 1
    return rank


def error(matrix, space):
    """Largest error of an entry, relative to the scales of its row and column."""
    rebuilt = matrix if space.basis is None else space.basis @ space.rows.to_array()
    rows = np.abs(matrix).max(axis=1, keepdims=True)
    rows[rows == 0] = 1
    columns = np.abs(matrix / rows).max(axis=0)
    columns[columns == 0] = 1
    return float((np.abs(rebuilt - matrix) / (rows * columns)).max())


@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([0, 6, 12]),
)
def test_rank_is_exact_and_factors_give_the_matrix_back_at_any_units(seed, n, d, r, decades):
    rng = np.random.default_rng(seed)
    # A product of small integers has its rank exactly; units are powers of two, exact as well.
    matrix = (rng.integers(-3, 4, (n, r)) @ rng.integers(-3, 4, (r, d))).astype(float)
    assume(matrix.any())
    bits = round(decades * np.log2(10))
    scaled = np.ldexp(matrix, rng.integers(-bits, bits + 1, (n, 1)))
    scaled = np.ldexp(scaled, rng.integers(-bits, bits + 1, (1, d)))
    space = row_space(DataMatrix.from_array(scaled))
    assert space.rank == exact_rank(matrix)
    assert space.fills_inputs == (space.rank == np.count_nonzero(matrix.any(axis=0)))
    # k √m u of the Frobenius norm, at most √(nd) of the largest entries, of QR and of the product.
    assert error(scaled, space) <= 2 * 12 * np.sqrt(12) * 1.2e-16 * 12


@pytest.mark.parametrize(("n", "d"), [(40, 8), (8, 40)])
def test_coordinates_and_samples_agree(n, d):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((n, 5)) @ rng.standard_normal((5, d))
    space, nu, w = row_space(DataMatrix.from_array(matrix)), rng.standard_normal(n), np.ones(d)
    assert (space.rank, space.basis.shape) == (5, (n, 5))
    assert np.allclose(space.rows.correlate(space.gather(nu)), matrix.T @ nu, atol=1e-12)
    assert np.allclose(space.spread(space.rows.combine(w)), matrix @ w, atol=1e-12)
    h = rng.uniform(size=n)
    assert np.allclose(space.weighted(h), space.basis.T @ np.diag(h) @ space.basis)


def test_independent_rows_are_kept_as_they_are():
    inputs = sparse(n=64, d=1000, k=3, n_test=10).inputs
    space = row_space(inputs)
    assert space.rows is inputs and space.basis is None and space.rank == 64
    nu = np.arange(64.0)
    assert space.gather(nu) is nu and space.spread(nu) is nu
    assert np.array_equal(space.weighted(nu), np.diag(nu))


def test_powers_that_a_gram_matrix_cannot_tell_apart_are_independent():
    # Vandermonde's matrix of 16 points; the Gram matrix squares its condition of 1e9.
    matrix = np.vander(np.linspace(-1, 1, 16))
    assert row_space(DataMatrix.from_array(matrix)).rank == 16 == exact_rank(matrix)


def test_rows_beyond_the_range_of_a_gram_matrix():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((3, 5)) * np.array([[1e200], [1.0], [1e-200]])
    assert row_space(DataMatrix.from_array(matrix)).rank == 3


@pytest.mark.parametrize(("r", "d"), [(5, 5), (5, 6), (5, 9), (3, 8)])
@pytest.mark.parametrize("decades", [0, 3, 6])
def test_every_weight_of_least_norm_is_right_at_any_units(r, d, decades):
    rng = np.random.default_rng(r * d + decades)
    rows = rng.integers(-9, 10, (r, d)) * 10.0 ** rng.integers(-decades, decades + 1, d)
    c = rng.integers(-9, 10, r).astype(float)
    w = least_norm(DataMatrix.from_array(rows), c)
    exact = [[Fraction(float(x)) for x in row] for row in rows]
    gram = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in exact] for p in exact]
    inverse = [solved(gram, [Fraction(int(i == k)) for i in range(r)]) for k in range(r)]
    for j in range(d):
        gains = [sum(a * row[j] for a, row in zip(part, exact, strict=True)) for part in inverse]
        best = sum(gain * Fraction(x) for gain, x in zip(gains, c, strict=True))
        # Each right-hand side, and each term of R w, may be rounded.
        sizes = np.abs(c) + np.abs(rows) @ np.abs(w)
        allowed = 1e-13 * float(np.abs(np.array(gains, dtype=float)) @ sizes)
        assert abs(w[j] - float(best)) <= allowed


def solved(matrix, right):
    """Solve a linear system by elimination in rational numbers."""
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        pivot = next(i for i in range(k, len(rows)) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.sampled_from([0, 3]))
def test_samples_set_apart_are_zero_in_the_coordinates_of_the_others(seed, rank, more, decades):
    """Among the samples in their span are all that combine them; none of the others do."""
    rng, own, d = np.random.default_rng(seed), 2 * rank + 1, rank + more
    inside = rng.standard_normal((own + 2, rank)) @ rng.standard_normal((rank, d))
    matrix = np.vstack([inside, rng.standard_normal((more + 2, d))])
    matrix *= 10.0 ** rng.uniform(-decades, decades, d)
    space = row_space(DataMatrix.from_array(matrix)).graded()
    found = space.apart(np.arange(len(matrix)) < own)
    assert found.inside.tolist() == [True] * (own + 2) + [False] * (more + 2)
    assert not found.space.basis[found.inside, rank:].any()
    assert np.allclose(found.turn.T @ found.turn, np.eye(d), atol=1e-13)
    assert error(matrix, found.space) <= 1e-11
    # The state of a flow, turned, has the same weights: ξ = Rᵀp.
    p = rng.standard_normal(d)
    xi = space.rows.correlate(p)
    turned = found.space.rows.correlate(found.turn.T @ p)
    assert np.allclose(turned, xi, rtol=0, atol=1e-12 * np.abs(space.rows.to_array()).sum(axis=0))


def test_samples_that_span_everything_leave_the_coordinates_as_they_are():
    space = row_space(DataMatrix.from_array(np.random.default_rng(0).standard_normal((9, 3))))
    found = space.apart(np.arange(9) < 4)
    assert found.space is space and found.inside.all()


def test_no_sample_set_apart_leaves_the_coordinates_as_they_are():
    """The largest pull may be that of a state that the solver tried and rejected."""
    space = row_space(DataMatrix.from_array(np.random.default_rng(4).standard_normal((6, 3))))
    found = space.apart(np.zeros(6, dtype=bool))
    assert found.space is space and not found.inside.any()
    assert np.array_equal(found.turn, np.eye(3))


@pytest.mark.parametrize("seed", range(3))
def test_multipliers_of_samples_have_the_coordinates_that_they_are_asked_for(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, 4)) * np.exp2(rng.integers(-9, 9, (12, 1)))
    x[3] = 0.0
    space = row_space(DataMatrix.from_array(x))
    coordinates = rng.standard_normal(space.rank)
    found = space.multipliers(coordinates)
    assert found.shape == (12,) and np.allclose(space.gather(found), coordinates, rtol=1e-10)
    # What is spread over the samples has other coordinates where their sizes differ.
    assert not np.allclose(space.gather(space.spread(coordinates)), coordinates, rtol=0.1)
    combined = space.rows.to_array().T @ coordinates
    assert np.allclose(x.T @ found, combined, rtol=1e-10, atol=1e-10 * np.abs(combined).max())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_errors_of_the_basis_are_within_what_bounds_them(d):
    """The combinations ``X R⁻¹`` of the columns are known exactly; those of one input err most."""
    rng = np.random.default_rng(d)
    for _ in range(150):
        n = d + int(rng.integers(1, 12))
        x = np.repeat(rng.uniform(0.5, 1, (1, d)), n, 0)
        x[:, -1] *= 1 + 10.0 ** rng.uniform(-9, 0) * rng.standard_normal(n)
        space = row_space(DataMatrix.from_array(x))
        if space.rank < d:
            continue
        exact = matrix(x) * matrix(space.rows.to_array()).inv() - matrix(space.basis)
        missed = np.array([[float(fraction(v)) for v in row] for row in exact.table()])
        assert np.linalg.norm(missed / space.rounding[:, None]) <= 1
        # The bound is of use: a few roundings times the condition.
        scale = np.linalg.cond(x) * np.linalg.norm(space.basis)
        assert np.linalg.norm(space.rounding) <= 100 * n * EPS * scale
