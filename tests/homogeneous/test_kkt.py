"""KKT residuals of parameters: zero at KKT points, not elsewhere, and the same at every scale."""

import cvxpy as cp
import numpy as np
import pytest

from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal import certificates as kkt
from grokflow.theory.diagonal.parameters import parameters
from grokflow.theory.diagonal.state import DiagonalState
from grokflow.theory.homogeneous.kkt import stationarity
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin

CLASSES = sparse(n=6, d=20, n_test=1)
TARGETS = sparse_regression(n=6, d=20, k=2, n_test=1)


def of_net(problem, w, depth=2, scale=1.0):
    """Return gradients, θ and outputs of the net with weights w in its smallest θ."""
    u, v = scale * parameters(w, depth, -800.0)
    x = problem.inputs.to_array()
    gradients = depth * np.hstack([x * u ** (depth - 1), -x * v ** (depth - 1)])
    return gradients.T, np.append(u, v), x @ (u**depth - v**depth)


@pytest.mark.parametrize("seed", range(5))
def test_the_max_l1_margin_is_a_kkt_point_of_depth_two_and_the_max_l2_margin_is_not(seed):
    problem = sparse(n=6, d=20, n_test=1, seed=seed)
    late, early = MaxL1Margin().predict(problem).w, MaxL2Margin().predict(problem).w
    assert max(stationarity(*of_net(problem, late))[:3]) <= 1e-12
    assert stationarity(*of_net(problem, early)).total >= 0.05


@pytest.mark.parametrize("seed", range(5))
def test_all_forms_agree_where_the_multipliers_are_not_unique(seed):
    problem = sparse(n=6, d=20, n_test=1, seed=seed)
    w = MaxL1Margin().predict(problem).w
    gradients, theta, q = of_net(problem, w)
    # Inputs of signs: several samples are on the margin, and gradients on the support are equal.
    assert np.linalg.matrix_rank(gradients, tol=1e-9) < problem.n
    assert max(kkt.of_constraints(problem, w, 2)[:3]) <= 1e-12
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(theta, 1e-300)).reshape(2, -1)
    state = DiagonalState(problem, 2, logs[0], logs[1], 0.0)
    # Here the kernel stands in for the gradients, and half of the digits are lost.
    assert max(state.kkt(q)[:3]) <= 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_residual_and_slackness_are_minimised_together(seed):
    rng = np.random.default_rng(seed)
    gradients, theta = rng.standard_normal((12, 5)), rng.standard_normal(12)
    degree = 3.0
    # Margins by Euler's relation, all positive.
    gradients *= np.sign(theta @ gradients)
    q = theta @ gradients / degree
    found = stationarity(gradients, theta, q)
    size = np.linalg.norm(theta)
    mu = cp.Variable(5, nonneg=True)
    parts = cp.hstack([(theta - gradients @ mu) / size, degree * (q - q.min()) @ mu / size**2])
    problem = cp.Problem(cp.Minimize(cp.norm2(parts)))
    problem.solve(solver=cp.CLARABEL)
    assert np.isclose(found.total, problem.value, rtol=1e-6)
    basis = np.linalg.qr(np.column_stack([gradients, theta]))[0].T
    turned = stationarity(basis @ gradients, basis @ theta, q)
    assert np.allclose(turned[:3], found[:3], rtol=1e-10)


def test_the_residual_of_margins_does_not_depend_on_the_norm():
    w = MaxL2Margin().predict(CLASSES).w
    values = [stationarity(*of_net(CLASSES, w, 3, scale))[:3] for scale in (0.1, 1.0, 7.0)]
    assert np.allclose(values, values[0], rtol=1e-9)


def test_without_a_margin_there_is_no_slackness():
    found = stationarity(*of_net(CLASSES, -MaxL2Margin().predict(CLASSES).w))
    assert found.residual > 0.5 and np.isnan(found.slackness) and found.total == np.inf


def test_the_min_l1_norm_is_a_kkt_point_of_equalities():
    found = stationarity(*of_net(TARGETS, MinL1Norm().predict(TARGETS).w)[:2])
    assert found.total <= 1e-6 and found.slackness == 0


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_stationarity_agrees_with_the_residual_in_the_weights(depth):
    w = np.zeros(20)
    w[:9] = np.linspace(-1.0, 2.0, 9)
    gradients, theta, _ = of_net(TARGETS, w, depth)
    found = stationarity(gradients, theta).residual
    assert np.isclose(found, kkt.of_constraints(TARGETS, w, depth).residual, rtol=1e-6)
