"""Training and test curves of one flow, with the predictors and the predicted transition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from grokflow.figures.measured import draw_measured, rows
from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, TRAIN, canvas, styled
from grokflow.proofs_check.diagonal.experiments import DiagonalExperiment
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.theory.diagonal.forecast import Forecast
from grokflow.theory.transition.scores import Scores

if TYPE_CHECKING:
    from grokflow.simulations.nets.trajectory import NetTrajectory


@dataclass(frozen=True, eq=False)
class Curves:
    """What a picture of curves shows.

    Parameters
    ----------
    lambda_t : ndarray, shape (m,)
        Slow times.
    train, test : ndarray, shape (m,)
        Accuracies, or mean squared errors.
    ylabel, title : str
        Texts.
    early, late : float or None
        Test values of the predictors.
    simulated, predicted : float or None
        Transition times λt*.
    leading_order : float
        ``log α``, or 0 for none.
    clock : str
        What the times are, in symbols and in words.
    measured : mapping of str to ndarray, shape (m,)
        What was measured along the way.
    """

    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    ylabel: str
    title: str
    early: float | None
    late: float | None
    simulated: float | None
    predicted: float | None
    leading_order: float
    clock: tuple[str, str] = ("λt", "slow time λt")
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)


def data(
    trajectory: DiagonalTrajectory,
    scores: Scores,
    prediction: Forecast | None,
    simulated: float | None,
    title: str,
) -> Curves:
    """Collect the curves of a trajectory and what theory says of them."""
    classify = scores.accuracy is not None
    sign, offset = (-1, 1) if classify else (1, 0)
    early = late = predicted = None
    if prediction is not None:
        early, late = (float(offset + sign * error) for error in prediction.scores.error[:2])
        predicted = prediction.transition.lambda_t
    return Curves(
        trajectory.lambda_t,
        offset + sign * trajectory.train_error,
        offset + sign * scores.error,
        "accuracy" if classify else "mean squared error",
        title,
        early,
        late,
        simulated,
        predicted,
        float(np.log(trajectory.flow.scale.alpha)),
    )


def data_of(experiment: DiagonalExperiment, title: str) -> Curves:
    """Collect the curves of an experiment of the laboratory."""
    return data(
        experiment.flow.trajectory,
        experiment.flow.scores,
        experiment.forecast,
        experiment.transition.lambda_t,
        title,
    )


def data_of_net(trajectory: NetTrajectory, lambda_t: float, step: float, title: str) -> Curves:
    """Collect the curves of a net, over λt, or over steps where λ is 0.

    `lambda_t` and `step` are the time of the transition, NaN for none.
    """
    named = trajectory.curves()
    kind = "accuracy" if trajectory.classification else "error"
    slow = bool(trajectory.lambda_t[-1] > 0)
    return Curves(
        trajectory.lambda_t if slow else trajectory.steps.astype(np.float64),
        named[f"train_{kind}"],
        named[f"test_{kind}"],
        kind if trajectory.classification else "mean squared error",
        title,
        None,
        None,
        lambda_t if slow else step,
        None,
        0.0,
        ("λt", "slow time λt") if slow else ("step", "steps"),
        trajectory.measured,
    )


def draw(curves: Curves) -> Figure:
    """Draw the curves over slow time on a logarithmic axis."""
    with styled():
        figure = canvas(height=6.0 if curves.measured else 3.8)
        axes, *below = rows(figure, curves.measured, (3,))
        axes.set_xscale("log")
        positive = curves.lambda_t > 0
        t = curves.lambda_t[positive]
        if t[-1] > 10 * t[0]:
            axes.xaxis.set_minor_formatter(NullFormatter())  # numbers of a decade overlap
        axes.plot(t, curves.train[positive], color=TRAIN, lw=4, label="train")
        axes.plot(t, curves.test[positive], color=TEST, lw=2, label="test, simulated")
        if curves.early is not None and curves.late is not None:
            above: dict[str, Any] = {"lw": 1.5, "ls": (0, (4, 3)), "zorder": 4}
            axes.axhline(curves.early, color=EARLY, label="early predictor", **above)
            axes.axhline(curves.late, color=LATE, label="late predictor", **above)
        _mark(axes, curves.simulated, TEST, "-", f"{curves.clock[0]}*, simulated")
        _mark(axes, curves.predicted, PREDICTED, ":", "λt*, predicted before simulating")
        if curves.leading_order > 0:
            _mark(axes, curves.leading_order, "#444444", "-.", "log α, leading order")
        axes.set_xlim(max(t[0], 1e-4 * t[-1]), t[-1])
        for panel in below:
            draw_measured(panel, curves.lambda_t, curves.measured)
        (below or [axes])[-1].set_xlabel(curves.clock[1])
        axes.set_ylabel(curves.ylabel)
        axes.set_title(curves.title, fontsize=11, loc="left")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", fontsize=8.5, ncols=3
        )
    return figure


def _mark(axes: Axes, time: float | None, colour: str, style: str, label: str) -> None:
    if time is not None and np.isfinite(time):
        axes.axvline(time, color=colour, lw=1.3, ls=style, label=f"{label} = {time:.2f}")
