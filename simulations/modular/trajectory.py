"""What training on corrupted labels returns: four accuracies, losses, norms, and the net."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grokflow.simulations.modular.rule import IprRecord
from grokflow.simulations.runs.files import jsonable
from grokflow.simulations.runs.work import TrainingWork
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.participation import neuron_ipr
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Stage, StepTransition, Transition, crossing, stage

if TYPE_CHECKING:
    import xarray


class PairScores(NamedTuple):
    """One number for each kind of pair; NaN where there is no such pair.

    ``corrupted`` compares with the wrong labels that were trained on.
    """

    train: float
    test: float
    corrupted: float
    uncorrupted: float


@dataclass(frozen=True, eq=False, repr=False)
class ModularTrajectory(Summarised):
    """Curves at k recorded steps, and the net at the last.

    Parameters
    ----------
    steps : ndarray of int, shape (k,)
        Numbers of steps taken.
    lambda_t : ndarray, shape (k,)
        Slow times λt: weight decay alone would have shrunk the weights by ``e^{-λt}``.
    train, test, corrupted, uncorrupted : ndarray, shape (k,)
        Accuracies on the training pairs against their labels, on the test pairs, and on the two
        parts of the training set; NaN where a part is empty.
    train_loss, test_loss, corrupted_loss, uncorrupted_loss : ndarray, shape (k,)
        Mean losses on the same sets, without dropout.
    norms : ndarray, shape (k,)
        ``‖(U, V, W)‖``.
    weights : ModularWeights
        The net after the last step.
    snapshots : mapping of int to ModularWeights
        The nets after the steps that were asked for.
    ipr : ndarray, shape (k,) or (0,)
        Inverse participation ratio of the network, where it was recorded.
    settings, versions : mapping
        What reproduces the run, seeds included.
    ipr_record : IprRecord or None
        How the ratio was recorded.
    test_size : int
        Number of test pairs.
    work : TrainingWork
        Steps and wall time of the run, shared with the cells that were trained beside this one.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.ModularCell(data=gf.CorruptedTask(p=7, corruption=0.25).draw())
    >>> trajectory = gf.ModularTraining(width=64).run(cell, np.array([0, 100]))
    >>> print(trajectory.corrupted[-1], trajectory.uncorrupted[-1], trajectory.weights.u.shape)
    1.0 1.0 (64, 7)
    """

    steps: np.ndarray
    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    corrupted: np.ndarray
    uncorrupted: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    corrupted_loss: np.ndarray
    uncorrupted_loss: np.ndarray
    norms: np.ndarray
    weights: ModularWeights
    snapshots: Mapping[int, ModularWeights] = field(default_factory=dict)
    ipr: np.ndarray = field(default_factory=lambda: np.zeros(0))
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    ipr_record: IprRecord | None = None
    test_size: int = 0
    work: TrainingWork = field(default_factory=lambda: TrainingWork("", 0, 0.0))

    @classmethod
    def recorded(cls) -> tuple[str, ...]:
        """Return the names of what is recorded, in the order of a row."""
        losses = (f"{name}_loss" for name in PairScores._fields)
        return (*PairScores._fields, *losses, "norms")

    @property
    def measured(self) -> dict[str, np.ndarray]:
        """The participation ratio of the network, where it was recorded."""
        return {"network_ipr": self.ipr} if self.ipr.size else {}

    @property
    def train_error(self) -> np.ndarray:
        """Fraction of training pairs whose label, right or wrong, is not predicted, (k,)."""
        return np.asarray(1 - self.train)

    @property
    def test_error(self) -> np.ndarray:
        """Fraction of test pairs that are predicted wrongly, shape (k,)."""
        return np.asarray(1 - self.test)

    def test_scores(self) -> Scores:
        """Return accuracy, error and loss on the test pairs at every record."""
        error, size = self.test_error, self.test_size
        spread = np.sqrt(error * self.test / size) if size else np.full(len(error), np.nan)
        chance = 1 - 1 / self.weights.p
        return Scores(self.test, error, self.test_loss, size, spread, chance)

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_error, early, late)

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "records": len(self.steps),
            "steps": ends(self.steps),
            "train accuracy": ends(self.train),
            "test accuracy": ends(self.test),
        }

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name, each of shape (k,)."""
        kinds = PairScores._fields
        accuracies = {f"{kind}_accuracy": getattr(self, kind) for kind in kinds}
        losses = {f"{kind}_loss": getattr(self, f"{kind}_loss") for kind in kinds}
        return accuracies | losses | {"norms": self.norms} | self.measured

    def grokking(self) -> StepTransition:
        """Return after how many steps test accuracy rises from chance to its end."""
        return StepTransition(*crossing(self.steps, self.test, *self._test_levels()))

    def unlearning(self) -> StepTransition:
        """Return after how many steps accuracy on corrupted pairs falls from its peak to chance."""
        return StepTransition(*crossing(self.steps, self.corrupted, *self._corrupted_levels()))

    def stages(self, level: float = 0.01) -> tuple[Stage, Stage]:
        """Return the steps at which grokking and unlearning begin and end.

        They begin at a progress of `level` and end at one of 1 - `level`.
        """
        return (
            stage(self.steps, self.test, *self._test_levels(), level=level),
            stage(self.steps, self.corrupted, *self._corrupted_levels(), level=level),
        )

    def overlap(self, level: float = 0.01) -> float:
        """Return for how many steps both stages go on at once.

        It is negative for a gap between them, and NaN where one of them is missing.
        """
        (start, end), (other_start, other_end) = self.stages(level)
        return float(np.minimum(end, other_end) - np.maximum(start, other_start))

    def _test_levels(self) -> tuple[float, float]:
        return 1 / self.weights.p, 1.0

    def _corrupted_levels(self) -> tuple[float, float]:
        return float(np.max(self.corrupted)), 1 / self.weights.p

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return the curves and the weights with labels, settings and versions.

        The participation ratio of every neuron is added where that of the network was recorded.
        """
        import xarray

        curves = self.curves() | {"lambda_t": self.lambda_t}
        variables: dict[str, Any] = {name: ("steps", values) for name, values in curves.items()}
        net = self.weights
        variables |= {"u": (("neuron", "residue"), net.u), "v": (("neuron", "residue"), net.v)}
        variables["w"] = (("class", "neuron"), net.w)
        if self.ipr_record is not None:
            variables["ipr"] = ("neuron", neuron_ipr(net, *self.ipr_record).values)
        shown = self.settings if settings is None else settings
        attributes = {
            "settings": json.dumps(jsonable(shown)),
            "versions": json.dumps(dict(self.versions)),
        }
        return xarray.Dataset(variables, {"steps": self.steps}, attributes)
