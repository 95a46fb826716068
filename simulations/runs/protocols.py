"""What is followed, the method that follows it, and what comes of it: one form for all models.

A start knows what is followed and from where, a flow knows the method, and a trajectory is what
the flow returns. Code that is written for these three forms works for diagonal nets, matrix
completion, nets of torch and nets on modular arithmetic alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from grokflow.simulations.runs.measure import Measures
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition

if TYPE_CHECKING:
    import xarray

    from grokflow.simulations.runs.checkpoint import Checkpoint


@runtime_checkable
class Start(Protocol):
    """What is followed and from where: a problem, a model, and the scale α of its parameters.

    `DiagonalStart`, `CompletionStart`, `NetStart` and `ModularCell` have this form. A start knows
    nothing of the method that follows it.

    Examples
    --------
    >>> import grokflow as gf
    >>> start = gf.DiagonalStart(gf.sparse(n=20, d=50, n_test=100), alpha=10.0)
    >>> isinstance(start, gf.Start), start.alpha
    (True, 10.0)
    """

    @property
    def problem(self) -> Any:
        """The data that are learned."""

    @property
    def alpha(self) -> float:
        """The scale α of the parameters at time 0, ``θ(0) = α θ̄``."""


@runtime_checkable
class Work(Protocol):
    """What a run took."""

    @property
    def name(self) -> str:
        """The solver, or the rule of a step."""

    @property
    def seconds(self) -> float:
        """Wall time."""

    def _asdict(self) -> dict[str, Any]:
        """Return everything that was counted, by name."""


@runtime_checkable
class Trajectory(Protocol):
    """The states at the recorded times, and what can be read off them.

    Errors are fractions of wrong predictions, or mean squared errors. Curves show the accuracy
    where classes are predicted, and the error where real targets are.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.DiagonalStart(gf.sparse_regression(n=20, d=50, k=2, n_test=100), alpha=1e4)
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> trajectory = flow.run(start, np.linspace(0, 20, 201))
    >>> print(f"half-way at λt = {trajectory.transition(early=0.68, late=0.0).lambda_t:.1f}")
    half-way at λt = 10.4
    """

    @property
    def lambda_t(self) -> np.ndarray:
        """The recorded slow times λt, shape (m,)."""

    @property
    def measured(self) -> Mapping[str, np.ndarray]:
        """The curves that were asked for in addition, each of shape (m,)."""

    @property
    def work(self) -> Work:
        """What the run took."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What reproduces the run, as JSON holds it."""

    def curves(self) -> dict[str, np.ndarray]:
        """Return all curves by their names, those in `measured` included."""

    def test_scores(self) -> Scores:
        """Return how good the model is on the test set at every recorded time."""

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return curves and states with labels; `settings` are shown instead of its own."""


StartOf = TypeVar("StartOf", contravariant=True)
TrajectoryOf = TypeVar("TrajectoryOf", covariant=True)


@runtime_checkable
class Flow(Protocol[StartOf, TrajectoryOf]):
    """A method with its settings, which follows a start.

    `DiagonalFlow`, `CompletionFlow`, `NetFlow`, `ChebyshevFlow`, `Descent` and `ModularTraining`
    have this form.

    Examples
    --------
    >>> import grokflow as gf
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> isinstance(flow, gf.Flow), isinstance(gf.Descent(lr=0.1), gf.Flow)
    (True, True)
    """

    def run(
        self,
        start: StartOf,
        times: np.ndarray,
        *,
        measure: Measures = ...,
        checkpoint: Checkpoint | None = ...,
        progress: Callable[[float], None] = ...,
    ) -> TrajectoryOf:
        """Follow the start and return its trajectory.

        Parameters
        ----------
        start : Start
            What is followed and from where.
        times : ndarray, shape (m,)
            Increasing slow times λt at which the state is recorded, or whole numbers of steps for
            what is trained step by step.
        measure : iterable of Measure or str
            What is measured at every record beyond losses, errors and norms; names will do.
        checkpoint : Checkpoint or None
            Where the run is kept, so that it can be taken up again. What it has recorded stays:
            exact flows refuse other times up to there, training adds the times that come after.
        progress : callable
            Called with the fraction done.

        Raises
        ------
        Stopped
            When the run cannot go on.
        Interrupted
            On Ctrl-C. Both carry the trajectory up to there.
        """
