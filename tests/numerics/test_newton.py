"""Bounded Newton against scipy's bounded solver and a closed form; bounded work; refusals."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from grokflow.theory.numerics.newton import (
    Box,
    Dense,
    LowRank,
    NotConverged,
    ValueGradient,
    minimise,
    natural_residual,
)


@dataclass
class Quadratic:
    hessian_matrix: np.ndarray
    linear: np.ndarray
    hessians: int = 0

    def value_gradient(self, x):
        product = self.hessian_matrix @ x
        return ValueGradient(x @ product / 2 - self.linear @ x, product - self.linear)

    def hessian(self, x):
        self.hessians += 1
        return Dense(self.hessian_matrix)

    def box(self, x):
        return Box()

    def residual(self, x, gradient, lower):
        return natural_residual(x, gradient, lower)


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_bounded_quadratics_agree_with_scipy(seed, n):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((n + 3, n)), rng.standard_normal(n + 3)
    lower = rng.standard_normal(n)
    function = Quadratic(a.T @ a, a.T @ b)
    found = minimise(function, np.zeros(n), tolerance=1e-10, lower=lower)
    expected = lsq_linear(a, b, bounds=(lower, np.inf), method="bvls", tol=1e-14).x
    # ‖x - x*‖ ≤ residual (1 + ‖H‖) / μ for a strongly convex function with constant μ.
    values = np.linalg.eigvalsh(a.T @ a)
    allowed = np.sqrt(n) * 2e-10 * (1 + values[-1]) / values[0] + 1e-9
    assert np.linalg.norm(found.x - expected) <= allowed
    assert found.steps <= 3 * n + 5
    assert function.hessians <= found.steps + 1


def test_an_unbounded_quadratic_takes_one_step():
    function = Quadratic(np.diag([1.0, 1e6]), np.ones(2))
    found = minimise(function, np.zeros(2), tolerance=1e-9)
    assert found.steps == 1
    assert function.hessians == 1


def test_a_tolerance_out_of_reach_raises_with_a_remedy():
    function = Quadratic(np.diag([1.0, 1e14]), np.array([0.1, 0.3]) * 1e7)
    with pytest.raises(NotConverged, match="loosen the tolerance"):
        minimise(function, np.ones(2), tolerance=1e-30)
    assert minimise(function, np.ones(2), tolerance=1e-30, strict=False).residual > 1e-30


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 5))
def test_a_low_rank_hessian_is_the_dense_one(seed, n, rank):
    rng = np.random.default_rng(seed)
    shift, factor = rng.uniform(0.5, 2, n), rng.standard_normal((n, rank))
    thin, dense = LowRank(shift, factor), Dense(np.diag(shift) + factor @ factor.T)
    free = rng.random(n) < 0.7
    free[0] = True
    x = rng.standard_normal(n)
    # The condition number is at most 4 (1 + ‖F‖²); both solvers lift the diagonal by 1e-15 n.
    allowed = 400 * np.finfo(float).eps * n * (1 + np.sum(factor**2)) * np.linalg.norm(x)
    assert np.allclose(thin.diagonal, dense.diagonal, rtol=1e-13)
    assert np.linalg.norm(thin.times(x) - dense.times(x)) <= allowed
    assert np.linalg.norm(thin.solve(free, x[free]) - dense.solve(free, x[free])) <= allowed


def test_a_hessian_that_is_not_definite_falls_back_to_its_diagonal():
    step = Dense(np.array([[1.0, 3.0], [3.0, 4.0]])).solve(np.ones(2, dtype=bool), np.ones(2))
    assert np.allclose(step, [1.0, 0.25])
