"""Simulated transitions on several draws of the data, for the claims of the law."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.diagonal.transition_law import crossing_of, path_of
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.completion.path import path_scales, trace_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores

# Every λ of every draw at one of these, so that α and λ vary independently.
_ALPHAS = (1e4, 1e6, 1e9)
_POINTS = 8


class _Setting(NamedTuple):
    """Range of λ, number of draws, and whether the loss has an exponential tail."""

    largest: float
    smallest: float
    draws: int
    tailed: bool


_SETTINGS = {
    "square": _Setting(1e-3, 1e-7, 8, False),
    "logistic": _Setting(1e-6, 1e-80, 12, True),
    "exponential": _Setting(1e-8, 1e-100, 12, True),
    "completion": _Setting(1e-5, 1e-9, 8, False),
}
# Times of a record, relative to the constant of the draw.
_AROUND = np.concatenate([np.arange(-3, -1, 0.1), np.arange(-1, 1.2, 0.02), np.arange(1.2, 4, 0.1)])


@dataclass(frozen=True, eq=False)
class LawRuns:
    """Transitions of m runs.

    Parameters
    ----------
    alpha, lam, draw, lambda_t : ndarray, shape (m,)
        Settings, the number of the draw, and the simulated λt*.
    constant : ndarray, shape (m,)
        C of the draw, read off its path.
    roughness : float
        By how much any crossing moves with half of its points.
    tailed : bool
        Whether the loss has an exponential tail.
    """

    alpha: np.ndarray
    lam: np.ndarray
    draw: np.ndarray
    lambda_t: np.ndarray
    constant: np.ndarray
    roughness: float
    tailed: bool


class _Draw(NamedTuple):
    """Path constant and its roughness, test errors of the ends, and how to run the flow."""

    constant: float
    roughness: float
    ends: tuple[float, float]
    run: Callable[[float, float, np.ndarray], Scores]


@remembered
def law_runs(laboratory: Laboratory, model: str) -> LawRuns:
    """Return the runs of ``square``, ``logistic``, ``exponential`` or ``completion``."""
    setting = _SETTINGS[model]
    lams = np.geomspace(setting.largest, setting.smallest, _POINTS)
    rows, rough = [], 0.0
    for number, draw in enumerate(_draws(laboratory, model, setting.draws)):
        rough = max(rough, draw.roughness)
        for i, lam in enumerate(lams):
            alpha = _ALPHAS[(i + number) % len(_ALPHAS)]
            level = -np.log(-np.log(lam)) / 2 if setting.tailed else 0.0
            times = np.log(alpha) + draw.constant + level + _AROUND
            time, off = crossing_of(times, draw.run(alpha, float(lam), times), draw.ends)
            rough = max(rough, off)
            rows.append((alpha, float(lam), float(number), time, draw.constant))
    alphas, lams, numbers, found, constants = np.array(rows).T
    return LawRuns(alphas, lams, numbers, found, constants, rough, setting.tailed)


def _draws(laboratory: Laboratory, model: str, count: int) -> Iterator[_Draw]:
    for state in laboratory.draws("transition law", count):
        if model == "completion":
            yield _matrix(completion(d=8, fraction=0.5, seed=state))
            continue
        regression = model == "square"
        make = (
            partial(sparse_regression, n=24, d=100) if regression else partial(sparse, n=32, d=200)
        )
        problem = make(seed=state)
        # The path knows no λ and no loss but by its task: both tails share it.
        key = ("law path", regression, state)
        path = laboratory.remember(key, partial(path_of, problem))
        run = partial(_follow, problem, model)
        yield _Draw(path.crossing, path.roughness, path.ends, run)


def _follow(problem: Problem, loss: str, alpha: float, lam: float, times: np.ndarray) -> Scores:
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-6)
    return flow.run(DiagonalStart(problem, alpha), times).test_scores()


def _matrix(problem: CompletionProblem) -> _Draw:
    scales = path_scales(problem, step=0.02)
    scores = problem.score(trace_completion(problem, scales).matrices)
    ends = float(scores.error[0]), float(scores.error[-1])
    return _Draw(*crossing_of(-scales / 2, scores, ends), ends, partial(_complete, problem))


def _complete(problem: CompletionProblem, alpha: float, lam: float, times: np.ndarray) -> Scores:
    flow = CompletionFlow(lam=lam, rtol=1e-6)
    return flow.run(CompletionStart(problem, alpha), times).test_scores()
