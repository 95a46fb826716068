"""Logarithms of losses far below the smallest number.

Where the margins grow, losses underflow long before training ends; their logarithms, and the
gradient of ``log L``, do not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from grokflow.theory.nets.losses import (
    CrossEntropy,
    ExponentialMargin,
    LogisticMargin,
    NetLoss,
)

# Below it, log(softplus(z)) is z - e^z / 2 to double precision.
_FAR = -20.0


def log_loss(loss: NetLoss, f: Tensor, y: Tensor) -> Tensor:
    """Return ``log L``, L the mean loss, a scalar; differentiable, and finite where L is 0.

    Parameters
    ----------
    loss : NetLoss
        Exponential, logistic, cross-entropy, or any other, whose value is then taken as it is.
    f, y : Tensor
        Outputs and targets, see `grokflow.theory.nets.losses`.
    """
    each = _logarithms(loss, f, y)
    return torch.logsumexp(each, dim=0) - torch.log(torch.tensor(float(len(each)), dtype=f.dtype))


def _logarithms(loss: NetLoss, f: Tensor, y: Tensor) -> Tensor:
    """Return the logarithm of the loss of every sample."""
    match loss:
        case ExponentialMargin():
            return -y * f[:, 0]
        case LogisticMargin():
            return _log_softplus(-y * f[:, 0])
        case CrossEntropy():
            own = f.gather(1, y[:, None])
            others = torch.ones_like(f, dtype=torch.bool).scatter(1, y[:, None], False)
            rivals = f.masked_fill(~others, -torch.inf)
            return _log_softplus(torch.logsumexp(rivals, dim=1) - own[:, 0])
        case _:
            return torch.log(loss.value(f, y))


def _log_softplus(z: Tensor) -> Tensor:
    """Return ``log log(1 + e^z)`` without underflow."""
    far = z < _FAR
    near = torch.log(functional.softplus(z.clamp(min=_FAR)))
    return torch.where(far, z - torch.exp(z) / 2, near)
