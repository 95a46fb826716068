"""Losses of the outputs of a net, in torch: value, gradient and curvature in closed form.

Outputs have shape (m, C). The square loss takes targets of shape (m, C), the two losses of
margins labels ±1 of shape (m,) with C = 1, cross-entropy classes 0 to C-1 of shape (m,). All of
them are per sample; the objective averages them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional


@runtime_checkable
class NetLoss(Protocol):
    """A convex loss of the outputs f of a net."""

    @property
    def name(self) -> str:
        """What the loss is called in results."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss of every sample, shape (m,)."""

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``∂l/∂f``, shape (m, C)."""

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``(∂²l/∂f²) v``, shape (m, C), for v of that shape."""

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the prediction is wrong, else 0; or squared errors; shape (m,)."""


@dataclass(frozen=True)
class SquaredError:
    """``‖f - y‖²``, without the factor one half, as the paper writes it."""

    name: str = "square"

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``‖f - y‖²``."""
        return ((f - y) ** 2).sum(dim=1)

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``2 (f - y)``."""
        return 2 * (f - y)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``2 v``."""
        return 2 * v

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``‖f - y‖²``."""
        return self.value(f, y)


@dataclass(frozen=True)
class OneHotSquare(SquaredError):
    """The square loss of one-hot rows of classes: the largest output is the prediction."""

    name: str = "one-hot square"

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the largest output is not that of the class."""
        return (f.argmax(dim=1) != y.argmax(dim=1)).to(f.dtype)


@dataclass(frozen=True)
class LogisticMargin:
    """``log(1 + exp(-y f))``."""

    name: str = "logistic"

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss without overflow."""
        return functional.softplus(-y * f[:, 0])

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``-y σ(-y f)``."""
        return (-y * torch.sigmoid(-y * f[:, 0]))[:, None]

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``σ(f) σ(-f) v``."""
        return torch.sigmoid(f) * torch.sigmoid(-f) * v

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where ``y f ≤ 0``."""
        return (y * f[:, 0] <= 0).to(f.dtype)


@dataclass(frozen=True)
class ExponentialMargin:
    """``exp(-y f)``."""

    name: str = "exponential"

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss."""
        return torch.exp(-y * f[:, 0])

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``-y exp(-y f)``."""
        return (-y * self.value(f, y))[:, None]

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``exp(-y f) v``."""
        return self.value(f, y)[:, None] * v

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where ``y f ≤ 0``."""
        return (y * f[:, 0] <= 0).to(f.dtype)


@dataclass(frozen=True)
class CrossEntropy:
    """``-log softmax(f)_y``."""

    name: str = "cross-entropy"

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss."""
        return functional.cross_entropy(f, y, reduction="none")

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``softmax(f) - e_y``."""
        return torch.softmax(f, dim=1) - functional.one_hot(y, f.shape[1]).to(f.dtype)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``(diag p - p pᵀ) v`` with p the softmax."""
        p = torch.softmax(f, dim=1)
        return p * (v - (p * v).sum(dim=1, keepdim=True))

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the largest output is not that of the class."""
        return (f.argmax(dim=1) != y).to(f.dtype)


NET_LOSSES: dict[str, NetLoss] = {
    loss.name: loss
    for loss in (
        SquaredError(),
        OneHotSquare(),
        LogisticMargin(),
        ExponentialMargin(),
        CrossEntropy(),
    )
}
