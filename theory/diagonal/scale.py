"""How the effective scale of a diagonal net moves with slow time, by logarithms throughout.

From ``u = v = α`` on, ``α(s) = α e^{-s}`` with ``s = λt``. The invariant coordinates ν of the
mirror map (`grokflow.theory.diagonal.mirror`, `grokflow.theory.diagonal.deep_mirror`) grow by
``dν/ds = c r / (nλ)``, r the pull on the samples and

    c = 1 for L = 2,    c = L (L-2) α(s)^{L-2} for L ≥ 3.

With ``ν = unit(s) p`` the state p is of order one throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from grokflow.theory.arguments import ALPHA_RANGE, check_range, check_whole
from grokflow.theory.diagonal.deep_mirror import DeepHypentropy, MirrorMap
from grokflow.theory.diagonal.mirror import Hypentropy

_DEPTH_RANGE = (2.0, 8.0)


@dataclass(frozen=True, eq=False)  # by identity: hashing is part of every evaluation
class DiagonalScale:
    """Scale of the diagonal net ``u^L - v^L``.

    Parameters
    ----------
    alpha : float
        The value of every coordinate of u and v at time 0.
    omega : float
        The size of a typical weight.
    depth : int
        L ≥ 2.
    """

    alpha: float
    omega: float
    depth: int = 2

    def log_scale(self, s: float) -> float:
        """Return ``log α(s)``."""
        return math.log(self.alpha) - s

    def kappa(self, s: float) -> float:
        """Return ``κ = asinh(ω / 2β)`` of depth 2 without overflow at either end."""
        log_ratio = math.log(self.omega / 2) - 2 * self.log_scale(s)
        if log_ratio > 20:
            return log_ratio + math.log(2)  # asinh(x) = log 2x to 1e-17 relative
        return math.asinh(math.exp(log_ratio))

    def potential(self, s: float) -> MirrorMap:
        """Return the mirror map at slow time `s`."""
        return _potential(self, s)

    def pole(self, distance: float) -> float:
        """Return the slow time at which ``1 - x_ω`` is `distance`; infinite for depth 2."""
        if self.depth == 2:
            return float("inf")
        p = self.depth / (self.depth - 2)
        log_growth = np.log(distance**-p - (2 - distance) ** -p)
        log_beta = np.log(self.omega) - log_growth
        return float(np.log(self.alpha) - log_beta / self.depth)

    def bend(self, x: float) -> float:
        """Return the slow time, at least 0, at which κ (L = 2) or x_ω (L ≥ 3) is `x`, below 1."""
        if self.depth > 2:
            return max(self.pole(1 - x), 0.0)
        log_beta = math.log(self.omega / 2) - math.log(math.sinh(x))
        return max(math.log(self.alpha) - log_beta / 2, 0.0)

    def log_speed(self, s: float) -> float:
        """Return ``log c``."""
        L = self.depth
        return 0.0 if L == 2 else float(np.log(L * (L - 2)) + (L - 2) * self.log_scale(s))


def kernel_end(largest_weight: float) -> float:
    """Return ``log β`` where the kernel regime ends: the largest weight is a tenth of β."""
    return float(np.log(10 * largest_weight))


def check_scale(alpha: float, depth: int = 2) -> None:
    """Refuse a scale or a depth that no flow starts from, before there is a problem."""
    check_range("alpha", alpha, ALPHA_RANGE)
    check_depth(depth)


def check_depth(depth: int) -> None:
    """Refuse a depth for which the mirror map is not known."""
    check_range("depth", depth, _DEPTH_RANGE)
    check_whole("depth", depth)


@lru_cache(maxsize=16)
def _potential(scale: DiagonalScale, s: float) -> MirrorMap:
    """Return the mirror map; one evaluation of a flow asks for it several times."""
    if scale.depth == 2:
        return Hypentropy(scale.omega, scale.kappa(s))
    return DeepHypentropy(scale.omega, scale.depth, scale.depth * scale.log_scale(s))
