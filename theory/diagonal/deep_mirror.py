"""The mirror map of diagonal nets of depth L ≥ 3.

Its coordinates are those of `grokflow.theory.diagonal.mirror`.
The net ``f(x) = <u^L - v^L, x>`` started at ``u = v = α`` keeps ``u^{2-L} + v^{2-L}`` at
``2 α(s)^{2-L}``, ``α(s) = α e^{-s}``, and its weights are [1]_

    w = β ((1-x)^{-p} - (1+x)^{-p}),    x = X.T ξ,  |x| < 1,  p = L/(L-2),  β = α(s)^L.

With ``x = x_ω z``, x_ω the point where w = ω, both z and its coefficients are of order one:
``x_ω → 0`` is the kernel regime (``w = ω z``), ``x_ω → 1`` the rich one.

References
----------
.. [1] Woodworth et al., Kernel and rich regimes in overparametrized models, COLT 2020, Theorem 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq

from grokflow.theory.diagonal.mirror import Hypentropy

# The largest |x| below 1: trial points beyond it have an infinite potential.
_LARGEST_X = 1 - 2.0**-53
# |x| below which the map is linear to double precision: (p+1)(p+2)/6 x² < 2⁻⁵² up to p = 3.
_LINEAR_X = 8e-9
# Logarithm of the weight, in typical ones, and the |x| up to both of which the map is the true one.
# Weights of inputs that are small beside others are many typical ones at any |x|.
_LARGEST_LOG_WEIGHT, _TANGENT_FROM = 12.0, 1 - 1e-3


@dataclass(frozen=True)
class DeepHypentropy:
    """The potential whose gradient maps z to weights: a barrier at ``|z| = 1 / x_ω``.

    Parameters
    ----------
    omega : float
        The weight reached at z = 1.
    depth : int
        L ≥ 3.
    log_beta : float
        Logarithm of ``β = α(s)^L``.
    """

    omega: float
    depth: int
    log_beta: float

    def __post_init__(self) -> None:
        """Refuse depths without this mirror map."""
        if self.depth < 3:
            raise ValueError(f"depth is {self.depth}, expected at least 3: use Hypentropy for 2")

    @cached_property
    def power(self) -> float:
        """``p = L/(L-2)``."""
        return self.depth / (self.depth - 2)

    @cached_property
    def angle(self) -> float:
        """``artanh x_ω``, the root of ``log((1-x)^{-p} - (1+x)^{-p}) = log(ω/β)``."""
        if self.is_linear:
            return float(np.exp(self.log_unit))
        return self._angle_at(self._log_ratio)

    @cached_property
    def _tangent_from(self) -> float:
        """The x beyond which the map goes on along its tangent."""
        typical = np.tanh(self._angle_at(self._log_ratio + _LARGEST_LOG_WEIGHT))
        return float(max(typical, _TANGENT_FROM))

    def _angle_at(self, wanted: float) -> float:
        """Return artanh x where ``log((1-x)^{-p} - (1+x)^{-p})`` is `wanted`."""
        p = self.power
        # Between the tangent at 0 and the exponential growth e^{2pt}/4^p at infinity.
        low = float(np.exp(min(wanted, 0.0) - 2)) / (4 * p)
        high = max(wanted, 0.0) / (2 * p) + 2.0
        return float(brentq(_excess, low, high, args=(p, wanted), xtol=1e-300, rtol=1e-15))

    @cached_property
    def _log_ratio(self) -> float:
        return float(np.log(self.omega)) - self.log_beta

    @property
    def is_linear(self) -> bool:
        """Whether ``(1-x)^{-p} - (1+x)^{-p} = 2px`` to double precision up to x_ω."""
        return self._log_ratio < -30

    def _is_linear_at(self, xi: np.ndarray) -> bool:
        """Whether the map is linear to double precision at coordinates of any size."""
        return self.is_linear and bool(np.abs(xi).max(initial=0.0) * self.unit < _LINEAR_X)

    @cached_property
    def log_unit(self) -> float:
        """``log x_ω``, finite where x_ω itself is no double any more."""
        if self.is_linear:
            return self._log_ratio - float(np.log(2 * self.power))
        return float(np.log(np.tanh(self.angle)))

    @cached_property
    def drift(self) -> float:
        """``d log x_ω / ds``: how fast p shrinks when nothing pulls."""
        p, t = self.power, self.angle
        if self.is_linear:
            return float(self.depth)
        return float((self.depth - 2) * np.sinh(p * t) / (np.sinh(t) * np.cosh((p + 1) * t)))

    @property
    def steepness(self) -> float:
        """``(dw/dz) / w`` at z = 1."""
        return float(self.curvature(np.ones(1))[0] / self.omega)

    def norm_squared(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``‖u‖² + ‖v‖² = Σ β^{2/L} ((1-x)^{-c} + (1+x)^{-c})``, ``c = 2/(L-2)``."""
        c = self.power - 1
        narrowing, angle = self._shape(xi)
        growth = np.exp(2 * self.log_beta / self.depth - c / 2 * narrowing)
        return float((2 * growth * np.cosh(c * angle)).sum())

    @cached_property
    def unit(self) -> float:
        """``x_ω``: the invariant coordinates are ``ξ = x_ω p``."""
        return float(np.tanh(self.angle))

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return w; beyond `_tangent_from` it follows its tangent, and grows through the pole.

        A solver's trial state there is pulled back, as by the true map, and never accepted.
        """
        if self._is_linear_at(xi):
            return np.asarray(self.omega * xi)
        p = self.power
        inside = np.clip(xi, -self._tangent_from / self.unit, self._tangent_from / self.unit)
        narrowing, angle = self._shape(inside)
        w = np.exp(-p / 2 * narrowing) * np.sinh(p * angle) * self._scale
        beyond = np.flatnonzero(inside != xi)
        if beyond.size:
            w[beyond] += self.curvature(inside[beyond]) * (xi - inside)[beyond]
        return np.asarray(w)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return the potential, infinite beyond the barrier."""
        if self._is_linear_at(xi):
            return float(self.omega / 2 * (xi @ xi))
        if float(np.abs(xi).max()) * self.unit > _LARGEST_X:
            return float("inf")
        c = self.power - 1
        narrowing, angle = self._shape(xi)
        # E cosh(ct) - 1 without cancellation, E = (1-x²)^{-c/2}
        rise = np.expm1(-c / 2 * narrowing)
        rise += 2 * (1 + rise) * np.sinh(c * angle / 2) ** 2
        return float(rise.sum()) * self._scale / (c * self.unit)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return dw/dz."""
        if self._is_linear_at(xi):
            return np.full_like(xi, self.omega)
        p = self.power
        xi = np.clip(xi, -self._tangent_from / self.unit, self._tangent_from / self.unit)
        narrowing, angle = self._shape(xi)
        growth = np.exp(-(p + 1) / 2 * narrowing) * np.cosh((p + 1) * angle)
        return np.asarray(growth * (self._scale * p * self.unit))

    @cached_property
    def _scale(self) -> float:
        t, p = self.angle, self.power
        return float(self.omega / (np.cosh(t) ** p * np.sinh(p * t)))

    def _shape(self, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``log(1-x²)`` and ``artanh x``."""
        x = np.clip(self.unit * xi, -_LARGEST_X, _LARGEST_X)
        return np.log1p(-x * x), np.arctanh(x)


def _excess(t: float, p: float, wanted: float) -> float:
    """Return ``log((1-x)^{-p} - (1+x)^{-p}) - wanted`` at x = tanh t."""
    return p * math.log(math.cosh(t)) + math.log(2 * math.sinh(p * t)) - wanted


MirrorMap = Hypentropy | DeepHypentropy


def mirror_map(depth: int, omega: float, log_beta: float) -> MirrorMap:
    """Return the mirror map of the diagonal net of the given depth at ``β = α(s)^L``."""
    if depth < 2:
        raise ValueError(f"depth is {depth}, expected at least 2: a linear model has one phase")
    if depth == 2:
        return Hypentropy(omega, float(np.arcsinh(omega / 2 * np.exp(-log_beta))))
    return DeepHypentropy(omega, depth, log_beta)
