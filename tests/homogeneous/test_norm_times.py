"""When decay has brought the norm down: the cases that can be computed by hand."""

import numpy as np

from grokflow.theory.homogeneous.norm_times import (
    fit_loss,
    linear_norm_time,
    net_norm,
    net_norm_time,
)


def test_what_is_outside_of_the_samples_shrinks_alone():
    # The norm is 5 where the part outside has shrunk from 40 to 4, beside 3 that is held.
    assert np.isclose(linear_norm_time(40.0, 3.0, 5.0), np.log(10), rtol=1e-14)


def test_the_norm_of_a_net_is_that_of_its_layers():
    u, v = np.array([2.0, 0.5]), np.array([0.25, 1.0])
    assert np.isclose(net_norm(u**2 - v**2, 0.5), np.hypot(*np.hypot(u, v)), rtol=1e-14)


def test_the_product_of_the_layers_shrinks_twice_as_fast_as_each():
    assert np.isclose(net_norm_time(6.0, (6.0 * np.exp(-1.5)) ** 2), 1.5, rtol=1e-14)


def test_each_direction_is_fitted_at_its_own_rate():
    left, rates = np.array([3.0, 4.0]), np.array([1.0, 2.0])
    assert np.isclose(fit_loss(left, rates, 0.5), (9 * np.exp(-1) + 16 * np.exp(-2)) / 25)
