"""The motion at finite λ is that of the flow, and its half-way time has an interval."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.diagonal.finite_decay.timing import Motion, Span, even_steps, follow, half_way
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.regime import held_weights
from grokflow.theory.linear.classes.problem import make_classes_problem
from grokflow.theory.linear.problem import make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet

ALPHA, LAM, RTOL = 1e6, 1e-3, 1e-5
SPAN = Span(-4.0, 6.0)


def motion_of(problem, loss, depth):
    held = held_weights(problem, loss)
    return SlowMotion.of(problem, held, held.early.w, loss, lam=LAM, depth=depth)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", [2, 3])
def test_the_motion_is_the_flow_to_second_order_in_its_steps(loss, depth):
    problem = sparse(n=20, d=30, n_test=50)
    if loss == "square":
        problem = sparse_regression(n=12, d=20, k=2, n_test=50)
    motion, errors = motion_of(problem, LOSSES[loss], depth), []
    flow, start = DiagonalFlow(lam=LAM, loss=LOSSES[loss], rtol=RTOL), DiagonalStart
    for step in (0.4, 0.1):
        found = follow(motion, even_steps(SPAN, step))
        at = np.log(ALPHA) + found.slow[::4]
        true = flow.run(start(problem, ALPHA, depth), at).weights
        off = np.linalg.norm(found.weights[:, ::4] - true, axis=0)
        size = np.linalg.norm(true, axis=0)
        # After the first steps, in which margins forget that their start is left out.
        later = found.slow[::4] >= -2
        errors.append((off / size)[later].max())
        assert errors[-1] <= (np.linalg.norm(found.errors, axis=0)[::4] / size)[later].max() + RTOL
    # Steps of a quarter err by a sixteenth to second order, and by a quarter to first order.
    assert errors[1] <= errors[0] / 8 + RTOL


def straight(labels, errors):
    """Return a problem of one input and the motion ``w = s - 5`` with errors of its outputs."""
    slow = np.linspace(0, 10, 41)
    test = StoredTestSet(np.ones((len(labels), 1)), np.array(labels))
    task = "classification" if set(labels) <= {-1.0, 1.0} else "regression"
    problem = make_problem("straight", task, np.eye(1) * [[1.0], [2.0]], [1.0, -1.0], test)
    return problem, Motion(slow, -2 * slow, slow[None] - 5, np.full((1, 41), errors))


def test_the_interval_is_that_of_outputs_within_their_errors():
    problem, motion = straight([1.0], 0.5)
    (_, when, _), (low, high) = half_way(problem, motion, 1.0, 0.0)
    reading = 0.25 / 16
    assert when == pytest.approx(5, abs=reading)
    assert low == pytest.approx(4.5, abs=2 * reading) and low <= 4.5
    assert high == pytest.approx(5.5, abs=2 * reading) and high >= 5.5


def test_an_end_that_the_errors_leave_open_is_infinite():
    problem, motion = straight([1.0], 6.0)
    _, interval = half_way(problem, motion, 1.0, 0.0)
    assert interval == (-np.inf, np.inf)


def test_a_curve_that_is_never_half_way_has_no_interval():
    problem, motion = straight([1.0, -1.0], 0.5)
    when, interval = half_way(problem, motion, 1.0, 0.0)
    assert np.isnan(when.half) and not interval.is_known


def test_squared_errors_have_an_interval_too():
    problem, motion = straight([5.0], 0.5)
    # The squared error (10 - s)² falls from 100 to 0: half of it is left at s = 10 - √50.
    (_, when, _), (low, high) = half_way(problem, motion, 100.0, 0.0)
    assert when == pytest.approx(10 - np.sqrt(50), abs=0.02)
    assert (low, high) == pytest.approx((when - 0.5, when + 0.5), abs=0.05)


def test_an_output_errs_beside_all_others():
    """The own output ``s - 5`` and another one of 0 may each be off by a quarter."""
    slow, x = np.linspace(0, 10, 41), np.eye(1)
    problem = make_classes_problem("three", [[1.0], [2.0], [3.0]], [0, 1, 2], x, [0])
    weights = np.stack([slow - 5, 0 * slow, 0 * slow - 10])[:, None]
    motion = Motion(slow, -2 * slow, weights, np.full_like(weights, 0.25))
    (_, when, _), (low, high) = half_way(problem, motion, 1.0, 0.0)
    reading = 0.25 / 16
    assert when == pytest.approx(5, abs=reading)
    assert low == pytest.approx(4.5, abs=2 * reading) and low <= 4.5
    assert high == pytest.approx(5.5, abs=2 * reading) and high >= 5.5


def test_data_that_determine_the_weights_have_no_transition_to_time():
    problem = sparse_regression(n=30, d=10, k=2, n_test=50)
    found = forecast(problem, alpha=ALPHA, lam=LAM, loss=LOSSES["square"])
    assert np.isnan(found.transition.lambda_t) and not found.interval.is_known


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_an_interval_of_tails_holds_the_time_of_the_flow(loss):
    problem = sparse(n=40, d=60, n_test=500)
    found = forecast(problem, alpha=1e4, lam=1e-3, loss=LOSSES[loss])
    times = np.linspace(0.01, 20, 2000)
    flow = DiagonalFlow(lam=1e-3, loss=LOSSES[loss]).run(DiagonalStart(problem, 1e4), times)
    when, (low, high) = flow.transition(*found.scores.error[:2]).lambda_t, found.interval
    assert low - 0.01 <= when <= high + 0.01
    assert abs(found.transition.lambda_t / when - 1) < 0.01 and high - low < 0.2


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_rows_of_several_sizes_that_depend_on_each_other_are_timed_like_any(noise):
    """Coordinates of their row space are in units of the rows, and the loss is not."""
    rng = np.random.default_rng(0)
    x, unseen = rng.standard_normal((20, 60)), rng.standard_normal((500, 60))
    x *= rng.uniform(0.5, 3, (20, 1))
    x = np.concatenate([x, x[:4]])
    y = x[:, :2].sum(axis=1) + noise * rng.standard_normal(24)
    test = gf.StoredTestSet(unseen, unseen[:, :2].sum(axis=1))
    problem = gf.make_problem("copies", gf.Task.REGRESSION, x, y, test)
    loss = gf.LOSSES["square"]
    found = gf.forecast(problem, alpha=1e4, lam=0.01, loss=loss)
    assert found.regime is (gf.Regime.INCONSISTENT if noise else gf.Regime.INTERPOLATED)
    times = np.arange(0, 19, 0.005)
    run = gf.DiagonalFlow(lam=0.01, loss=loss).run(gf.DiagonalStart(problem, alpha=1e4), times)
    when = run.transition(*found.scores.error[:2]).lambda_t
    # What the interpolation between times leaves out is of second order in their step.
    assert found.interval.low - 1e-4 <= when <= found.interval.high + 1e-4
