"""The mirror map of deep diagonal nets counted from an anchor, which resolves its pole.

Nonzero weights of a net of depth L ≥ 3 approach the pole of the map of
`grokflow.theory.diagonal.deep_mirror`, ``|x| → 1``, like ``α(s)^{L-2}``: the coordinates x round to
1 long before the weights come to rest, and weights far above the typical one are there even
earlier. Therefore the distances ``1 - |x|`` at one moment, the anchor, are kept to full relative
accuracy, and later coordinates are counted from there: ``x = x₀ + unit z``, ``z = Rᵀp`` again. An
anchor serves until some distance has shrunk by orders; then the next one is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Fraction of its distance at the anchor below which a coordinate goes on along the tangent: no
# accepted state comes there.
_TANGENT_FROM = 1e-5


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
    """

    anchor: Anchor
    depth: int
    log_beta: float

    #: How fast p shrinks when nothing pulls: coordinates counted in a fixed unit do not.
    drift = 0.0

    @property
    def power(self) -> float:
        """``p = L/(L-2)``."""
        return self.depth / (self.depth - 2)

    @property
    def unit(self) -> float:
        """What ``z = 1`` adds to x."""
        return self.anchor.unit

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
        """Return the potential up to a constant, ``β/((p-1) unit) Σ ((1-x)^{1-p} + (1+x)^{1-p})``.

        It is infinite beyond the pole.
        """
        c = self.power - 1
        true, inside = self._distances(xi, columns)
        if (true <= 0).any():
            return float("inf")
        return float(np.exp(self.log_beta - c * np.log(inside)).sum()) / (c * self.unit)

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
