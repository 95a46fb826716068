"""Diagonal nets ``u^L - v^L`` on classes and real targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from grokflow.simulations.diagonal.flow import DiagonalFlow, check_loss
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.linear.presets import PRESETS, relevant_inputs
from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.exact import ExactModel
from grokflow.simulations.models.options import Options, call_with_numbers, input_options
from grokflow.simulations.models.protocol import Progress, no_progress
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    PredictorResult,
)
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.simulations.tables.door import load
from grokflow.simulations.tables.formats import looks_like_file
from grokflow.simulations.tables.table import OFFSET
from grokflow.theory.certificate import Farkas
from grokflow.theory.diagonal.finite_decay.holding import is_held
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.diagonal.regime import Held, Regime, early_at, held_weights, shrinking
from grokflow.theory.diagonal.scale import check_scale, kernel_end
from grokflow.theory.linear.bounds import (
    Bound,
    max_l1_margin_error,
    max_l2_margin_error,
    smallest_n,
)
from grokflow.theory.linear.l2 import intercept_separates
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.losses import LOSSES, Loss, loss_named
from grokflow.theory.objective import Provable
from grokflow.theory.transition.change import Change, change_of
from grokflow.theory.transition.scores import Kind, Scores

# Probability with which the generalisation bounds may fail.
_DELTA = 0.05
# Why nothing is proved of a limit for λ → 0 on data that no weights fit.
_ROUNDED = "it is that of the outputs of least loss, and they are rounded, unlike the data"


@dataclass(frozen=True)
class DiagonalModel(ExactModel):
    """The kind of model of the presets of linear problems, and of files of inputs and labels."""

    names: ClassVar[tuple[str, ...]] = tuple(PRESETS)
    layered: ClassVar[bool] = True

    def reads(self, path: Path) -> bool:
        """Whether a file may hold inputs and labels."""
        return looks_like_file(path)

    def maker(self, problem: str, regression: bool | None = None) -> Callable[..., Any]:
        """Return the preset, or the function that reads the file."""
        return PRESETS.get(problem) or partial(load, problem, regression=regression)

    def holds(self, problem: object) -> bool:
        """Whether these are linear data."""
        return isinstance(problem, Problem)

    def default_loss(self, problem: Any) -> str:
        """Return the logistic loss for classes, the square loss for real targets."""
        return default_loss(problem).name

    def bind(self, problem: Any, settings: ModelSettings) -> BoundModel:
        """Bind data and settings."""
        if settings.sigma:
            raise ValueError(f"sigma is {settings.sigma}, expected 0: only completion has it")
        loss = loss_named(settings.loss or self.default_loss(problem))
        self.check_scale(1.0, settings)
        check_loss(problem, loss)
        return BoundDiagonal(problem, settings.lam, loss, settings.depth)

    def check_scale(self, alpha: float, settings: ModelSettings) -> None:
        """Refuse scales, depths and weight decays that the flow does not reach."""
        check_scale(alpha, settings.depth)
        DiagonalFlow(lam=settings.lam, loss=loss_named(settings.loss or "logistic"))

    def read(self, options: Options) -> BoundModel:
        """Read problem and model; the loss decides what a file's labels are."""
        if options.depth < 2:
            raise ValueError(
                f"depth is {options.depth}, expected at least 2: a linear model has one phase only"
            )
        lam = options.lam or self.lam
        settings = ModelSettings(lam=lam, loss=options.loss, depth=options.depth)
        self.check_scale(options.alpha or 1.0, settings)
        asked = options.settings()
        regression = None if options.loss is None else options.loss == "square"
        make = self.maker(options.problem, regression)
        return self.bind(call_with_numbers(options.problem, make, asked), settings)


@dataclass(frozen=True, eq=False)
class BoundDiagonal(BoundModel):
    """A diagonal net with its data, loss and weight decay."""

    problem: Problem
    lam: float
    loss: Loss
    depth: int = 2
    rtol: float = DiagonalFlow.rtol
    forecasts: dict[float, Forecast] = field(default_factory=dict, repr=False)

    @property
    def degree(self) -> int:
        """L."""
        return self.depth

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the weights' size, ``(1/L) log ω``."""
        return float(np.log(self.problem.scale)) / self.depth

    @property
    def constant_error(self) -> float:
        """Variance of the targets; their mean square where all are equal."""
        return float(np.var(self.problem.targets) or np.mean(self.problem.targets**2))

    def mean_remedy(self, change: Change) -> str:
        """Say what helps where the targets' mean exceeds their spread: an intercept, or less."""
        problem = self.problem
        targets = problem.targets if problem.signs is None else problem.signs
        mean, spread = float(np.mean(targets)), float(np.std(targets))
        said = f"the training targets have mean {mean:.4g} and standard deviation {spread:.4g}"
        constant = _has_constant(problem)
        far = not problem.is_classification and 0 < spread < abs(mean) / OFFSET
        if far and not (constant and change.learns):
            return f"{said}: subtract the mean from them"
        if abs(mean) <= spread or constant:
            return ""
        if problem.is_classification:
            if problem.signs is None or change.learns:
                return ""
            said = f"{50 * (1 + abs(mean)):.3g} % of the training samples are of one class"
        return f"{said}, and the model has no intercept: add one with intercept=1.0 (--intercept)"

    @property
    def command_options(self) -> str:
        """Depth and loss, and how the inputs are changed."""
        return (
            f" --depth {self.depth} --loss {self.loss.name}{input_options(self.problem.transform)}"
        )

    def describe(self, alpha: float) -> Description:
        """Say what starts from scale α."""
        problem, norm = self.problem, alpha * self.unit_norm
        return Description(
            words=(
                f"{problem.name} (n = {problem.n}, d = {problem.d}), {self.loss.name} loss, "
                f"diagonal net of depth {self.depth}, α = {alpha:.4g}, ‖θ(0)‖ = {norm:.4g}, "
                f"λ = {self.lam:g}"
            ),
            problem={"name": problem.name, **problem.settings},
            model=f"diagonal net, depth {self.depth}",
            loss=self.loss.name,
            alpha=alpha,
            norm=norm,
            lam=self.lam,
            notes=problem.notes,
        )

    def forecast(self, alpha: float, progress: Progress = no_progress) -> ModelForecast:
        """Predict from scale α."""
        found = self._forecast(alpha, progress)
        told = diagonal_forecast(found)
        overlapping = found.regime in (Regime.OVERLAPPING, Regime.PARTLY)
        if overlapping and intercept_separates(self.problem):
            helps = "an intercept separates them: intercept=1.0 (--intercept)"
            return replace(told, regime=f"{told.regime}; {helps}")
        return told

    def _forecast(self, alpha: float, progress: Progress = no_progress) -> Forecast:
        """Predict from scale α, once."""
        if alpha not in self.forecasts:
            self.forecasts[alpha] = forecast(
                self.problem,
                alpha=alpha,
                lam=self.lam,
                loss=self.loss,
                depth=self.depth,
                progress=progress,
            )
        return self.forecasts[alpha]

    def provable(self, alpha: float) -> dict[str, Provable]:
        """Return the predictors, and what shows that no weights fit the data."""
        problem = self.problem
        if not self.loss.acts_on_margins:
            problem = replace(problem, task=Task.REGRESSION)
        return diagonal_provable(problem, self._forecast(alpha))

    def follow(
        self,
        alpha: float,
        lambda_t: np.ndarray,
        measure: Measures = frozenset(),
        progress: Progress = no_progress,
    ) -> DiagonalTrajectory:
        """Follow the flow from scale α."""
        self._check_mean()
        flow = DiagonalFlow(lam=self.lam, loss=self.loss, rtol=self.rtol)
        start = DiagonalStart(self.problem, alpha, self.depth)
        prediction = self._forecast(alpha) if measures(measure) & PREDICTED else None
        return flow.run(start, lambda_t, measure=measure, progress=progress, prediction=prediction)

    def _check_mean(self) -> None:
        """Refuse targets whose spread is below what a simulation resolves of their mean."""
        targets = self.problem.targets
        mean, spread = float(np.mean(targets)), float(np.std(targets))
        if not self.problem.is_classification and 0 < spread < self.rtol * abs(mean):
            raise ValueError(
                f"the targets have mean {mean:.6g} and standard deviation {spread:.3g}, of which a "
                f"simulation to {self.rtol:g} of the mean has no digit, expected a mean of at most "
                f"{1 / self.rtol:g} standard deviations: subtract the mean from the targets"
            )

    def change(self, alpha: float) -> Change:
        """Compare the early and the late predictor; the path is followed only where it counts.

        It says whether the net starts beyond the transition, which it does not from the kernel
        regime, and the limit of the late predictor whether weight decay alone makes the change.
        """
        held = held_weights(self.problem, self.loss)
        if self.depth > 2 or held.parts is not None:
            return super().change(alpha)
        late = L1Penalised(self.loss, self.lam).end_of_flow(self.problem)
        early = early_at(self.problem, held, self.loss, alpha=alpha, lam=self.lam, depth=self.depth)
        scores = self.problem.score(np.column_stack([early.w, late.w]))
        found = change_of(scores, determined=held.determined)
        is_pressed = self._pressed(held, early, late)
        if not (is_pressed or self._stays(held, scores)):
            return change_of(scores, kind=Kind.NOT_HELD)
        is_late = self.depth * np.log(alpha) <= kernel_end(float(np.abs(early.w).max()))
        if found.kind.is_visible and (is_late or is_pressed):
            return super().change(alpha)
        return found

    def _stays(self, held: Held, scores: Scores) -> bool:
        """Whether the net stays at the early predictor until the kernel regime ends."""
        return is_held(self.problem, held, self.loss, scores, lam=self.lam, depth=self.depth)

    def _pressed(self, held: Held, early: Prediction, late: Prediction) -> bool:
        """Whether weight decay presses the late weights towards zero."""
        least = None if held.is_fitted else early.w
        return shrinking(self.problem, self.loss, self.lam, late.w, least).is_pressed

    def bounds(self) -> tuple[GeneralisationBound, ...]:
        """Return Theorems E.5 and E.4 where their hypotheses hold: for the preset ``sparse``."""
        problem, k = self.problem, relevant_inputs(self.problem)
        if k is None or self.depth != 2 or not self.loss.acts_on_margins:
            return ()
        sizes: dict[str, Any] = {"d": problem.d, "k": k, "delta": _DELTA}
        return (
            _bound("early_limit", "E.5", partial(max_l2_margin_error, **sizes), problem.n),
            _bound("late_limit", "E.4", partial(max_l1_margin_error, **sizes), problem.n),
        )


def _has_constant(problem: Problem) -> bool:
    """Whether an input is constant, an intercept that was asked for among them.

    The square of its sum is then n times the sum of its squares, and smaller for all others.
    """
    ones = np.ones(problem.n) if problem.signs is None else problem.signs
    sums, squares = problem.inputs.correlate(ones), problem.inputs.column_squares
    rounding = 4 * problem.n * np.finfo(np.float64).eps
    return bool(((squares > 0) & (sums**2 >= (1 - rounding) * problem.n * squares)).any())


def default_loss(problem: Problem) -> Loss:
    """Return the logistic loss for classes, the square loss for real targets."""
    return LOSSES["logistic" if problem.is_classification else "square"]


def diagonal_forecast(found: Forecast) -> ModelForecast:
    """Return a forecast of theory in the form that all models share."""
    early, late, limit, early_limit = (
        _result(item, found.scores, i)
        for i, item in enumerate((found.early, found.late, found.limit, found.early_limit))
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
        found.at_lam.lambda_t,
        found.at_lam.scores,
        tailed=found.regime in (Regime.SEPARABLE, Regime.PARTLY),
        regime=found.regime.value,
        early_limit=None if found.early_limit is found.early else early_limit,
        no_time=found.no_time,
        remark=found.remark,
        interval=found.interval,
        quarters=found.quarters,
    )


def diagonal_provable(problem: Problem, found: Forecast) -> dict[str, Provable]:
    """Return the predictors of a forecast by role, and what shows that no weights fit the data."""
    answers: dict[str, object] = {"early": found.early, "late": found.late}
    if found.limit is not found.early:
        answers["late_limit"] = found.limit
    if found.early_limit is not found.early:
        answers["early_limit"] = found.early_limit
    provable = {role: Provable(problem, answer) for role, answer in answers.items()}
    if found.regime in (Regime.OVERLAPPING, Regime.INCONSISTENT):
        if "late_limit" in provable:
            provable["late_limit"] = Provable(problem, found.limit, _ROUNDED)
        # The pulls cancel where the loss is least.
        provable["data"] = Provable(problem, Farkas(found.early.multipliers, float("nan")))
    return provable


def _bound(role: str, theorem: str, law: Callable[..., Bound], n: int) -> GeneralisationBound:
    found = law(n=n)
    least = smallest_n(lambda samples: law(n=samples))
    return GeneralisationBound(role, theorem, _DELTA, found.value, found.vacuous, least)


def _result(item: Prediction, scores: Scores, i: int) -> PredictorResult:
    return PredictorResult(
        item.name,
        float(scores.error[i]),
        item.certificate,
        None if scores.accuracy is None else float(scores.accuracy[i]),
        item.margin,
        item.stationarity,
    )
