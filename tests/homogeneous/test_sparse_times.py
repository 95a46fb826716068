"""Sparse weights: the worst case of an L1 penalty, and what decay misses, by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.homogeneous.sparse_times import l1_steps, least_decay_error


@given(st.floats(0.1, 10), st.floats(0.05, 0.95), st.floats(0.1, 10))
def test_the_norm_of_one_weight_falls_evenly_and_attains_the_bound_halfway(start, left, lr):
    beta = 1e-3
    taken = start * (1 - left) / (lr * beta)
    bound = l1_steps(start, left * start, lr, beta)
    assert taken <= bound * (1 + 1e-12)
    half = l1_steps(start, start / 2, lr, beta)
    assert np.isclose(start / 2 / (lr * beta), half, rtol=1e-12)


def test_the_nearest_multiple_of_the_start_is_what_decay_passes():
    start, truth = np.array([2.0, 0.0]), np.array([3.0, 4.0])
    multiples = np.linspace(0, 3, 3001)[:, None] * start
    nearest = np.linalg.norm(multiples - truth, axis=1).min()
    assert np.isclose(least_decay_error(start, truth), nearest, atol=1e-6)


def test_a_start_that_points_away_or_is_zero_makes_up_for_nothing():
    truth = np.array([3.0, 4.0])
    for start in (np.array([-1.0, 0.0]), np.zeros(2)):
        assert least_decay_error(start, truth) == 5.0
