"""A panel of what was measured along the way, under the curves of a simulation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, TRAIN

# Colour and label; ranks of several matrices share one look.
_LOOKS = {
    "kkt_residual": (PREDICTED, "-", "KKT residual"),
    "kkt_bound": (PREDICTED, ":", "KKT bound"),
    "early_distance": (EARLY, "-", "distance to the early predictor"),
    "late_distance": (LATE, "-", "distance to the late predictor"),
    "kernel_drift": (TRAIN, "-", "drift of the NTK"),
    "effective_rank": (TEST, "-", "effective rank"),
}
# Decades shown.
_LOW, _HIGH = 1e-4, 1e3


def rows(
    figure: Figure, measured: Mapping[str, np.ndarray], heights: tuple[int, ...]
) -> list[Axes]:
    """Return axes below each other, of the given heights, and one more where there is a need."""
    below = (2,) if measured else ()
    axes = figure.subplots(
        len(heights + below), 1, sharex=True, height_ratios=heights + below, squeeze=False
    )
    return list(axes[:, 0])


def draw_measured(axes: Axes, t: np.ndarray, measured: Mapping[str, np.ndarray]) -> None:
    """Draw every measured curve on logarithmic axes; values outside 1e-4 to 1e3 leave the panel."""
    for name, (colour, style, label) in _LOOKS.items():
        found = [curve for key, curve in measured.items() if key.startswith(name)]
        for curve, text in zip(found, (label, *[None] * len(found)), strict=False):
            shown = np.where(curve > 0, curve, np.nan)
            axes.plot(t, shown, color=colour, ls=style, lw=1.5, label=text)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, _LOW), min(high, _HIGH))
    axes.set_ylabel("measured")
    axes.legend(fontsize=7.5, ncols=2)
