"""Matrix completion, ``W = UUᵀ - VVᵀ``, from observed entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from grokflow.simulations.completion.data import completion, holds_entries, load_entries
from grokflow.simulations.completion.flow import CompletionFlow, check_kernel
from grokflow.simulations.completion.start import CompletionStart, check_scale
from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.exact import ExactModel
from grokflow.simulations.models.options import Options, call_with_numbers
from grokflow.simulations.models.picture import ModePanel, PathCurve, Picture, picture_of
from grokflow.simulations.models.protocol import Progress, no_progress
from grokflow.simulations.models.results import (
    Column,
    Description,
    ModelForecast,
    Outlook,
    PredictorResult,
    SimulationResult,
)
from grokflow.simulations.models.table import (
    column,
    measured_columns,
    rows_of,
    simulation_result,
    work_remark,
)
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.theory.completion.forecast import CompletionForecast, forecast_completion
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.path import follow_path, path_scales
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.objective import Provable
from grokflow.theory.transition.change import Change, change_of
from grokflow.theory.transition.scores import kind_of
from grokflow.theory.transition.seen import kind_seen
from grokflow.theory.transition.times import Transition

# The path of completion begins at β = α²: from here the kernel regime belongs to it.
_FAR = 1e8
# Eigenvalues that a picture shows, from each end of the spectrum.
_EIGENVALUES = 5


@dataclass(frozen=True)
class CompletionModel(ExactModel):
    """The kind of model of the multiplication table, and of files of entries."""

    names: ClassVar[tuple[str, ...]] = ("completion",)
    # Lyu et al., Figure 3.
    alpha: ClassVar[float | None] = 10.0
    lam: ClassVar[float] = 1e-4

    def reads(self, path: Path) -> bool:
        """Whether a file holds observed entries."""
        return holds_entries(path)

    def maker(
        self, problem: str, regression: bool | None = None
    ) -> Callable[..., CompletionProblem]:
        """Return the multiplication table, or the function that reads the file."""
        return completion if problem in self.names else partial(load_entries, Path(problem))

    def holds(self, problem: object) -> bool:
        """Whether these are measurements of a matrix."""
        return isinstance(problem, CompletionProblem)

    def default_loss(self, problem: Any) -> str:
        """Return the square loss."""
        return "square"

    def bind(self, problem: Any, settings: ModelSettings) -> BoundCompletion:
        """Bind data and settings."""
        self.check_settings(settings)
        return BoundCompletion(problem, settings.lam, settings.sigma, settings.seed)

    def check_settings(self, settings: ModelSettings) -> None:
        """Refuse settings that a factorisation does not have."""
        if settings.depth != 2:
            raise ValueError(
                f"depth is {settings.depth}, expected 2: W = UUᵀ - VVᵀ has two factors"
            )
        if settings.loss not in (None, "square"):
            raise ValueError(
                f"loss is {settings.loss}, expected square: completion is a regression"
            )
        self.check_scale(1.0, settings)

    def check_scale(self, alpha: float, settings: ModelSettings) -> None:
        """Refuse scales, perturbations and weight decays that the flow does not reach."""
        check_scale(alpha, settings.sigma)
        CompletionFlow(lam=settings.lam)

    def read(self, options: Options) -> BoundCompletion:
        """Read problem and model; σ is a setting where the start is drawn."""
        asked = options.settings()
        # The forecast is for σ = 0.
        sigma = float(asked.pop("sigma", 0.0)) if options.simulates else 0.0
        lam = float(options.lam or self.lam)
        settings = ModelSettings(lam=lam, loss=options.loss, depth=options.depth, sigma=sigma)
        self.check_settings(settings)
        self.check_scale(options.alpha or 1.0, settings)
        make = self.maker(options.problem)
        problem = call_with_numbers(options.problem, make, asked, counts=True)
        if options.simulates:
            check_kernel(problem)
        return self.bind(problem, replace(settings, seed=int(str(problem.settings["seed"]))))


@dataclass(frozen=True, eq=False)
class BoundCompletion(BoundModel):
    """A factorisation with its measurements, weight decay and the perturbation of its start."""

    problem: CompletionProblem
    lam: float
    sigma: float = 0.0
    seed: int = 0
    rtol: float = CompletionFlow.rtol
    forecasts: dict[float, CompletionForecast] = field(default_factory=dict, repr=False)

    @property
    def shifts(self) -> bool:
        """From the exact start only: a perturbation is not of the form α times something."""
        return self.sigma == 0

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the matrix's size, ``½ log ‖y‖``."""
        return 0.25 * float(np.log(np.sum(self.problem.values**2) or 1.0))

    @property
    def constant_error(self) -> float:
        """Variance of the observed values; their mean square where all are equal."""
        weights, values = self.problem.weights, self.problem.values
        return float(weights @ (values - self.problem.mean) ** 2) or float(weights @ values**2)

    def mean_remedy(self, change: Change) -> str:
        """Say what to subtract where the values have a large mean that nothing learns."""
        mean = self.problem.mean
        spread = float(np.sqrt(self.problem.weights @ (self.problem.values - mean) ** 2))
        if abs(mean) <= spread or not change.is_useless:
            return ""
        return (
            f"the observed entries have mean {mean:.4g} and standard deviation {spread:.4g}, and "
            f"the early matrix is zero where nothing is observed: subtract {mean:.4g} from all "
            "values before"
        )

    @property
    def size(self) -> str:
        """Rows and entries."""
        return f"{self.problem.space.words}, {self.problem.n} entries"

    def describe(self, alpha: float) -> Description:
        """Say what starts from scale α."""
        problem, d, factors = self.problem, self.problem.d, _factors(self.problem)
        noise = f", σ = {self.sigma:g}" if self.sigma else ""
        settings = {"sigma": self.sigma} if self.sigma else {}
        return Description(
            words=(
                f"{problem.name} ({problem.space.words}, {problem.n} observed, "
                f"{len(problem.test.values)} to predict), square loss, {factors}, "
                f"α = {alpha:.4g}{noise}, λ = {self.lam:g}"
            ),
            problem={"name": problem.name, **problem.settings, **settings},
            model=f"matrix completion, {factors}",
            loss="square",
            alpha=alpha,
            norm=float(np.sqrt(2 * d * (alpha**2 + d * self.sigma**2))),
            lam=self.lam,
            notes=problem.notes,
        )

    def forecast(self, alpha: float, progress: Progress = no_progress) -> ModelForecast:
        """Predict from scale α."""
        return completion_forecast(self._forecast(alpha, progress))

    def _forecast(self, alpha: float, progress: Progress = no_progress) -> CompletionForecast:
        """Predict from scale α, once."""
        if alpha not in self.forecasts:
            self.forecasts[alpha] = forecast_completion(
                self.problem, alpha=alpha, lam=self.lam, progress=progress
            )
        return self.forecasts[alpha]

    def outlook(self) -> Outlook:
        """Return the forecast from far in the kernel regime, less the logarithm of that scale."""
        found = self.forecast(_FAR)
        offset = found.transition.lambda_t - found.leading_order
        return Outlook(found.scores, found.kind, offset, found.transition.width, found.constant)

    def provable(self, alpha: float) -> dict[str, Provable]:
        """Return all three predictors."""
        found = self._forecast(alpha)
        roles = {"early": found.early, "late": found.late, "late_limit": found.limit}
        return {role: Provable(self.problem, item) for role, item in roles.items()}

    def follow(
        self,
        alpha: float,
        lambda_t: np.ndarray,
        measure: Measures = frozenset(),
        progress: Progress = no_progress,
    ) -> CompletionTrajectory:
        """Follow the flow from scale α; a perturbation is drawn with the seed of the data."""
        rng = np.random.default_rng([self.seed, 1])
        start = CompletionStart(self.problem, alpha, self.sigma, rng)
        flow = CompletionFlow(lam=self.lam, rtol=self.rtol)
        prediction = self._forecast(alpha) if measures(measure) & PREDICTED else None
        return flow.run(start, lambda_t, measure=measure, progress=progress, prediction=prediction)

    def change(self, alpha: float) -> Change:
        """Compare the early predictor with the end of the path.

        Minimisers of the nuclear norm need not be unique: the path says where the flow ends. At a
        λ that is large in the units of the values it ends elsewhere.
        """
        first = MinFrobeniusNorm().predict(self.problem).matrix
        scales = path_scales(self.problem, alpha)
        ends = np.array([min(2 * np.log(alpha), scales[0]), scales[-1]])
        start, last = (point.matrix for point in follow_path(self.problem, ends))
        if self._may_be_pressed(last):
            return super().change(alpha)
        scores, along = self.problem.score(np.stack([first, last])), np.stack([start, last])
        times, unknown = np.log(alpha) - ends / 2, Transition(np.nan, np.nan)
        kind = kind_seen(kind_of(scores), scores, unknown, times, self.problem.score(along))
        return change_of(scores, kind=kind)

    def _may_be_pressed(self, fits: np.ndarray) -> bool:
        """Whether half of the loss of zero may be left at the late matrix, which weighs less.

        The late matrix has at most the objective of one that fits, λ/2 times its nuclear norm.
        """
        objective = self.lam / 2 * self.problem.space.nuclear_norm(fits)
        return bool(objective >= self.problem.loss(0 * fits) / 2)

    def result(
        self,
        trajectory: CompletionTrajectory,
        forecast: ModelForecast | None,
        description: Description,
    ) -> SimulationResult:
        """Return what is told of a trajectory, with the spectrum and the invariant's drift."""
        drift = f", drift of the invariant UᵀV {trajectory.drift.max(initial=0.0):.1e}"
        return simulation_result(
            trajectory,
            forecast,
            description,
            table=_table(trajectory),
            remark=work_remark(trajectory.work, "factors", drift),
            ends={"spectrum": trajectory.spectrum()},
        )

    def picture(self, trajectory: CompletionTrajectory, forecast: ModelForecast | None) -> Picture:
        """Return errors, the predicted curve, and both ends of the spectrum."""
        problem = self.problem
        title = f"{problem.name}: {problem.space.words}, {problem.n} entries observed"
        return completion_picture(trajectory, forecast, title)


def completion_forecast(found: CompletionForecast) -> ModelForecast:
    """Return a forecast of theory in the form that all models share."""
    early, late, limit = (
        PredictorResult(item.name, float(found.scores.error[i]), item.certificate, rank=item.rank)
        for i, item in enumerate((found.early, found.late, found.limit))
    )
    return ModelForecast(
        early,
        late,
        limit,
        found.scores,
        found.kind,
        found.transition,
        found.leading_order,
        found.constant,
        found.path_times,
        found.path_scores,
        regime=found.remark,
        remark=found.shrinking,
        interval=found.interval,
        quarters=found.quarters,
    )


def completion_picture(
    trajectory: CompletionTrajectory, forecast: ModelForecast | None, title: str
) -> Picture:
    """Return errors on a logarithmic axis, the predicted curve, and both ends of the spectrum."""
    if trajectory.problem.space.square:
        values = np.linalg.eigvalsh(trajectory.matrices)
        shown = np.hstack([values[:, -_EIGENVALUES:], values[:, :_EIGENVALUES]])
        words = "eigenvalues of W,\n5 from each end"
    else:
        shown, words = trajectory.spectrum(2 * _EIGENVALUES), "largest singular\nvalues of A"
    return replace(
        picture_of(trajectory, forecast, title),
        path=None
        if forecast is None
        else PathCurve(forecast.path_times, forecast.path_scores.error),
        modes=ModePanel(shown, words),
        logarithmic=True,
        decades=6.0,
    )


def _factors(problem: CompletionProblem) -> str:
    """Return the model in symbols: that of a block form is the product of two factors."""
    if problem.space.square:
        return "W = UUᵀ - VVᵀ"
    return "A = PQᵀ from P = √2 α [I, 0], Q = √2 α [0, I]"


def _table(trajectory: CompletionTrajectory) -> list[Column]:
    """Return times, errors, norm, what was measured, and the largest eigenvalues."""
    rows, curves = rows_of(len(trajectory.lambda_t)), trajectory.curves()
    top = trajectory.spectrum(3)[rows]
    values = tuple(" " + " ".join(f"{value:9.3g}" for value in row) for row in top)
    name = "eigenvalues" if trajectory.problem.space.square else "singular values"
    return [
        column("λt", 12, ".4g", trajectory.lambda_t[rows]),
        column("test error", 12, ".4g", curves["test_error"][rows]),
        column("train error", 12, ".3e", curves["train_error"][rows]),
        column("‖θ‖", 10, ".4g", curves["norms"][rows]),
        *measured_columns(curves, rows),
        Column(f" largest {name}", 0, values),
    ]
