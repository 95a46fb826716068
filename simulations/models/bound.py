"""A model bound to its data: what scans, searches and requests ask of an exact flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from grokflow.simulations.models.picture import Picture, picture_of
from grokflow.simulations.models.protocol import Progress, no_progress
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    Outlook,
    SimulationResult,
)
from grokflow.simulations.models.table import simulation_result
from grokflow.simulations.runs.measure import Measure, Measures
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.theory.objective import Provable
from grokflow.theory.transition.change import Change, change_of

# Share of the targets' mean square at which a regression is fitted.
_FITTED = 0.01
# A scale of the start from which the kernel regime ends by itself, for weights up to 1e60.
_LARGE_SCALE = 1e30


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What decides the flow of an exact model beside its data and α.

    Parameters
    ----------
    lam : float
        Weight decay.
    loss : str or None
        Name of the loss; None for the model's default.
    depth : int
        Number of layers.
    sigma : float
        Perturbation of the start.
    seed : int
        Draws the perturbation.
    """

    lam: float
    loss: str | None = None
    depth: int = 2
    sigma: float = 0.0
    seed: int = 0


@runtime_checkable
class BoundModel(Protocol):
    """A model with its data, loss and weight decay; the scale α of its start is free.

    An `ExactModel` binds one. One of your own is a subclass with `describe`, which returns a
    `Description`, `forecast`, which returns a `ModelForecast`, and `follow`, which returns a
    `Trajectory`; the other members have defaults.

    Examples
    --------
    >>> import grokflow as gf
    >>> class BoundFading(gf.BoundModel):
    ...     problem = gf.sparse(n=20, d=50)
    ...     lam = 1e-3
    >>> BoundFading().size, BoundFading().degree
    ('n = 20, d = 50', 2)
    """

    #: Relative accuracy of its trajectories.
    rtol: float = 1e-4

    #: The data: they have a name, settings, notes, n and d.
    problem: Any
    #: Weight decay.
    lam: float

    @property
    def degree(self) -> int:
        """L: the outputs grow with the L-th power of the parameters."""
        return 2

    @property
    def shifts(self) -> bool:
        """Whether α enters through ``α e^{-λt}`` alone, once the data are fitted."""
        return True

    @property
    def log_scale(self) -> float:
        """Logarithm of the α at which the net has outputs of the size of the targets."""
        return 0.0

    @property
    def constant_error(self) -> float:
        """Mean squared training error of the best constant, where targets are real."""
        return 1.0

    def mean_remedy(self, change: Change) -> str:
        """Say what to do about a large mean of the targets that the model has no weight for."""
        return ""

    @property
    def unit_norm(self) -> float:
        """Norm of the parameters at α = 1."""
        return float(np.sqrt(2 * self.problem.d))

    @property
    def size(self) -> str:
        """The sizes of problem and model, as a title says them."""
        return f"n = {self.problem.n}, d = {self.problem.d}"

    @property
    def command_options(self) -> str:
        """The options of the command line that choose this model beyond α and λ."""
        return ""

    def describe(self, alpha: float) -> Description:
        """Say what starts from scale α."""

    def forecast(self, alpha: float, progress: Progress = no_progress) -> ModelForecast:
        """Predict from scale α."""

    def follow(
        self,
        alpha: float,
        lambda_t: np.ndarray,
        measure: Measures = frozenset(),
        progress: Progress = no_progress,
    ) -> Trajectory:
        """Follow the flow from scale α."""

    def check_measures(self, wanted: frozenset[Measure]) -> None:
        """Refuse measures that the model does not have, before anything is computed."""
        return None  # it has them all

    def outlook(self) -> Outlook:
        """Return the forecast without α, by which it moves by log α once α is large.

        From a smaller start the kernel regime is cut short, and the early predictor with it.
        """
        found = self.forecast(_LARGE_SCALE)
        offset = found.transition.lambda_t - float(np.log(_LARGE_SCALE))
        constant = found.constant if np.isfinite(offset) else np.nan
        width = found.transition.width
        return Outlook(found.scores, found.kind, offset, width, constant, found.no_time)

    def change(self, alpha: float) -> Change:
        """Compare the test results of the early and the late predictor."""
        found = self.forecast(alpha)
        return change_of(found.scores, kind=found.kind)

    def train_quality(self, trajectory: Trajectory) -> np.ndarray:
        """Return the training accuracy, or R² of the training targets."""
        curves = trajectory.curves()
        if "train_accuracy" in curves:
            return curves["train_accuracy"]
        return np.asarray(1 - curves["train_error"] / self.constant_error)

    def fitted(self, trajectory: Trajectory) -> np.ndarray:
        """Return where no class is wrong, or a hundredth of the targets' variance is left."""
        curves = trajectory.curves()
        if "train_accuracy" in curves:
            return np.asarray(curves["train_accuracy"] >= 1)
        return np.asarray(curves["train_error"] <= _FITTED * self.constant_error)

    def bounds(self) -> tuple[GeneralisationBound, ...]:
        """Return the generalisation bounds whose hypotheses the data meet."""
        return ()

    @property
    def provable_problem(self) -> object:
        """The problem whose predictors a certificate file can tell of."""
        return self.problem

    def provable(self, alpha: float) -> Mapping[str, Provable]:
        """Return the predictors from scale α of which a certificate file can tell, by role."""
        return {}

    def result(
        self, trajectory: Any, forecast: ModelForecast | None, description: Description
    ) -> SimulationResult:
        """Return what is told of a trajectory."""
        return simulation_result(trajectory, forecast, description)

    def picture(self, trajectory: Any, forecast: ModelForecast | None) -> Picture:
        """Return what is drawn of a trajectory."""
        return picture_of(trajectory, forecast, f"{self.problem.name}: {self.size}")
