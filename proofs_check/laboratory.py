"""The simulations that claims and figures share, each run once.

Every experiment is a method without arguments or with plain ones; results are cached, so a claim,
its broken variants and the figure of it look at the same data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from simulations.completion_data import completion
from simulations.completion_flow import CompletionFlow
from simulations.completion_trajectory import CompletionTrajectory
from simulations.flow import DiagonalFlow
from simulations.generators import gaussian_margin, sparse, sparse_regression
from simulations.trajectory import Trajectory
from theory.completion import CompletionProblem, make_entries_problem
from theory.completion_forecast import CompletionForecast, forecast_completion
from theory.features import Features
from theory.forecast import Forecast, forecast
from theory.l1 import MaxL1Margin
from theory.l2 import MaxL2Margin
from theory.losses import LOSSES
from theory.metrics import Scores
from theory.problems import Problem
from theory.transition import Transition, window

if TYPE_CHECKING:
    from proofs_check.descent_runs import Delays, Students

Result = TypeVar("Result")
MarginPredictor = MaxL1Margin | MaxL2Margin

# Lyu et al., Figure 1: the norm of (u, v) at the start, and the weight decay.
FIGURE_1_NORM = 128.0
FIGURE_1_LAM = 1e-3
# Lyu et al., Figure 3.
FIGURE_3_ALPHA = 10.0
FIGURE_3_LAM = 1e-4
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


@dataclass(frozen=True, eq=False)
class CompletionExperiment:
    """A completion problem, what theory forecasts for it, and the simulated flow."""

    problem: CompletionProblem
    forecast: CompletionForecast
    trajectory: CompletionTrajectory
    transition: Transition


class SignMatrix(NamedTuple):
    """A rank-one matrix of signs, and some of its entries."""

    truth: np.ndarray
    problem: CompletionProblem


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

    def _once(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        if key not in self._done:
            self._done[key] = run()
        result: Result = self._done[key]
        return result

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment that only one claim and its variants look at."""
        return self._once(key, run)

    def figure_1a(self) -> Experiment:
        """Grokking: n=256, d=100 000, 3-sparse labels (Lyu et al., Figure 1a)."""
        return self._figure_1("figure 1a", lambda: sparse(seed=self.seed), until=20.0)

    def figure_1b(self, sparsity: int = 0) -> Experiment:
        """Misgrokking: n=32, d=100 000, Gaussian classes 25 apart (Lyu et al., Figure 1b).

        With `sparsity` > 0 the direction between the classes has so many nonzero entries.
        """
        name = "figure 1b" if not sparsity else f"figure 1b, direction of {sparsity} input"
        return self._figure_1(
            name, lambda: gaussian_margin(seed=self.seed, sparsity=sparsity), until=200.0
        )

    def _figure_1(self, name: str, make: Callable[[], Problem], until: float) -> Experiment:
        def run() -> Experiment:
            problem = make()
            alpha = FIGURE_1_NORM / np.sqrt(2 * problem.d)
            loss = LOSSES["logistic"]
            prediction = forecast(
                problem,
                alpha=alpha,
                lam=FIGURE_1_LAM,
                loss=loss,
                progress=lambda x: self.progress(f"{name}: prediction", x),
            )
            # The paper's record: one step of size 0.01 is λt = 1e-5, the last of 2e6 (1a) or
            # 2e7 (1b) steps is λt = 20 or 200.
            dense, sparse_times = np.arange(0.2, 8, 0.1), np.geomspace(8, until, 30)
            times = np.concatenate([np.geomspace(1e-5, 0.1, 21), dense, sparse_times])
            flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=loss)
            trajectory = flow.run(
                problem, times, progress=lambda x: self.progress(f"{name}: simulation", x)
            )
            scores = trajectory.test_scores()
            early, late, _ = prediction.scores.error
            when = trajectory.transition(scores.error, early, late)
            return Experiment(problem, alpha, FIGURE_1_LAM, prediction, trajectory, scores, when)

        return self._once((name,), run)

    @property
    def collapse_alphas(self) -> tuple[float, ...]:
        """Initial scales of the collapse plot."""
        return (1e2, 1e4, 1e8, 1e16, 1e64, 1e100)

    def collapse(self, alpha: float) -> Trajectory:
        """Figure 1a's data from scale `alpha`, recorded at fixed values of λt - log α."""

        def run() -> Trajectory:
            problem = self.figure_1a().problem
            flow = DiagonalFlow(alpha=alpha, lam=FIGURE_1_LAM, loss=LOSSES["logistic"])
            name = f"collapse, α = {alpha:.0e}"
            return flow.run(
                problem,
                np.log(alpha) + self.shifted_times,
                progress=lambda x: self.progress(name, x),
            )

        return self._once(("collapse", alpha), run)

    @property
    def shifted_times(self) -> np.ndarray:
        """The common values of λt - log α."""
        return np.linspace(0.5, 7.0, 40)

    def limit_problem(self) -> Problem:
        """Draw the separable data on which limits in α are measured: n=64, d=1000, 3-sparse."""
        return self._once(
            ("limit problem",), lambda: sparse(n=64, d=1000, seed=self.seed, n_test=1000)
        )

    def path_classes(self) -> Problem:
        """Draw the classes on which the path is tested: n=16, d=60, 3-sparse."""
        return self._once(("path classes",), lambda: sparse(n=16, d=60, seed=self.seed))

    def grokking_classes(self) -> Problem:
        """Draw classes whose transition is large: n=32, d=200, 3-sparse, 10 000 test points."""
        return self._once(("grokking classes",), lambda: sparse(n=32, d=200, seed=self.seed))

    def path_targets(self) -> Problem:
        """Draw the targets on which the path is tested: n=64, d=400, 3-sparse."""
        return self._once(("path targets",), lambda: sparse_regression(seed=self.seed))

    slow_alpha: ClassVar[float] = 1e8
    slow_lams: ClassVar[tuple[float, ...]] = tuple(np.geomspace(1e-2, 1e-6, 9).tolist())

    @property
    def slow_times(self) -> np.ndarray:
        """Times around the transition from `slow_alpha`."""
        return np.asarray(np.log(self.slow_alpha) + np.linspace(-1.0, 5.0, 241))

    def slow_flow(self, lam: float) -> Trajectory:
        """Run the flow with square loss on `path_targets` through the transition."""

        def run() -> Trajectory:
            flow = DiagonalFlow(alpha=self.slow_alpha, lam=lam, loss=LOSSES["square"], rtol=1e-9)
            return flow.run(self.path_targets(), self.slow_times)

        return self._once(("slow flow", lam), run)

    def scores_of(self, trajectory: Trajectory) -> Scores:
        """Return the test results along a trajectory of this laboratory, which keeps it alive."""
        return self._once(("scores", id(trajectory)), trajectory.test_scores)

    @property
    def tailed_lams(self) -> np.ndarray:
        """Weight decays at which log(1/λ) is large."""
        return np.geomspace(1e-8, 1e-100, 17 if self.thorough else 9)

    def tailed_flow(self, loss: str, lam: float) -> Trajectory:
        """Run the flow with an exponential-tailed loss on `grokking_classes`."""

        def run() -> Trajectory:
            flow = DiagonalFlow(alpha=self.slow_alpha, lam=lam, loss=LOSSES[loss], rtol=1e-6)
            shift = np.log(self.slow_alpha) - np.log(np.log(1 / lam)) / 2
            return flow.run(self.grokking_classes(), shift + np.linspace(-1.0, 5.0, 361))

        return self._once(("tailed flow", loss, lam), run)

    @property
    def limit_alphas(self) -> np.ndarray:
        """Scales at which limits are measured, up to 1e80: λ/α² = 1e-240 must stay a double."""
        count = 17 if self.thorough else 9
        return np.geomspace(1e16, 1e80, count)

    def window_ends(self, alpha: float) -> Trajectory:
        """Run the flow with exponential loss and λ = 1/α to T_c^- and T_c^+, c = ½."""

        def run() -> Trajectory:
            flow = DiagonalFlow(alpha=alpha, lam=1 / alpha, loss=LOSSES["exponential"], rtol=1e-7)
            return flow.run(self.limit_problem(), np.array(window(alpha, WINDOW)))

        return self._once(("window", alpha), run)

    def figure_3(self) -> CompletionExperiment:
        """Matrix completion: d=97, 470 entries, 1e7 steps of 0.1 (Lyu et al., Figure 3)."""

        def run() -> CompletionExperiment:
            problem = completion(seed=self.seed)
            prediction = forecast_completion(
                problem,
                alpha=FIGURE_3_ALPHA,
                lam=FIGURE_3_LAM,
                progress=lambda x: self.progress("figure 3: prediction", x),
            )
            times = np.concatenate(
                [np.geomspace(1e-6, 1, 60), np.arange(1.05, 12, 0.05), np.geomspace(12, 100, 20)]
            )
            trajectory = CompletionFlow(alpha=FIGURE_3_ALPHA, lam=FIGURE_3_LAM).run(
                problem, times, progress=lambda x: self.progress("figure 3: simulation", x)
            )
            early, late = (float(error) for error in prediction.scores.error[:2])
            when = trajectory.transition(trajectory.test_scores().error, early, late)
            return CompletionExperiment(problem, prediction, trajectory, when)

        return self._once(("figure 3",), run)

    def completion_entries(self, mirrored: bool = False) -> CompletionProblem:
        """Draw 30 of the 78 entries of an indefinite 12×12 matrix of rank 2.

        With `mirrored` the mirrors of 15 of them are sampled too, where A3.8 fails.
        """

        def run() -> CompletionProblem:
            rng = np.random.default_rng([self.seed, 311])
            a, b = rng.standard_normal((2, 12))
            truth = np.outer(a, a) - np.outer(b, b)
            rows, columns = np.triu_indices(12)
            seen = rng.choice(len(rows), 30, replace=False)
            rows, columns = rows[seen], columns[seen]
            if mirrored:
                off = np.flatnonzero(rows != columns)[:15]
                rows, columns = np.append(rows, columns[off]), np.append(columns, rows[off])
            return make_entries_problem("entries", 12, rows, columns, truth[rows, columns])

        return self._once(("completion entries", mirrored), run)

    def completion_window(
        self, alpha: float, *, mirrored: bool = False, sigma: float = 0.0
    ) -> CompletionTrajectory:
        """Run the flow on `completion_entries` with λ = 1/α to T_c^- and T_c^+, c = ½.

        With `sigma` > 0 the start is perturbed, by the same draw at every α.
        """

        def run() -> CompletionTrajectory:
            flow = CompletionFlow(alpha=alpha, lam=1 / alpha, sigma=sigma, rtol=1e-6)
            return flow.run(
                self.completion_entries(mirrored),
                np.array(window(alpha, WINDOW)),
                rng=np.random.default_rng([self.seed, 313]),
            )

        return self._once(("completion window", alpha, mirrored, sigma), run)

    def completion_slow_flow(self, lam: float) -> CompletionTrajectory:
        """Run the flow on `completion_entries` through the transition, at `completion_times`."""

        def run() -> CompletionTrajectory:
            flow = CompletionFlow(alpha=self.slow_alpha, lam=lam, rtol=1e-8)
            return flow.run(self.completion_entries(), self.completion_times)

        return self._once(("completion slow flow", lam), run)

    @property
    def completion_times(self) -> np.ndarray:
        """Times around the transition from `slow_alpha`."""
        return np.asarray(np.log(self.slow_alpha) + np.linspace(-1.0, 3.0, 41))

    def sign_matrix(self, d: int, count: int, draw: int) -> SignMatrix:
        """Draw ``X* = x xᵀ`` with x of signs, and `count` of its entries without replacement."""
        rng = np.random.default_rng([self.seed, 312, d, draw])
        x = rng.choice(np.array([-1.0, 1.0]), d)
        truth = np.outer(x, x)
        rows, columns = np.divmod(rng.choice(d * d, count, replace=False), d)
        return SignMatrix(
            truth, make_entries_problem("signs", d, rows, columns, truth[rows, columns])
        )

    def linear_students(self) -> Students:
        """Train linear students by gradient descent at nine sizes."""
        from proofs_check.descent_runs import linear_students

        draws = 100 if self.thorough else 25
        name = "linear students"
        return self._once(
            (name,), lambda: linear_students(self.seed, draws, lambda x: self.progress(name, x))
        )

    def label_noise(self) -> Delays:
        """Delays of label-noise descent at eight step sizes."""
        from proofs_check.descent_runs import label_noise_delays

        name = "label noise"
        return self._once(
            (name,), lambda: label_noise_delays(self.seed, lambda x: self.progress(name, x))
        )

    def decay_instead_of_noise(self) -> Delays:
        """Delays of descent with weight decay at the same step sizes."""
        from proofs_check.descent_runs import decay_delays

        return self._once(("decay instead of noise",), lambda: decay_delays(self.seed))

    def sparse_weights(
        self, predictor: MarginPredictor, *, n: int, d: int, k: int, draws: int
    ) -> list[np.ndarray]:
        """Return the weights of max-margin classifiers on independent draws of sparse ±1 data."""

        def run() -> list[np.ndarray]:
            seeds = np.random.SeedSequence((self.seed, n, d, k)).generate_state(draws)
            found = []
            for done, seed in enumerate(seeds):
                self.progress(f"{predictor.name} on {draws} draws, n = {n}", done / draws)
                problem = sparse(n=n, d=d, k=k, seed=int(seed), n_test=1)
                found.append(predictor.predict(_without_copies(problem)).w)
            return found

        return self._once(("sparse weights", predictor, n, d, k, draws), run)


def _without_copies(problem: Problem) -> Problem:
    """Drop rows that occur before: they repeat a constraint of the max-margin problem."""
    rows = np.unique(problem.inputs.to_array(), axis=0)
    return replace(problem, inputs=Features.from_array(rows), targets=np.ones(len(rows)))
