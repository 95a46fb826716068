"""Measuring a factorisation along its flow."""

from __future__ import annotations

import numpy as np

from grokflow.simulations.completion.trajectory import CompletionTrajectory
from grokflow.simulations.runs.measure import Measure
from grokflow.theory.completion.forecast import CompletionForecast
from grokflow.theory.completion.state import CompletionState
from grokflow.theory.homogeneous.comparisons import relative_distance


def of_completion(
    trajectory: CompletionTrajectory,
    wanted: frozenset[Measure],
    forecast: CompletionForecast | None,
) -> dict[str, np.ndarray]:
    """Measure a factorisation at every output time, each curve of shape (m,).

    Distances are those of W in the Frobenius norm, and are left out without a forecast. The
    effective rank is that of W.
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
    if forecast is None:
        return found
    for measure in wanted & {Measure.EARLY, Measure.LATE}:
        predicted = (forecast.early if measure is Measure.EARLY else forecast.late).matrix
        found[f"{measure.value}_distance"] = np.array(
            [relative_distance(state.matrix, predicted, False) for state in states]
        )
    return found
