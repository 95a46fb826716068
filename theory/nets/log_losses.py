"""Logarithms of losses far below the smallest number, and the margin that rounds a gradient to 0.

Where the margins grow, losses underflow long before training ends; their logarithms, and the
gradient of ``log L``, do not. Before that, the gradient of cross-entropy as it is usually computed
is rounded to 0 at the right class [1]_.

References
----------
.. [1] Prieto, Barsbey, Mediano and Birdal 2025, arXiv 2501.04697.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
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


def vanishing_margin(bits: int, behind: ArrayLike) -> float:
    """Return the margin from which softmax gives the right class a probability of exactly 1.

    A sum that begins with ``1 = e^0``, of the right class, stays 1 when half a unit in its last
    place, ``2^-bits``, or less is added to it; the gradient of cross-entropy, the probability less
    1, is 0 then.

    Parameters
    ----------
    bits : int
        Binary digits of a number: 24 in single and 53 in double precision.
    behind : array_like, shape (k,)
        How far the logits that are added at once, each other class or the sum of all, are below the
        largest of them; the margin is that of the largest.
    """
    return float(bits * np.log(2) + np.log(np.sum(np.exp(-np.asarray(behind)))))
