"""The mirror map of deep diagonal nets counted from an anchor, which resolves its pole.

Nonzero weights of a net of depth L ≥ 3 approach the pole of the map of
`grokflow.theory.diagonal.deep_mirror`, ``|x| → 1``, like ``α(s)^{L-2}``: the coordinates x round to
1 long before the weights come to rest, and weights far above the typical one are there even
earlier. Therefore the distances ``1 - |x|`` at one moment, the anchor, are kept to full relative
accuracy, and later coordinates are counted from there: ``x = x₀ + unit z``, ``z = Rᵀp`` again. An
anchor serves until some distance has shrunk by orders; then the next one is set.

The points of a quasi-static path are counted from each other in the same way, for L = 2 without a
pole: where the net stands is known by its coordinates, beside the multipliers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.predictor import NotResolved

# Fraction of its distance at the anchor below which a coordinate goes on along the tangent: no
# accepted state comes there.
_TANGENT_FROM = 1e-5
# The double next to the pole.
_LARGEST_X = 1 - 2.0**-53
# Part of a typical weight that is not told from zero on a path.
_MOST_TILT = 1e-3
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Anchor:
    """Coordinates of a deep net at one moment.

    Parameters
    ----------
    x : ndarray, shape (d,)
        Coordinates of the weights, between -1 and 1.
    distance : ndarray, shape (d,)
        ``1 - |x|``, to full relative accuracy.
    """

    x: np.ndarray
    distance: np.ndarray

    @classmethod
    def at(cls, x: np.ndarray) -> Anchor:
        """Return the anchor at coordinates that are not near the pole."""
        return cls(x, 1 - np.abs(x))

    @cached_property
    def sign(self) -> np.ndarray:
        """The side of the pole that is nearer, 1 for x = 0."""
        return np.where(self.x < 0, -1.0, 1.0)

    @cached_property
    def unit(self) -> float:
        """The least distance, in which later coordinates are counted."""
        return float(self.distance.min())

    def distances(self, move: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return the distances of ``x + move`` from both poles, the nearer of x first."""
        near = self.distance[columns] - self.sign[columns] * move
        return np.stack([near, 2 - near])

    def moved(self, move: np.ndarray) -> Anchor:
        """Return the anchor at ``x + move``."""
        return Anchor(self.x + move, self.distances(move).min(axis=0))

    def left(self, move: np.ndarray) -> float:
        """Return the least fraction of its distance that a coordinate keeps at ``x + move``."""
        return float((self.distances(move).min(axis=0) / self.distance).min())


@dataclass(frozen=True, eq=False)
class AnchoredHypentropy:
    """The map from ``z = Rᵀp`` to weights, with coordinates counted from an anchor.

    Parameters
    ----------
    anchor : Anchor
        Where z = 0.
    depth : int
        L ≥ 3.
    log_beta : float
        Logarithm of ``β = α(s)^L``.
    unit : float
        What ``z = 1`` adds to x.
    """

    anchor: Anchor
    depth: int
    log_beta: float
    unit: float

    #: How fast p shrinks when nothing pulls: coordinates counted in a fixed unit do not.
    drift = 0.0

    @property
    def power(self) -> float:
        """``p = L/(L-2)``."""
        return self.depth / (self.depth - 2)

    @property
    def log_unit(self) -> float:
        """Logarithm of `unit`."""
        return math.log(self.unit)

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``β ((1-x)^{-p} - (1+x)^{-p})``, without cancellation at small x.

        Where a trial state has left the resolved distances it follows the tangent.
        """
        p = self.power
        true, inside = self._distances(xi, columns)
        logs = np.log(inside)
        x = self.anchor.x[columns] + self.unit * xi
        angle = (logs[1] - logs[0]) / 2 * self.anchor.sign[columns]
        small = np.abs(x) < 0.5
        angle[small] = np.arctanh(x[small])
        size = p * np.abs(angle)
        growth = np.exp(self.log_beta - p / 2 * logs.sum(axis=0) + size)
        w = np.sign(angle) * growth * -np.expm1(-2 * size)
        beyond = np.flatnonzero((true != inside).any(axis=0))
        if beyond.size:
            excess = (inside - true)[:, beyond]
            slope = self._slopes(logs[:, beyond])
            w[beyond] += self.anchor.sign[columns][beyond] * slope * (excess[0] - excess[1])
        return np.asarray(w)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return dw/dz."""
        logs = np.log(self._distances(xi, columns)[1])
        return np.asarray(self._slopes(logs) * self.unit)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return the potential ``β/((p-1) unit) Σ ((1-x)^{1-p} + (1+x)^{1-p})`` less its anchor's.

        It is infinite beyond the pole.
        """
        c = self.power - 1
        near, move = self.anchor.distance[columns], self.anchor.sign[columns] * (self.unit * xi)
        from_poles = np.stack([near, 2 - near])
        change = np.stack([-move, move]) / from_poles
        if (change <= -1).any():
            return float("inf")
        size = np.exp(self.log_beta - c * np.log(from_poles))
        return float((size * np.expm1(-c * np.log1p(change))).sum()) / (c * self.unit)

    def norm_squared(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``‖u‖² + ‖v‖² = Σ β^{2/L} ((1-x)^{-c} + (1+x)^{-c})``, ``c = 2/(L-2)``."""
        logs = np.log(self._distances(xi, columns)[1])
        return float(np.exp(2 * self.log_beta / self.depth - (self.power - 1) * logs).sum())

    def _slopes(self, logs: np.ndarray) -> np.ndarray:
        """Return dw/dx from the logarithms of the distances."""
        p = self.power
        growth = np.exp(self.log_beta + math.log(p) - (p + 1) * logs)
        return np.asarray(growth.sum(axis=0))

    def _distances(self, xi: np.ndarray, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances from both poles, and those up to which the map is the true one."""
        true = self.anchor.distances(self.unit * xi, columns)
        distance = self.anchor.distance[columns]
        least = _TANGENT_FROM * np.stack([distance, 2 - distance])
        return true, np.maximum(true, least)


class Standing(NamedTuple):
    """Where the net stands at one scale.

    With more samples than inputs, and inputs that nearly depend on each other, the terms of
    ``x = Xᵀξ`` are large numbers that cancel, and outputs are sensitive to x: multipliers rounded
    to doubles do not say what the margins are. Therefore x is kept beside them along the whole
    path, every step changes both, and small steps round little. That x differs from ``Xᵀξ`` by
    rounding, e, is no harm where the outputs are held all the same: weights that hold them exactly
    at the minimum of a potential tilted by e differ from those of the true one by about e in units
    of typical weights.

    Parameters
    ----------
    multipliers : ndarray, shape (n,)
        The invariant ξ, or ν for L = 2.
    coordinates : ndarray or Anchor, shape (d,)
        ``x = Xᵀξ``, of which the weights are functions; for L ≥ 3 with their distance from the pole
        at 1, which they approach until they round to it.
    """

    multipliers: np.ndarray
    coordinates: np.ndarray | Anchor

    @property
    def x(self) -> np.ndarray:
        """The coordinates, rounded to doubles."""
        return self.coordinates.x if isinstance(self.coordinates, Anchor) else self.coordinates

    def moved(self, step: np.ndarray, move: np.ndarray) -> Standing:
        """Return where multipliers are changed by `step`, and coordinates by `move`."""
        at = self.coordinates
        new = at.moved(move) if isinstance(at, Anchor) else at + move
        return Standing(self.multipliers + step, new)


class Bound(NamedTuple):
    """Below which multipliers do not fall: those of the last point, where margins are held.

    Parameters
    ----------
    last : Standing
        The last point, zero before the first.
    equal : ndarray of bool, shape (n,)
        Which outputs are equal to their targets, so that their multipliers have no bound.
    """

    last: Standing
    equal: np.ndarray

    @property
    def floor(self) -> np.ndarray:
        """The lower bounds, shape (n,)."""
        return np.where(self.equal, -np.inf, self.last.multipliers)


def nothing_of(problem: Problem) -> Standing:
    """Return where the net stands before the first point: multipliers start at zero."""
    return Standing(np.zeros(problem.n), np.zeros(problem.d))


def standing_of(
    problem: Problem, multipliers: np.ndarray, x: np.ndarray, depth: int, bound: Bound
) -> Standing:
    """Return where multipliers and coordinates are known, once the former respect their bound."""
    # At the pole itself there is no net; coordinates that round to it are the last ones before.
    coordinates = x if depth == 2 else Anchor.at(np.clip(x, -_LARGEST_X, _LARGEST_X))
    lift = np.maximum(bound.floor - multipliers, 0.0)
    standing = Standing(multipliers, coordinates)
    return standing.moved(lift, problem.inputs.correlate(lift)) if lift.any() else standing


def extrapolated(
    problem: Problem,
    known: Sequence[Standing],
    log_beta: np.ndarray,
    depth: int,
    bound: Bound,
) -> Standing:
    """Extrapolate the last one or two points, linearly where the rich regime is linear.

    That is in log β for L = 2 and in ``β^{(L-2)/L}`` for L ≥ 3. The second point continues the
    kernel regime, where multipliers grow like 1/β. For L ≥ 3 the guess must stay inside
    ``|x| < 1``, where the last point is at every scale.

    Parameters
    ----------
    problem : Problem
        The data.
    known : sequence of Standing
        The last points, two where there are so many.
    log_beta : ndarray
        Scales up to the one that is wanted.
    depth : int
        L.
    bound : Bound
        Lower bounds of the multipliers.
    """
    last = known[-1]
    if len(known) == 1:
        times = float(np.expm1(log_beta[0] - log_beta[1]))
        step, move = times * last.multipliers, times * last.x
    else:
        c, near = (depth - 2) / depth, log_beta[-3:]
        clock = np.exp(c * (near - near[2])) if c else near
        times = float((clock[2] - clock[1]) / (clock[1] - clock[0]))
        step = times * (last.multipliers - known[0].multipliers)
        move = times * (last.x - known[0].x)
    lift = np.maximum(bound.floor - last.multipliers - step, 0.0)
    if lift.any():
        step, move = step + lift, move + problem.inputs.correlate(lift)
    if isinstance(last.coordinates, Anchor):
        far, size = last.coordinates.distance, np.abs(move)
        steps_left = np.divide(far, size, out=np.full_like(far, np.inf), where=size > 0)
        part = min(1.0, 0.5 * float(steps_left.min()))
        step, move = part * step, part * move
    return last.moved(step, move)


def check_tilt(problem: Problem, standing: Standing, unit: float) -> None:
    """Refuse a path on which rounding has driven the coordinates away from the multipliers.

    Parameters
    ----------
    problem : Problem
        The data.
    standing : Standing
        Its last point, where all that was rounded on the way has added up.
    unit : float
        The coordinate of a typical weight.

    Raises
    ------
    NotResolved
        Where they differ by more than a small part of it, and than multipliers rounded to doubles
        leave open.
    """
    inputs, size = problem.inputs, np.abs(standing.multipliers)
    rounding = problem.n * _EPSILON * inputs.absolute.correlate(size)
    off = np.abs(standing.x - inputs.correlate(standing.multipliers)) - rounding
    tilt = float(off.max()) / unit
    if not tilt <= _MOST_TILT:
        raise NotResolved.but_followed(
            "the weights on the way from the early to the late weights are known to "
            f"{tilt:.1e} of a typical one in double precision, expected {_MOST_TILT:.0e}",
            standardising(problem.transform),
        )
