"""What a picture of a simulation shows, as data: figures draw it and know no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from grokflow.simulations.models.results import ModelForecast
from grokflow.simulations.models.table import transition_between
from grokflow.simulations.runs.protocols import Trajectory


class PathCurve(NamedTuple):
    """Test results along the quasi-static path and when the flow passes them, shapes (k,)."""

    lambda_t: np.ndarray
    test: np.ndarray


class ModePanel(NamedTuple):
    """A panel below the curves: values of shape (m, k), one line each, and what they are."""

    values: np.ndarray
    label: str


@dataclass(frozen=True, eq=False)
class Picture:
    """Curves of one simulation, with what theory says of them.

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
    clock : tuple of str
        What the times are, in symbols and in words.
    measured : mapping of str to ndarray, shape (m,)
        What was measured along the way.
    path : PathCurve or None
        The predicted curve.
    modes : ModePanel or None
        What is drawn in a panel of its own.
    logarithmic : bool
        Whether the curves are drawn on a logarithmic axis.
    decades : float
        Decades of time that are shown.
    """

    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    ylabel: str
    title: str
    early: float | None = None
    late: float | None = None
    simulated: float | None = None
    predicted: float | None = None
    leading_order: float = 0.0
    clock: tuple[str, str] = ("λt", "slow time λt")
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    path: PathCurve | None = None
    modes: ModePanel | None = None
    logarithmic: bool = False
    decades: float = 4.0


def picture_of(trajectory: Trajectory, forecast: ModelForecast | None, title: str) -> Picture:
    """Collect the curves of a trajectory and what theory says of them."""
    curves = trajectory.curves()
    kind = "accuracy" if "test_accuracy" in curves else "error"
    picture = Picture(
        trajectory.lambda_t,
        curves[f"train_{kind}"],
        curves[f"test_{kind}"],
        kind if kind == "accuracy" else "mean squared error",
        title,
        measured=trajectory.measured,
    )
    if forecast is None:
        return picture
    shown = [1 - error if kind == "accuracy" else error for error in forecast.ends]
    return replace(
        picture,
        early=shown[0],
        late=shown[1],
        simulated=transition_between(trajectory, forecast).lambda_t,
        predicted=forecast.transition.lambda_t,
        leading_order=forecast.leading_order,
    )
