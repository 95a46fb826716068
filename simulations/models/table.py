"""The table and the remarks of a simulation, from curves that every trajectory has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokflow.simulations.models.results import (
    Column,
    Description,
    ModelForecast,
    SimulationResult,
)
from grokflow.simulations.runs.protocols import Trajectory
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.transition.scores import Kind
from grokflow.theory.transition.times import Transition

# Slow time in which weight decay takes a twentieth of the weights: what changes the test error
# before is the first fit of the data.
_FIRST_FIT = 0.05
# Rows of the table.
_ROWS = 12
# What the table shows of the measured curves, and under which head.
_HEADS = {
    "kkt_residual": "KKT",
    "kkt_bound": "KKT bound",
    "early_distance": "to early",
    "late_distance": "to late",
    "kernel_drift": "NTK drift",
    "effective_rank": "rank",
}


def rows_of(count: int, rows: int = _ROWS) -> np.ndarray:
    """Return the numbers of the records that the table shows."""
    return np.unique(np.linspace(0, count - 1, rows).astype(int)) if count else np.empty(0, int)


def column(head: str, width: int, form: str, values: np.ndarray) -> Column:
    """Return a column whose cells are formatted numbers."""
    return Column(head, width, tuple(f"{value:{width}{form}}" for value in values))


def measured_columns(curves: Mapping[str, np.ndarray], rows: np.ndarray) -> list[Column]:
    """Return the columns of what was measured along the way."""
    return [
        column(head, 10, ".3g", curves[name][rows])
        for name, head in _HEADS.items()
        if name in curves
    ]


def transition_between(trajectory: Trajectory, forecast: ModelForecast | None) -> Transition:
    """Return when the test error crosses from the early to the late predictor's.

    NaN where the test set cannot tell the two, for it would be the time of a chance, and where it
    is that of the first fit.
    """
    if forecast is not None and forecast.kind.is_visible:
        found = trajectory.transition(*forecast.ends)
        if found.lambda_t > _FIRST_FIT:
            return found
    return Transition(np.nan, np.nan)


# Why a simulation has no transition, by the kind that is predicted.
_UNTIMED = {
    Kind.NO_TRANSITION: "no transition: the data determine the weights",
    Kind.NEITHER: "no transition to time: the test set cannot tell early from late predictor",
    Kind.STARTS_LATE: "no transition: this α is so small that the net starts beyond it",
    Kind.NOT_HELD: "no transition to time: the early predictor is not held at this λ",
}


def transition_remark(
    when: Transition, forecast: ModelForecast | None, lambda_t: np.ndarray
) -> list[str]:
    """Say the transition, or why there is none; nothing of what has no forecast.

    Its time is read off a straight line between two of the recorded times `lambda_t`, which are
    told: the flow passes half of the change anywhere between them.
    """
    if forecast is None:
        return []
    if not np.isfinite(when.lambda_t):
        missed = (
            "no transition in this record: after the first fit of the data the test error does not "
            "pass half of the change"
        )
        return [_UNTIMED.get(forecast.kind, missed)]
    width = f"width {when.width:.3f}" if np.isfinite(when.width) else "width not known"
    after = int(np.searchsorted(lambda_t, when.lambda_t))
    low, high = np.floor(1e3 * lambda_t[after - 1]) / 1e3, np.ceil(1e3 * lambda_t[after]) / 1e3
    read = f"(between the records at {low:.3f} and {high:.3f}, of which --points makes more)"
    return [f"transition at λt* = {when.lambda_t:.3f} {read}, {width}"]


def work_remark(work: SolverWork, factors: str = "Jacobians", more: str = "") -> str:
    """Say what the solver spent; its Jacobian evaluations may go by another name."""
    return (
        f"{work.name}: {work.rhs_evaluations} evaluations, {work.jacobian_evaluations} {factors}, "
        f"{work.seconds:.2f} s{more}"
    )


def simulation_result(
    trajectory: Trajectory,
    forecast: ModelForecast | None,
    description: Description,
    *,
    table: Sequence[Column] = (),
    remark: str = "",
    ends: Mapping[str, object] | None = None,
) -> SimulationResult:
    """Collect what is told of a trajectory of an exact flow.

    Parameters
    ----------
    trajectory : Trajectory
        What was reached.
    forecast : ModelForecast or None
        What was predicted.
    description : Description
        What was simulated.
    table : sequence of Column
        The table; by default time, test result, training loss, norm, and what was measured.
    remark : str
        What the work was; by default that of the solver.
    ends : mapping, optional
        Numbers beyond curves, transition and work.
    """
    curves, when = trajectory.curves(), transition_between(trajectory, forecast)
    work = trajectory.work
    if not remark and isinstance(work, SolverWork):
        remark = work_remark(work)
    return SimulationResult(
        description,
        {"lambda_t": trajectory.lambda_t},
        curves,
        when,
        work._asdict(),
        tuple(table or _plain_table(trajectory.lambda_t, curves)),
        (*transition_remark(when, forecast, trajectory.lambda_t), *([remark] if remark else [])),
        dict(ends or {}),
    )


def _plain_table(lambda_t: np.ndarray, curves: Mapping[str, np.ndarray]) -> list[Column]:
    rows = rows_of(len(lambda_t))
    name = "test_accuracy" if "test_accuracy" in curves else "test_error"
    return [
        column("λt", 12, ".4g", lambda_t[rows]),
        column(name.replace("_", " "), 14, ".4g", curves[name][rows]),
        column("train loss", 12, ".3e", curves["train_loss"][rows]),
        column("‖θ‖", 10, ".4g", curves["norms"][rows]),
        *measured_columns(curves, rows),
    ]
