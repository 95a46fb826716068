"""The reduced flow: the full system, closed forms, tolerance, work, limits, refusals."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from scipy.special import lambertw

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.trajectory import times_within
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from tests.reference import full_flow

CLASSES = sparse(n=8, d=20, n_test=10)
TARGETS = sparse_regression(n=8, d=20, n_test=10)


def problem_for(loss):
    return TARGETS if loss == "square" else CLASSES


def errors(weights, reference):
    """Relative error of w at every output time."""
    return np.linalg.norm(weights - reference, axis=0) / np.linalg.norm(reference, axis=0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("alpha", "lam"), [(0.3, 0.1), (1.0, 1e-2), (10.0, 1e-2)])
def test_the_reduction_equals_the_full_system(loss, alpha, lam):
    problem = problem_for(loss)
    times = np.concatenate([np.geomspace(1e-4, 0.1, 5), np.linspace(0.3, np.log(alpha) + 4, 12)])
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-6)
    found = flow.run(DiagonalStart(problem, alpha), times)
    reference = full_flow.weights(
        problem.inputs.to_array(), problem.targets, alpha, lam, loss, times
    )
    assert errors(found.weights, reference).max() <= 1e-6
    norms = np.sqrt(np.hypot(reference, 2 * alpha**2 * np.exp(-2 * times)).sum(axis=0))
    assert np.allclose(found.norms, norms, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("alpha", [1e-1, 1e2, 1e8, 1e100])
@pytest.mark.parametrize("lam", [1e-1, 1e-12])
def test_the_tolerance_is_kept_with_bounded_work(loss, alpha, lam):
    problem = problem_for(loss)
    times = max(np.log(alpha), 0) + np.linspace(0.5, 7, 30)
    coarse, fine = (
        DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=rtol).run(
            DiagonalStart(problem, alpha), times
        )
        for rtol in (1e-5, 1e-7)
    )
    size = np.linalg.norm(fine.weights, axis=0)
    if size.min() > 0:
        assert errors(coarse.weights, fine.weights).max() <= 1e-5
    # Steps grow like log α and log 1/λ; 40 a decade covers every case with room.
    decades = abs(np.log10(alpha)) + abs(np.log10(lam))
    assert coarse.work.rhs_evaluations <= 1200 + 40 * decades
    assert coarse.work.jacobian_evaluations <= 150


@pytest.mark.parametrize("alpha", [1e2, 1e8, 1e40, 1e100])
def test_one_sample_and_one_input_follow_the_lambert_function(alpha):
    """In the kernel phase q e^q = 4α(s)²/λ, up to the drift of q, a relative 1/(q (q+1))."""
    one = np.ones((1, 1))
    problem = make_problem("one", Task.CLASSIFICATION, one, np.ones(1), StoredTestSet(one, one[0]))
    lam, s = 1e-3, np.log(alpha) / 2
    flow = DiagonalFlow(lam=lam, loss=LOSSES["exponential"], rtol=1e-8)
    q = flow.run(DiagonalStart(problem, alpha), np.array([s])).outputs[0, 0]
    log_argument = np.log(4 / lam) + 2 * (np.log(alpha) - s)
    expected = (
        lambertw(np.exp(log_argument)).real
        if log_argument < 700
        else log_argument - np.log(log_argument)
    )
    assert abs(q - expected) <= 1.5 / q


def test_starting_the_clock_in_log_time_changes_nothing():
    """The solver's time starts at s = 0 exactly and passes through every s, at any scale."""
    for alpha in (1e-1, 1e4, 1e100):
        flow = ReducedFlow.of(
            CLASSES, LOSSES["logistic"], DiagonalScale(alpha, CLASSES.scale), 1e-3
        )
        clock = flow.clock
        transient = np.exp(clock.log_transient)
        rounding = np.finfo(float).eps * (1 + abs(clock.log_transient))
        assert clock.at(0.0).s <= rounding * transient
        s = np.concatenate([transient * np.array([1e-3, 1.0, 1e3]), [1e-2, 1.0, 200.0]])
        back = [clock.at(tau).s for tau in clock.of(s)]
        assert np.allclose(back, s, rtol=1e-11, atol=1e-12 * transient)
        h = 1e-6
        tau = float(clock.of(np.array([1.0]))[0])
        pace = (clock.at(tau + h).s - clock.at(tau - h).s) / (2 * h)
        assert np.isclose(clock.at(tau).pace, pace, rtol=1e-8)


@pytest.mark.parametrize("alpha", [1e2, 1e100])
def test_the_transient_is_the_unregularised_fit(alpha):
    """Within t ≪ 1/λ the square loss decays like the linear flow with matrix 8α²K/n."""
    lam = 1e-3
    gram = TARGETS.inputs.gram
    values, vectors = np.linalg.eigh(gram)
    rates = 16 * values / TARGETS.n  # in units of α² t
    clock = np.array([0.1, 1.0, 3.0]) / rates[-1]
    times = clock * lam / alpha**2
    flow = DiagonalFlow(lam=lam, loss=LOSSES["square"], rtol=1e-6)
    found = flow.run(DiagonalStart(TARGETS, alpha), times).outputs
    for q, u in zip(found, clock, strict=True):
        expected = vectors @ (-np.expm1(-rates * u) * (vectors.T @ TARGETS.targets))
        # Weight decay and nonlinearity are relatively λ/α² and (w/2α²)², below 1e-6 here.
        assert np.abs(q - expected).max() <= 3e-6 * np.abs(TARGETS.targets).max()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_flow_ends_at_the_penalised_predictor(loss):
    problem, lam = problem_for(loss), 1e-2
    end = np.array([200.0, 400.0])
    found = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-7).run(
        DiagonalStart(problem, 1.0), end
    )
    late = L1Penalised(LOSSES[loss], lam, gap=1e-10).predict(problem)
    # The entropic penalty differs from the L1 norm by O(log κ / κ) at κ ~ 2s: first order in 1/κ.
    distance = np.linalg.norm(found.weights - late.w[:, None], axis=0) / np.linalg.norm(late.w)
    kappa = [DiagonalScale(1.0, problem.scale).kappa(s) for s in end]
    assert (distance <= np.log(kappa) / kappa).all()
    assert distance[1] <= 0.7 * distance[0] + 1e-6


@pytest.mark.parametrize("depth", [2, 3])
def test_bounded_memory_changes_nothing_but_what_is_kept(depth):
    """Depth 3 comes to rest before the last times, so that both kinds of weights are there."""
    times = np.append(np.linspace(0.1, 3, 7), [60.0, 70.0])
    start, settings = DiagonalStart(CLASSES, 1.0, depth), {"lam": 1e-2, "loss": LOSSES["logistic"]}
    whole = DiagonalFlow(**settings).run(start, times)
    bounded = DiagonalFlow(**settings, memory=3 * 8 * CLASSES.d).run(start, times)
    assert whole.weights.shape == (CLASSES.d, len(times))
    assert bounded.kept is None
    with pytest.raises(ValueError, match=r"memory is 480 bytes, expected 1440 .*weights_at"):
        _ = bounded.weights
    for name in ("outputs", "norms", "states"):
        assert np.allclose(getattr(bounded, name), getattr(whole, name), rtol=1e-13, atol=1e-15)
    for part in (slice(0, 3), slice(6, 9), slice(-1, None), slice(None, None, 4)):
        found = bounded.weights_at(part)
        assert np.allclose(found, whole.weights[:, part], rtol=1e-13, atol=1e-15)
    scores, expected = bounded.test_scores(), whole.test_scores()
    assert np.array_equal(scores.error, expected.error)
    assert np.allclose(scores.loss, expected.loss, rtol=1e-6)


def test_the_peak_is_bounded_by_the_option():
    """400 vectors of 5000 weights are 16 MB; a megabyte holds 26 of them."""
    problem = sparse(n=4, d=5000, n_test=1)
    times = np.linspace(0.01, 8, 400)
    peaks = []
    for memory in (2**20, 2**29):
        flow = DiagonalFlow(lam=1e-2, loss=LOSSES["logistic"], memory=memory)
        tracemalloc.start()
        trajectory = flow.run(DiagonalStart(problem, 10.0), times)
        trajectory.test_scores()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(times_within(400, problem.d, 2**20)) == 16
    # Weights, ξ and the copy in single precision of one part; the potential's temporaries.
    assert peaks[0] <= 4 * 2**20
    assert peaks[1] >= 8 * problem.d * len(times)


def test_progress_reaches_one_and_never_falls():
    seen = []
    flow = DiagonalFlow(lam=1e-2, loss=LOSSES["logistic"])
    flow.run(DiagonalStart(CLASSES, 1.0), np.linspace(0.1, 2, 7), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_stopped_flow_keeps_what_it_reached_and_says_what_to_do(capfd):
    flow = DiagonalFlow(lam=1e-6, loss=LOSSES["logistic"], max_steps=40)
    with pytest.raises(
        Stopped, match=r"--standardise\), or in Python raise rtol .* or max_steps"
    ) as caught:
        flow.run(DiagonalStart(CLASSES, 1.0), np.array([1e-9, 15.0]))
    assert len(caught.value.trajectory.lambda_t) == 1


def interrupt_at(fraction, done):
    if done >= fraction:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("depth", "fraction", "count"), [(2, 0.45, 5), (6, 0.2, 2), (6, 1.0, None)]
)
def test_an_interruption_keeps_what_was_reached(depth, fraction, count):
    """At depth 6 the last of the times followed is the pole, which nobody asked for.

    Weights of fewer times are a narrower product, which some processors round otherwise.
    """
    flow = DiagonalFlow(lam=1e-2, loss=LOSSES["logistic"])
    times = np.linspace(0.5, 5, 10)
    whole = flow.run(DiagonalStart(CLASSES, 2.0, depth), times)
    with pytest.raises(Interrupted) as caught:
        flow.run(
            DiagonalStart(CLASSES, 2.0, depth), times, progress=partial(interrupt_at, fraction)
        )
    kept = caught.value.trajectory
    assert len(kept.lambda_t) == (count or whole.moving)
    expected = whole.weights[:, : len(kept.lambda_t)]
    assert np.allclose(kept.weights, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("origin", "settings", "message"),
    [
        ({"alpha": 0.0}, {}, "alpha is 0, expected"),
        ({"alpha": -1.0}, {}, "alpha is -1, expected"),
        ({"alpha": float("nan")}, {}, "alpha is nan, expected"),
        ({}, {"lam": 0.0}, "lam is 0, expected"),
        ({}, {"rtol": 1.0}, "rtol is 1, expected"),
        ({"depth": 9}, {}, "depth is 9, expected 2 to 8"),
        ({"depth": 3}, {"rtol": 1e-8}, "rtol is 1e-08, expected 1e-05"),
    ],
)
def test_scales_out_of_range_are_refused(origin, settings, message):
    with pytest.raises(ValueError, match=message):
        start = DiagonalStart(CLASSES, **({"alpha": 1.0} | origin))
        flow = DiagonalFlow(**({"lam": 1e-3, "loss": LOSSES["logistic"]} | settings))
        flow.run(start, np.array([1.0]))


@pytest.mark.parametrize("depth", [2, 3])
def test_the_square_loss_on_classes_learns_their_signs_as_targets(depth):
    rng = np.random.default_rng(0)
    x, x_test = rng.standard_normal((10, 24)), rng.standard_normal((50, 24))
    y, y_test = np.sign(x[:, 0]), np.sign(x_test[:, 0])
    test, times = StoredTestSet(x_test, y_test), np.array([0.5, 2.0, 4.0, 8.0])
    flow = DiagonalFlow(lam=1e-3, loss=LOSSES["square"])
    wanted = frozenset({"kkt", "kkt-bound", "early", "late"})
    classes, signs = (
        flow.run(
            DiagonalStart(make_problem("p", task, x, y, test), 10.0, depth), times, measure=wanted
        )
        for task in (Task.CLASSIFICATION, Task.REGRESSION)
    )
    assert errors(classes.weights, signs.weights).max() <= 2 * flow.rtol
    # What is measured moves with the weights: a distance by as much as they, relative to its end.
    for name in ("early_distance", "late_distance"):
        assert np.abs(classes.measured[name] - signs.measured[name]).max() <= 4 * flow.rtol
    assert np.allclose(classes.measured["kkt_slackness"], 0)
    margins = classes.weights.T @ x_test.T * y_test
    assert classes.test_scores().accuracy == pytest.approx((margins > 0).mean(axis=1))
    assert signs.test_scores().accuracy is None


def test_losses_and_times_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="loss is logistic on a regression problem"):
        DiagonalFlow(lam=1e-3, loss=LOSSES["logistic"]).run(
            DiagonalStart(TARGETS, 1.0), np.array([1.0])
        )
    with pytest.raises(ValueError, match="lambda_t goes from 2 to 1, expected times that"):
        DiagonalFlow(lam=1e-3, loss=LOSSES["logistic"]).run(
            DiagonalStart(CLASSES, 1.0), np.array([2.0, 1])
        )
    with pytest.raises(ValueError, match="memory is 100 bytes, expected 160 for one vector"):
        DiagonalFlow(lam=1e-3, loss=LOSSES["logistic"], memory=100).run(
            DiagonalStart(CLASSES, 1.0), np.array([1.0])
        )


def test_weight_decay_that_rounding_would_hide_is_refused():
    with pytest.raises(ValueError, match="lam is 1e-16 with the square loss, expected"):
        DiagonalFlow(lam=1e-16, loss=LOSSES["square"])
    DiagonalFlow(lam=1e-12, loss=LOSSES["square"])
    DiagonalFlow(lam=1e-80, loss=LOSSES["exponential"])


def test_where_a_decay_is_too_small_to_be_followed_the_curve_that_is_named_exists():
    with pytest.raises(ValueError, match=r"at least 1e-12.*gf\.forecast\(\.\.\.\)\.at_lam"):
        DiagonalFlow(lam=1e-13, loss=LOSSES["square"])
    problem = sparse_regression(n=20, d=50, k=2, n_test=100)
    found = forecast(problem, alpha=10.0, lam=1e-13, loss=LOSSES["square"]).at_lam
    # It goes from the early to the late predictor of these data, which λ hardly changes.
    assert len(found.lambda_t) > 2 and found.scores.error[-1] < found.scores.error[0] / 2
