"""Bounds on the steps of ridge regression: descent on one sample, where they are attained."""

import numpy as np
import pytest

from grokflow.theory.homogeneous.ridge_steps import fit_steps, generalisation_steps

LR, LAM, CURVATURE = 0.1, 0.01, 2.0


def test_one_curvature_is_fitted_between_the_two_signs_of_what_the_end_misses():
    floor = LAM / (CURVATURE + LAM)
    least, most = fit_steps(np.array([CURVATURE]), LR, LAM, 100.0, floor, 0.1)
    for sign, bound in ((1, most), (-1, least)):
        left = [abs(sign * 100 * (1 - LR * (LAM + CURVATURE)) ** t + floor) for t in range(60)]
        assert int(np.argmax(np.array(left) <= 0.1)) == int(np.ceil(bound))


@pytest.mark.parametrize(("sign", "attained"), [(1, 0), (-1, 1)])
def test_one_direction_outside_generalises_at_one_of_the_bounds(sign, attained):
    bounds = generalisation_steps(LR, LAM, 100.0, 0.05, 0.1, 0.5)
    outside = sign * 100 * (1 - LR * LAM) ** np.arange(10_000) - 0.05
    inside = 0.1 if attained else 0.0
    first = int(np.argmax(np.hypot(outside, inside) <= 0.5))
    assert first == int(np.ceil(bounds[attained]))
