"""The early predictor at this α and λ, beside the flow, and the kind that follows from it."""

import numpy as np
import pytest

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.regime import Regime
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.scores import Kind

LOGISTIC, SQUARE = LOSSES["logistic"], LOSSES["square"]


def problem_of(task, x, y, train):
    test = StoredTestSet(x[train:], y[train:])
    return make_problem("data", task, x[:train], y[:train], test)


def test_weight_decay_that_is_not_small_makes_a_change_of_its_own():
    """The data determine the weights for λ → 0 alone: at λ = 0.3 the flow improves by itself."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1060, 40))
    y = x[:, 0] - x[:, 1] + 1.5 * rng.standard_normal(1060)
    problem = problem_of(Task.REGRESSION, x, y, 60)
    at = {"alpha": 14.0, "lam": 0.3, "loss": SQUARE}
    found = forecast(problem, **at)
    assert found.kind is Kind.GROKKING and np.isnan(found.transition.lambda_t)
    model = exact_model_of(problem).bind(problem, ModelSettings(lam=0.3))
    assert model.change(14.0).kind is Kind.GROKKING
    run = DiagonalFlow(lam=0.3, loss=SQUARE).run(DiagonalStart(problem, 14.0), np.array([3, 60.0]))
    early, late = run.test_scores().error
    # Each end is nearer to its own predictor than to the middle of the two.
    half = (found.scores.error[0] - found.scores.error[1]) / 2
    assert abs(early - found.scores.error[0]) < half and abs(late - found.scores.error[1]) < half


def correlated_classes():
    """Classes along a few factors, with labels that are in part noise."""
    rng = np.random.default_rng(2)
    factors = rng.standard_normal((3030, 3))
    x = factors @ rng.standard_normal((3, 20)) + 0.1 * rng.standard_normal((3030, 20))
    y = np.where(factors[:, 0] + 0.7 * rng.standard_normal(3030) > 0, 1.0, -1.0)
    return problem_of(Task.CLASSIFICATION, x, y, 30)


def test_the_early_predictor_of_classes_is_that_of_this_scale_and_weight_decay():
    """The hard margin is a limit for λ → 0, and here the flow never comes to it."""
    problem, alpha, lam = correlated_classes(), 3.0, 1e-2
    found = forecast(problem, alpha=alpha, lam=lam, loss=LOGISTIC)
    assert found.regime is Regime.SEPARABLE and found.early_limit.name == "max-L2-margin"
    # From this α the start is beyond the first point of the path: it is α that counts.
    assert found.curve.lambda_t[0] < 0
    x, y, w = problem.inputs.to_array(), problem.targets, found.early.w
    pull = y / (1 + np.exp(y * (x @ w)))
    force, decay = x.T @ pull / len(y), lam / (4 * alpha**2) * w
    assert np.abs(force - decay).max() <= 1e-4 * np.abs(decay).max()
    flow = DiagonalFlow(lam=lam, loss=LOGISTIC)
    run = flow.run(DiagonalStart(problem, alpha), np.linspace(0.1, 10, 40))
    early, limit = found.scores.error[0], found.scores.error[3]
    worst = run.test_scores().error.max()
    assert abs(worst - early) < abs(worst - limit) / 3
    model = exact_model_of(problem).bind(problem, ModelSettings(lam=lam))
    assert model.change(alpha).early == pytest.approx(found.scores.accuracy[0])
    assert list(model.forecast(alpha).roles()) == ["early", "late", "early_limit", "late_limit"]


def test_the_early_predictor_tends_to_its_limit_as_the_weight_decay_vanishes():
    problem = correlated_classes()
    cosines = []
    for lam in (1e-2, 1e-4, 1e-8):
        found = forecast(problem, alpha=1e3, lam=lam, loss=LOGISTIC)
        early, limit = (
            part.w / np.linalg.norm(part.w) for part in (found.early, found.early_limit)
        )
        cosines.append(early @ limit)
    assert cosines[0] < cosines[1] < cosines[2] <= 1 + 1e-12
