"""Training and test curves of one run, with the predictors and the predicted transition."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from grokflow.figures.measured import draw_measured, rows
from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.simulations.models.picture import Picture

_DASHED: dict[str, Any] = {"lw": 1.5, "ls": (0, (4, 3)), "zorder": 4}
# Height in inches of the curves, of the panel of modes, and of what was measured.
_CURVES, _MODES, _MEASURED = 3.8, 1.6, 2.1


def draw(picture: Picture) -> Figure:
    """Draw the curves, and what belongs to them, over slow time on a logarithmic axis."""
    with styled():
        height = _CURVES + (_MODES if picture.modes else 0) + (_MEASURED if picture.measured else 0)
        figure = canvas(height=height)
        shares = (3, 2) if picture.modes else (3,)
        axes, *below = rows(figure, picture.measured, shares)
        axes.set_xscale("log")
        _draw_curves(axes, picture)
        _draw_marks(axes, picture)
        if picture.modes:
            _draw_modes(below[0], picture)
        if picture.measured:
            draw_measured(below[-1], picture.lambda_t, picture.measured)
        t = _shown_times(picture)
        axes.set_xlim(_first_shown(picture), t[-1])
        (below or [axes])[-1].set_xlabel(picture.clock[1])
        axes.set_ylabel(picture.ylabel)
        axes.set_title(picture.title, fontsize=11, loc="left")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", fontsize=8.5, ncols=3
        )
    return figure


def _shown_times(picture: Picture) -> np.ndarray:
    return picture.lambda_t[picture.lambda_t > 0]


def _first_shown(picture: Picture) -> float:
    t = _shown_times(picture)
    return max(float(t[0]), float(10.0**-picture.decades * t[-1]))


def _draw_curves(axes: Axes, picture: Picture) -> None:
    """Draw training and test results, simulated and predicted."""
    positive = picture.lambda_t > 0
    t = picture.lambda_t[positive]
    if t[-1] > 10 * t[0]:
        axes.xaxis.set_minor_formatter(NullFormatter())  # numbers of a decade overlap
    axes.plot(t, picture.train[positive], color=TRAIN, lw=4, label="train")
    axes.plot(t, picture.test[positive], color=TEST, lw=2, label="test, simulated")
    if picture.logarithmic:
        axes.set_yscale("log")
    if picture.early is None or picture.late is None or not np.isfinite(picture.early):
        return
    if picture.path:
        shown = picture.path.lambda_t >= _first_shown(picture)
        path = picture.path.lambda_t[shown], picture.path.test[shown]
        axes.plot(*path, color=PREDICTED, label="test, quasi-static path", **_DASHED)
    axes.axhline(picture.early, color=EARLY, label="early predictor", **_DASHED)
    axes.axhline(picture.late, color=LATE, label="late predictor", **_DASHED)


def _draw_modes(axes: Axes, picture: Picture) -> None:
    """Draw the modes, with the same marks as the curves."""
    assert picture.modes is not None
    positive = picture.lambda_t > 0
    for values in picture.modes.values[positive].T:
        axes.plot(picture.lambda_t[positive], values, color=TEST, lw=1.2, alpha=0.75)
    _draw_marks(axes, picture)
    axes.set_ylabel(picture.modes.label)


def _draw_marks(axes: Axes, picture: Picture) -> None:
    """Mark the transition as simulated, as predicted, and to leading order."""
    _mark(axes, picture.simulated, TEST, "-", f"{picture.clock[0]}*, simulated")
    _mark(axes, picture.predicted, PREDICTED, ":", "λt*, predicted before simulating")
    if picture.leading_order > 0:
        _mark(axes, picture.leading_order, "#444444", "-.", "log α, leading order")


def _mark(axes: Axes, time: float | None, colour: str, style: str, label: str) -> None:
    if time is not None and np.isfinite(time):
        axes.axvline(time, color=colour, lw=1.3, ls=style, label=f"{label} = {time:.2f}")
