"""One label: the nearest point of a hull by hand, and how often a hull leaves 0 out."""

import numpy as np
import pytest

from grokflow.theory.linear.classes.one_label import hull_misses_origin, hull_weights


def test_the_nearest_point_of_a_segment_divides_it():
    # From (3, 0) to (0, 4): the altitude of the right triangle, of length 12/5.
    x = np.array([[3.0, 0.0], [0.0, 4.0], [5.0, 5.0]])
    weights = hull_weights(x)
    assert np.allclose(weights, [16 / 25, 9 / 25, 0], atol=1e-15)
    assert np.linalg.norm(weights @ x) == pytest.approx(12 / 5)


def test_a_hull_around_the_origin_has_it_for_its_nearest_point():
    x = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert np.allclose(hull_weights(x), [1 / 2, 1 / 4, 1 / 4], atol=1e-15)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_half_of_the_hulls_of_twice_as_many_samples_as_inputs_leave_the_origin_out(d):
    assert hull_misses_origin(2 * d, d) == 0.5
    assert hull_misses_origin(d, d) == 1.0


def test_points_on_a_line_are_on_one_side_by_chance():
    assert hull_misses_origin(5, 1) == 2 / 2**5
