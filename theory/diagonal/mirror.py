"""The mirror map of the depth-2 diagonal net, in coordinates that stay of order one.

The net ``f(x) = <u² - v², x>`` started at ``u = v = α`` has ``u v = α(s)²`` for all time, with
``s = λt`` and ``α(s) = α e^{-s}``, so that ``w = 2β sinh(4 X.T ν)`` with ``β = α(s)²`` and one
unknown ν_i per sample. As β falls from α² to zero, ν grows from ~1/β to ~log(1/β): no fixed
scaling suits both ends. With ``κ = asinh(ω / 2β)``, ω the size of a typical weight, and
``p = 4ν/κ``,

    w = ω sinh(κ ξ) / sinh κ,    ξ = X.T p,

where p and ξ are of order one throughout, β has disappeared, and nothing overflows:
κ → 0 is the kernel regime (``w = ω ξ``), κ → ∞ the rich one (``w`` lives where ``|ξ| → 1``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Beyond this, sinh is replaced by exponentials, which cost twice as much but cannot overflow.
_LARGE_KAPPA = 300.0


@dataclass(frozen=True)
class Hypentropy:
    """The potential whose gradient maps ξ to weights: ``Σ ω (cosh κξ - 1) / (κ sinh κ)``.

    Its convex conjugate is the hypentropy of Ghai, Hazan and Singer (2020), which interpolates
    between the squared L2 norm (κ → 0) and the L1 norm (κ → ∞).

    Parameters
    ----------
    omega : float
        The weight reached at ξ = 1.
    kappa : float
        Degree of nonlinearity, ``asinh(ω / 2β)``.
    """

    omega: float
    kappa: float

    @property
    def unit(self) -> float:
        """``κ/4``: the invariant coordinates are ``ν = κp/4``."""
        return self.kappa / 4

    @property
    def log_unit(self) -> float:
        """Logarithm of `unit`."""
        return math.log(self.unit)

    @property
    def drift(self) -> float:
        """``d log κ / ds = 2 tanh(κ) / κ``: how fast p shrinks when nothing pulls."""
        return 2 * math.tanh(self.kappa) / self.kappa

    @property
    def steepness(self) -> float:
        """``(dw/dξ) / w`` at ξ = 1."""
        return float(self.kappa / np.tanh(self.kappa))

    def norm_squared(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``‖u‖² + ‖v‖² = Σ sqrt(w² + 4β²)``; ``2β = ω / sinh κ``."""
        twice_beta = self.omega / np.sinh(min(self.kappa, _LARGE_KAPPA))
        return float(np.hypot(self.weights(xi), twice_beta).sum())

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``ω sinh(κξ) / sinh κ``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            # Trial steps of a solver may overshoot; saturating keeps them finite and rejected.
            return np.asarray(np.sinh(_clipped(k * xi, 600.0)) * (self.omega / math.sinh(k)))
        size = np.abs(xi)
        growth = np.exp(np.minimum(k * (size - 1), 600.0))
        return np.asarray(self.omega * np.sign(xi) * growth * -np.expm1(-2 * k * size))

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ ω (cosh κξ - 1) / (κ sinh κ)``, by ``cosh x - 1 = 2 sinh²(x/2)``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            half = np.sinh(_clipped(k * xi / 2, 300.0))
            return float(half @ half * 2 * self.omega / (k * np.sinh(k)))
        growth = np.exp(np.minimum(k * (np.abs(xi) - 1), 600.0))
        return float(growth.sum()) * self.omega / k

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``ω κ cosh(κξ) / sinh κ``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            return np.asarray(np.cosh(_clipped(k * xi, 600.0)) * (self.omega * k / np.sinh(k)))
        growth = np.exp(np.minimum(k * (np.abs(xi) - 1), 600.0))
        return np.asarray(self.omega * k * growth)


def _clipped(x: np.ndarray, bound: float) -> np.ndarray:
    """Clip `x` to ±`bound` in place; on short vectors `numpy.clip` takes longer than sinh."""
    np.minimum(x, bound, out=x)
    return np.asarray(np.maximum(x, -bound, out=x))
