"""Reading a transition off a curve, and the kind of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import crossing, leading_order, stage, window

TIMES = np.linspace(0, 10, 101)


@given(st.floats(1, 9), st.floats(0.05, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_ramp_is_read_exactly_whichever_way_it_goes(center, width, early, late):
    times = np.unique(np.concatenate([TIMES, center + width * np.array([-1, 0, 1.0])]))
    error = early + (late - early) * np.clip((times - center) / (2 * width) + 0.5, 0, 1)
    found = crossing(times, error, early, late)
    if abs(early - late) < 1e-6:
        return
    assert np.isclose(found.lambda_t, center, atol=1e-8)
    assert np.isclose(found.width, width, atol=1e-8)


def test_dips_before_the_transition_are_ignored():
    error = np.where(TIMES < 5, 0.5, 0.0)
    error[10] = 0.0
    assert 4.9 <= crossing(TIMES, error, 0.5, 0.0).lambda_t <= 5.0


@pytest.mark.parametrize("error", [np.full(101, 0.5), np.zeros(101)])
def test_no_crossing_is_nan(error):
    assert np.isnan(crossing(TIMES, error, 0.5, 0.0)).all()
    assert np.isnan(crossing(TIMES, error, 0.5, 0.5)).all()


def test_windows_surround_the_leading_order():
    assert leading_order(np.e) == 1.0
    early, late = window(1e8, 0.25)
    assert np.isclose(early, 0.75 * np.log(1e8))
    assert np.isclose(late, 1.25 * np.log(1e8))


@pytest.mark.parametrize(
    ("early", "late", "kind"),
    [
        (0.4, 0.0, Kind.GROKKING),
        (0.0, 0.4, Kind.MISGROKKING),
        (0.40, 0.41, Kind.NEITHER),
        (0.0, 0.0, Kind.NEITHER),
    ],
)
def test_kinds(early, late, kind):
    error, spread = np.array([early, late]), np.full(2, 0.005)
    assert kind_of(Scores(1 - error, error, None, 10_000, spread, 0.5)) is kind


def test_errors_at_rounding_are_no_transition():
    error = np.array([1e-28, 1e-20])
    assert kind_of(Scores(None, error, None, 100, 0 * error, 1.0)) is Kind.NEITHER


def test_a_stage_ends_when_as_much_is_left_as_was_gone_at_its_beginning():
    times = np.arange(6.0)
    rising = np.array([2.0, 2.0, 4.0, 6.0, 8.0, 12.0])  # from 2 to 12: progress 0, 0, .2, .4, .6, 1
    assert np.allclose(stage(times, rising, 2.0, 12.0, level=0.1), (1.5, 4.75), rtol=1e-14)
    assert np.allclose(stage(times, rising[::-1], 12.0, 2.0, level=0.3), (0.75, 2.5), rtol=1e-14)
    assert np.isnan(stage(times, rising, 2.0, 2.0, level=0.1)).all()


def test_a_curve_that_rests_at_half_way_has_crossed_when_it_gets_there():
    times, progress = np.arange(4.0), np.array([0.0, 0.5, 0.5, 1.0])
    assert crossing(times, progress, 0.0, 1.0).lambda_t == 1.0


@pytest.mark.parametrize("size", [7, 1095, 2999])
def test_rounding_does_not_decide_whether_a_curve_at_half_way_is_there(size):
    """Of counts of wrong samples, k is half-way from k - 2j to k + 2j, whatever is divided."""
    times = np.arange(4.0)
    for k in range(2, size - 2, max(size // 300, 1)):
        wrong = np.array([k - 2, k, k, k + 2])
        for error in (wrong / size, wrong / size + np.spacing(0.5), 1 - wrong / size):
            assert crossing(times, error, error[0], error[-1]).lambda_t == pytest.approx(1.0)
