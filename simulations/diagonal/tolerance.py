"""How exactly the reduced state of a diagonal net is followed, and how far a step may go."""

from __future__ import annotations

import numpy as np

from grokflow.theory.diagonal.flow_equations import ReducedFlow

# Fraction of its distance to the pole that every coordinate keeps until the next anchor. Up to the
# first anchor the state follows the scale, and moves also where a weight near the pole rests.
_KEPT, _KEPT_AT_FIRST = 1e-2, 0.5
# Part of that fraction with which a state is no longer resolved by the tolerance.
UNRESOLVED = 0.25


def kept(flow: ReducedFlow) -> float:
    """Return the fraction of its distance to the pole that every coordinate keeps in a chart."""
    return _KEPT_AT_FIRST if flow.anchor is None else _KEPT


def state_tolerance(
    flow: ReducedFlow, rtol: float, now: float, end: float, *, implicit: bool
) -> float:
    """Return the tolerance in p that keeps w to `rtol`, between two slow times.

    An error δξ changes w by a factor ``1 + (w'/w) δξ``, at depth 2 by at most twice the steepness
    at a typical weight for those that matter. At other depths ``w'/w`` is at most ``p/(1-|x|)``,
    and 1 - |x| at least the fraction `kept` of what it is at the anchor, in whose least distance
    δξ is counted. Errors of many steps add up: to four local ones at depth 2, and to 32 in deep
    nets, where nothing damps the explosive growth of weights from small scales, nor their fall once
    they leave a minimum for zero. Both are measured, not derived: the map of docs/flow-map.md has
    2 040 random flows, of which one on inputs over 12 decades is off by more than `rtol`. With 16 a
    fall at depth 6 erred by up to 6 `rtol`, and with 48 a flow from α = 1e100 took more than 20 000
    steps. The bound that needs no such number, the sum of what the verification finds of single
    steps, counts errors that the pulls undo at once: at depth 2 its median over 57 random flows is
    2.6 `rtol`, and its largest value 37, so that it would refuse most flows that are right.
    """
    scale = flow.scale
    if scale.depth == 2:
        steepness, together = scale.potential(end).steepness, 4
    else:
        steepness, together = scale.depth / (scale.depth - 2) / kept(flow), 32
    wanted = rtol / (together * max(10.0, 2 * steepness))
    if not implicit or now < unfelt_from(flow):
        return wanted
    # There p moves by -Qᵀl'(q)/ε, and l'(q) is known to rounding: asking for more than that would
    # only make the solver chase noise.
    noise = np.finfo(float).eps * pull_size(flow)
    return max(wanted, noise / float(np.exp(flow.log_stiffness(now))))


def unfelt_from(flow: ReducedFlow) -> float:
    """Return the slow time from which p has directions that no weight feels.

    It is there that the curvature ``L² α(s)^{2L-2} ‖x‖²`` of the loss in the coordinate of a zero
    weight has come down to ``nλ``. Anchored coordinates have axes that keep such directions apart.
    """
    if flow.anchor is not None:
        return np.inf
    scale, problem = flow.scale, flow.problem
    felt = scale.depth**2 * problem.inputs.mean_square * problem.d
    log_least = np.log(problem.n * flow.lam / felt) / (2 * scale.depth - 2)
    return float(np.log(scale.alpha) - log_least)


def fence(flow: ReducedFlow, s: float, *, implicit: bool) -> float | None:
    """Return the slow time that a step from s may not cross, from ``x_ω = 1e-3`` on.

    In the kernel regime the state hardly moves and steps grow far beyond the slow time ``1/L`` in
    which the map bends later; a step into the bend would find another branch of its equations. For
    L = 2, where it bends ever more slowly, that matters only to pulls that cancel: those of a tail
    change by orders where those of the square loss change by factors.
    """
    scale = flow.scale
    span = 1 / (2 * scale.depth)
    if scale.depth == 2:
        if not (flow.loss.acts_on_margins and implicit):
            return None
        span = max(span, scale.kappa(s) / 16)
    elif s > scale.pole(1e-8) and (flow.anchor is None or flow.anchor.unit > 0.5):
        return None
    return max(scale.bend(1e-3), s + span)


def pull_size(flow: ReducedFlow) -> float:
    """Return the size of the pulls that cancel: that of the targets, or 1 for classes."""
    return float(np.abs(flow.problem.targets).max())
