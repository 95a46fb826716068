"""The collapse plot: test accuracy against λt - log α for scales from 1e2 to 1e100."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from grokflow.figures.style import PREDICTED, canvas, styled
from grokflow.proofs_check.diagonal.experiments import (
    COLLAPSE_ALPHAS,
    SHIFTED_TIMES,
    collapse_scores,
    figure_1,
)
from grokflow.proofs_check.laboratory import Laboratory


@dataclass(frozen=True, eq=False)
class Collapse:
    """Test accuracies at common shifted times.

    Parameters
    ----------
    shifted : ndarray, shape (m,)
        ``λt - log α``.
    accuracy : dict
        Test accuracy, shape (m,), by α.
    predicted : float
        Predicted crossing in shifted time, the same for every α.
    """

    shifted: np.ndarray
    accuracy: dict[float, np.ndarray]
    predicted: float


def data(laboratory: Laboratory) -> Collapse:
    """Run (or recall) the trajectories on Figure 1a's data."""
    accuracy = {}
    for alpha in COLLAPSE_ALPHAS:
        scores = collapse_scores(laboratory, alpha)
        assert scores.accuracy is not None
        accuracy[alpha] = scores.accuracy
    experiment = figure_1(laboratory, "a")
    log_alpha = float(np.log(experiment.flow.alpha))
    predicted = experiment.forecast.transition.lambda_t - log_alpha
    return Collapse(SHIFTED_TIMES, accuracy, predicted)


def draw(collapse: Collapse) -> Figure:
    """Draw all curves on top of each other, thick and thin so that each can be seen."""
    with styled():
        figure = canvas()
        axes = figure.subplots()
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(collapse.accuracy)))
        widths = np.linspace(11, 1.2, len(collapse.accuracy))
        for (alpha, accuracy), colour, width in zip(
            collapse.accuracy.items(), colours, widths, strict=True
        ):
            exponent = round(np.log10(alpha))
            axes.plot(
                collapse.shifted,
                accuracy,
                color=colour,
                lw=width,
                solid_capstyle="butt",
                label=f"α = $10^{{{exponent}}}$",
            )
        axes.axvline(
            collapse.predicted,
            color=PREDICTED,
            ls=":",
            lw=1.3,
            label="predicted, before simulating",
        )
        axes.set_xlabel("shifted slow time λt − log α")
        axes.set_ylabel("test accuracy")
        axes.set_title(
            "One curve for every scale: α from $10^2$ to $10^{100}$ on Figure 1a's data",
            fontsize=11,
            loc="left",
        )
        axes.legend(loc="lower right", fontsize=8.5)
    return figure
