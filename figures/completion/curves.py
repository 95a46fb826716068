"""Test and training error and the spectrum of matrix completion, with what was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.measured import draw_measured, rows
from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.theory.completion.forecast import CompletionForecast

# From each end of the spectrum.
_EIGENVALUES = 5


@dataclass(frozen=True, eq=False)
class CompletionCurves:
    """What a picture of matrix completion shows.

    Parameters
    ----------
    lambda_t : ndarray, shape (m,)
        Slow times.
    train, test : ndarray, shape (m,)
        Mean squared errors.
    spectrum : ndarray, shape (m, k)
        The five largest and the five smallest eigenvalues.
    early, late : float
        Test errors of the predictors.
    path_times, path_test : ndarray
        The predicted curve.
    simulated, predicted : float
        Transition times λt*, NaN where there is none.
    leading_order : float
        ``log α``.
    title : str
        What is shown.
    measured : mapping of str to ndarray, shape (m,)
        What was measured along the way.
    """

    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    spectrum: np.ndarray
    early: float
    late: float
    path_times: np.ndarray
    path_test: np.ndarray
    simulated: float
    predicted: float
    leading_order: float
    title: str
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)


def data(
    trajectory: CompletionTrajectory,
    prediction: CompletionForecast,
    simulated: float,
    title: str,
    measured: Mapping[str, np.ndarray] | None = None,
) -> CompletionCurves:
    """Collect the curves of a trajectory and what theory says of them."""
    positive = trajectory.lambda_t > 0
    early, late = (float(error) for error in prediction.scores.error[:2])
    values = np.linalg.eigvalsh(trajectory.matrices)
    return CompletionCurves(
        trajectory.lambda_t[positive],
        trajectory.train_error[positive],
        trajectory.test_scores().error[positive],
        np.hstack([values[:, -_EIGENVALUES:], values[:, :_EIGENVALUES]])[positive],
        early,
        late,
        prediction.path_times,
        prediction.path_scores.error,
        simulated,
        prediction.transition.lambda_t,
        prediction.leading_order,
        title,
        {name: curve[positive] for name, curve in (measured or {}).items()},
    )


def draw(curves: CompletionCurves) -> Figure:
    """Draw errors above eigenvalues, over slow time on a logarithmic axis."""
    with styled():
        figure = canvas(height=7.4 if curves.measured else 5.4)
        errors, spectrum, *below = rows(figure, curves.measured, (3, 2))
        _draw_errors(errors, curves)
        t = curves.lambda_t
        for values in curves.spectrum.T:
            spectrum.plot(t, values, color=TEST, lw=1.2, alpha=0.75)
        for axes in (errors, spectrum):
            _mark(axes, curves.simulated, TEST, "-", "λt*, simulated")
            _mark(axes, curves.predicted, PREDICTED, ":", "λt*, predicted before simulating")
            if curves.leading_order > 0:
                _mark(axes, curves.leading_order, "#444444", "-.", "log α, leading order")
        spectrum.set_xscale("log")
        spectrum.set_xlim(_first(curves), t[-1])
        for panel in below:
            draw_measured(panel, t, curves.measured)
        (below or [spectrum])[-1].set_xlabel("slow time λt")
        spectrum.set_ylabel("eigenvalues of W,\n5 from each end")
        figure.legend(
            *errors.get_legend_handles_labels(), loc="outside lower center", fontsize=8.5, ncols=3
        )
    return figure


def _draw_errors(axes: Axes, curves: CompletionCurves) -> None:
    """Draw the errors on a logarithmic axis."""
    t = curves.lambda_t
    axes.plot(t, curves.train, color=TRAIN, lw=4, label="train")
    axes.plot(t, curves.test, color=TEST, lw=2, label="test, simulated")
    above: dict[str, Any] = {"lw": 1.5, "ls": (0, (4, 3)), "zorder": 4}
    if np.isfinite(curves.early):
        shown = curves.path_times >= _first(curves)
        path, test = curves.path_times[shown], curves.path_test[shown]
        axes.plot(path, test, color=PREDICTED, label="test, quasi-static path", **above)
        axes.axhline(curves.early, color=EARLY, label="early predictor", **above)
        axes.axhline(curves.late, color=LATE, label="late predictor", **above)
    axes.set_yscale("log")
    axes.set_ylabel("mean squared error")
    axes.set_title(curves.title, fontsize=11, loc="left")


def _first(curves: CompletionCurves) -> float:
    return max(float(curves.lambda_t[0]), 1e-6 * float(curves.lambda_t[-1]))


def _mark(axes: Axes, time: float, colour: str, style: str, label: str) -> None:
    if np.isfinite(time):
        axes.axvline(time, color=colour, lw=1.3, ls=style, label=f"{label} = {time:.2f}")
