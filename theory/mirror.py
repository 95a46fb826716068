"""The mirror map of the depth-2 diagonal net, in coordinates that stay of order one.

The net ``f(x) = <u² - v², x>`` started at ``u = v = α`` has ``u v = α(s)²`` for all time, with
``s = λt`` and ``α(s) = α e^{-s}``, so that ``w = 2β sinh(4 X.T ν)`` with ``β = α(s)²`` and one
unknown ν_i a sample. As β falls from α² to zero, ν grows from ~1/β to ~log(1/β): no fixed
scaling suits both ends. With ``κ = asinh(ω / 2β)``, ω the size of a typical weight, and
``p = 4ν/κ``,

    w = ω sinh(κ ξ) / sinh κ,    ξ = X.T p,

where p and ξ are of order one throughout, β has disappeared, and nothing overflows:
κ → 0 is the kernel regime (``w = ω ξ``), κ → ∞ the rich one (``w`` lives where ``|ξ| → 1``).
"""

from __future__ import annotations

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

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``ω sinh(κξ) / sinh κ``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            # Trial steps of a solver may overshoot; saturating keeps them finite and rejected.
            return np.asarray(np.sinh(np.clip(k * xi, -600, 600)) * (self.omega / np.sinh(k)))
        size = np.abs(xi)
        growth = np.exp(np.minimum(k * (size - 1), 600.0))
        return np.asarray(self.omega * np.sign(xi) * growth * -np.expm1(-2 * k * size))

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ ω (cosh κξ - 1) / (κ sinh κ)``, by ``cosh x - 1 = 2 sinh²(x/2)``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            half = np.sinh(np.clip(k * xi / 2, -300, 300))
            return float(half @ half * 2 * self.omega / (k * np.sinh(k)))
        growth = np.exp(np.minimum(k * (np.abs(xi) - 1), 600.0))
        return float(growth.sum()) * self.omega / k

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``ω κ cosh(κξ) / sinh κ``."""
        k = self.kappa
        if k <= _LARGE_KAPPA:
            return np.asarray(np.cosh(np.clip(k * xi, -600, 600)) * (self.omega * k / np.sinh(k)))
        growth = np.exp(np.minimum(k * (np.abs(xi) - 1), 600.0))
        return np.asarray(self.omega * k * growth)


@dataclass(frozen=True)
class DiagonalScale:
    """How the effective scale of a depth-2 diagonal net moves with slow time ``s = λt``.

    Parameters
    ----------
    alpha : float
        The value of every coordinate of u and v at time 0.
    omega : float
        The size of a typical weight.
    """

    alpha: float
    omega: float

    def beta(self, s: float) -> float:
        """Return ``β = α² e^{-2s}``."""
        return float(np.exp(2 * (np.log(self.alpha) - s)))

    def kappa(self, s: float) -> float:
        """Return ``κ = asinh(ω / 2β)`` without overflow at either end."""
        log_ratio = np.log(self.omega / 2) - 2 * (np.log(self.alpha) - s)
        if log_ratio > 20:
            return float(log_ratio + np.log(2))  # asinh(x) = log 2x to 1e-17 relative
        return float(np.arcsinh(np.exp(log_ratio)))

    def potential(self, s: float) -> Hypentropy:
        """Return the mirror map at slow time `s`."""
        return Hypentropy(self.omega, self.kappa(s))

    def drift(self, s: float) -> float:
        """Return ``d log κ / ds = 2 tanh(κ) / κ``: how fast p shrinks when nothing pulls."""
        kappa = self.kappa(s)
        return float(2 * np.tanh(kappa) / kappa)

    def norm_of_parameters(self, s: float, w: np.ndarray) -> float:
        """Return ``‖(u, v)‖``: ``u² + v² = sqrt(w² + 4β²)`` in every coordinate."""
        return float(np.sqrt(np.hypot(w, 2 * self.beta(s)).sum()))
