"""Four accuracies while neurons are removed: low IPR first, high IPR first, at random."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import LATE, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.simulations.modular.neuron_statistics import KINDS, PruningStudy
from grokflow.theory.modular.pruning import PruningCurve

_COLOURS = dict(zip(KINDS, (TRAIN, TEST, PREDICTED, LATE), strict=True))


@dataclass(frozen=True, eq=False)
class PruningPanel:
    """One order: a curve, and a band where the order is random."""

    title: str
    curve: PruningCurve
    band: tuple[PruningCurve, PruningCurve] | None = None


@dataclass(frozen=True, eq=False)
class PruningPicture:
    """What a picture of pruning shows."""

    title: str
    panels: tuple[PruningPanel, ...]


def data(study: PruningStudy, title: str) -> PruningPicture:
    """Collect the three orders."""
    band = (study.low, study.high)
    panels = (
        PruningPanel("low IPR first", study.low_first),
        PruningPanel("high IPR first", study.high_first),
        PruningPanel("random order, 95 % of the draws", study.random, band),
    )
    return PruningPicture(title, panels)


def draw(picture: PruningPicture) -> Figure:
    """Draw the accuracies over the removed fraction, one panel an order."""
    with styled():
        figure = canvas(width=10.0, height=3.8)
        panels = figure.subplots(1, len(picture.panels), sharey=True)
        for axes, panel in zip(panels, picture.panels, strict=True):
            _draw_panel(axes, panel)
        panels[0].set_ylabel("accuracy")
        panels[0].set_ylim(-0.02, 1.02)
        figure.suptitle(picture.title, fontsize=9, x=0.01, ha="left")
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower center",
            fontsize=8.5,
            ncols=4,
        )
    return figure


def _draw_panel(axes: Axes, panel: PruningPanel) -> None:
    for kind, colour in _COLOURS.items():
        curve, width = getattr(panel.curve, kind), 3.0 if kind == "train" else 1.8
        axes.plot(panel.curve.fraction, curve, color=colour, lw=width, label=kind)
        if panel.band:
            low, high = (getattr(edge, kind) for edge in panel.band)
            axes.fill_between(panel.curve.fraction, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.set_xlabel("fraction of neurons removed")
    axes.set_xlim(0, 1)
