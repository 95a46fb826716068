"""Flow, path and λt* of tiny diagonal nets lie where ball arithmetic proves that they are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from flint import arb, arb_mat

import grokflow as gf
from grokflow.theory.transition.times import crossing
from tests.reference.enclosed_flow import Net, enclose, path_weights

ALPHA, LAM, END = 10.0, 1e-3, 8.0
ONE, TWO, PAIR = [[1.0]], [[1.0, 0.7]], [[1.0, 0.7, 0.2], [-0.3, 0.5, 1.0]]
NETS = {
    "scalar": Net(np.array(ONE), np.array([1.0]), ALPHA, LAM, "square"),
    "two weights": Net(np.array(TWO), np.array([1.0]), ALPHA, LAM, "square"),
    "two samples": Net(np.array(PAIR), np.array([1.0, 0.5]), ALPHA, LAM, "square"),
    "two weights, from far": Net(np.array(TWO), np.array([1.0]), 1e3, LAM, "square"),
    "scalar, logistic": Net(np.array(ONE), np.array([1.0]), ALPHA, LAM, "logistic"),
    "two weights, logistic": Net(np.array(TWO), np.array([1.0]), ALPHA, LAM, "logistic"),
    "two weights, exponential": Net(np.array(TWO), np.array([1.0]), ALPHA, LAM, "exponential"),
}
# Targets are the first input, which the late predictor alone has learned.
TEST = np.random.default_rng(0).standard_normal((200, 2))


@pytest.fixture(scope="module")
def enclosed():
    """Return a function that encloses the flow of a net once."""
    made = {}
    return lambda name: (
        made.setdefault(name, None) or made.update({name: enclose(NETS[name], END)}) or made[name]
    )


def problem_of(net, test=None):
    task = gf.Task.REGRESSION if net.loss == "square" else gf.Task.CLASSIFICATION
    x, y = (net.x, net.y) if test is None else (test, test[:, 0])
    return gf.make_problem("tiny", task, net.x, net.y, gf.StoredTestSet(x, y))


def followed(net, times, rtol, test=None):
    flow = gf.DiagonalFlow(lam=net.lam, loss=gf.LOSSES[net.loss], rtol=rtol)
    return flow.run(gf.DiagonalStart(problem_of(net, test), alpha=net.alpha), times)


def centre(balls):
    return np.array([float(ball.mid()) for ball in balls])


def radius(balls):
    return float(np.linalg.norm([float(ball.rad()) for ball in balls]))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("rtol", [1e-4, 1e-7])
def test_the_flow_is_within_its_tolerance_of_the_true_one(name, rtol, enclosed):
    true = enclosed(name)
    times = np.concatenate([[1e-7, 1e-5, 1e-3, 0.1], np.linspace(0.5, END, 16)])
    found = followed(NETS[name], times, rtol)
    for s, w in zip(times.tolist(), found.weights.T, strict=True):
        balls = true.weights(s)
        proved = radius(balls)
        allowed = rtol * float(np.linalg.norm(centre(balls)))
        assert proved < allowed / 2
        assert np.linalg.norm(w - centre(balls)) <= allowed + proved, s


def test_enclosures_are_proved_whatever_the_polynomial_is(enclosed, monkeypatch):
    """Polynomials of targets that are 1e-6 off get a radius that still reaches the true weights."""
    true = enclosed("two weights")
    exact = Net.collocated
    monkeypatch.setattr(
        Net, "collocated", lambda net, *asked: exact(replace(net, y=1.000001 * net.y), *asked)
    )
    rough = enclose(NETS["two weights"], END)
    for s in np.linspace(0.5, END, 16).tolist():
        wide, narrow = rough.weights(s), true.weights(s)
        assert all(a.overlaps(b) for a, b in zip(wide, narrow, strict=True))
        assert radius(wide) > 100 * radius(narrow)
        assert np.linalg.norm(centre(wide) - centre(narrow)) <= radius(wide) + radius(narrow)


@pytest.mark.parametrize("name", ["scalar", "two weights", "two samples", "two weights, logistic"])
def test_the_path_is_within_its_tolerance_of_the_true_one(name):
    net, tolerance = NETS[name], 1e-4
    scales = np.linspace(3.0, -16.0, 20)
    path = gf.trace(problem_of(net), scales, tolerance=tolerance)
    slack = tolerance * float(np.abs(net.y).max()) * len(net.y) ** 0.5
    for scale, w in zip(scales.tolist(), path.weights.T, strict=True):
        balls = path_weights(net, scale, slack, tube=1e-2)
        assert all(ball.contains(arb(v)) for ball, v in zip(balls, w.tolist(), strict=True))
        assert radius(path_weights(net, scale, 0.0, tube=1e-2)) < 1e-10


def error(w):
    """Return the mean over all test inputs of the square of ``<w - (1, 0), x>``."""
    away = w[0] - 1, w[1]
    square = arb_mat(TEST.T.tolist()) * arb_mat(TEST.tolist())
    pairs = [(i, j) for i in range(2) for j in range(2)]
    return sum(away[i] * square[i, j] * away[j] for i, j in pairs) / len(TEST)


def ends(net):
    """Return the test errors of both predictors of one sample, which have closed forms.

    Early the weights are along the input; late the largest one alone is left, where
    ``2 x (x w - y) + λ/2 = 0``.
    """
    (x,), (y,) = net.x.tolist(), net.y.tolist()
    square = sum(arb(v) * arb(v) for v in x)
    largest = arb(x[0])
    late = (y - arb(net.lam) / (4 * largest)) / largest
    return error([v * y / square for v in x]), error([late, arb(0)])


def test_the_transition_of_the_flow_is_the_true_one_up_to_its_output_times(enclosed):
    net, true, spacing = NETS["two weights"], enclosed("two weights"), 0.02
    early, late = ends(net)
    times = np.arange(0.5, END, spacing)
    found = followed(net, times, 1e-6, TEST)
    when = crossing(times, found.test_scores().error, float(early), float(late)).lambda_t

    def progress(first, last=None):
        return (error(true.weights(first, last)) - early) / (late - early)

    # Half of the change is missing one output time earlier, and done for good from one later on.
    assert progress(when - spacing) < 0.5
    parts = [when + spacing, *(edge for edge in true.edges if when + spacing < edge < END), END]
    for first, last in pairwise(parts):
        steps = np.linspace(first, last, 65).tolist()
        assert all(progress(*step) > 0.5 for step in pairwise(steps))


def test_the_interval_of_the_forecast_holds_the_time_of_the_true_flow(enclosed):
    net, true = NETS["two weights"], enclosed("two weights")
    early, late = ends(net)
    found = gf.forecast(problem_of(net, TEST), alpha=ALPHA, lam=LAM, loss=gf.LOSSES["square"])
    low, high = found.interval
    assert low < found.transition.lambda_t < high < low + 0.02

    def progress(lambda_t):
        return (error(true.weights(lambda_t)) - early) / (late - early)

    assert progress(low) < 0.5 < progress(high)
