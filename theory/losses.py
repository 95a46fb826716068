"""The losses of the theory, as functions of a margin or of an output, with their conjugates.

Classification losses act on the margin ``q = y f``; the square loss acts on the output and
carries its targets. All of them are per sample; the objective averages them over n samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.special import expit, xlog1py, xlogy

Vector = Float[np.ndarray, " n"]


@runtime_checkable
class Loss(Protocol):
    """A convex loss of the outputs ``q`` of a design: margins, or predictions of targets."""

    @property
    def name(self) -> str:
        """What the loss is called in results."""

    @property
    def largest_curvature_at_zero(self) -> float:
        """The second derivative at q = 0, which sets the time in which the data are fitted."""

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss of every sample."""

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``-dl/dq``, the pull on every output."""

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``d²l/dq²``."""

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``sup_q (-u q - l(q))``, infinite outside its domain."""


@runtime_checkable
class TailedLoss(Loss, Protocol):
    """A loss with an exponential tail, whose pull is known by its logarithm however small it is."""

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``log(-dl/dq)``."""

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return ``-d log(-dl/dq)/dq``, the curvature relative to the pull: 1 for large q."""


@dataclass(frozen=True)
class Exponential:
    """``exp(-q)``: the loss of the classification theorems."""

    name: str = "exponential"
    largest_curvature_at_zero: float = 1.0

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``; beyond 1e43 it saturates, so that a wild trial step stays finite."""
        return np.asarray(np.exp(np.minimum(-q, 100.0)))

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``."""
        return self.value(q, targets)

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``exp(-q)``."""
        return self.value(q, targets)

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``-q``."""
        return np.asarray(-q)

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return 1."""
        return np.ones_like(q)

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u log u - u`` for u ≥ 0."""
        return np.where(u >= 0, xlogy(u, np.maximum(u, 0)) - u, np.inf)


@dataclass(frozen=True)
class Logistic:
    """``log(1 + exp(-q))``: the loss of the classification experiments."""

    name: str = "logistic"
    largest_curvature_at_zero: float = 0.25

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``log(1 + exp(-q))`` without overflow."""
        return np.asarray(np.logaddexp(0.0, -q))

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``1 / (1 + exp(q))``, to full relative accuracy for large q."""
        return np.asarray(expit(-q))

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``expit(q) expit(-q)``."""
        return np.asarray(expit(q) * expit(-q))

    def log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return ``-log(1 + exp(q))``."""
        return np.asarray(-np.logaddexp(0.0, q))

    def tail(self, q: np.ndarray) -> np.ndarray:
        """Return ``1 / (1 + exp(-q))``."""
        return np.asarray(expit(q))

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u log u + (1-u) log(1-u)`` for u in [0, 1]."""
        inside = (u >= 0) & (u <= 1)
        v = np.clip(u, 0, 1)
        return np.where(inside, xlogy(v, v) + xlog1py(1 - v, -v), np.inf)


@dataclass(frozen=True)
class Square:
    """``(q - target)²``, without the factor one half, as the paper writes it."""

    name: str = "square"
    largest_curvature_at_zero: float = 2.0

    def value(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``(q - target)²``."""
        return np.asarray((q - targets) ** 2)

    def descent(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``2 (target - q)``."""
        return np.asarray(2 * (targets - q))

    def curvature(self, q: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return 2."""
        return np.full_like(q, 2.0)

    def conjugate(self, u: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return ``u²/4 - u target``."""
        return np.asarray(u**2 / 4 - u * targets)


LOSSES: dict[str, Loss] = {loss.name: loss for loss in (Exponential(), Logistic(), Square())}
