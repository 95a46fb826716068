"""Four accuracies of training on corrupted labels, with both stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.simulations.modular.data import CorruptedData
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.theory.transition.times import Stage

_LINES = {
    "train": (TRAIN, 3.5),
    "test": (TEST, 2.0),
    "corrupted": (PREDICTED, 1.5),
    "uncorrupted": (LATE, 1.5),
}


@dataclass(frozen=True, eq=False)
class ModularCurves:
    """What a picture of the stages shows.

    Parameters
    ----------
    steps : ndarray, shape (k,)
        Recorded steps.
    accuracies : mapping of str to ndarray, shape (k,)
        By kind of pair; NaN where there is none.
    inverted : float
        Training accuracy of a net that gives every training pair its true label.
    grokking, unlearning : Stage
        From when to when each stage lasts; NaN for none.
    title : str
        Text.
    """

    steps: np.ndarray
    accuracies: Mapping[str, np.ndarray]
    inverted: float
    grokking: Stage
    unlearning: Stage
    title: str


def data(found: ModularTrajectory, learned: CorruptedData, title: str) -> ModularCurves:
    """Collect the curves of a trajectory."""
    curves = {name: getattr(found, name) for name in _LINES}
    right = learned.labels[learned.train] == learned.truth[learned.train]
    return ModularCurves(found.steps, curves, float(right.mean()), *found.stages(), title)


def draw(curves: ModularCurves) -> Figure:
    """Draw the accuracies over steps, and both stages as bands."""
    with styled():
        figure = canvas()
        axes = figure.subplots()
        for name, (colour, width) in _LINES.items():
            axes.plot(curves.steps, curves.accuracies[name], color=colour, lw=width, label=name)
        for stage, colour, name in (
            (curves.grokking, TEST, "grokking"),
            (curves.unlearning, PREDICTED, "unlearning"),
        ):
            if np.isfinite(stage.start):
                ended = np.isfinite(stage.end)
                words = f"{name}, 1 to 99 %" if ended else f"{name}, from 1 % on"
                end = stage.end if ended else float(curves.steps[-1])
                axes.axvspan(stage.start, end, color=colour, alpha=0.1, lw=0, label=words)
        if curves.inverted < 1:
            axes.axhline(
                curves.inverted, color=EARLY, lw=1.2, ls=(0, (4, 3)), label="train, all inverted"
            )
        axes.set_xlim(curves.steps[0], curves.steps[-1])
        axes.set_ylim(-0.02, 1.04)
        axes.set_xlabel("steps")
        axes.set_ylabel("accuracy")
        axes.set_title(curves.title, fontsize=9, loc="left", wrap=True)
        figure.legend(loc="outside lower center", fontsize=8.5, ncols=4)
    return figure
