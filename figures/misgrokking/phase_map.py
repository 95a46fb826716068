"""Where a net groks and where it misgroks: the predictors' map beside the simulated one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import canvas, styled
from grokflow.proofs_check.misgrokking.agreement import Agreement, agreement
from grokflow.simulations.misgrokking.phase_map import Drops, PhaseMap
from grokflow.theory.transition.kinds_shown import LETTERS, legend


@dataclass(frozen=True, eq=False)
class Maps:
    """Two maps of the rise in accuracy, late minus early, and the kind in every cell.

    Parameters
    ----------
    ratios, values : ndarray
        The axes: n/d, and k or γ.
    axis : str
        What the second axis is.
    rises : dict
        Rises, shape (v, r), by the title of the map.
    marks : dict
        Kinds as letters, by the same titles.
    legend : str
        Which letters stand for which kinds.
    differ : ndarray of bool, shape (v, r)
        Where the kinds differ.
    title : str
        Text.
    """

    ratios: np.ndarray
    values: np.ndarray
    axis: str
    rises: dict[str, np.ndarray]
    marks: dict[str, np.ndarray]
    legend: str
    differ: np.ndarray
    title: str


def data(phases: PhaseMap) -> Maps:
    """Collect both maps."""
    plane = phases.plane
    maps = {"predicted": phases.predicted, "simulated": phases.simulated}
    return Maps(
        plane.ratios,
        plane.values,
        plane.axis,
        {name: -item.mean for name, item in maps.items()},
        {name: _marks(item) for name, item in maps.items()},
        legend(kind for item in maps.values() for kind in item.kinds.ravel()),
        phases.predicted.seen != phases.simulated.seen,
        _title(phases, agreement(phases)),
    )


def _marks(drops: Drops) -> np.ndarray:
    return np.array([[LETTERS[kind] for kind in row] for row in drops.kinds])


def _title(phases: PhaseMap, shared: Agreement) -> str:
    plane = phases.plane
    return (
        f"{plane.family}, d = {plane.d}, {phases.seeds} problems a cell: kinds agree in "
        f"{100 * shared.rate:.0f} % of {shared.cells} cells"
    )


def draw(maps: Maps) -> Figure:
    """Draw the maps side by side; circles mark cells where they differ."""
    largest = max(float(np.nanmax(np.abs(rise))) for rise in maps.rises.values())
    with styled():
        figure = canvas(9.2, 4.4)
        both = figure.subplots(1, 2, sharey=True)
        for axes, (name, rise) in zip(both, maps.rises.items(), strict=True):
            image = axes.imshow(
                rise, origin="lower", aspect="auto", cmap="RdBu", vmin=-largest, vmax=largest
            )
            _label(axes, maps, name)
        both[0].set_ylabel(maps.axis)
        bar = figure.colorbar(image, ax=list(both), shrink=0.9)
        bar.set_label("late minus early test accuracy")
        figure.suptitle(f"{maps.title}\n{maps.legend}", fontsize=11, x=0.01, ha="left")
    return figure


def _label(axes: Axes, maps: Maps, name: str) -> None:
    """Write the axes, the kinds, and circles where the maps differ."""
    axes.grid(False)
    axes.set_title(name, fontsize=10, loc="left")
    axes.set_xlabel("n / d")
    axes.set_xticks(range(len(maps.ratios)), [f"{x:.2g}" for x in maps.ratios], fontsize=8)
    axes.set_yticks(range(len(maps.values)), [f"{x:g}" for x in maps.values], fontsize=8)
    for (i, j), mark in np.ndenumerate(maps.marks[name]):
        axes.text(j, i, mark, ha="center", va="center", fontsize=11)
    rows, columns = np.nonzero(maps.differ)
    axes.scatter(columns, rows, s=180, facecolors="none", edgecolors="black", linewidths=1.2)
