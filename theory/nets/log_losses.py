"""Logarithms of losses far below the smallest number.

Where the margins grow, losses underflow long before training ends; their logarithms, and the
gradient of ``log L``, do not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokflow.theory.nets.losses import NetLoss, TailedNetLoss


def log_loss(loss: NetLoss, f: Tensor, y: Tensor) -> Tensor:
    """Return ``log L``, L the mean loss, a scalar; differentiable, and finite where L is 0.

    Parameters
    ----------
    loss : NetLoss
        A loss that is known by its logarithm, or any other, whose value is then taken as it is.
    f, y : Tensor
        Outputs and targets, see `grokflow.theory.nets.losses`.
    """
    if isinstance(loss, TailedNetLoss):
        values = loss.log_value(f, y)
    else:
        values = torch.log(loss.value(f, y))
    count = torch.tensor(float(len(values)), dtype=f.dtype)
    return torch.logsumexp(values, dim=0) - torch.log(count)


def exact_mean_loss(loss: NetLoss, f: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss, a scalar whose gradient is exact also where the loss is tiny."""
    if isinstance(loss, TailedNetLoss):
        return torch.exp(log_loss(loss, f, y))
    return loss.value(f, y).mean()
