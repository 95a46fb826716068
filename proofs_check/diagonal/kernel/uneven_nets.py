"""Diagonal nets that start unevenly, and their flow in the unknown h of the kernel regime.

The net is ``f(x) = ⟨u^L - b v^L, x⟩`` with ``b = v₀^{-L}``, from ``θ(0) = α (1, v₀)``, where its
output vanishes whatever v₀ is. At even starts, v₀ = 1, the second-order term of the output cancels,
and several bounds of Lyu et al. hold with an order to spare; at uneven ones they can be tight.

With ``θ = α(s) (θ̄ + δ)``, ``α(s) = α e^{-s}``, the paper's unknown is ``h = α(s)^L δ``. As for even
nets, u and v are functions of ``y = α(s)^{-L} Xᵀη``:

    log(u/α(s)) = φ(y),  log(v/(α(s) v₀)) = φ(-m y),  m = v₀^{-2},
    φ(y) = 2y for L = 2,  -log(1 - L(L-2) y)/(L-2) for L ≥ 3,
    dη/ds = -L η + A(s) r/n,  A(s) = α(s)^{2(L-1)}/λ,  r_i = -ℓ'(f_i).

It is integrated by scipy's Radau in a clock in which the initial fit is as slow as the rest.
Nothing is shared with the flows of `grokflow.simulations.diagonal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import logsumexp

# The flow contracts: it forgets the errors of the initial fit, which takes most of the steps.
FIT_RTOL, RTOL = 1e-6, 1e-9
# Below this y a series of so many terms is exact, for degrees up to 4.
_SMALL, _SERIES = 1e-3, 8


@dataclass(frozen=True, eq=False)
class UnevenNet:
    """A net of degree L on given inputs, with the ratio ``m = v₀^{-2}`` for every input.

    Parameters
    ----------
    degree : int
        L ≥ 2.
    inputs : ndarray, shape (n, d)
        Training inputs X.
    ratio : ndarray, shape (d,)
        m.
    """

    degree: int
    inputs: np.ndarray
    ratio: np.ndarray

    def features(self, x: np.ndarray) -> np.ndarray:
        """Return the gradients ``∇f(θ̄; x)``, shape (k, 2d), of inputs of shape (k, d)."""
        return self.degree * np.hstack([x, -np.sqrt(self.ratio) * x])

    def bends(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return ``½ hᵀ∇²f(θ̄; x) h``, shape (k,), along a direction h of shape (2d,)."""
        up, down = np.split(h, 2)
        size = self.degree * (self.degree - 1) / 2
        return np.asarray(x @ (size * (up**2 - self.ratio * down**2)))

    @property
    def kernel(self) -> np.ndarray:
        """The tangent kernel of the training inputs, shape (n, n)."""
        features = self.features(self.inputs)
        return np.asarray(features @ features.T)

    @property
    def squared_lengths(self) -> float:
        """The sum of ``‖∇f_i(θ̄)‖²`` over the training inputs."""
        return float(self.degree**2 * (self.inputs**2 @ (1 + self.ratio)).sum())

    def growths(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``log(u/α(s))`` and ``log(v/(α(s) v₀))``."""
        return self._growth(y), self._growth(-self.ratio * y)

    def _growth(self, y: np.ndarray) -> np.ndarray:
        if self.degree == 2:
            return np.asarray(2 * y)
        excess = self.degree - 2
        return np.asarray(-np.log1p(-self.degree * excess * y) / excess)

    def weights(self, y: np.ndarray) -> np.ndarray:
        """Return ``w / α(s)^L``, without cancellation."""
        up, down = self.growths(y)
        return np.asarray(np.expm1(self.degree * up) - np.expm1(self.degree * down))

    def weight_slopes(self, y: np.ndarray) -> np.ndarray:
        """Return its derivative in y."""
        up, down = self.growths(y)
        power = 2 * (self.degree - 1)
        slopes = np.exp(power * up) + self.ratio * np.exp(power * down)
        return np.asarray(self.degree**2 * slopes)

    def departure(self, y: np.ndarray) -> np.ndarray:
        """Return δ, shape (..., 2d)."""
        up, down = self.growths(y)
        return np.concatenate([np.expm1(up), np.expm1(down) / np.sqrt(self.ratio)], axis=-1)

    def bend(self, y: np.ndarray) -> np.ndarray:
        """Return δ less its part of first order in y, shape (..., 2d), without cancellation."""
        up, down = self._bend(y), self._bend(-self.ratio * y)
        return np.concatenate([up, down / np.sqrt(self.ratio)], axis=-1)

    def _bend(self, y: np.ndarray) -> np.ndarray:
        """Sum the binomial series of ``(1 - L(L-2) y)^{-1/(L-2)}`` where y is small."""
        power, tail = self.degree * y, np.zeros_like(y)
        for k in range(1, _SERIES):
            power = power * self.degree * y * (1 + k * (self.degree - 2)) / (k + 1)
            tail = tail + power
        direct = np.expm1(self._growth(y)) - self.degree * y
        return np.asarray(np.where(np.abs(y) < _SMALL, tail, direct))

    def curvature(self, y: np.ndarray) -> np.ndarray:
        """Return ``w / α(s)^L`` less its part of first order in δ, without cancellation."""
        up, down = (_beyond_first_order(np.expm1(part), self.degree) for part in self.growths(y))
        return np.asarray(up - down)


def _beyond_first_order(e: np.ndarray, degree: int) -> np.ndarray:
    """Return ``(1 + e)^L - 1 - L e``."""
    tail = np.zeros_like(e)
    for k in range(2, degree + 1):
        factor = np.prod(np.arange(degree - k + 1, degree + 1)) / np.prod(np.arange(1, k + 1))
        tail = tail + factor * e**k
    return np.asarray(tail)


@dataclass(frozen=True, eq=False)
class Run:
    """A flow at recorded times.

    Parameters
    ----------
    net : UnevenNet
        The net.
    targets : ndarray, shape (n,)
        Labels or targets.
    log_alpha, log_lam : float
        Logarithms of the scale of the start and of the weight decay.
    s : ndarray, shape (k,)
        Slow times λt.
    eta : ndarray, shape (k, n)
        The unknowns at these times.
    """

    net: UnevenNet
    targets: np.ndarray
    log_alpha: float
    log_lam: float
    s: np.ndarray
    eta: np.ndarray

    @property
    def log_scale(self) -> np.ndarray:
        """``log α(s)``, shape (k,)."""
        return self.log_alpha - self.s

    @property
    def log_a(self) -> np.ndarray:
        """``log A(s)``, ``A = α(s)^{2(L-1)}/λ``, shape (k,)."""
        return 2 * (self.net.degree - 1) * self.log_scale - self.log_lam

    @property
    def y(self) -> np.ndarray:
        """``α(s)^{-L} Xᵀη``, shape (k, d)."""
        return np.asarray(np.exp(-self.net.degree * self.log_scale)[:, None] * self.mixed)

    @property
    def mixed(self) -> np.ndarray:
        """``Xᵀη``, shape (k, d)."""
        return np.asarray(self.eta @ self.net.inputs)

    def _grown(self, values: np.ndarray) -> np.ndarray:
        """Return values times ``α(s)^L``."""
        return np.asarray(np.exp(self.net.degree * self.log_scale)[:, None] * values)

    @property
    def h(self) -> np.ndarray:
        """The paper's ``h = α(s)^L δ``, shape (k, 2d)."""
        return self._grown(self.net.departure(self.y))

    @property
    def log_squared_norm(self) -> np.ndarray:
        """``log ‖θ‖²``, shape (k,)."""
        start = np.append(np.ones_like(self.net.ratio), self.net.ratio**-0.5)
        turned = start + self.net.departure(self.y)
        return np.asarray(2 * self.log_scale + np.log((turned**2).sum(axis=1)))

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return ``f(θ(t); x)``, shape (k, number of inputs)."""
        return np.asarray(self._grown(self.net.weights(self.y)) @ x.T)

    def linearisation_errors(self, x: np.ndarray) -> np.ndarray:
        """Return ``f(θ(t); x) - ⟨∇f(θ̄; x), h⟩``, shape (k, number of inputs)."""
        return np.asarray(self._grown(self.net.curvature(self.y)) @ x.T)

    @property
    def root_loss(self) -> np.ndarray:
        """Square root of the mean square loss, shape (k,)."""
        misses = self.outputs(self.net.inputs) - self.targets
        return np.asarray(np.linalg.norm(misses, axis=1) / np.sqrt(len(self.targets)))

    @property
    def log_loss(self) -> np.ndarray:
        """Logarithm of the mean exponential loss, shape (k,)."""
        margins = self.targets * self.outputs(self.net.inputs)
        return np.asarray(logsumexp(-margins, axis=1) - np.log(len(self.targets)))


def follow(
    net: UnevenNet,
    targets: np.ndarray,
    log_alpha: float,
    log_lam: float,
    s: np.ndarray,
    *,
    margins: bool,
) -> Run:
    """Integrate the flow, with the exponential loss (`margins`) or the square, to the times s."""
    equation = _Equation(net, targets, log_alpha, log_lam, margins)
    x, eta, states = 0.0, np.zeros(len(targets)), []
    # Each record is the end of a step: between steps Radau interpolates to a lower order.
    for end in map(equation.clock, s.tolist()):
        # The last unit of the clock before a record is followed closely.
        fitted = max(x, min(equation.turn, end - 1))
        eta = _integrate(equation, eta, x, fitted, FIT_RTOL)
        eta = _integrate(equation, eta, fitted, end, RTOL)
        states.append(eta)
        x = end
    return Run(net, targets, log_alpha, log_lam, s, np.array(states))


def _integrate(
    equation: _Equation, eta: np.ndarray, start: float, end: float, rtol: float
) -> np.ndarray:
    if start == end:
        return eta
    # A trial of the solver may overflow: it then takes a shorter step.
    with np.errstate(over="ignore", invalid="ignore"):
        found = solve_ivp(
            equation.rate,
            (start, end),
            eta,
            method="Radau",
            t_eval=[end],
            jac=equation.jacobian,
            # Rounding of a stiff rate would make scipy's own first step too short.
            first_step=min(0.01, end - start),
            rtol=rtol,
            # Of η that give outputs of order one, the smallest that matter.
            atol=rtol / 10 / equation.net.squared_lengths,
        )
    if not found.success:
        raise RuntimeError(f"the flow of the uneven net stops between x = {start} and {end}")
    return np.asarray(found.y[:, -1])


@dataclass(frozen=True, eq=False)
class _Equation:
    """dη/dx and its Jacobian, x a clock that is slow where the solution is fast.

    Until A(s) has fallen by a factor e it is ``x = log(1 + A(0) s)``, then it goes like s.
    """

    net: UnevenNet
    targets: np.ndarray
    log_alpha: float
    log_lam: float
    margins: bool

    @cached_property
    def log_a(self) -> float:
        """``log A(0)``."""
        return self.fall * self.log_alpha - self.log_lam

    @property
    def fall(self) -> int:
        """``-d log A/ds``."""
        return 2 * (self.net.degree - 1)

    def clock(self, s: float) -> float:
        """Return x at the time s."""
        linear = max(s * self.fall - 1.0, 0.0)
        return linear + float(np.logaddexp(0.0, np.log(min(s, 1 / self.fall)) + self.log_a))

    @cached_property
    def turn(self) -> float:
        """Return x where A(s) has fallen by a factor e."""
        return self.clock(1 / self.fall)

    def rate(self, x: float, eta: np.ndarray) -> np.ndarray:
        """Return dη/dx."""
        s, log_pace, grown = self._at(x)
        f = grown * (self.net.inputs @ self.net.weights((eta @ self.net.inputs) / grown))
        log_pull = log_pace - self.fall * s
        if self.margins:
            pull = self.targets * np.exp(log_pull - self.targets * f)
        else:
            pull = 2 * np.exp(log_pull) * (self.targets - f)
        pace = np.exp(log_pace - self.log_a)
        return np.asarray(-self.net.degree * pace * eta + pull / len(eta))

    def jacobian(self, x: float, eta: np.ndarray) -> np.ndarray:
        """Return its derivative in η."""
        s, log_pace, grown = self._at(x)
        inputs, y = self.net.inputs, (eta @ self.net.inputs) / grown
        slopes = (inputs * self.net.weight_slopes(y)) @ inputs.T
        log_pull = log_pace - self.fall * s
        if self.margins:
            f = grown * (inputs @ self.net.weights(y))
            bend = np.exp(log_pull - self.targets * f)
        else:
            bend = np.full(len(eta), 2 * np.exp(log_pull))
        decay = self.net.degree * np.exp(log_pace - self.log_a) * np.eye(len(eta))
        return np.asarray(-decay - bend[:, None] * slopes / len(eta))

    def _at(self, x: float) -> tuple[float, float, float]:
        """Return s, ``log(A(0) ds/dx)`` and ``α(s)^L``."""
        if x <= self.turn:
            s, log_pace = float(-np.expm1(-x) * np.exp(x - self.log_a)), x
        else:
            s, log_pace = (1 + x - self.turn) / self.fall, self.log_a - np.log(self.fall)
        return s, log_pace, float(np.exp(self.net.degree * (self.log_alpha - s)))
