"""Exact quadratic programs for margins, judged by the conditions of their minimum, at any units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.linear.dual import Constraint, Dual
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.numerics.hard_margin import constrained_least_norm
from grokflow.theory.numerics.margin_steps import minimise_by_programs
from grokflow.theory.samples import StoredTestSet


@pytest.mark.parametrize("equal", [0, 2, 5])
@given(seed=st.integers(0, 10**6))
def test_least_norms_under_equalities_and_margins_are_optimal(seed, equal):
    """The conditions of Karush, Kuhn and Tucker, which prove the minimum of a convex problem."""
    rng = np.random.default_rng(seed)
    x, targets = rng.standard_normal((5, 8)), rng.standard_normal(5)
    chosen = np.arange(5) < equal
    w, mu = constrained_least_norm(x, targets, chosen)
    miss = x @ w - targets
    # Householder's method on matrices whose condition is at most some hundreds.
    assert np.allclose(w, x.T @ mu, atol=1e-12 * np.abs(w).max())
    assert np.abs(miss[chosen]).max(initial=0.0) <= 1e-11 and (miss >= -1e-11).all()
    assert (mu[~chosen] >= 0).all() and np.abs(mu[~chosen] * miss[~chosen]).max(initial=0) <= 1e-10


def test_margins_of_few_inputs_of_different_units():
    """Many samples, and units over six decades, from the kernel regime into the rich one."""
    rng = np.random.default_rng(0)
    z = np.abs(rng.standard_normal((60, 1))) + 0.5 * rng.standard_normal((60, 5))
    z = z[z.sum(axis=1) > 1.0] * 10.0 ** np.linspace(-3, 3, 5)
    ones, floor, mu, unit = np.ones(len(z)), np.zeros(len(z)), np.zeros(len(z)), 1.0
    problem = make_problem("units", Task.CLASSIFICATION, z, ones, StoredTestSet(z, ones))
    for kappa in np.arange(0.1, 8.0, 0.5):
        potential = Hypentropy(1e3, float(kappa))
        dual = Dual(problem, Constraint(ones, -np.inf), potential)

        def root(at, potential=potential):
            return z * np.sqrt(potential.curvature(z.T @ at))

        mu = minimise_by_programs(dual, root, mu * unit / potential.unit, floor, 1e-9)
        unit, margins = potential.unit, z @ potential.weights(z.T @ mu)
        assert (mu >= 0).all() and margins.min() >= 1 - 1e-9
        assert margins[mu > 1e-6 * mu.max()].max() <= 1 + 1e-3
