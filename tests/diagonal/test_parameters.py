"""The parameters of diagonal nets: they invert the weights and keep the invariant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse
from grokflow.theory.diagonal.parameters import log_departure, parameters
from grokflow.theory.losses import LOSSES

DEPTHS = st.integers(2, 6)


@given(DEPTHS, st.floats(-3, 3), st.floats(-6, 6))
def test_weights_and_invariant_come_back(depth, log_scale, log_size):
    w = np.exp(log_size) * np.array([1.0, -0.3, 1e-3, -2.0, 0.0])
    u, v = parameters(w, depth, log_scale)
    rounding = 1e-14 * np.maximum(np.abs(w), np.exp(depth * log_scale))
    assert (np.abs(u**depth - v**depth - w) <= 10 * rounding).all()
    if depth == 2:
        kept, expected = u * v, np.exp(2 * log_scale)
    else:
        kept, expected = u ** (2 - depth) + v ** (2 - depth), 2 * np.exp((2 - depth) * log_scale)
    # Where α(s) is far below w, its power is a small difference in the angle.
    assert np.allclose(kept, expected, rtol=1e-11 * np.exp(max(0.0, log_size - depth * log_scale)))


@given(DEPTHS, st.floats(2, 6))
def test_departure_is_the_distance_of_the_direction_from_the_start(depth, log_scale):
    w = np.array([1.0, -0.3, 0.5])
    theta = parameters(w, depth, log_scale)
    direct = np.linalg.norm(theta / np.exp(log_scale) - 1)
    assert np.isclose(np.exp(log_departure(w, depth, log_scale)), direct, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
def test_departure_is_continuous_where_its_formula_changes_and_never_underflows(depth):
    w = np.array([0.7, -0.2, 1.0])
    edge = 30 / depth
    below, above = (log_departure(w, depth, edge + x) for x in (-1e-9, 1e-9))
    assert abs(below - above) <= 1e-7
    assert np.isclose(log_departure(w, depth, 500.0) - log_departure(w, depth, 400.0), -100 * depth)
    assert log_departure(np.zeros(3), depth, 1.0) == -np.inf


def test_zero_weights_leave_the_start_and_huge_ones_their_own_root():
    assert np.allclose(parameters(np.zeros(2), 3, 1.0), np.e)
    u, v = parameters(np.array([4.0]), 4, -200.0)
    assert np.isclose(u[0], np.sqrt(2))
    assert v[0] <= np.exp(-199)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_norm_of_the_flow_comes_back(depth):
    """The flow computes it from its own state, without the weights."""
    alpha, times = 10.0, np.array([1e-3, 1.0, 2.0, 2.5, 3.0])
    flow = DiagonalFlow(lam=1e-2, loss=LOSSES["logistic"])
    found = flow.run(DiagonalStart(sparse(n=6, d=20, n_test=1), alpha, depth), times)
    scales = np.log(alpha) - times
    norms = [
        np.linalg.norm(parameters(w, depth, float(scale)))
        for w, scale in zip(found.weights.T, scales, strict=True)
    ]
    assert np.allclose(norms, found.norms, rtol=1e-9)
