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

    `turn` is None where the axes are those of p. `sizes` bound the change of any coordinate by
    errors of one size in these units, relative to its distance to the pole in units of the least.
    """

    turn: np.ndarray | None
    sizes: np.ndarray

    def state(self, y: np.ndarray) -> np.ndarray:
        """Return p, or its rate, from its parts along the axes."""
        return y if self.turn is None else np.asarray(self.turn @ y)

    def along(self, p: np.ndarray) -> np.ndarray:
        """Return the parts along the axes of p, or of its rate."""
        return p if self.turn is None else np.asarray(p @ self.turn)

    def jacobian(self, matrix: np.ndarray) -> np.ndarray:
        """Return the Jacobian along the axes of a Jacobian in p."""
        return matrix if self.turn is None else np.asarray(self.turn.T @ matrix @ self.turn)


def axes_of(flow: ReducedFlow) -> Axes:
    """Return the axes for a flow in its coordinates.

    Coordinates near the pole must be known to a fraction of their distance to it, those of weights
    of zero only to a fraction of 1. The first axes move the former, the nearest to the pole first,
    and the last ones the latter alone: along these the state is large, and rounding moves it.
    """
    space, anchor = flow.space, flow.anchor
    if anchor is None:
        return Axes(None, space.coordinate_sizes)
    nearest = np.argsort(anchor.distance, kind="stable")[: _SHARE * space.rank + 1]
    near = np.sort(nearest[anchor.distance[nearest] < _NEAR][: _SHARE * space.rank])
    others = np.delete(anchor.distance, near)
    far = space.rows.largest_column / float(others.min(initial=1.0))
    if not near.size:
        return Axes(None, np.full(space.rank, anchor.unit * far))
    weighted = space.rows.take(near) / anchor.distance[near]
    turn, triangle, _ = qr(weighted, pivoting=True)
    reach = np.sqrt(space.rank) * np.abs(triangle).max(axis=1)
    return Axes(turn, anchor.unit * np.maximum(reach, far))
