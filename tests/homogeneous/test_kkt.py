"""KKT residuals of parameters: zero at KKT points, not elsewhere, and the same at every scale."""

import numpy as np
import pytest

from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal import certificates as kkt
from grokflow.theory.diagonal.parameters import parameters
from grokflow.theory.homogeneous.kkt import interpolation_residual, margin_residual
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin

CLASSES = sparse(n=6, d=20, n_test=1)
TARGETS = sparse_regression(n=6, d=20, k=2, n_test=1)


def of_net(problem, w, depth=2, scale=1.0):
    """Return θ, outputs and their gradients of the net with weights w in its smallest θ."""
    u, v = scale * parameters(w, depth, -800.0)
    x = problem.inputs.to_array()
    gradients = depth * np.hstack([x * u ** (depth - 1), -x * v ** (depth - 1)])
    return np.append(u, v), x @ (u**depth - v**depth), gradients


def test_the_max_l1_margin_is_a_kkt_point_of_depth_two_and_the_max_l2_margin_is_not():
    late, early = MaxL1Margin().predict(CLASSES).w, MaxL2Margin().predict(CLASSES).w
    assert margin_residual(*of_net(CLASSES, late), 2.0) <= 1e-6
    assert margin_residual(*of_net(CLASSES, early), 2.0) >= 0.05


def test_the_residual_of_margins_does_not_depend_on_the_norm():
    w = MaxL2Margin().predict(CLASSES).w
    values = [margin_residual(*of_net(CLASSES, w, 3, scale), 3.0) for scale in (0.1, 1.0, 7.0)]
    assert np.allclose(values, values[0], rtol=1e-9)


def test_without_a_margin_the_residual_is_infinite():
    assert margin_residual(*of_net(CLASSES, -MaxL2Margin().predict(CLASSES).w), 2.0) == np.inf


def test_the_min_l1_norm_is_a_kkt_point_and_a_miss_of_the_targets_counts():
    theta, outputs, gradients = of_net(TARGETS, MinL1Norm().predict(TARGETS).w)
    y = TARGETS.targets
    assert interpolation_residual(theta, outputs, gradients, y) <= 1e-6
    missed = interpolation_residual(theta, outputs, gradients, 1.1 * y)
    assert np.isclose(missed, 0.1 / 1.1, rtol=1e-3)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_stationarity_agrees_with_the_residual_in_the_weights(depth):
    w = np.zeros(20)
    w[:9] = np.linspace(-1.0, 2.0, 9)
    theta, outputs, gradients = of_net(TARGETS, w, depth)
    found = interpolation_residual(theta, outputs, gradients, outputs)
    assert np.isclose(found, kkt.of_constraints(TARGETS, w, depth).residual, rtol=1e-6)
