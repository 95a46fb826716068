"""What commands ask: a model builds a request, which predicts, simulates and tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from grokflow.simulations.models.options import Options
from grokflow.simulations.models.picture import Picture
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    PredictedConsequences,
    SimulationResult,
)
from grokflow.simulations.runs.measure import Measure
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.theory.objective import Provable

Progress = Callable[[float], None]


def no_progress(fraction: float) -> None:
    """Show nothing."""


@runtime_checkable
class Request(Protocol):
    """A problem, a model and a method, as they were asked for."""

    def describe(self, trajectory: Trajectory | None = None) -> Description:
        """Say what it is; some of it is known only from the trajectory."""

    def check_measures(self, wanted: frozenset[Measure]) -> None:
        """Refuse measures that the model does not have, before anything is computed."""
        return None  # it has them all

    def forecast(self, progress: Progress) -> ModelForecast | None:
        """Predict; None where theory has no forecast.

        Raises
        ------
        NoPredictor
            When these data have none.
        """

    def bounds(self) -> tuple[GeneralisationBound, ...]:
        """Return the generalisation bounds whose hypotheses the data meet."""

    def provable_problem(self) -> object:
        """Return the problem whose predictors they are, before anything is predicted."""
        return None  # nothing is known of it

    def provable(self) -> Mapping[str, Provable]:
        """Return the predictors of the forecast of which a certificate file can tell, by role."""
        return {}

    def consequences(self, forecast: ModelForecast) -> PredictedConsequences | None:
        """Return what a forecast means for the training; None where nothing can be tested."""

    def follow(
        self, forecast: ModelForecast | None, measure: frozenset[Measure], progress: Progress
    ) -> Trajectory:
        """Simulate; Stopped and Interrupted carry what was reached."""

    def result(self, trajectory: Any, forecast: ModelForecast | None) -> SimulationResult:
        """Return what is told of a trajectory."""

    def picture(self, trajectory: Any, forecast: ModelForecast | None) -> Picture | None:
        """Return what is drawn of a trajectory; None where there is nothing to draw."""


@runtime_checkable
class Model(Protocol):
    """A kind of model: which problems are its own, and how they are read.

    A model of your own is a subclass; `register_model` makes commands and scans ask it.

    Examples
    --------
    >>> import grokflow as gf
    >>> class NoisyModel(gf.Model):
    ...     names = ("noisy-descent",)
    ...     trained = True
    >>> isinstance(NoisyModel(), gf.Model), NoisyModel.names
    (True, ('noisy-descent',))
    """

    #: Names of its problems.
    names: ClassVar[tuple[str, ...]]
    #: Whether it is trained by a method that the user chooses; then theory predicts nothing.
    trained: ClassVar[bool] = False

    def reads(self, path: Path) -> bool:
        """Whether a data file holds a problem of this kind."""
        return False

    def request(self, options: Options) -> Request:
        """Build what is asked for; ValueError for what makes no sense, cheapest checks first."""
