"""Flows of diagonal nets that claims and figures look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check.laboratory import SLOW_ALPHA, WINDOW, Laboratory, remembered
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.trajectory import Trajectory
from grokflow.simulations.linear.presets import gaussian_margin, sparse, sparse_regression
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition, window

# Lyu et al., Figure 1: the norm of (u, v) at the start, and the weight decay.
FIGURE_1_NORM = 128.0
FIGURE_1_LAM = 1e-3

# Initial scales of the collapse plot, and its common values of λt - log α.
COLLAPSE_ALPHAS = (1e2, 1e4, 1e8, 1e16, 1e64, 1e100)
SHIFTED_TIMES = np.linspace(0.5, 7.0, 40)

# Weight decays at which the transition law is measured with the square loss, and times around the
# transition from `SLOW_ALPHA`.
SLOW_LAMS: tuple[float, ...] = tuple(np.geomspace(1e-2, 1e-6, 9).tolist())
SLOW_TIMES = np.log(SLOW_ALPHA) + np.linspace(-1.0, 5.0, 241)


@dataclass(frozen=True, eq=False)
class DiagonalExperiment:
    """A problem, what theory forecasts for it, and the simulated flow."""

    problem: Problem
    alpha: float
    lam: float
    forecast: Forecast
    trajectory: Trajectory
    scores: Scores
    transition: Transition


@remembered
def figure_1a(laboratory: Laboratory) -> DiagonalExperiment:
    """Grokking: n=256, d=100 000, 3-sparse labels (Lyu et al., Figure 1a)."""
    return _figure_1(laboratory, "figure 1a", sparse(seed=laboratory.seed), until=20.0)


@remembered
def figure_1b(laboratory: Laboratory, sparsity: int = 0) -> DiagonalExperiment:
    """Misgrokking: n=32, d=100 000, Gaussian classes 25 apart (Lyu et al., Figure 1b).

    With `sparsity` > 0 the direction between the classes has so many nonzero entries.
    """
    name = "figure 1b" if not sparsity else f"figure 1b, direction of {sparsity} input"
    problem = gaussian_margin(seed=laboratory.seed, sparsity=sparsity)
    return _figure_1(laboratory, name, problem, until=200.0)


def _figure_1(
    laboratory: Laboratory, name: str, problem: Problem, until: float
) -> DiagonalExperiment:
    alpha = FIGURE_1_NORM / np.sqrt(2 * problem.d)
    loss = LOSSES["logistic"]
    prediction = forecast(
        problem,
        alpha=alpha,
        lam=FIGURE_1_LAM,
        loss=loss,
        progress=partial(laboratory.progress, f"{name}: prediction"),
    )
    # The paper's record: one step of size 0.01 is λt = 1e-5, the last of 2e6 (1a) or
    # 2e7 (1b) steps is λt = 20 or 200.
    dense, sparse_times = np.arange(0.2, 8, 0.1), np.geomspace(8, until, 30)
    times = np.concatenate([np.geomspace(1e-5, 0.1, 21), dense, sparse_times])
    flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=loss)
    trajectory = flow.run(
        problem, times, progress=partial(laboratory.progress, f"{name}: simulation")
    )
    scores = trajectory.test_scores()
    early, late, _ = prediction.scores.error
    when = trajectory.transition(scores.error, early, late)
    return DiagonalExperiment(problem, alpha, FIGURE_1_LAM, prediction, trajectory, scores, when)


@remembered
def collapse(laboratory: Laboratory, alpha: float) -> Trajectory:
    """Run the flow on Figure 1a's data from scale `alpha`, recorded at `SHIFTED_TIMES`."""
    flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=LOSSES["logistic"])
    progress = partial(laboratory.progress, f"collapse, α = {alpha:.0e}")
    problem = figure_1a(laboratory).problem
    return flow.run(problem, np.log(alpha) + SHIFTED_TIMES, progress=progress)


@remembered
def collapse_scores(laboratory: Laboratory, alpha: float) -> Scores:
    """Return the test results along the flow of `collapse`."""
    return collapse(laboratory, alpha).test_scores()


@remembered
def limit_problem(laboratory: Laboratory) -> Problem:
    """Draw the separable data on which limits in α are measured: n=64, d=1000, 3-sparse."""
    return sparse(n=64, d=1000, seed=laboratory.seed, n_test=1000)


@remembered
def path_classes(laboratory: Laboratory) -> Problem:
    """Draw the classes on which the path is tested: n=16, d=60, 3-sparse."""
    return sparse(n=16, d=60, seed=laboratory.seed)


@remembered
def path_targets(laboratory: Laboratory) -> Problem:
    """Draw the targets on which the path is tested: n=64, d=400, 3-sparse."""
    return sparse_regression(seed=laboratory.seed)


@remembered
def grokking_classes(laboratory: Laboratory) -> Problem:
    """Draw classes whose transition is large: n=32, d=200, 3-sparse, 10 000 test points."""
    return sparse(n=32, d=200, seed=laboratory.seed)


@remembered
def slow_flow(laboratory: Laboratory, lam: float) -> Trajectory:
    """Run the flow with square loss on `path_targets` through the transition."""
    flow = DiagonalFlow(alpha=SLOW_ALPHA, lam=lam, loss=LOSSES["square"], rtol=1e-9)
    return flow.run(path_targets(laboratory), SLOW_TIMES)


@remembered
def slow_scores(laboratory: Laboratory, lam: float) -> Scores:
    """Return the test results along the flow of `slow_flow`."""
    return slow_flow(laboratory, lam).test_scores()


def tailed_lams(laboratory: Laboratory) -> np.ndarray:
    """Return weight decays at which log(1/λ) is large."""
    return np.geomspace(1e-8, 1e-100, 17 if laboratory.thorough else 9)


@remembered
def tailed_flow(laboratory: Laboratory, loss: str, lam: float) -> Trajectory:
    """Run the flow with an exponential-tailed loss on `grokking_classes`."""
    flow = DiagonalFlow(alpha=SLOW_ALPHA, lam=lam, loss=LOSSES[loss], rtol=1e-6)
    shift = np.log(SLOW_ALPHA) - np.log(np.log(1 / lam)) / 2
    return flow.run(grokking_classes(laboratory), shift + np.linspace(-1.0, 5.0, 361))


@remembered
def tailed_scores(laboratory: Laboratory, loss: str, lam: float) -> Scores:
    """Return the test results along the flow of `tailed_flow`."""
    return tailed_flow(laboratory, loss, lam).test_scores()


def limit_alphas(laboratory: Laboratory) -> np.ndarray:
    """Return scales at which limits are measured, up to 1e80: λ/α² = 1e-240 stays a double."""
    return np.geomspace(1e16, 1e80, 17 if laboratory.thorough else 9)


@remembered
def window_ends(laboratory: Laboratory, alpha: float) -> Trajectory:
    """Run the flow with exponential loss and λ = 1/α to T_c^- and T_c^+, c = ½."""
    flow = DiagonalFlow(alpha=alpha, lam=1 / alpha, loss=LOSSES["exponential"], rtol=1e-7)
    return flow.run(limit_problem(laboratory), np.array(window(alpha, WINDOW)))
