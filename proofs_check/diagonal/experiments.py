"""Flows of diagonal nets that claims and figures look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import ForEvery
from grokflow.proofs_check.diagonal.kernel_phase import small_problem
from grokflow.proofs_check.laboratory import SLOW_ALPHA, Experiment, Laboratory, remembered
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.linear.presets import gaussian_margin, sparse, sparse_regression
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition

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
class ScoredFlow:
    """A problem, the simulated flow, and the test results along it."""

    problem: Problem
    alpha: float
    trajectory: DiagonalTrajectory
    scores: Scores


@dataclass(frozen=True, eq=False)
class DiagonalExperiment:
    """A simulated flow beside what theory forecasts for it."""

    flow: ScoredFlow
    forecast: Forecast

    @property
    def transition(self) -> Transition:
        """When the simulated test error crosses between the errors of both predictors."""
        early, late = self.forecast.scores.error[:2]
        return self.flow.trajectory.transition(early, late)


@remembered
def figure_1_problem(laboratory: Laboratory, panel: str, sparsity: int = 0) -> Problem:
    """Draw the data of a panel of Lyu et al., Figure 1.

    ``a`` groks: n=256, d=100 000, 3-sparse labels. ``b`` misgroks: n=32, d=100 000, Gaussian
    classes 25 apart, along a direction of `sparsity` nonzero entries, or a dense one for 0.
    """
    if panel == "a":
        return sparse(seed=laboratory.seed)
    return gaussian_margin(seed=laboratory.seed, sparsity=sparsity)


@remembered
def figure_1_flow(laboratory: Laboratory, panel: str, sparsity: int = 0) -> ScoredFlow:
    """Follow the flow on the data of `figure_1_problem` as long as the paper does."""
    problem = figure_1_problem(laboratory, panel, sparsity)
    alpha = _figure_1_alpha(problem)
    # The paper's record: one step of size 0.01 is λt = 1e-5, the last of 2e6 (1a) or
    # 2e7 (1b) steps is λt = 20 or 200.
    until = 20.0 if panel == "a" else 200.0
    dense, sparse_times = np.arange(0.2, 8, 0.1), np.geomspace(8, until, 30)
    times = np.concatenate([np.geomspace(1e-5, 0.1, 21), dense, sparse_times])
    flow = DiagonalFlow(lam=FIGURE_1_LAM, loss=LOSSES["logistic"])
    progress = partial(laboratory.progress, f"figure 1{panel}: simulation")
    trajectory = flow.run(DiagonalStart(problem, alpha), times, progress=progress)
    return ScoredFlow(problem, alpha, trajectory, trajectory.test_scores())


@remembered
def figure_1_forecast(laboratory: Laboratory, panel: str) -> Forecast:
    """Predict what the flow of `figure_1_flow` does."""
    problem = figure_1_problem(laboratory, panel)
    return forecast(
        problem,
        alpha=_figure_1_alpha(problem),
        lam=FIGURE_1_LAM,
        loss=LOSSES["logistic"],
        progress=partial(laboratory.progress, f"figure 1{panel}: prediction"),
    )


def figure_1(laboratory: Laboratory, panel: str) -> DiagonalExperiment:
    """Return flow and forecast of a panel of Lyu et al., Figure 1."""
    return DiagonalExperiment(
        figure_1_flow(laboratory, panel), figure_1_forecast(laboratory, panel)
    )


def _figure_1_alpha(problem: Problem) -> float:
    return float(FIGURE_1_NORM / np.sqrt(2 * problem.d))


@remembered
def collapse(laboratory: Laboratory, alpha: float) -> DiagonalTrajectory:
    """Run the flow on Figure 1a's data from scale `alpha`, recorded at `SHIFTED_TIMES`."""
    flow = DiagonalFlow(lam=FIGURE_1_LAM, loss=LOSSES["logistic"])
    progress = partial(laboratory.progress, f"collapse, α = {alpha:.0e}")
    problem = figure_1_problem(laboratory, "a")
    return flow.run(DiagonalStart(problem, alpha), np.log(alpha) + SHIFTED_TIMES, progress=progress)


# The longest of these, which claims and figures share.
FLOW_A = Experiment(figure_1_flow, ("a",), seconds=10.0)
FLOW_B = Experiment(figure_1_flow, ("b",), seconds=16.0)
FORECASTS = tuple(Experiment(figure_1_forecast, (panel,), seconds=14.0) for panel in "ab")
COLLAPSES = {alpha: Experiment(collapse, (alpha,), seconds=5.0) for alpha in COLLAPSE_ALPHAS}


@remembered
def collapse_scores(laboratory: Laboratory, alpha: float) -> Scores:
    """Return the test results along the flow of `collapse`."""
    return collapse(laboratory, alpha).test_scores()


# Shorter than the flows that they score, so that these are started before them.
COLLAPSE_SCORES = tuple(
    Experiment(collapse_scores, (alpha,), seconds=4.0) for alpha in COLLAPSE_ALPHAS
)


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
def slow_flow(laboratory: Laboratory, lam: float) -> DiagonalTrajectory:
    """Run the flow with square loss on `path_targets` through the transition."""
    flow = DiagonalFlow(lam=lam, loss=LOSSES["square"], rtol=1e-9)
    return flow.run(DiagonalStart(path_targets(laboratory), SLOW_ALPHA), SLOW_TIMES)


@remembered
def slow_scores(laboratory: Laboratory, lam: float) -> Scores:
    """Return the test results along the flow of `slow_flow`."""
    return slow_flow(laboratory, lam).test_scores()


def tailed_lams(laboratory: Laboratory) -> np.ndarray:
    """Return weight decays at which log(1/λ) is large."""
    return np.geomspace(1e-8, 1e-100, 17 if laboratory.thorough else 9)


@remembered
def tailed_flow(laboratory: Laboratory, loss: str, lam: float) -> DiagonalTrajectory:
    """Run the flow with an exponential-tailed loss on `grokking_classes`."""
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-6)
    shift = np.log(SLOW_ALPHA) - np.log(np.log(1 / lam)) / 2
    return flow.run(
        DiagonalStart(grokking_classes(laboratory), SLOW_ALPHA), shift + np.linspace(-1.0, 5.0, 361)
    )


@remembered
def tailed_scores(laboratory: Laboratory, loss: str, lam: float) -> Scores:
    """Return the test results along the flow of `tailed_flow`."""
    return tailed_flow(laboratory, loss, lam).test_scores()


def limit_alphas(laboratory: Laboratory) -> np.ndarray:
    """Return scales at which limits are measured, up to 1e100: λ/α² = 1e-300 stays a double.

    Corrections of the order of 1/log α are small from 1e40 on.
    """
    return np.geomspace(1e40, 1e100, 17 if laboratory.thorough else 9)


# Slow times at which `window_weights` looks, in units of log α: T_c^- and T_c^+ for c = ¾, ½ and ¼,
# and two times at which the window has the wrong sign of c.
WINDOW_TIMES = (0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 1.75)


@remembered
def easy_sample(laboratory: Laboratory) -> Problem:
    """Return six samples of 20 inputs, and one with twice the least margin, no support vector."""
    problem = small_problem(laboratory, LOSSES["exponential"])
    w = MaxL2Margin().predict(problem).w
    (seed,) = laboratory.draws("easy sample", 1)
    along, other = w / (w @ w), np.random.default_rng(seed).standard_normal(problem.d)
    signed = np.vstack([problem.inputs.to_array(), 2 * along + other - along * (other @ w)])
    # The rows of a problem hold its labels already: which ones they are does not matter.
    y = np.resize([1.0, -1.0], len(signed))
    return make_problem("easy sample", Task.CLASSIFICATION, y[:, None] * signed, y, problem.test)


def limit_problems(laboratory: Laboratory) -> dict[str, Problem]:
    """Return the separable data on which limits in α are measured."""
    return {"signs": path_classes(laboratory), "easy sample": easy_sample(laboratory)}


# What claims about these limits range over.
FOR_EVERY_LIMIT = tuple(
    ForEvery(draw, strategies.separable) for draw in (path_classes, easy_sample)
)


@remembered
def window_weights(laboratory: Laboratory, data: str) -> dict[float, np.ndarray]:
    """Run the flow with exponential loss and λ = 1/α from all of `limit_alphas`.

    Returns the weights at each of `WINDOW_TIMES`, a row for every α.
    """
    problem = limit_problems(laboratory)[data]
    found = []
    for alpha in limit_alphas(laboratory).tolist():
        flow = DiagonalFlow(lam=1 / alpha, loss=LOSSES["exponential"], rtol=1e-7)
        times = np.log(alpha) * np.array(WINDOW_TIMES)
        found.append(flow.run(DiagonalStart(problem, alpha), times).weights.T)
    return dict(zip(WINDOW_TIMES, np.stack(found, axis=1), strict=True))
