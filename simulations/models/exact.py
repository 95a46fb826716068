"""Models whose flow is followed exactly: they are read, bound to their data, and asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.options import Options
from grokflow.simulations.models.picture import Picture
from grokflow.simulations.models.protocol import Model, Progress, Request
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    PredictedConsequences,
    SimulationResult,
)
from grokflow.simulations.runs.measure import PREDICTED, Measure
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.theory.objective import Provable
from grokflow.theory.transition.diagnosis import diagnose


@dataclass(frozen=True, eq=False)
class ExactRequest(Request):
    """An exact model at one scale of the start."""

    bound: BoundModel
    alpha: float
    options: Options

    def describe(self, trajectory: Trajectory | None = None) -> Description:
        """Say what it is."""
        return self.bound.describe(self.alpha)

    def check_measures(self, wanted: frozenset[Measure]) -> None:
        """Refuse measures that the model does not have."""
        self.bound.check_measures(wanted)

    def forecast(self, progress: Progress) -> ModelForecast:
        """Predict."""
        return self.bound.forecast(self.alpha, progress)

    def bounds(self) -> tuple[GeneralisationBound, ...]:
        """Return the generalisation bounds whose hypotheses the data meet."""
        return self.bound.bounds()

    def provable_problem(self) -> object:
        """Return the problem whose predictors they are, before anything is predicted."""
        return self.bound.provable_problem

    def provable(self) -> Mapping[str, Provable]:
        """Return the predictors of the forecast of which a certificate file can tell, by role."""
        return self.bound.provable(self.alpha)

    def consequences(self, forecast: ModelForecast) -> PredictedConsequences | None:
        """Diagnose the forecast, where the test set tells predictors from the mean."""
        scores = forecast.scores
        if not scores.size or not (scores.baseline > 0 or scores.accuracy is not None):
            return None
        found = diagnose(
            forecast.scores,
            forecast.times,
            forecast.path_times,
            forecast.path_scores,
            lam=self.bound.lam,
            tailed=forecast.tailed,
            kind=forecast.kind,
            interval=forecast.interval,
        )
        gap, residual = forecast.early.certificate.gap, forecast.late.stationarity
        if residual is None:
            gap = max(gap, forecast.late.certificate.gap)
        remedy = self.bound.mean_remedy(found.change)
        return PredictedConsequences(found, gap, residual, forecast.early.is_open, remedy)

    def follow(
        self, forecast: ModelForecast | None, measure: frozenset[Measure], progress: Progress
    ) -> Trajectory:
        """Follow the flow past the predicted transition, or as far as was asked for."""
        predicted = np.nan if forecast is None else forecast.transition.lambda_t
        if forecast is None:  # there are no predictors from which to measure a distance
            measure -= PREDICTED
        times = self.options.times(self.alpha, predicted)
        return self.bound.follow(self.alpha, times, measure, progress)

    def result(self, trajectory: Any, forecast: ModelForecast | None) -> SimulationResult:
        """Return what is told of a trajectory."""
        return self.bound.result(trajectory, forecast, self.describe())

    def picture(self, trajectory: Any, forecast: ModelForecast | None) -> Picture:
        """Return what is drawn of a trajectory."""
        return self.bound.picture(trajectory, forecast)


@runtime_checkable
class ExactModel(Model, Protocol):
    """A model whose flow is followed exactly, from any scale of the start.

    A model of your own is a subclass that binds its data to a `BoundModel`; see `register_model`.

    Examples
    --------
    >>> import grokflow as gf
    >>> class FadingModel(gf.ExactModel):
    ...     names = ("fading",)
    ...     alpha = 100.0
    >>> FadingModel.alpha, FadingModel.lam, FadingModel.layered
    (100.0, 0.001, False)
    """

    #: Scale of the start, or else its norm, and weight decay, where they are not asked for.
    alpha: ClassVar[float | None] = None
    norm: ClassVar[float] = 128.0
    lam: ClassVar[float] = 1e-3
    #: Whether the number of layers can be chosen.
    layered: ClassVar[bool] = False

    def maker(self, problem: str, regression: bool | None = None) -> Callable[..., Any]:
        """Return the function that makes a problem from its settings.

        `regression` decides what the labels of a file are; None leaves it to the file.
        """

    def holds(self, problem: object) -> bool:
        """Whether these data are learned by this model."""

    def default_loss(self, problem: Any) -> str:
        """Return the name of the loss with which the data are learned."""

    def bind(self, problem: Any, settings: ModelSettings) -> BoundModel:
        """Bind data and settings; ValueError for settings that the model does not have."""

    def check_scale(self, alpha: float, settings: ModelSettings) -> None:
        """Refuse a scale from which the flow cannot be followed."""

    def read(self, options: Options) -> BoundModel:
        """Read problem and model, cheapest checks first."""

    def request(self, options: Options) -> ExactRequest:
        """Build what is asked for."""
        bound = self.read(options)
        if options.alpha:
            return ExactRequest(bound, float(options.alpha), options)
        if self.alpha is not None and not options.norm:
            return ExactRequest(bound, self.alpha, options)
        alpha = (options.norm or self.norm) / bound.unit_norm
        return ExactRequest(bound, float(alpha), options)
