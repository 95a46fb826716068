"""Histograms of inverse participation ratios, and BatchNorm's factor against them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import EARLY, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.neuron_groups import fit_mixtures
from grokflow.theory.modular.operations import Operation
from grokflow.theory.modular.participation import IprConvention, neuron_ipr

_BINS = np.linspace(0, 1, 41)


@dataclass(frozen=True, eq=False)
class Neurons:
    """What a panel shows of one net.

    Parameters
    ----------
    title : str
        Text.
    ipr : ndarray
        One-sided ratios of the neurons that have one.
    threshold : float
        Where memorising and periodic neurons part.
    floor : float
        The ratio of a flat spectrum.
    gamma : ndarray or None
        ``|γ|`` of the same neurons.
    """

    title: str
    ipr: np.ndarray
    threshold: float
    floor: float
    gamma: np.ndarray | None


def data(weights: ModularWeights, operation: Operation, title: str) -> Neurons:
    """Collect the ratios of a net."""
    basis = operation.basis(weights.p)
    found = neuron_ipr(weights, basis, IprConvention.ONE_SIDED)
    values, norm = found.values[found.alive], weights.normalisation
    threshold = float(fit_mixtures(values[None]).thresholds[0])
    gamma = None if norm is None else np.abs(norm.gamma[found.alive])
    return Neurons(title, values, threshold, 1 / (len(basis.first) // 2 + 1), gamma)


def draw(*nets: Neurons) -> Figure:
    """Draw a histogram for every net, and γ beside it where there is one."""
    columns = len(nets) + sum(net.gamma is not None for net in nets)
    width = max(4.8, 3.0 * columns)
    with styled():
        figure = canvas(width=width, height=3.2)
        if len(nets) == 1:  # its title describes a run, and is longer than a panel
            lines = fill(nets[0].title, int(15 * width))
            figure.suptitle(lines, fontsize=9, x=0.01, ha="left")
            nets = (replace(nets[0], title=""),)
        panels = iter(figure.subplots(1, columns, squeeze=False)[0])
        for net in nets:
            _draw_histogram(next(panels), net)
            if net.gamma is not None:
                _draw_gamma(next(panels), net, net.gamma)
        figure.axes[0].set_ylabel("neurons")
        handles = figure.axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", fontsize=8.5, ncols=min(4, 2 * columns))
    return figure


def _draw_histogram(axes: Axes, net: Neurons) -> None:
    low = net.ipr < net.threshold
    for chosen, colour, name in ((low, PREDICTED, "memorising"), (~low, TEST, "periodic")):
        axes.hist(net.ipr[chosen], bins=_BINS.tolist(), color=colour, alpha=0.8, label=name)
    axes.axvline(net.threshold, color=EARLY, lw=1.3, ls="--", label="threshold of the mixture")
    axes.axvline(net.floor, color=TRAIN, lw=1.0, ls=":", label="flat spectrum")
    axes.set_title(net.title, fontsize=9, loc="left", wrap=True)
    axes.set_xlabel("IPR of the neuron")
    axes.set_axisbelow(True)
    axes.set_xlim(0, 1)


def _draw_gamma(axes: Axes, net: Neurons, gamma: np.ndarray) -> None:
    low = net.ipr < net.threshold
    for chosen, colour in ((low, PREDICTED), (~low, TEST)):
        axes.plot(net.ipr[chosen], gamma[chosen], "o", color=colour, ms=2.5, alpha=0.7)
    axes.set_title(net.title and f"{net.title}: factor |γ|", fontsize=9, loc="left")
    axes.set_ylabel("|γ| of the neuron")
    axes.set_xlabel("IPR of the neuron")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
