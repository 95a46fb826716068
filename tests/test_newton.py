"""Bounded Newton against scipy's bounded solver and a closed form; bounded work; refusals."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from theory.newton import Box, Dense, NotConverged, ValueGradient, minimise, natural_residual


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
