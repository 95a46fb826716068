"""What a problem's predictors say of its transition, and what its flow does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.diagonal import DiagonalModel
from grokflow.simulations.models.registry import exact_model_of
from grokflow.theory.arguments import LAM_RANGE, check_range
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.predictor import resolving
from grokflow.theory.transition.change import Change, change_of, quality
from grokflow.theory.transition.times import leading_order, window

# The early phase is read at T_c^- for this c, the middle of the window of Theorems 3.4 and 3.9.
EARLY = 0.5
# The record ends this much after log α; what is left of the transition then is O(1) of a 20th.
_BEYOND = 20.0


@dataclass(frozen=True, kw_only=True)
class NetSettings:
    """A net and its training.

    Parameters
    ----------
    alpha, lam : float
        Scale of the start, above 1 so that there is an early phase, and weight decay.
    depth : int
        Depth of the diagonal net; ignored for matrix completion.

    Examples
    --------
    >>> import grokflow as gf
    >>> net = gf.NetSettings(alpha=1e4, lam=1e-4)
    >>> found = gf.find_misgrokking(["gap"], budget=4, effort=0, net=net)
    >>> [case.family.name for case in found.cases]
    ['gap']
    """

    alpha: float = 1e3
    lam: float = 1e-3
    depth: int = 2

    def __post_init__(self) -> None:
        """Refuse scales without an early phase."""
        check_scale(self.alpha, self.depth)
        check_range("lam", self.lam, LAM_RANGE)
        if not self.alpha > 1:
            raise ValueError(
                f"alpha is {self.alpha:g}, expected above 1: at a smaller scale there is no early "
                "phase to compare with, raise it"
            )
        settings = ModelSettings(lam=self.lam, loss="square", depth=self.depth)
        DiagonalModel().check_scale(self.alpha, settings)

    @property
    def early(self) -> float:
        """λt at which the early phase is read, ``½ log α``."""
        return window(self.alpha, EARLY).early

    @property
    def until(self) -> float:
        """λt at which the record ends."""
        return leading_order(self.alpha) + _BEYOND

    def bind(self, problem: object) -> BoundModel:
        """Return the model that learns these data, of this depth where it has a choice."""
        model = exact_model_of(problem)
        depth = self.depth if model.layered else 2
        return model.bind(problem, ModelSettings(lam=self.lam, depth=depth))


@dataclass(frozen=True, eq=False)
class SimulatedChange:
    """The simulated quality over slow time, see `grokflow.theory.transition.change`.

    Parameters
    ----------
    lambda_t, train, test : ndarray, shape (m,)
        Slow times, and the quality on the training and the test set.
    change : Change
        From T_c^- to the end of the record.
    fitted : bool
        Whether the training set is fitted at T_c^-.
    """

    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    change: Change
    fitted: bool


def predict_change(problem: object, net: NetSettings) -> Change:
    """Compare the early and the late predictor; nothing is simulated.

    Raises
    ------
    NoPredictor
        When the data have no predictor, or one is not found to its certified gap.
    """
    model = net.bind(problem)
    with resolving("the forecast"):
        return model.change(net.alpha)


def simulate_change(problem: object, net: NetSettings, points: int = 60) -> SimulatedChange:
    """Follow the flow to its end.

    Raises
    ------
    Stopped
        When the solver gives up.
    """
    even = np.linspace(net.until / points, net.until, points)
    times = np.union1d(even, [net.early])
    at = int(np.searchsorted(times, net.early))
    model = net.bind(problem)
    found = model.follow(net.alpha, times)
    scores = found.test_scores()
    return SimulatedChange(
        times,
        model.train_quality(found),
        quality(scores),
        change_of(scores.at([at, -1])),
        bool(model.fitted(found)[at]),
    )
