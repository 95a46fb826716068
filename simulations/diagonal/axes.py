"""The axes along which a solver sees the reduced state, and how exactly along each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from grokflow.theory.diagonal.flow_equations import ReducedFlow

# Distance from the pole below which a coordinate has a say in the axes, and how many may at most,
# in units of the number of axes.
_NEAR, _SHARE = 0.1, 4


class Axes(NamedTuple):
    """Orthogonal axes of the state, ``p = turn y``, and what a unit of each moves, shape (r,).

    `sizes` bound the change of any coordinate by errors of one size in these units, relative to
    its distance to the pole in units of the least.
    """

    turn: np.ndarray
    sizes: np.ndarray


def axes_of(flow: ReducedFlow) -> Axes:
    """Return the axes for a flow in its coordinates.

    Coordinates near the pole must be known to a fraction of their distance to it, those of weights
    of zero only to a fraction of 1. The first axes move the former, the nearest to the pole first,
    and the last ones the latter alone: along these the state is large, and rounding moves it.
    """
    space, anchor = flow.space, flow.anchor
    if anchor is None:
        return Axes(np.eye(space.rank), space.coordinate_sizes)
    nearest = np.argsort(anchor.distance, kind="stable")[: _SHARE * space.rank + 1]
    near = np.sort(nearest[anchor.distance[nearest] < _NEAR][: _SHARE * space.rank])
    others = np.delete(anchor.distance, near)
    far = space.rows.largest_column / float(others.min(initial=1.0))
    if not near.size:
        return Axes(np.eye(space.rank), np.full(space.rank, anchor.unit * far))
    weighted = space.rows.take(near) / anchor.distance[near]
    turn, triangle, _ = qr(weighted, pivoting=True)
    reach = np.sqrt(space.rank) * np.abs(triangle).max(axis=1)
    return Axes(turn, anchor.unit * np.maximum(reach, far))
