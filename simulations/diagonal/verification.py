"""Judging a flow of a diagonal net from what it has returned, by other means than the solver's.

A step is judged by the integral of the flow over it, an earlier and a later state by the objective,
which no flow lets rise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError, solve

from grokflow.simulations.diagonal.tolerance import pull_size
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory
from grokflow.simulations.runs.reached import SolverState
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.numerics.solver_time import SolverMoment

# Logarithm of the growth of the rate's weight over a step from which nodes are not comparable.
_COMPARABLE = 5.0
# Change of a margin up to which the pull of a tail is near its tangent. From a state that is far
# off, Newton's method moves margins by about 1 a step, however far they have to go.
_LINEAR_MARGIN = 0.5
# Nodes of Gauss' rule of two points on [0, 1], exact for cubic integrands.
GAUSS = (0.5 - 3**-0.5 / 2, 0.5 + 3**-0.5 / 2)


def step_error(
    flow: ReducedFlow,
    before: SolverState,
    after: SolverState,
    inner: Sequence[SolverState],
    *,
    implicit: bool,
) -> float:
    """Return the error of the weights that one step commits, relative to their norm.

    The change of p over a step of size h is compared with the integral of its rate by Gauss' rule
    of two points. What is missing, ``h ρ``, is the error δp of a step from an exact state, up to
    the part of it that the rate already pulls back: ``(1/h - J/2) δp = ρ`` with the Jacobian J of
    the rate, for the mean of δp over the step is half of it. The weights then err by ``w' Rᵀδp``.
    The implicit form is divided by the weight of the rate at each node; where that grows by orders
    over a step, along which all directions are stiff then, each node is solved for by itself.

    Parameters
    ----------
    flow : ReducedFlow
        The flow, in the coordinates of the states.
    before, after : SolverState
        Where the step begins and ends.
    inner : sequence of SolverState
        The two states at the nodes `GAUSS` of the step.
    implicit : bool
        Whether to judge the implicit form of the flow, whose residual keeps all digits where the
        rate is a difference of nearly equal numbers.
    """
    size = after.tau - before.tau
    change = (after.y - before.y) / size
    moments = [flow.clock.at(state.tau) for state in inner]
    end = flow.clock.at(after.tau)
    try:
        if implicit:
            bend = flow.defect_jacobian(end, after.y, 0.0) / 2
            defects = [
                flow.defect(at, state.y, change) for at, state in zip(moments, inner, strict=True)
            ]
            logs = np.array([flow.log_weight(at) for at in moments])
            common = flow.log_weight(end)
            if common - logs.min() < _COMPARABLE:
                defects = [np.mean(np.exp(common - logs)[:, None] * defects, axis=0)]
                logs = np.array([common])
            parts = [
                solve(bend + np.exp(log) / size * np.eye(len(bend)), defect)
                for log, defect in zip(logs, defects, strict=True)
            ]
            error = np.mean(parts, axis=0)
        else:
            rates = [flow.rate(at, state.y) for at, state in zip(moments, inner, strict=True)]
            matrix = np.eye(len(change)) / size - flow.rate_jacobian(end, after.y) / 2
            error = solve(matrix, change - np.mean(rates, axis=0))
    except (LinAlgError, ValueError):  # singular, or not finite
        return float("inf")
    return _relative_change(flow, end, after.y, error)


def _relative_change(
    flow: ReducedFlow, at: SolverMoment, p: np.ndarray, change: np.ndarray
) -> float:
    """Return the relative change of the weights when p changes, infinite beyond the tangent.

    The pull of a tail that is zero in doubles, also where its margin is as much smaller as it
    changes, is its tangent however far that margin moves.
    """
    rows, potential = flow.space.rows, flow.potential(at.s)
    xi = rows.correlate(p)
    moved = potential.curvature(xi) * rows.correlate(change)
    if flow.loss.acts_on_margins:
        reach = np.abs(flow.space.spread(rows.combine(moved)))
        pulled = flow.is_pulled(at, flow.outputs(at.s, p) - reach)
        if not reach.max(where=pulled, initial=0.0) <= _LINEAR_MARGIN:
            return float("inf")
    size = float(np.linalg.norm(potential.weights(xi)))
    return float(np.linalg.norm(moved)) / size if size > 0 else 0.0


def first_rise(trajectory: DiagonalTrajectory, rtol: float) -> int | None:
    """Return the first output time at which the objective ``L + (λ/2)‖θ‖²`` has risen, or None.

    Along the flow it falls, so that it is at most what it was at any time before, and so is the
    part of the norm alone. With weights that are right to ``δ = rtol ‖w‖`` an output errs by at
    most ``ρ = ‖x_i‖ δ``. Hence a loss of targets errs by ``|l'| ρ + l'' ρ²/2``, and a tail, whose
    pull is at most e^ρ times as large within ρ, by ``|l'| ρ e^ρ``. ``‖θ‖²`` errs by at most
    ``2 Σ |δw_j|^{2/L} ≤ 2 d^{1-1/L} δ^{2/L}``, for it rises slower than ``2 |w_j|^{2/L}`` in every
    weight. Each sum of k terms also carries k roundings.

    Inputs far larger than others leave outputs open that right weights determine by their balance:
    there ρ exceeds all outputs, and would allow every rise. No more is therefore allowed than
    `_LINEAR_MARGIN`, in units of the largest target, which is 1 for classes: a flow whose outputs
    err by more is not resolved.
    """
    flow = trajectory.flow
    problem, depth = flow.problem, flow.scale.depth
    n, d = problem.inputs.shape
    q, targets = trajectory.outputs, problem.targets
    delta = rtol * trajectory.weight_norms()
    reach = delta[:, None] * np.sqrt(problem.inputs.row_squares)
    reach = np.minimum(reach, _LINEAR_MARGIN * pull_size(flow))
    pull = np.abs(flow.loss.descent(q, targets))
    bend = np.exp(reach) if flow.loss.acts_on_margins else 1.0
    loss_error = pull * reach * bend + flow.loss.curvature(q, targets) * reach**2
    decay = flow.lam / 2 * trajectory.norms**2
    rounding = (n + d) * np.finfo(float).eps
    norm_error = flow.lam * d ** (1 - 1 / depth) * delta ** (2 / depth) + rounding * decay
    error = loss_error.mean(axis=1) + norm_error + rounding * trajectory.train_loss
    objective = trajectory.train_loss + decay
    ceiling = np.minimum.accumulate(objective + error)[:-1]
    fallen = (objective - error)[1:] <= ceiling
    fallen &= (decay - norm_error)[1:] <= ceiling
    return None if fallen.all() else int(np.argmin(fallen)) + 1
