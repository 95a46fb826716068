"""Phases over the fraction of pairs and the share of wrong labels, a panel for each strength."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from grokflow.figures.style import canvas, styled
from grokflow.simulations.modular.phase_table import PhaseTable
from grokflow.theory.modular.phases import Phase

_COLOURS = {
    Phase.COEXISTENCE: "#2a8a4a",
    Phase.PARTIAL_INVERSION: "#9ccbe8",
    Phase.FULL_INVERSION: "#0b5fa5",
    Phase.MEMORIZATION: "#d1740a",
    Phase.FORGETTING: "#7a3b9a",
    Phase.CONFUSION: "#c9ccd1",
}


@dataclass(frozen=True, eq=False)
class Diagram:
    """One panel: phases and the share of seeds in them, shape (fractions, corruptions)."""

    title: str
    fraction: tuple[float | int, ...]
    corruption: tuple[float | int, ...]
    phases: np.ndarray
    agreement: np.ndarray


def data(table: PhaseTable, common: str = "") -> list[Diagram]:
    """Collect a panel for every modulus and strength; `common` is said of all of them."""
    axes, phases, agreement = table.axes, table.phases(), table.agreement()
    outer = [axes[name] for name in ("p", "weight_decay", "dropout")]
    diagrams = []
    for index in product(*(range(len(values)) for values in outer)):
        p, decay, dropout = (values[i] for values, i in zip(outer, index, strict=True))
        words = [f"p = {p}"]
        words += [f"weight decay {decay:g}"] if len(axes["weight_decay"]) > 1 or decay else []
        words += [f"dropout {dropout:g}"] if len(axes["dropout"]) > 1 or dropout else []
        words += [common] if common else []
        diagrams.append(
            Diagram(
                ", ".join(words),
                axes["fraction"],
                axes["corruption"],
                phases[index],
                agreement[index],
            )
        )
    return diagrams


def draw(diagrams: list[Diagram], columns: int = 4) -> Figure:
    """Draw the panels; a cell whose seeds disagree is paler."""
    count = min(columns, len(diagrams))
    rows = -(-len(diagrams) // count)
    with styled():
        figure = canvas(width=0.6 + 2.6 * count, height=0.8 + 2.6 * rows)
        panels = figure.subplots(rows, count, squeeze=False).ravel()
        for axes in panels[len(diagrams) :]:
            axes.set_axis_off()
        for axes, diagram in zip(panels, diagrams, strict=False):
            _draw_panel(axes, diagram)
        for axes in panels[::count]:
            axes.set_ylabel("share of wrong labels ξ")
        patches = [Patch(color=colour, label=item.value) for item, colour in _COLOURS.items()]
        figure.legend(
            handles=patches, loc="outside lower center", fontsize=8.5, ncols=min(3, count + 1)
        )
    return figure


def _draw_panel(axes: Axes, diagram: Diagram) -> None:
    x, y = _edges(diagram.fraction).tolist(), _edges(diagram.corruption).tolist()
    for i, j in np.ndindex(diagram.phases.shape):
        found: Phase | None = diagram.phases.item(i, j)
        if found is not None:
            corner, size = (x[i], y[j]), (x[i + 1] - x[i], y[j + 1] - y[j])
            alpha = 0.25 + 0.75 * float(diagram.agreement[i, j])
            axes.add_patch(Rectangle(corner, *size, color=_COLOURS[found], alpha=alpha, lw=0))
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.grid(visible=False)
    axes.set_title(diagram.title, fontsize=9.5, loc="left")
    axes.set_xlabel("fraction of pairs")


def _edges(values: tuple[float, ...]) -> np.ndarray:
    """Return the borders half-way between values; the outer ones are as far as the next."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middles = (np.array(values[1:]) + np.array(values[:-1])) / 2
    return np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])
