"""Whether a deep diagonal net has come to rest, and where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.theory.diagonal.certificates import quasi_norm
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.quasi_norm import QuasiPenalised

# Part of the wanted accuracy by which weights may still be away from where they come to rest.
_SETTLED = 0.1
# Part of its distance to the pole that a coordinate may still move in a net that decays.
_NEAR = 0.1
# Part of the wanted accuracy below which all weights together are taken to be zero.
_ZERO = 0.01


class Rest(NamedTuple):
    """The weights at which a net stays from slow time s on, and ``‖θ‖²`` beyond theirs at s."""

    s: float
    w: np.ndarray
    idle: float


def rest_of(flow: ReducedFlow, s: float, before: np.ndarray, rtol: float) -> Rest | None:
    """Return where an anchored flow stays from its anchor on, None if it moves.

    They are a stationary point of the penalised problem within a tenth of `rtol` of the weights at
    the anchor, and those of the last anchor are as near. On the support it is a strict minimum, to
    which weights near it only come closer. A weight of zero stays so while its coordinate does not
    reach the pole, and what is left of the flow moves no coordinate that far.

    Parameters
    ----------
    flow : ReducedFlow
        Anchored at slow time s.
    s : float
        Slow time.
    before : ndarray, shape (d,)
        Weights at the anchor before.
    rtol : float
        Wanted relative accuracy of the weights.
    """
    assert flow.anchor is not None
    distance = flow.anchor.distance
    w = flow.weights(s, np.zeros(flow.space.rank))
    allowed = _SETTLED * rtol * float(np.linalg.norm(w))
    if not 0 < np.linalg.norm(w - before) <= allowed:
        return None
    near = np.abs(w) > _ZERO * rtol / np.sqrt(len(w)) * np.linalg.norm(w)
    penalised = QuasiPenalised(flow.loss, flow.lam, flow.scale.depth)
    rest = penalised.minimum_near(flow.problem, np.where(near, w, 0.0))
    if rest is None or np.linalg.norm(rest - w) > allowed:
        return None
    stays = flow.reach(s, rest)[~near] < distance[~near]
    if not stays.all():
        return None
    idle = flow.potential(s).norm_squared(np.zeros(len(w))) - quasi_norm(w, flow.scale.depth)
    return Rest(s, rest, max(idle, 0.0))


def decays_freely(flow: ReducedFlow, s: float, p: np.ndarray, rtol: float) -> bool:
    """Say whether the data move the weights of an anchored flow no more: it dies out.

    While no coordinate x moves by a tenth of its distance D to the pole, ``|w_j|`` stays below
    ``|w_j| + |dw_j/dx_j| D_j / 10`` of now, for the factor α(s)^L falls faster than the slope
    rises. Pulls are then bounded, and so is all that coordinates can still move. Where that is less
    than D/10 the premise holds for ever, and where it changes the weights, all of which fall by the
    same factor, by less than a tenth of `rtol` their direction is known for ever.

    Parameters
    ----------
    flow : ReducedFlow
        Anchored.
    s : float
        Slow time.
    p : ndarray, shape (r,)
        State.
    rtol : float
        Wanted relative accuracy of the weights.
    """
    assert flow.anchor is not None
    potential, xi = flow.potential(s), flow.space.rows.correlate(p)
    w, slope = potential.weights(xi), potential.curvature(xi) / flow.anchor.unit
    room = _NEAR * flow.anchor.distances(flow.anchor.unit * xi).min(axis=0)
    moved = flow.largest_reach(s, np.abs(w) + slope * room)
    with np.errstate(over="ignore"):  # near the pole slopes are huge: then it does not die out
        changed = float(np.linalg.norm(slope * moved))
    return bool((moved <= room).all()) and changed <= _SETTLED * rtol * float(np.linalg.norm(w))
