"""The difference of two copies of a net, whose outputs are 0 at the start (A3.2)."""

from __future__ import annotations

import copy

import numpy as np
from torch import Tensor, nn


class Symmetrised(nn.Module):
    """The difference of two copies of a net: ``(f(θ₁; x) - f(θ₂; x)) / √2``, zero at ``θ₁ = θ₂``.

    It starts with output 0 at every input, as Assumption 3.2 of Lyu et al. (2024) asks. The
    gradients are ``(∇f, -∇f)/√2``, so that the tangent kernel and the degree of homogeneity are
    those of the net (Chizat, Oyallon and Bach 2019). Outputs at ``αθ̄ + α^{1-L} h`` are linear in h
    up to ``O(α^{-2L})``, where other models reach ``O(α^{-L})``: for h a combination of the
    gradients, terms of even order cancel.

    Parameters
    ----------
    module : nn.Module
        The net, which is copied twice.

    Examples
    --------
    >>> import torch
    >>> import grokflow as gf
    >>> net = gf.Symmetrised(torch.nn.Linear(2, 1, bias=False))
    >>> print(net(torch.ones(3, 2)).tolist())
    [[0.0], [0.0], [0.0]]
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.first = copy.deepcopy(module)
        self.second = copy.deepcopy(module)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for a batch."""
        difference: Tensor = (self.first(x) - self.second(x)) / np.sqrt(2)
        return difference
