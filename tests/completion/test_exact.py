"""Exact certificates of nuclear norms: known optima, oracles and refusals."""

from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.theory.completion import exact as exact_nuclear
from grokflow.theory.completion.exact import ObservedEntries
from grokflow.theory.numerics import rational

EPS = np.finfo(float).eps
LAM = 0.0625
TINY = 1e-12


def observe(d, entries):
    rows, columns, values = (np.array(part) for part in zip(*entries, strict=True))
    return ObservedEntries(d, rows, columns, values.astype(np.float64))


NUCLEAR_BY_HAND = {
    # The trace bounds the nuclear norm: Y = I.
    "diagonal": (observe(2, [(0, 0, 2), (1, 1, 3)]), np.diag([2.0, 3.0]), [1, 1], 5),
    # W = [[0, a], [a, 0]]: two eigenvalues ±a.
    "one pair": (observe(2, [(0, 1, 3)]), np.array([[0, 3], [3, 0.0]]), [2], 6),
    # The free entry is 1, not the 4 of rank one: eigenvalues 3 and -1.
    "first row": (observe(2, [(0, 0, 1), (0, 1, 2)]), np.array([[1, 2], [2, 1.0]]), [0, 2], 4),
}


@pytest.mark.parametrize("name", NUCLEAR_BY_HAND)
def test_small_completions_have_known_nuclear_norms(name):
    observed, w, mu, optimum = NUCLEAR_BY_HAND[name]
    bounds = exact_nuclear.min_nuclear_norm(observed, w, np.array(mu, dtype=np.float64))
    assert bounds.lower <= optimum <= bounds.upper
    assert bounds.gap <= 100 * EPS
    # The answer's own observed entries do not matter: they are put in.
    noisy = exact_nuclear.min_nuclear_norm(observed, w + TINY, np.array(mu, dtype=np.float64))
    assert noisy.gap <= 100 * EPS + 10 * TINY


def test_an_answer_that_is_not_symmetric_is_judged_by_its_symmetric_part():
    observed = observe(2, [(0, 0, 1)])
    w = np.array([[1.0, 0.0], [0.5, 0.25]])
    for enclose in (
        exact_nuclear.min_nuclear_norm,
        lambda *answer: exact_nuclear.nuclear_penalised(*answer, 1.0),
    ):
        assert enclose(observed, w, np.ones(1)) == enclose(observed, (w + w.T) / 2, np.ones(1))


def test_a_fully_observed_diagonal_is_soft_thresholded():
    """N = 4, λ = 1: eigenvalues 3 and 1 fall by λN/4 = 1, and the value is 3/2."""
    full = observe(2, [(0, 0, 3), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
    w = np.diag([2.0, 0.0])
    mu = 2 / 4 * np.array([1.0, 0.0, 0.0, 1.0])
    bounds = exact_nuclear.nuclear_penalised(full, w, mu, 1.0)
    assert bounds.lower <= Fraction(3, 2) <= bounds.upper
    assert bounds.gap <= 100 * EPS


def completion(seed=0, d=5):
    """Return a random rank-1 completion and cvxpy's answers: plain and penalised."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal(d)
    rows, columns = np.nonzero(rng.random((d, d)) < 0.5)
    observed = ObservedEntries(d, rows, columns, np.outer(factor, factor)[rows, columns])
    w = cvxpy.Variable((d, d), symmetric=True)
    misses = [w[i, j] - x for i, j, x in zip(rows, columns, observed.values, strict=True)]
    equalities = [miss == 0 for miss in misses]
    plain = cvxpy.Problem(cvxpy.Minimize(cvxpy.normNuc(w)), equalities)
    plain.solve(solver=cvxpy.CLARABEL)
    mu = -np.array([equality.dual_value for equality in equalities])
    first = (plain.value, w.value, mu)
    size = cvxpy.sum_squares(cvxpy.hstack(misses)) / len(rows) + LAM / 2 * cvxpy.normNuc(w)
    soft = cvxpy.Problem(cvxpy.Minimize(size))
    soft.solve(solver=cvxpy.CLARABEL)
    pull = 2 / len(rows) * (observed.values - w.value[rows, columns])
    return observed, first, (soft.value, w.value, pull)


def test_completions_of_cvxpy_are_enclosed_and_perturbed_ones_get_a_wider_gap():
    observed, plain, soft = completion()
    for enclose, (value, w, mu) in (
        (exact_nuclear.min_nuclear_norm, plain),
        (lambda *answer: exact_nuclear.nuclear_penalised(*answer, LAM), soft),
    ):
        bounds = enclose(observed, w, mu)
        # What cvxpy leaves, not rounding, is the gap.
        assert 0 <= bounds.gap <= 1e-6
        assert bounds.lower <= value * (1 + 1e-6)
        assert bounds.upper >= value * (1 - 1e-6)
        free = w + 0.1 * np.ones_like(w)
        for other in (enclose(observed, free, mu), enclose(observed, w, mu[::-1].copy())):
            assert other.gap > max(1e-4, 10 * bounds.gap)
            assert other.lower <= bounds.upper
            assert other.upper >= bounds.lower
        assert enclose(observed, w, 0 * mu).lower == 0


@settings(max_examples=10)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_norm_bounds_hold_and_are_tight_against_ball_eigenvalues(d, seed, low_rank):
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((d, 1 if low_rank else d))
    m = m @ m.T - (0 if low_rank else 1) * np.diag(rng.standard_normal(d))
    m = (m + m.T) / 2
    exact_m = rational.matrix(m)
    with ctx.workprec(400):
        values = [abs(v.real) for v in acb_mat(arb_mat(exact_m)).eig(multiple=True)]
        nuclear, spectral = sum(values, arb(0)), max(values, key=lambda v: float(v.mid()))
    for bound, true in (
        (exact_nuclear.nuclear_norm_above(exact_m), nuclear),
        (exact_nuclear.spectral_norm_above(exact_m), spectral),
    ):
        assert bound >= true.lower().fmpq()
        assert float(rational.fraction(bound)) <= float(true.mid()) * (1 + 100 * d * EPS)


def test_an_entry_with_two_values_is_refused_only_where_it_must_be():
    observed = observe(2, [(0, 1, 3), (1, 0, 4)])
    with pytest.raises(ValueError, match="observed with two values"):
        exact_nuclear.min_nuclear_norm(observed, np.zeros((2, 2)), np.ones(2))
    assert exact_nuclear.nuclear_penalised(observed, np.zeros((2, 2)), np.ones(2), 1.0).upper > 0
