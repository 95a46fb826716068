"""Figure 2c: test accuracy on modular addition at four weight decays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, canvas, styled
from grokflow.simulations.nets.trajectory import NetTrajectory

_COLOURS = (EARLY, LATE, TEST, PREDICTED)


@dataclass(frozen=True, eq=False)
class DecayCurves:
    """What the picture shows.

    Parameters
    ----------
    lambda_t, test : dict of float to ndarray, shape (m,)
        Slow times and test accuracies by λ.
    times : dict of float to float
        λt* by λ, NaN where test accuracy does not pass one half.
    title : str
        Text.
    """

    lambda_t: dict[float, np.ndarray]
    test: dict[float, np.ndarray]
    times: dict[float, float]
    title: str


def data(runs: Mapping[float, NetTrajectory], title: str) -> DecayCurves:
    """Collect the curves of the runs."""
    return DecayCurves(
        {lam: run.lambda_t for lam, run in runs.items()},
        {lam: 1 - run.test_error for lam, run in runs.items()},
        {lam: run.transition(1.0, 0.0).lambda_t for lam, run in runs.items()},
        title,
    )


def caption(curves: DecayCurves) -> str:
    """Say when each of them generalises."""
    when = ", ".join(
        f"{time:.2f} at λ = {lam:g}"
        if np.isfinite(time)
        else f"not by λt = {curves.lambda_t[lam][-1]:.1f} at λ = {lam:g}"
        for lam, time in curves.times.items()
    )
    return (
        f"Test accuracy passes one half at λt* = {when}. A smaller weight decay takes longer, by "
        "its inverse up to what λ itself changes; one that is too large generalises late or never."
    )


def draw(curves: DecayCurves) -> Figure:
    """Draw accuracies over time, above the same over slow time."""
    with styled():
        figure = canvas(height=5.4)
        plain, slow = figure.subplots(2, 1)
        for (lam, t), colour in zip(curves.lambda_t.items(), _COLOURS, strict=True):
            late = t > 0.05
            plain.plot(t[late] / lam, curves.test[lam][late], color=colour, lw=2)
            slow.plot(t, curves.test[lam], color=colour, lw=2, label=f"λ = {lam:g}")
            if np.isfinite(time := curves.times[lam]):
                slow.axvline(time, color=colour, lw=1, ls=":")
        plain.set_xscale("log")
        plain.set_xlabel("time t")
        slow.set_xlabel("slow time λt (dotted: λt*)")
        slow.set_xlim(0, max(t[-1] for t in curves.lambda_t.values()))
        for axes in (plain, slow):
            axes.set_ylim(-0.02, 1.02)
            axes.set_ylabel("test accuracy")
        plain.set_title(curves.title, fontsize=10, loc="left")
        figure.legend(*slow.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
