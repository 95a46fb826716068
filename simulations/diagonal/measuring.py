"""Measuring a diagonal net along its flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.runs.measure import Measure
from grokflow.theory.diagonal.forecast import Forecast
from grokflow.theory.diagonal.state import DiagonalState
from grokflow.theory.homogeneous.comparisons import effective_rank, relative_distance
from grokflow.theory.linear.problem import Task


def of_diagonal(
    trajectory: DiagonalTrajectory, wanted: frozenset[Measure], forecast: Forecast | None
) -> dict[str, np.ndarray]:
    """Measure a diagonal net at every output time, each curve of shape (m,).

    Distances are between weights, for a loss of margins between their directions; without a
    forecast they are left out. The effective rank is that of ``diag(w)``.
    """
    predicted: dict[Measure, np.ndarray] = {
        measure: getattr(forecast, measure.value).w
        for measure in (Measure.EARLY, Measure.LATE)
        if measure in wanted and forecast is not None
    }
    rows = [
        _diagonal_row(trajectory, i, wanted, predicted) for i in range(len(trajectory.lambda_t))
    ]
    return {name: np.array([row[name] for row in rows]) for name in (rows or [{}])[0]}


def _diagonal_row(
    trajectory: DiagonalTrajectory,
    i: int,
    wanted: frozenset[Measure],
    predicted: Mapping[Measure, np.ndarray],
) -> dict[str, float]:
    # One time after the other: the weights of all need not fit into memory.
    flow, q = trajectory.flow, trajectory.outputs[i]
    problem, margins = flow.problem, flow.loss.acts_on_margins
    if not margins:  # the labels of classes are targets then
        problem = replace(problem, task=Task.REGRESSION)
    w = trajectory.weights_at(slice(i, i + 1))[:, 0]
    row = {
        f"{measure.value}_distance": relative_distance(w, target, margins)
        for measure, target in predicted.items()
    }
    if Measure.RANK in wanted:
        row["effective_rank"] = effective_rank(np.abs(w))
    if not wanted & {Measure.KKT, Measure.KKT_BOUND, Measure.DRIFT}:
        return row
    s = float(trajectory.lambda_t[i])
    state = DiagonalState.of(problem, flow.scale, s, w)
    if Measure.KKT in wanted:
        kkt = state.kkt(q)
        row |= {"kkt_residual": kkt.residual, "kkt_slackness": kkt.slackness}
    if Measure.KKT_BOUND in wanted:
        row["kkt_bound"] = state.kkt_bound(q, flow.loss.descent(q, flow.problem.targets))
    if Measure.DRIFT in wanted:
        row |= {"kernel_drift": state.kernel_drift, "departures": state.departure}
    return row
