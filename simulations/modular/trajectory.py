"""What training on corrupted labels returns: four accuracies, losses, norms, and the net."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grokflow.simulations.runs.files import jsonable
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.times import Stage, Transition, crossing, stage

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
    train, test, corrupted, uncorrupted : ndarray, shape (k,)
        Accuracies on the training pairs against their labels, on the test pairs, and on the two
        parts of the training set; NaN where a part is empty.
    train_loss, test_loss, corrupted_loss, uncorrupted_loss : ndarray, shape (k,)
        Mean losses on the same sets, without dropout.
    norm : ndarray, shape (k,)
        ``‖(U, V, W)‖``.
    weights : ModularWeights
        The net after the last step.
    snapshots : mapping of int to ModularWeights
        The nets after the steps that were asked for.
    ipr : ndarray, shape (k,) or (0,)
        Inverse participation ratio of the network, where it was recorded.
    settings, versions : mapping
        What reproduces the run, seeds included.
    seconds : float
        Wall time of the run, shared with the cells that ran beside this one.
    """

    steps: np.ndarray
    train: np.ndarray
    test: np.ndarray
    corrupted: np.ndarray
    uncorrupted: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    corrupted_loss: np.ndarray
    uncorrupted_loss: np.ndarray
    norm: np.ndarray
    weights: ModularWeights
    snapshots: Mapping[int, ModularWeights] = field(default_factory=dict)
    ipr: np.ndarray = field(default_factory=lambda: np.zeros(0))
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "records": len(self.steps),
            "steps": self.steps[-1],
            "train accuracy": between(self.train[0], self.train[-1]),
            "test accuracy": between(self.test[0], self.test[-1]),
        }

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name, each of shape (k,)."""
        losses = [f"{name}_loss" for name in PairScores._fields]
        found = {name: getattr(self, name) for name in (*PairScores._fields, *losses, "norm")}
        return found | ({"network_ipr": self.ipr} if self.ipr.size else {})

    def grokking(self) -> Transition:
        """Return when test accuracy rises from chance to its end, in steps, and how wide."""
        return crossing(self.steps, self.test, *self._test_levels())

    def unlearning(self) -> Transition:
        """Return when accuracy on corrupted pairs falls from its peak to chance, and how wide."""
        return crossing(self.steps, self.corrupted, *self._corrupted_levels())

    def stages(self, level: float = 0.01) -> tuple[Stage, Stage]:
        """Return from when to when the net groks and unlearns: progress `level` to 1 - `level`."""
        return (
            stage(self.steps, self.test, *self._test_levels(), level=level),
            stage(self.steps, self.corrupted, *self._corrupted_levels(), level=level),
        )

    def overlap(self, level: float = 0.01) -> float:
        """Return for how many steps both stages go on; below 0 for a gap, NaN without both."""
        (start, end), (other_start, other_end) = self.stages(level)
        return float(np.minimum(end, other_end) - np.maximum(start, other_start))

    def _test_levels(self) -> tuple[float, float]:
        return 1 / self.weights.p, 1.0

    def _corrupted_levels(self) -> tuple[float, float]:
        return float(np.max(self.corrupted)), 1 / self.weights.p


def modular_dataset(
    trajectory: ModularTrajectory, ipr: np.ndarray, settings: Mapping[str, object]
) -> xarray.Dataset:
    """Return the curves and the weights of a net on corrupted labels, labelled."""
    import xarray

    variables: dict[str, Any] = {
        name: ("step", values) for name, values in trajectory.curves().items()
    }
    net = trajectory.weights
    variables |= {"u": (("neuron", "residue"), net.u), "v": (("neuron", "residue"), net.v)}
    variables |= {"w": (("class", "neuron"), net.w), "ipr": ("neuron", ipr)}
    attributes = {
        "settings": json.dumps(jsonable(settings)),
        "versions": json.dumps(dict(trajectory.versions)),
    }
    return xarray.Dataset(variables, {"step": trajectory.steps}, attributes)
