"""Exact quadratic programs for margins, judged by the conditions of their minimum, at any units."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.linear.dual import Constraint, Dual, Moved
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.numerics.hard_margin import constrained_least_norm
from grokflow.theory.numerics.margin_steps import Model, _step, minimise_by_programs
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


@dataclass(frozen=True)
class Changes:
    """The dual at a scale, of changes of the multipliers, with coordinates beside them."""

    dual: Dual
    rows: np.ndarray
    mu: np.ndarray
    z: np.ndarray

    @property
    def lower(self):
        return -self.mu

    @property
    def counted(self):
        return replace(self.dual, potential=Moved(self.dual.potential, self.z))

    def value_gradient(self, change):
        return self.counted.value_gradient(change)

    def residual(self, change, gradient, lower):
        return self.counted.residual(change, gradient, lower)

    def model(self):
        scale = np.sqrt(self.dual.potential.curvature(self.z))
        return Model(self.rows * scale, self.z * scale)

    def moved(self, step):
        mu = np.maximum(self.mu + step, 0.0)
        return replace(self, mu=mu, z=self.z + self.rows.T @ step)


@pytest.mark.parametrize("decades", [6, 12])
def test_margins_of_few_inputs_of_different_units(decades):
    """Many samples, and units over decades, from the kernel regime into the rich one."""
    rng = np.random.default_rng(0)
    z = np.abs(rng.standard_normal((60, 1))) + 0.5 * rng.standard_normal((60, 5))
    z = z[z.sum(axis=1) > 1.0] * 10.0 ** np.linspace(-decades / 2, decades / 2, 5)
    ones, mu, at, unit = np.ones(len(z)), np.zeros(len(z)), np.zeros(5), 1.0
    problem = make_problem("units", Task.CLASSIFICATION, z, ones, StoredTestSet(z, ones))
    for kappa in np.arange(0.1, 8.0, 0.5):
        potential = Hypentropy(10.0 ** (decades / 2), float(kappa))
        dual = Dual(problem, Constraint(ones, -np.inf), potential)
        change = unit / potential.unit
        start = Changes(dual, z, mu * change, at * change)
        found = minimise_by_programs(start, 1e-9)
        mu, at, unit = found.mu, found.z, potential.unit
        margins = z @ potential.weights(at)
        assert (mu >= 0).all() and margins.min() >= 1 - 1e-9
        # Rounded multipliers do not say what the margins are; that of the sum is all they miss.
        assert np.abs(at - z.T @ mu).max() <= 1e-13 * (np.abs(z).T @ mu).max()
        assert margins[mu > 1e-6 * mu.max()].max() <= 1 + 1e-3


@given(seed=st.integers(0, 10**6))
def test_a_step_minimises_its_model_whatever_is_on_its_bound(seed):
    """More rows than columns, some of them twice, from any point: the conditions of the minimum."""
    rng = np.random.default_rng(seed)
    root = np.abs(rng.standard_normal((9, 1))) + rng.standard_normal((9, 3))
    root[8] = root[0]
    root = root[root.sum(axis=1) > 0.5]
    lower = -np.abs(rng.standard_normal(len(root))) * (rng.random(len(root)) < 0.5)
    gradient = root @ rng.standard_normal(3) * 3 - 1  # those of margins that some weights have
    step = _step(Model(root, -lower @ root), gradient, lower, 1e-10)
    after = gradient + root @ (step @ root)
    assert (step >= lower).all() and after.min(initial=0.0) >= -1e-9
    assert np.abs(np.minimum(step - lower, after)).max(initial=0.0) <= 1e-9
