"""Several classes on one clock: predicted beside simulated, and what commands make of them."""

from functools import cache, partial

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

import grokflow as gf
from grokflow.commands.shared.records import forecast_record
from grokflow.commands.shared.words import transition_lines
from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.theory.diagonal.classes import at_lam
from grokflow.theory.diagonal.regime import kernel_predictor
from grokflow.theory.transition.change import change_of

LOGISTIC, SQUARE = gf.LOSSES["logistic"], gf.LOSSES["square"]


def largest(n=30, d=60, classes=3, n_test=2000, seed=1):
    """Gaussian inputs; the class is the number of the largest of the first few."""
    x = np.random.default_rng(seed).standard_normal((n + n_test, d))
    y = x[:, :classes].argmax(axis=1)
    return gf.make_classes_problem("largest", x[:n], y[:n], x[n:], y[n:])


PROBLEM = largest()
SEEDS = range(10)


def half(load, seed):
    """Half of the rows of a data set of scikit-learn, and the other half to test on."""
    x, y = load(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = np.split(order, [len(y) // 2])
    name, standardise = load.__name__, load is load_wine
    arrays = x[train], y[train], x[test], y[test]
    return gf.make_classes_problem(name, *arrays, standardise=standardise)


def clouds(seed):
    """Three Gaussian clouds in ten dimensions, some of which overlap."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 2040)
    x = (rng.standard_normal((3, 10)))[y] + rng.standard_normal((2040, 10))
    return gf.make_classes_problem("clouds", x[:40], y[:40], x[40:], y[40:])


DRAWN = {
    "iris": partial(half, load_iris),
    "wine": partial(half, load_wine),
    "clouds": clouds,
}


@cache
def drawn(name, seed):
    """A problem with its forecast from α = 1e3 at λ = 1e-6."""
    problem = DRAWN[name](seed)
    return problem, gf.forecast_classes(problem, alpha=1e3, lam=1e-6, loss=LOGISTIC)


def growing(found):
    """Which classes are separable from the rest."""
    return np.array([part.regime is gf.Regime.SEPARABLE for part in found.parts.values()])


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("seed", SEEDS)
def test_early_weights_of_every_class_are_those_of_the_flow_at_this_lambda(name, seed):
    (problem, found), lam = drawn(name, seed), 1e-6
    start = found.curve.lambda_t[0]
    scale = np.log(1e3) - start
    assert start > 1
    flow = gf.DiagonalFlow(lam=lam, loss=LOGISTIC)
    run = gf.follow_classes(flow, problem, alpha=1e3, times=np.array([0.0, start]))
    predicted = []
    for number, simulated in enumerate(run.weights_at(slice(1, 2))[:, :, 0]):
        part = problem.part(number, LOGISTIC)
        w = kernel_predictor(part, LOGISTIC, depth=2, lam=lam, log_scale=scale).w
        # The minimiser at ε moves by dw/ds = -2ε (H + ε)^-1 w and draws the flow to it at the rate
        # 2 (H + ε)/ε: to first order the flow lags by (ε/(H + ε))² w, and by less in every further
        # order. Where the path begins sinh(x) departs from x by x²/6, x = 1/20.
        z, strength = part.inputs.to_array(), lam / (4 * np.exp(2 * scale))
        hessian = (z.T * LOGISTIC.curvature(z @ w, np.ones(len(z)))) @ z / len(z)
        share = strength * np.linalg.inv(hessian + strength * np.eye(part.d))
        lag = np.linalg.norm(share @ share @ w)
        assert np.linalg.norm(w - simulated) <= 2 * lag + (1 / 2400 + 1e-4) * np.linalg.norm(w)
        predicted.append(w)
    assert problem.score(np.stack(predicted)).error == found.scores.error[:1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_limit_does_not_compare_outputs_that_grow_with_those_that_stay(seed):
    """One species of iris is separable, and its outputs grow beyond all others as λ falls."""
    problem, found = drawn("iris", seed)
    assert 0 < growing(found).sum() < 3
    flow = gf.DiagonalFlow(lam=1e-12, loss=LOGISTIC)
    end = gf.follow_classes(flow, problem, alpha=10.0, times=np.array([0.0, 30.0]))
    assert found.scores.error[2] == end.test_scores().error[1]


@pytest.mark.parametrize("name", ["wine", "clouds"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_limit_is_named_where_what_grows_has_decided_at_the_least_weight_decay(name, seed):
    problem, found = drawn(name, seed)
    told = exact_model_of(problem).bind(problem, ModelSettings(lam=1e-6))
    told.forecasts[1e3] = found
    told = told.forecast(1e3)
    outputs = np.stack([part.limit.w @ problem.test.inputs.T for part in found.parts.values()])
    grows = growing(found)
    answers = [
        max(range(3), key=lambda c: (sample[c] * grows[c], sample[c])) for sample in outputs.T
    ]
    if told.late_limit:
        expected = np.mean(np.array(answers) != problem.test.labels)
        assert told.late_limit.test_error == pytest.approx(expected)
    else:
        assert 0 < grows.sum() < 3 and list(told.roles()) == ["early", "late"]
        assert "no limit for λ → 0 is named" in told.regime and np.isnan(told.scores.error[2])


@pytest.mark.parametrize(
    ("loss", "lam", "allowed", "problem"),
    # With tails λt* is known to 1/log(1/λ) of itself. For targets the curve is known to O(λ); the
    # steps of both clocks, .05, are .5 % of λt*.
    [
        (LOGISTIC, 1e-6, 1 / np.log(1e6), PROBLEM),
        (SQUARE, 1e-4, 0.01, largest(n=40, d=200)),
    ],
)
def test_the_predicted_transition_is_the_simulated_one(loss, lam, allowed, problem):
    found = gf.forecast_classes(problem, alpha=1e3, lam=lam, loss=loss)
    assert found.kind is gf.Kind.GROKKING
    times = np.linspace(0.05, 20, 400)
    flow = gf.DiagonalFlow(lam=lam, loss=loss)
    run = gf.follow_classes(flow, problem, alpha=1e3, times=times)
    when = run.transition(*found.scores.error[:2])
    assert found.transition.lambda_t == pytest.approx(when.lambda_t, rel=allowed)
    (low, high), spacing = found.interval, times[0]
    assert low - spacing <= when.lambda_t <= high + spacing and high - low < 0.2
    assert run.curves()["train_accuracy"][-1] == 1.0
    # The predicted curve is the simulated one where the samples are fitted.
    late = times > 2
    predicted = np.interp(times[late], found.curve.lambda_t, found.curve.scores.error)
    change = abs(found.scores.error[0] - found.scores.error[1])
    assert np.abs(predicted - run.test_scores().error[late]).max() <= allowed * change * 4


@pytest.mark.parametrize(
    ("seed", "regimes"),
    [(2, {gf.Regime.SEPARABLE, gf.Regime.OVERLAPPING}), (3, {gf.Regime.OVERLAPPING})],
)
def test_classes_whose_weights_the_data_determine_move_at_this_lambda(seed, regimes):
    """One class is told by one input, the others by none: more samples than twice the inputs."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2060, 20))
    y = np.where(x[:, 0] > 0.4, 0, rng.integers(1, 3, 2060))
    problem, times = (
        gf.make_classes_problem("told", x[:60], y[:60], x[60:], y[60:]),
        np.arange(1500),
    )
    found = gf.forecast_classes(problem, alpha=1e3, lam=1e-3, loss=LOGISTIC)
    assert {part.regime for part in found.parts.values()} == regimes
    flow = gf.DiagonalFlow(lam=1e-3, loss=LOGISTIC)
    run = gf.follow_classes(flow, problem, alpha=1e3, times=(times + 1) / 100)
    when, (low, high) = run.transition(*found.scores.error[:2]).lambda_t, found.interval
    assert low - 0.01 <= when <= high + 0.01 and high - low < 0.3


def test_a_motion_that_is_not_resolved_leaves_the_time_for_small_decay(monkeypatch):
    known = gf.forecast_classes(PROBLEM, alpha=1e3, lam=1e-4, loss=LOGISTIC)

    def unresolved(*args, **options):
        raise gf.NotResolved("not resolved")

    monkeypatch.setattr(at_lam, "timed", unresolved)
    found = gf.forecast_classes(PROBLEM, alpha=1e3, lam=1e-4, loss=LOGISTIC)
    assert known.interval.is_known and known.at_lam is not known.curve
    assert not found.interval.is_known and found.at_lam is found.curve
    order = 1 / np.log(1e4)
    assert found.transition.lambda_t == pytest.approx(known.transition.lambda_t, rel=order)


def test_a_net_that_starts_after_the_kernel_regime_has_no_interval():
    """Margins remember such a start; the motion comes from infinite scale."""
    found = gf.forecast_classes(PROBLEM, alpha=1.0, lam=1e-4, loss=LOGISTIC)
    assert found.at_lam.lambda_t[0] < 0 and not found.interval.is_known


def test_predict_tells_the_interval_of_all_classes():
    told = exact_model_of(PROBLEM).bind(PROBLEM, ModelSettings(lam=1e-4)).forecast(1e3)
    low, high = told.interval
    assert low < told.transition.lambda_t < high
    said = transition_lines(told)[0]
    assert f"(between {np.floor(1e3 * low) / 1e3:.3f} and {np.ceil(1e3 * high) / 1e3:.3f})" in said
    assert np.array_equal(told.path_times, forecast_record(told)["path"]["lambda_t"])
    assert forecast_record(told)["transition"]["low"] == low


def test_two_classes_answer_as_one_net_does():
    """The problems of two classes are mirror images, so that their outputs differ in sign."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1030, 40))
    y = np.where(x[:, 0] + x[:, 1] > 0, 1, -1)
    two = gf.make_classes_problem("two", x[:30], y[:30], x[30:], y[30:])
    test = gf.StoredTestSet(x[30:], y[30:])
    one = gf.make_problem("one", "classification", x[:30], y[:30], test)
    settings = {"alpha": 100.0, "lam": 1e-4, "loss": LOGISTIC}
    joint, alone = gf.forecast_classes(two, **settings), gf.forecast(one, **settings)
    assert joint.scores.error == pytest.approx(alone.scores.error[:3], abs=2 / 1000)
    at = {"lam": 1e-4, "log_scale": np.log(100.0) - joint.curve.lambda_t[0]}
    early = one.score(kernel_predictor(one, LOGISTIC, depth=2, **at).w[:, None]).error
    assert joint.scores.error[:1] == pytest.approx(early, abs=2 / 1000)
    assert joint.kind is alone.kind
    curve = np.interp(joint.curve.lambda_t, alone.curve.lambda_t, alone.curve.scores.error)
    assert np.abs(curve - joint.curve.scores.error).max() <= 0.01


def test_outputs_are_compared_at_one_time_and_not_at_one_margin():
    """A class that is far rarer than the others sits at another level: the clock knows it."""
    x = np.random.default_rng(0).standard_normal((1060, 80))
    score = x[:, :3] - [0.0, 0.0, 1.5]
    y = score.argmax(axis=1)
    problem = gf.make_classes_problem("rare", x[:60], y[:60], x[60:], y[60:])
    found = gf.forecast_classes(problem, alpha=1e3, lam=1e-3, loss=LOGISTIC)
    flow = gf.DiagonalFlow(lam=1e-3, loss=LOGISTIC)
    first = found.curve.lambda_t[0]
    assert first > 0.5
    run = gf.follow_classes(flow, problem, alpha=1e3, times=np.array([0.5, first]))
    simulated = run.test_scores().error[1]
    equal = problem.score(np.stack([part.early_limit.w for part in found.parts.values()])).error[0]
    assert abs(found.scores.error[0] - simulated) <= abs(equal - simulated)
    assert abs(found.scores.error[0] - simulated) <= 0.02


def test_the_shift_law_holds_for_all_classes_together():
    near, far = (
        gf.forecast_classes(PROBLEM, alpha=alpha, lam=1e-4, loss=LOGISTIC) for alpha in (1e2, 1e6)
    )
    moved = far.transition.lambda_t - near.transition.lambda_t
    assert moved == pytest.approx(np.log(1e4), abs=1e-6)
    assert far.constant == pytest.approx(near.constant, abs=1e-6)
    assert np.array_equal(far.scores.error, near.scores.error)


def test_the_model_of_several_classes_tells_scans_and_commands_all():
    model = exact_model_of(PROBLEM).bind(PROBLEM, ModelSettings(lam=1e-3))
    said = model.describe(10.0)
    assert "3 classes" in said.words and said.norm == pytest.approx(10 * np.sqrt(360))
    told = model.forecast(100.0)
    assert list(told.parts) == ["0", "1", "2"] and told.early.name == "L2-penalised of every class"
    assert told.late_limit.margin == min(part.late_limit.margin for part in told.parts.values())
    gaps = [part.late.certificate.gap for part in told.parts.values()]
    assert told.late.certificate.gap == max(gaps)
    run = model.follow(100.0, np.array([0.5, 5.0, 15.0]), measure=["kkt", "late"])
    assert set(run.measured) == {"kkt_residual", "kkt_slackness", "late_distance"}
    shown = model.result(run, told, said)
    assert set(shown.ends["classes"]) == {"0", "1", "2"}
    assert model.fitted(run)[-1] and run.to_dataset().state.shape == (3, 3, 30)
    with pytest.raises(ValueError, match="depth is 9"):
        exact_model_of(PROBLEM).bind(PROBLEM, ModelSettings(lam=1e-3, depth=9))


def test_chance_is_a_guess_among_the_classes():
    change = change_of(PROBLEM.score(np.zeros((3, 60, 2))))
    assert change.chance == pytest.approx(1 / 3) and change.early == pytest.approx(1 / 3)
    assert change.low == -change.high < 0


def test_a_class_that_stops_stops_all_with_what_they_reached():
    flow = gf.DiagonalFlow(lam=1e-3, loss=LOGISTIC, max_steps=40)
    with pytest.raises(gf.Stopped, match=r"class \w+: CVODE .* stopped after λt") as stopped:
        gf.follow_classes(flow, PROBLEM, alpha=100.0, times=np.array([1e-7, 1e-6, 1e-3, 10.0]))
    reached = stopped.value.trajectory
    assert len(reached.lambda_t) < 4
    assert all(len(part.lambda_t) >= len(reached.lambda_t) for part in reached.parts)
    if len(reached.lambda_t):
        assert len(reached.test_scores().error) == len(reached.lambda_t)


def test_ctrl_c_leaves_no_half_answer(monkeypatch):
    flow, calls = gf.DiagonalFlow(lam=1e-3, loss=LOGISTIC), []

    def interrupted(fraction):
        calls.append(fraction)
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(gf.Interrupted) as stopped:
        gf.follow_classes(
            flow, PROBLEM, alpha=10.0, times=np.array([0.5, 1.0]), progress=interrupted
        )
    assert len(calls) > 1 and len(stopped.value.trajectory.lambda_t) == 0


def test_a_class_without_a_forecast_is_named():
    x = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.5, 1.0], [2.5, 0.0], [0.5, 0.0]])
    y = ["ant", "bee", "cat", "ant", "bee", "cat"]
    problem = gf.make_classes_problem("p", x, y, x, y)
    with pytest.raises(gf.NoPredictor, match=r"^class \w+: .*--loss one-hot") as refused:
        gf.forecast_classes(problem, alpha=10.0, lam=1e-3, loss=LOGISTIC, depth=3)
    assert isinstance(refused.value, gf.PartlySeparable)
    # At depth 2 there is a forecast, but what several classes answer for λ → 0 is not known.
    found = gf.forecast_classes(problem, alpha=10.0, lam=1e-3, loss=LOGISTIC)
    assert gf.Regime.PARTLY in {part.regime for part in found.parts.values()}
    assert np.isfinite(found.scores.error[:2]).all() and np.isnan(found.scores.error[2])
