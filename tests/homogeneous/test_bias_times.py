"""How a bias settles: the ends of its way, a case by hand, and the integral against quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad

from grokflow.theory.homogeneous.bias_times import bias_time, last_bias, margin_at


def test_the_bias_begins_at_the_log_odds_and_ends_at_half_of_them():
    assert margin_at(np.log(9), 9.0) == pytest.approx(0, abs=1e-14)
    assert margin_at(last_bias(90, 10) * (1 + 1e-9), 9.0) > 15
    assert bias_time(np.log(9), 90, 10, 0.1) == pytest.approx(0, abs=1e-12)


def test_both_sides_pull_alike_where_the_bias_is_half_of_the_margin():
    # e^b = (1 + √(4r - 3))/2: at r = 7 it is 3, and the margin ln 9.
    assert margin_at(np.log(3), 7.0) == pytest.approx(np.log(9), rel=1e-14)
    assert 7 / (1 + 9 * 3) == pytest.approx(1 / (1 + 9 / 3))


def test_the_time_is_the_integral_over_the_margin():
    def bias_at(m, ratio):
        odds = np.roots([np.exp(m), 1 - ratio, -ratio * np.exp(m)])
        return np.log(odds[odds > 0][0])

    bias, gamma = np.log(3), 0.2
    slowness, _ = quad(lambda m: 1 + np.exp(m + bias_at(m, 7.0)), 0, np.log(9), epsabs=1e-12)
    expected = slowness / (2 * 70 * gamma**2)
    assert bias_time(bias, 70, 10, gamma) == pytest.approx(expected, rel=1e-9)
