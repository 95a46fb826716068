"""The simulations that claims and figures share, each run once.

Every experiment is a method without arguments or with plain ones; results are cached, so a claim,
its broken variants and the figure of it look at the same data. Experiments of one subject are
functions of the laboratory in modules of their own, such as
`grokflow.proofs_check.completion.experiments`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from inspect import signature
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.trajectory import Trajectory
from grokflow.simulations.linear.presets import gaussian_margin, sparse, sparse_regression
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition, window

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

# Lyu et al., Figure 1: the norm of (u, v) at the start, and the weight decay.
FIGURE_1_NORM = 128.0
FIGURE_1_LAM = 1e-3
# The constant c of the time windows T_c^- and T_c^+.
WINDOW = 0.5


@dataclass(frozen=True, eq=False)
class Experiment:
    """A problem, what theory forecasts for it, and the simulated flow."""

    problem: Problem
    alpha: float
    lam: float
    forecast: Forecast
    trajectory: Trajectory
    scores: Scores
    transition: Transition


def remembered(
    run: Callable[Concatenate[Laboratory, Arguments], Result],
) -> Callable[Concatenate[Laboratory, Arguments], Result]:
    """Run an experiment once in a laboratory for the same arguments, which can be hashed."""
    parameters = signature(run)

    @wraps(run)
    def once(
        laboratory: Laboratory, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        given = parameters.bind(laboratory, *args, **kwargs)
        given.apply_defaults()
        key = (run.__module__, run.__qualname__, *tuple(given.arguments.values())[1:])
        return laboratory.remember(key, partial(run, laboratory, *args, **kwargs))

    return once


@dataclass(eq=False)
class Laboratory:
    """Runs and remembers experiments.

    Parameters
    ----------
    seed : int
        Seed of every problem.
    thorough : bool
        More points in every limit.
    progress : callable
        Called with the name of an experiment and its fraction done.
    """

    seed: int = 0
    thorough: bool = False
    progress: Callable[[str, float], None] = lambda name, fraction: None
    _done: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment, run if there is none under this key yet."""
        if key not in self._done:
            self._done[key] = run()
        result: Result = self._done[key]
        return result

    @remembered
    def figure_1a(self) -> Experiment:
        """Grokking: n=256, d=100 000, 3-sparse labels (Lyu et al., Figure 1a)."""
        return self._figure_1("figure 1a", sparse(seed=self.seed), until=20.0)

    @remembered
    def figure_1b(self, sparsity: int = 0) -> Experiment:
        """Misgrokking: n=32, d=100 000, Gaussian classes 25 apart (Lyu et al., Figure 1b).

        With `sparsity` > 0 the direction between the classes has so many nonzero entries.
        """
        name = "figure 1b" if not sparsity else f"figure 1b, direction of {sparsity} input"
        return self._figure_1(name, gaussian_margin(seed=self.seed, sparsity=sparsity), until=200.0)

    def _figure_1(self, name: str, problem: Problem, until: float) -> Experiment:
        alpha = FIGURE_1_NORM / np.sqrt(2 * problem.d)
        loss = LOSSES["logistic"]
        prediction = forecast(
            problem,
            alpha=alpha,
            lam=FIGURE_1_LAM,
            loss=loss,
            progress=partial(self.progress, f"{name}: prediction"),
        )
        # The paper's record: one step of size 0.01 is λt = 1e-5, the last of 2e6 (1a) or
        # 2e7 (1b) steps is λt = 20 or 200.
        dense, sparse_times = np.arange(0.2, 8, 0.1), np.geomspace(8, until, 30)
        times = np.concatenate([np.geomspace(1e-5, 0.1, 21), dense, sparse_times])
        flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=loss)
        trajectory = flow.run(
            problem, times, progress=partial(self.progress, f"{name}: simulation")
        )
        scores = trajectory.test_scores()
        early, late, _ = prediction.scores.error
        when = trajectory.transition(scores.error, early, late)
        return Experiment(problem, alpha, FIGURE_1_LAM, prediction, trajectory, scores, when)

    @property
    def collapse_alphas(self) -> tuple[float, ...]:
        """Initial scales of the collapse plot."""
        return (1e2, 1e4, 1e8, 1e16, 1e64, 1e100)

    @remembered
    def collapse(self, alpha: float) -> Trajectory:
        """Figure 1a's data from scale `alpha`, recorded at fixed values of λt - log α."""
        problem = self.figure_1a().problem
        flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=LOSSES["logistic"])
        progress = partial(self.progress, f"collapse, α = {alpha:.0e}")
        return flow.run(problem, np.log(alpha) + self.shifted_times, progress=progress)

    @property
    def shifted_times(self) -> np.ndarray:
        """The common values of λt - log α."""
        return np.linspace(0.5, 7.0, 40)

    @remembered
    def limit_problem(self) -> Problem:
        """Draw the separable data on which limits in α are measured: n=64, d=1000, 3-sparse."""
        return sparse(n=64, d=1000, seed=self.seed, n_test=1000)

    @remembered
    def path_classes(self) -> Problem:
        """Draw the classes on which the path is tested: n=16, d=60, 3-sparse."""
        return sparse(n=16, d=60, seed=self.seed)

    @remembered
    def grokking_classes(self) -> Problem:
        """Draw classes whose transition is large: n=32, d=200, 3-sparse, 10 000 test points."""
        return sparse(n=32, d=200, seed=self.seed)

    @remembered
    def path_targets(self) -> Problem:
        """Draw the targets on which the path is tested: n=64, d=400, 3-sparse."""
        return sparse_regression(seed=self.seed)

    slow_alpha: ClassVar[float] = 1e8
    slow_lams: ClassVar[tuple[float, ...]] = tuple(np.geomspace(1e-2, 1e-6, 9).tolist())

    @property
    def slow_times(self) -> np.ndarray:
        """Times around the transition from `slow_alpha`."""
        return np.asarray(np.log(self.slow_alpha) + np.linspace(-1.0, 5.0, 241))

    @remembered
    def slow_flow(self, lam: float) -> Trajectory:
        """Run the flow with square loss on `path_targets` through the transition."""
        flow = DiagonalFlow(alpha=self.slow_alpha, lam=lam, loss=LOSSES["square"], rtol=1e-9)
        return flow.run(self.path_targets(), self.slow_times)

    def scores_of(self, trajectory: Trajectory) -> Scores:
        """Return the test results along a trajectory of this laboratory, which keeps it alive."""
        return self.remember(("scores", id(trajectory)), trajectory.test_scores)

    @property
    def tailed_lams(self) -> np.ndarray:
        """Weight decays at which log(1/λ) is large."""
        return np.geomspace(1e-8, 1e-100, 17 if self.thorough else 9)

    @remembered
    def tailed_flow(self, loss: str, lam: float) -> Trajectory:
        """Run the flow with an exponential-tailed loss on `grokking_classes`."""
        flow = DiagonalFlow(alpha=self.slow_alpha, lam=lam, loss=LOSSES[loss], rtol=1e-6)
        shift = np.log(self.slow_alpha) - np.log(np.log(1 / lam)) / 2
        return flow.run(self.grokking_classes(), shift + np.linspace(-1.0, 5.0, 361))

    @property
    def limit_alphas(self) -> np.ndarray:
        """Scales at which limits are measured, up to 1e80: λ/α² = 1e-240 must stay a double."""
        count = 17 if self.thorough else 9
        return np.geomspace(1e16, 1e80, count)

    @remembered
    def window_ends(self, alpha: float) -> Trajectory:
        """Run the flow with exponential loss and λ = 1/α to T_c^- and T_c^+, c = ½."""
        flow = DiagonalFlow(alpha=alpha, lam=1 / alpha, loss=LOSSES["exponential"], rtol=1e-7)
        return flow.run(self.limit_problem(), np.array(window(alpha, WINDOW)))
