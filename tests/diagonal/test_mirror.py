"""The mirror map: derivatives, both limits, and no overflow at either end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.diagonal.scale import DiagonalScale

XI = np.linspace(-1.25, 1.25, 41)


@given(st.floats(1e-3, 250.0))
def test_weights_are_the_derivative_of_the_potential(kappa):
    potential = Hypentropy(0.7, kappa)
    h = 1e-4 / max(1.0, kappa)
    for xi in (0.2, -0.9, 1.1):
        up, down = (potential.value(np.array([xi + e])) for e in (h, -h))
        slope = (up - down) / (2 * h)
        w = potential.weights(np.array([xi]))[0]
        # Central difference: h²/6 of the third derivative, which is κ² w, plus rounding.
        allowed = h**2 * kappa**2 * abs(w) + 1e-12 * max(up, down) / h
        assert abs(slope - w) <= allowed


@pytest.mark.parametrize("kappa", [0.01, 5.0, 299.0, 301.0, 2000.0])
def test_curvature_is_the_derivative_of_the_weights(kappa):
    potential = Hypentropy(0.7, kappa)
    h = 1e-5 / max(1.0, kappa)
    slope = (potential.weights(XI + h) - potential.weights(XI - h)) / (2 * h)
    assert np.allclose(potential.curvature(XI), slope, rtol=1e-8, atol=1e-8 * kappa)


def test_the_two_formulas_agree_where_they_meet():
    below, above = Hypentropy(0.7, 300.0), Hypentropy(0.7, np.nextafter(300.0, 301))
    for name in ("weights", "curvature"):
        assert np.allclose(getattr(below, name)(XI), getattr(above, name)(XI), rtol=1e-11)
    assert np.isclose(below.value(XI), above.value(XI), rtol=1e-11)


def test_the_kernel_limit_is_linear():
    assert np.allclose(Hypentropy(0.7, 1e-9).weights(XI), 0.7 * XI, rtol=1e-15, atol=0)


@given(st.floats(-2, 2), st.floats(0, 3))
def test_the_map_is_the_one_of_the_net(exponent, s):
    scale = DiagonalScale(10.0**exponent, 0.3)
    beta = np.exp(2 * scale.log_scale(s))
    nu = np.array([0.1, -0.4, 0.02])
    kappa = scale.kappa(s)
    direct = 2 * beta * np.sinh(4 * nu)
    assert np.allclose(Hypentropy(0.3, kappa).weights(4 * nu / kappa), direct, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e100])
@pytest.mark.parametrize("past", [0.0, 5.0, 400.0])
def test_scales_stay_finite_from_tiny_to_huge(alpha, past):
    scale = DiagonalScale(alpha, 1e-3)
    s = max(np.log(alpha), 0) + past
    kappa = scale.kappa(s)
    assert 0 < kappa < np.inf
    assert np.isfinite(Hypentropy(1e-3, kappa).weights(XI)).all()
    h = 1e-6
    slope = (np.log(scale.kappa(s + h)) - np.log(scale.kappa(s - h))) / (2 * h)
    assert np.isclose(scale.potential(s).drift, slope, rtol=1e-7)
