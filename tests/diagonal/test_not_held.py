"""Data whose weakest combinations weight decay outweighs: the early predictor is not held."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.theory.diagonal.finite_decay.holding import near_minimum
from grokflow.theory.diagonal.regime import held_weights
from grokflow.theory.numerics.penalised.exact_square import exact_l2

SQUARE = gf.LOSSES["square"]


def measured_twice(jitter: float) -> gf.Problem:
    """Return samples that are measured twice: their small differences are fitted last."""
    rng = np.random.default_rng(0)
    once = rng.standard_normal((10, 30))
    x = np.concatenate([once, once + jitter * rng.standard_normal(once.shape)])
    unseen = rng.standard_normal((300, 30))
    y = x[:, :2].sum(axis=1) + 0.3 * rng.standard_normal(len(x))
    test = gf.StoredTestSet(unseen, unseen[:, :2].sum(axis=1))
    return gf.make_problem("twice", gf.Task.REGRESSION, x, y, test)


@pytest.mark.parametrize("alpha", [5.0, 1e3])
def test_an_early_predictor_that_decay_keeps_the_net_from_is_not_called_early(alpha: float) -> None:
    problem = measured_twice(1e-4)
    found = gf.forecast(problem, alpha=alpha, lam=1e-3, loss=SQUARE)
    assert found.kind is gf.Kind.NOT_HELD
    assert np.isnan(found.transition.lambda_t) and not found.interval.is_known
    start, times = gf.DiagonalStart(problem, alpha), np.linspace(0, 20, 401)
    simulated = gf.DiagonalFlow(lam=1e-3, loss=SQUARE).run(start, times)
    # Where the kernel regime ends the error is nothing like that of the early predictor.
    weights = simulated.weights_at(slice(None))
    is_kernel = alpha**2 * np.exp(-2 * times) >= 10 * np.abs(weights).max(axis=0)
    last = int(np.flatnonzero(is_kernel)[-1])
    assert simulated.test_scores().error[last] < found.scores.error[0] / 2
    bound = exact_model_of(problem).bind(problem, ModelSettings(lam=1e-3, loss="square"))
    assert bound.change(alpha).kind is gf.Kind.NOT_HELD


def test_a_smaller_decay_lets_the_net_reach_it() -> None:
    problem, alpha, lam = measured_twice(1e-3), 30.0, 1e-8
    found = gf.forecast(problem, alpha=alpha, lam=lam, loss=SQUARE)
    assert found.kind.is_visible
    start, times = gf.DiagonalStart(problem, alpha), np.linspace(0, 25, 1001)
    simulated = gf.DiagonalFlow(lam=lam, loss=SQUARE).run(start, times)
    when = simulated.transition(*found.scores.error[:2]).lambda_t
    assert found.interval.low - 0.01 <= when <= found.interval.high + 0.01


def test_ordinary_inputs_reach_it() -> None:
    problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    found = gf.forecast(problem, alpha=100.0, lam=1e-3, loss=SQUARE)
    assert found.kind is gf.Kind.GROKKING and found.interval.is_known


def test_the_largest_output_of_several_nets_is_early_though_none_of_them_is() -> None:
    """What is held of one sample with two classes decides between outputs, however little it is."""
    rng = np.random.default_rng(2)
    once = rng.standard_normal((20, 60))
    x = np.concatenate([once, once + 1e-4 * rng.standard_normal(once.shape)])
    y, unseen = x[:, :3].argmax(axis=1), rng.standard_normal((400, 60))
    y[20] = (y[20] + 1) % 3
    problem = gf.make_classes_problem("twice", x, y, unseen, unseen[:, :3].argmax(axis=1))
    found = gf.forecast_classes(problem, alpha=100.0, lam=1e-3, loss=SQUARE)
    assert {part.kind for part in found.parts.values()} == {gf.Kind.NOT_HELD}
    flow, times = gf.DiagonalFlow(lam=1e-3, loss=SQUARE), np.linspace(0, 10, 201)
    simulated = gf.follow_classes(flow, problem, alpha=100.0, times=times)
    when = simulated.transition(*found.scores.error[:2]).lambda_t
    # A step of the times is .05, and half of it what their interpolation leaves out.
    assert found.interval.low - 0.025 <= when <= found.interval.high + 0.025


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1.0, 1e6, 1e12])
@pytest.mark.parametrize("n", [5, 30])
def test_the_weights_at_a_decay_are_those_of_exact_arithmetic(n, size, seed) -> None:
    """Also where an input, such as a time in milliseconds, is larger than all others by orders."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 8)) * [size, *np.ones(7)]
    y = x[:, 1] + rng.standard_normal(n)
    problem = gf.make_problem("sizes", gf.Task.REGRESSION, x, y, gf.StoredTestSet(x, y))
    with_decay = near_minimum(problem, held_weights(problem, SQUARE), SQUARE)
    for strength in (1e-3, 1e-6):
        exact = exact_l2(x, y, strength).w
        found = with_decay(strength)
        # In units in which the columns are of one size.
        sizes = np.array([size, *np.ones(7)])
        assert np.linalg.norm(sizes * (found - exact)) <= 1e-9 * np.linalg.norm(sizes * exact)
