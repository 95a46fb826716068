"""The misgrokking gallery: for every family the smallest problem found, learned and unlearned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import EARLY, LATE, TEST, TRAIN, canvas, styled
from grokflow.simulations.misgrokking.cases import Case
from grokflow.simulations.misgrokking.finder import Findings

_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class CasePanel:
    """One case.

    Parameters
    ----------
    title : str
        Family and sizes.
    lambda_t, train, test : ndarray, shape (m,)
        Slow times, and simulated accuracy or R².
    early, late : float
        Test quality of the predictors.
    low, high : float
        Interval of the simulated drop.
    measure : str
        What the quality is.
    """

    title: str
    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    early: float
    late: float
    low: float
    high: float
    measure: str


def data(findings: Findings) -> list[CasePanel]:
    """Collect the cases of a search, the largest drop first."""
    return [_panel(case) for case in findings.cases]


def _panel(case: Case) -> CasePanel:
    model, simulated = case.net.bind(case.family.problem(case.settings)), case.simulated
    deep = f", depth {model.degree}" if model.degree > 2 else ""
    return CasePanel(
        f"{case.family.name}: {model.size}{deep}",
        simulated.lambda_t,
        simulated.train,
        simulated.test,
        case.predicted.early,
        case.predicted.late,
        simulated.change.low,
        simulated.change.high,
        "accuracy" if case.predicted.is_accuracy else "R²",
    )


def draw(panels: list[CasePanel]) -> Figure:
    """Draw one small picture a case."""
    if not panels:
        raise ValueError("no misgrokking was found, expected a case to draw: raise --budget")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with styled():
        figure = canvas(3.0 * columns, 2.4 * rows + 0.5)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw_panel(axes, panel)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize=8.5, ncols=4)
    return figure


def _draw_panel(axes: Axes, panel: CasePanel) -> None:
    axes.plot(panel.lambda_t, panel.train, color=TRAIN, lw=3, label="train, simulated")
    axes.plot(panel.lambda_t, panel.test, color=TEST, lw=2, label="test, simulated")
    axes.axhline(panel.early, color=EARLY, ls=(0, (4, 3)), lw=1.3, label="early predictor")
    axes.axhline(panel.late, color=LATE, ls=(0, (4, 3)), lw=1.3, label="late predictor")
    drop = f"drop {panel.low:.2f} to {panel.high:.2f}"
    if panel.high - panel.low < 0.005:
        drop = f"drop {panel.low:.2f}, all entries tested"
    axes.set_title(f"{panel.title}\n{drop}", fontsize=9, loc="left")
    # Far below a constant predictor a curve of the training set is only a line at the top.
    axes.set_ylim(min(0.45, *panel.test, panel.late) - 0.06, 1.06)
    axes.set_xlabel("slow time λt", fontsize=8)
    axes.set_ylabel(panel.measure, fontsize=8)
    axes.tick_params(labelsize=7.5)
