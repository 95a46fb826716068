"""Flows of matrix completion that claims and figures look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check.laboratory import SLOW_ALPHA, Experiment, Laboratory, remembered
from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.forecast import CompletionForecast, forecast_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.transition.times import Transition, window

# Lyu et al., Figure 3.
FIGURE_3_ALPHA = 10.0
FIGURE_3_LAM = 1e-4

# Times around the transition from the laboratory's slow scale.
SLOW_TIMES = np.log(SLOW_ALPHA) + np.linspace(-1.0, 3.0, 41)


@dataclass(frozen=True, eq=False)
class CompletionExperiment:
    """A completion problem, what theory forecasts for it, and the simulated flow."""

    problem: CompletionProblem
    forecast: CompletionForecast
    trajectory: CompletionTrajectory
    transition: Transition


@remembered
def figure_3(laboratory: Laboratory) -> CompletionExperiment:
    """Matrix completion: d=97, 470 entries, 1e7 steps of 0.1 (Lyu et al., Figure 3)."""
    problem = completion(seed=laboratory.seed)
    prediction = forecast_completion(
        problem,
        alpha=FIGURE_3_ALPHA,
        lam=FIGURE_3_LAM,
        progress=partial(laboratory.progress, "figure 3: prediction"),
    )
    times = np.concatenate(
        [np.geomspace(1e-6, 1, 60), np.arange(1.05, 12, 0.05), np.geomspace(12, 100, 20)]
    )
    trajectory = CompletionFlow(lam=FIGURE_3_LAM).run(
        CompletionStart(problem, FIGURE_3_ALPHA),
        times,
        progress=partial(laboratory.progress, "figure 3: simulation"),
    )
    early, late = (float(error) for error in prediction.scores.error[:2])
    when = trajectory.transition(early, late)
    return CompletionExperiment(problem, prediction, trajectory, when)


FIGURE_3 = Experiment(figure_3, seconds=3.0)


@remembered
def completion_entries(laboratory: Laboratory, mirrored: bool = False) -> CompletionProblem:
    """Draw 30 of the 78 entries of an indefinite 12×12 matrix of rank 2.

    With `mirrored` the mirrors of 15 of them are sampled too, where A3.8 fails.
    """
    rng = np.random.default_rng([laboratory.seed, 311])
    a, b = rng.standard_normal((2, 12))
    truth = np.outer(a, a) - np.outer(b, b)
    rows, columns = np.triu_indices(12)
    seen = rng.choice(len(rows), 30, replace=False)
    rows, columns = rows[seen], columns[seen]
    if mirrored:
        off = np.flatnonzero(rows != columns)[:15]
        rows, columns = np.append(rows, columns[off]), np.append(columns, rows[off])
    return make_entries_problem("entries", 12, rows, columns, truth[rows, columns])


@remembered
def completion_window(
    laboratory: Laboratory, alpha: float, c: float, *, mirrored: bool = False, sigma: float = 0.0
) -> CompletionTrajectory:
    """Run the flow on `completion_entries` with λ = α^-2c to T_c^- and T_c^+.

    With `sigma` > 0 the start is perturbed, by the same draw at every α.
    """
    flow = CompletionFlow(lam=alpha ** (-2 * c), rtol=1e-6)
    return flow.run(
        CompletionStart(
            completion_entries(laboratory, mirrored),
            alpha,
            sigma=sigma,
            rng=np.random.default_rng([laboratory.seed, 313]),
        ),
        np.array(window(alpha, c)),
    )


@remembered
def completion_slow_flow(laboratory: Laboratory, lam: float) -> CompletionTrajectory:
    """Run the flow on `completion_entries` through the transition, at `SLOW_TIMES`."""
    flow = CompletionFlow(lam=lam, rtol=1e-8)
    return flow.run(CompletionStart(completion_entries(laboratory), SLOW_ALPHA), SLOW_TIMES)
