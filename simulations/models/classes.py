"""Diagonal nets on several classes: one for each, against the rest or on its 1 and 0."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grokflow.simulations.diagonal.classes.one_vs_rest import ClassesTrajectory, follow_classes
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.models import cross_entropy
from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.diagonal import (
    DiagonalModel,
    diagonal_forecast,
    diagonal_provable,
)
from grokflow.simulations.models.options import input_options
from grokflow.simulations.models.protocol import Progress, no_progress
from grokflow.simulations.models.results import (
    Description,
    ModelForecast,
    PredictorResult,
    SimulationResult,
)
from grokflow.simulations.models.table import simulation_result, transition_between, work_remark
from grokflow.simulations.runs.measure import PREDICTED, Measures, measures
from grokflow.theory.diagonal.classes.one_vs_rest import ClassesForecast, forecast_classes
from grokflow.theory.diagonal.regime import Regime
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.l2 import intercept_separates
from grokflow.theory.losses import Loss, loss_named
from grokflow.theory.objective import Provable
from grokflow.theory.transition.times import Transition

# The square loss on 1 for a sample's own class and 0 for the others: of classes, where the name
# of the square loss alone reads them as real targets.
ONE_HOT = "one-hot"
_OF_SEVERAL = (ONE_HOT, cross_entropy.NAME)


@dataclass(frozen=True)
class ClassesModel(DiagonalModel):
    """The kind of model of all linear data: classes, two or more, and real targets."""

    def holds(self, problem: object) -> bool:
        """Whether these are linear data of one net, or of one for each class."""
        return isinstance(problem, ClassesProblem) or super().holds(problem)

    def default_loss(self, problem: Any) -> str:
        """Return the logistic loss for classes, the square loss for real targets."""
        return "logistic" if isinstance(problem, ClassesProblem) else super().default_loss(problem)

    def check_scale(self, alpha: float, settings: ModelSettings) -> None:
        """Refuse scales, depths and weight decays that the flow does not reach."""
        if settings.loss == cross_entropy.NAME:
            cross_entropy.check_settings(settings)
        if settings.loss in _OF_SEVERAL:
            settings = replace(settings, loss="square" if settings.loss == ONE_HOT else None)
        super().check_scale(alpha, settings)

    def bind(self, problem: Any, settings: ModelSettings) -> BoundModel:
        """Bind data and settings."""
        if not isinstance(problem, ClassesProblem):
            if settings.loss in _OF_SEVERAL:
                raise ValueError(
                    f"loss is {settings.loss} on {problem.name}, expected data of three classes or "
                    "more: take logistic for two, square for real targets (--loss)"
                )
            return super().bind(problem, settings)
        if settings.loss == cross_entropy.NAME:
            cross_entropy.check_settings(settings)
            return cross_entropy.BoundCrossEntropy(problem, settings.lam)
        name = settings.loss or self.default_loss(problem)
        loss = loss_named("square" if name == ONE_HOT else name)
        plain = replace(settings, loss=loss.name)
        super().bind(problem.part(0, loss), plain)  # refuses what one of the nets does not have
        return BoundClasses(problem, settings.lam, loss, settings.depth)


@dataclass(frozen=True, eq=False)
class BoundClasses(BoundModel):
    """Diagonal nets with their data of several classes, loss and weight decay."""

    problem: ClassesProblem
    lam: float
    loss: Loss
    depth: int = 2
    rtol: float = DiagonalFlow.rtol
    forecasts: dict[float, ClassesForecast] = field(default_factory=dict, repr=False)

    @property
    def degree(self) -> int:
        """L."""
        return self.depth

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.problem.classes)

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the weights' size, ``(1/L) log ω``, of the first class."""
        return float(np.log(self.problem.part(0, self.loss).scale)) / self.depth

    @property
    def unit_norm(self) -> float:
        """Norm of the parameters of all nets at α = 1."""
        return float(np.sqrt(2 * self.problem.d * self.count))

    @property
    def size(self) -> str:
        """Sizes of the problem."""
        return f"n = {self.problem.n}, d = {self.problem.d}, {self.count} classes"

    @property
    def command_options(self) -> str:
        """Depth and loss, and how the inputs are changed."""
        name = self.loss.name if self.loss.acts_on_margins else ONE_HOT
        return f" --depth {self.depth} --loss {name}{input_options(self.problem.transform)}"

    def describe(self, alpha: float) -> Description:
        """Say what starts from scale α."""
        problem, norm = self.problem, alpha * self.unit_norm
        learned = "one against the rest" if self.loss.acts_on_margins else "each on its 1 and 0"
        return Description(
            words=(
                f"{problem.name} ({self.size}), {self.loss.name} loss, {self.count} diagonal nets "
                f"of depth {self.depth}, {learned}, α = {alpha:.4g}, ‖θ(0)‖ = {norm:.4g}, "
                f"λ = {self.lam:g}"
            ),
            problem={"name": problem.name, "classes": list(problem.classes), **problem.settings},
            model=f"{self.count} diagonal nets, depth {self.depth}, {learned}",
            loss=self.loss.name,
            alpha=alpha,
            norm=norm,
            lam=self.lam,
            notes=problem.notes,
        )

    def forecast(self, alpha: float, progress: Progress = no_progress) -> ModelForecast:
        """Predict from scale α."""
        told = _together(self._forecast(alpha, progress))
        helped = [name for i, name in enumerate(self.problem.classes) if self._needs_intercept(i)]
        if not helped:
            return told
        helps = f"an intercept separates {', '.join(helped)} from the rest"
        return replace(told, regime=f"{told.regime}; {helps}: intercept=1.0 (--intercept)")

    def _needs_intercept(self, number: int) -> bool:
        """Whether an intercept alone separates a class from the rest; for forecasts that exist."""
        found = next(iter(self.forecasts.values())).parts[self.problem.classes[number]]
        part = self.problem.part(number, self.loss)
        return found.regime in (Regime.OVERLAPPING, Regime.PARTLY) and intercept_separates(part)

    def _forecast(self, alpha: float, progress: Progress = no_progress) -> ClassesForecast:
        """Predict from scale α, once."""
        if alpha not in self.forecasts:
            self.forecasts[alpha] = forecast_classes(
                self.problem,
                alpha=alpha,
                lam=self.lam,
                loss=self.loss,
                depth=self.depth,
                progress=progress,
            )
        return self.forecasts[alpha]

    def provable(self, alpha: float) -> dict[str, Provable]:
        """Return the predictors of every class."""
        parts = self._forecast(alpha).parts
        return {
            f"{role} of {name}": item
            for i, (name, part) in enumerate(parts.items())
            for role, item in diagonal_provable(self.problem.part(i, self.loss), part).items()
        }

    def follow(
        self,
        alpha: float,
        lambda_t: np.ndarray,
        measure: Measures = frozenset(),
        progress: Progress = no_progress,
    ) -> ClassesTrajectory:
        """Follow the flows of all classes from scale α."""
        needed = measures(measure) & PREDICTED
        return follow_classes(
            DiagonalFlow(lam=self.lam, loss=self.loss, rtol=self.rtol),
            self.problem,
            alpha=alpha,
            times=lambda_t,
            depth=self.depth,
            measure=measure,
            predictions=self._forecast(alpha).parts if needed else None,
            progress=progress,
        )

    def result(
        self,
        trajectory: ClassesTrajectory,
        forecast: ModelForecast | None,
        description: Description,
    ) -> SimulationResult:
        """Return what is told of a trajectory, with the transition of every class."""
        found = simulation_result(
            trajectory, forecast, description, remark=work_remark(trajectory.work)
        )
        if forecast is None:
            return found
        each = zip(self.problem.classes, trajectory.parts, strict=False)
        times = {name: transition_between(part, forecast.parts[name]) for name, part in each}
        return replace(
            found,
            ends={"classes": {name: when._asdict() for name, when in times.items()}},
            remarks=(*found.remarks, *_class_remarks(times)),
        )


def _class_remarks(times: dict[str, Transition]) -> list[str]:
    """Say when the classes cross, those that do."""
    crossing = {name: when for name, when in times.items() if np.isfinite(when.lambda_t)}
    said = [f"{name} at {when.lambda_t:.3f}" for name, when in crossing.items()]
    return [f"classes against the rest: {', '.join(said)}"] if said else []


def _together(found: ClassesForecast) -> ModelForecast:
    """Return a forecast of several classes in the form that all models share."""
    parts = {name: diagonal_forecast(part) for name, part in found.parts.items()}
    each = [part.roles() for part in parts.values()]
    early, late, limit = (
        _worst([own[role] for own in each], error)
        for role, error in zip(("early", "late", "late_limit"), found.scores.error, strict=True)
    )
    return ModelForecast(
        early,
        late,
        limit if np.isfinite(limit.test_error) else None,
        found.scores,
        found.kind,
        found.transition,
        found.leading_order,
        found.constant,
        found.at_lam.lambda_t,
        found.at_lam.scores,
        tailed=any(part.tailed for part in parts.values()),
        regime=_regime(found),
        parts=parts,
        interval=found.interval,
        quarters=found.quarters,
        no_time=found.no_time,
        remark=found.remark,
    )


def _regime(found: ClassesForecast) -> str:
    """Say what holds the weights of the classes and, where outputs of some grow, what compares."""
    kinds = [part.regime for part in found.parts.values()]
    grow = kinds.count(Regime.SEPARABLE)
    if not 0 < grow < len(kinds):
        return " / ".join(dict.fromkeys(kind.value for kind in kinds))
    limit = "as λ → 0 a separable class wins wherever its output is positive"
    if not np.isfinite(found.scores.error[2]):
        limit = "no limit for λ → 0 is named, as no λ in the range answers like it"
    others = "the others overlap, and their outputs stay"
    if Regime.PARTLY in kinds:
        others = "the others overlap in part or all, and outputs stay where they do"
    return (
        f"separable from the rest: {grow} of {len(kinds)} classes, whose outputs grow like "
        f"log(1/λ); {others}, so that they are compared as they are at this λ; {limit}"
    )


def _worst(own: list[PredictorResult], error: float) -> PredictorResult:
    """Return the predictors of all classes as one: the least margin, the worst certificate."""
    margins = [item.margin for item in own if item.margin is not None]
    residuals = [item.stationarity for item in own if item.stationarity is not None]
    return PredictorResult(
        f"{' or '.join(dict.fromkeys(item.name for item in own))} of every class",
        float(error),
        max((item.certificate for item in own), key=lambda item: item.gap),
        1 - float(error),
        min(margins) if margins else None,
        max(residuals) if residuals else None,
    )
