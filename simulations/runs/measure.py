"""What a simulation can be asked to measure along the way, and the measuring of exact flows.

Nets are measured while they are followed, by `grokflow.simulations.nets.measuring`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

import numpy as np

from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.simulations.diagonal.trajectory import Trajectory
from grokflow.theory.completion.forecast import CompletionForecast
from grokflow.theory.completion.state import CompletionState
from grokflow.theory.diagonal.forecast import Forecast
from grokflow.theory.diagonal.state import DiagonalState
from grokflow.theory.homogeneous.stationarity import effective_rank, relative_distance


class Measure(Enum):
    """Quantities beyond losses, errors, norm and margin; each costs more than a step.

    KKT is the residual of (R1) or (R2) with the best multipliers, KKT_BOUND an upper bound for
    one gradient. EARLY and LATE are relative distances to the two predictors: of weights,
    matrices, or outputs on the test set. DRIFT is the change of the empirical NTK against one
    that only decays, RANK the effective rank of the matrices of a model.
    """

    KKT = "kkt"
    KKT_BOUND = "kkt-bound"
    EARLY = "early"
    LATE = "late"
    DRIFT = "drift"
    RANK = "rank"


def measures(names: Iterable[str]) -> frozenset[Measure]:
    """Return measures by their names; ``all`` stands for all of them."""
    known = [measure.value for measure in Measure]
    chosen: set[Measure] = set()
    for name in names:
        if name == "all":
            chosen |= set(Measure)
        elif name in known:
            chosen.add(Measure(name))
        else:
            raise ValueError(f"measure is {name!r}, expected {', '.join(known)} or all: pick some")
    return frozenset(chosen)


def of_diagonal(
    trajectory: Trajectory, wanted: frozenset[Measure], forecast: Forecast | None
) -> dict[str, np.ndarray]:
    """Measure a diagonal net at every output time, each curve of shape (m,).

    Distances are between weights, for classification between their directions; without a forecast
    they are left out. The effective rank is that of ``diag(w)``.
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
    trajectory: Trajectory,
    i: int,
    wanted: frozenset[Measure],
    predicted: Mapping[Measure, np.ndarray],
) -> dict[str, float]:
    # One time after the other: the weights of all need not fit into memory.
    flow, q = trajectory.flow, trajectory.outputs[i]
    w = trajectory.weights_at(slice(i, i + 1))[:, 0]
    row = {
        f"{measure.value}_distance": relative_distance(w, target, flow.problem.is_classification)
        for measure, target in predicted.items()
    }
    if Measure.RANK in wanted:
        row["effective_rank"] = effective_rank(np.abs(w))
    if not wanted & {Measure.KKT, Measure.KKT_BOUND, Measure.DRIFT}:
        return row
    s = float(trajectory.lambda_t[i])
    state = DiagonalState.of(flow.problem, flow.scale, s, w)
    if Measure.KKT in wanted:
        kkt = state.kkt(q)
        row |= {"kkt_residual": kkt.residual, "kkt_slackness": kkt.slackness}
    if Measure.KKT_BOUND in wanted:
        row["kkt_bound"] = state.kkt_bound(q, flow.loss.descent(q, flow.problem.targets))
    if Measure.DRIFT in wanted:
        row |= {"kernel_drift": state.kernel_drift, "departures": state.departure}
    return row


def of_completion(
    trajectory: CompletionTrajectory, wanted: frozenset[Measure], forecast: CompletionForecast
) -> dict[str, np.ndarray]:
    """Measure a factorisation at every output time, each curve of shape (m,).

    Distances are those of W in the Frobenius norm, the effective rank is that of W.
    """
    states = [
        CompletionState(trajectory.problem, matrix, total)
        for matrix, total in zip(trajectory.matrices, trajectory.totals, strict=True)
    ]
    scales = trajectory.system.alpha * np.exp(-trajectory.lambda_t)
    found: dict[str, np.ndarray] = {}
    if Measure.KKT in wanted:
        found["kkt_residual"] = np.array([state.kkt_residual for state in states])
    if Measure.KKT_BOUND in wanted:
        found["kkt_bound"] = np.array([state.kkt_bound for state in states])
    if Measure.DRIFT in wanted:
        pairs = zip(states, scales.tolist(), strict=True)
        found["kernel_drift"] = np.array([state.kernel_drift(scale) for state, scale in pairs])
    if Measure.RANK in wanted:
        found["effective_rank"] = np.array([state.effective_rank for state in states])
    for measure in wanted & {Measure.EARLY, Measure.LATE}:
        predicted = (forecast.early if measure is Measure.EARLY else forecast.late).matrix
        found[f"{measure.value}_distance"] = np.array(
            [relative_distance(state.matrix, predicted, False) for state in states]
        )
    return found
