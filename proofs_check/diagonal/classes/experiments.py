"""Flows of several classes that claims look at: one net for each, and one under cross-entropy."""

from __future__ import annotations

import numpy as np

from grokflow.proofs_check.diagonal.experiments import SLOW_TIMES
from grokflow.proofs_check.laboratory import SLOW_ALPHA, WINDOW, Laboratory, remembered
from grokflow.simulations.diagonal.classes.one_vs_rest import follow_classes
from grokflow.simulations.diagonal.classes.softmax import SoftmaxFlow
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.theory.linear.classes.problem import ClassesProblem, make_classes_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import window

# By how much the largest of the inputs that decide the class exceeds the second one.
_GAP = 1.0
_CLASSES, _TRAIN, _TEST, _INPUTS = 3, 40, 10_000, 100
# Inputs of which about a fifth have the gap.
_DRAWN = 15 * (_TRAIN + _TEST)


@remembered
def classes(laboratory: Laboratory) -> ClassesProblem:
    """Draw 40 samples of 100 normal inputs, of which the largest of three is the class.

    It exceeds the second one by 1 at least; 10 000 test points.
    """
    rng = np.random.default_rng([laboratory.seed, 3])
    few = rng.standard_normal((_DRAWN, _CLASSES))
    ordered = np.sort(few, axis=1)
    few = few[ordered[:, -1] - ordered[:, -2] >= _GAP][: _TRAIN + _TEST]
    x = np.hstack([few, rng.standard_normal((len(few), _INPUTS - _CLASSES))])
    y = few.argmax(axis=1)
    settings = {"seed": laboratory.seed}
    train, test = slice(_TRAIN), slice(_TRAIN, None)
    return make_classes_problem("largest", x[train], y[train], x[test], y[test], settings)


def tailed_times(lam: float) -> np.ndarray:
    """Return slow times around the transition of a loss with exponential tails."""
    shift = np.log(SLOW_ALPHA) - np.log(np.log(1 / lam)) / 2
    return np.asarray(shift + np.linspace(-1.5, 6.0, 451))


@remembered
def one_vs_rest_scores(laboratory: Laboratory, loss: str, lam: float) -> Scores:
    """Return the test results along the flows of all classes, each against the rest."""
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-6)
    times = SLOW_TIMES if loss == "square" else tailed_times(lam)
    run = follow_classes(flow, classes(laboratory), alpha=SLOW_ALPHA, times=times)
    return run.test_scores()


@remembered
def softmax_scores(laboratory: Laboratory, lam: float) -> Scores:
    """Return the test results along the flow under cross-entropy."""
    flow = SoftmaxFlow(lam=lam, rtol=1e-5)
    run = flow.run(classes(laboratory), alpha=SLOW_ALPHA, times=tailed_times(lam))
    return run.test_scores()


@remembered
def softmax_window_ends(laboratory: Laboratory, alpha: float) -> np.ndarray:
    """Return the weights at T_c^- and T_c^+, c = ½, under cross-entropy and λ = 1/α: (C d, 2)."""
    flow = SoftmaxFlow(lam=1 / alpha, rtol=1e-6)
    run = flow.run(classes(laboratory), alpha=alpha, times=np.array(window(alpha, WINDOW)))
    return run.weights.reshape(-1, 2)
