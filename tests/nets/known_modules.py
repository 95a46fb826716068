"""Homogeneous modules with seeded starts whose flows are known exactly.

The degree of homogeneity L counts every weight that a signal meets once, and twice where it is
squared afterwards. All parameters are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Callable[[Tensor], Tensor]


class DiagonalNet(nn.Module):
    """``⟨u^L - v^L, x⟩`` from ``u = v = 1``: `grokflow.simulations.diagonal.flow` as a module."""

    def __init__(self, d: int, depth: int = 2) -> None:
        super().__init__()
        self.u = nn.Parameter(torch.ones(d, dtype=torch.float64))
        self.v = nn.Parameter(torch.ones(d, dtype=torch.float64))
        self.depth = depth

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m,), for x of shape (m, d)."""
        return x @ (self.u**self.depth - self.v**self.depth)


class Factorisation(nn.Module):
    """Entries (i, j) of ``W = UUᵀ - VVᵀ`` from ``U = V = 1``, for x of shape (m, 2), integers."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.u = nn.Parameter(torch.eye(d, dtype=torch.float64))
        self.v = nn.Parameter(torch.eye(d, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the entries, shape (m,)."""
        i, j = x.unbind(dim=1)
        return (self.u[i] * self.u[j] - self.v[i] * self.v[j]).sum(dim=1)


class ModularAddition(nn.Module):
    """``W (U e_a + V e_b)²`` for pairs (a, b) of residues modulo p, C = p outputs, L = 3.

    Rows of U and V are gathered: x holds integers, shape (m, 2).

    Parameters
    ----------
    p, width : int
        Modulus and number of neurons.
    rng : Generator
        Draws normal weights with variance 1 (U, V) and one over the width (W).
    """

    def __init__(self, p: int, width: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.left = _he(rng, (p, width), 2)
        self.right = _he(rng, (p, width), 2)
        self.out = _he(rng, (p, width), 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, p)."""
        # Plain indexing: embeddings differentiate ten times more slowly sample by sample.
        hidden = self.left[x[:, 0]] + self.right[x[:, 1]]
        return functional.linear(hidden.square(), self.out)


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of residues modulo p, in a random order, with their sums."""

    x: Tensor
    total: Tensor


def residue_pairs(p: int, rng: np.random.Generator) -> Pairs:
    """Draw an order of the p² pairs; x has shape (p², 2), the sums (p²,), both int64."""
    order = rng.permutation(p * p)
    pairs = np.stack(np.divmod(order, p), axis=1)
    return Pairs(torch.from_numpy(pairs), torch.from_numpy(pairs.sum(axis=1) % p))


def _he(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> nn.Parameter:
    values = rng.standard_normal(shape) * np.sqrt(2 / inputs)
    return nn.Parameter(torch.from_numpy(values))
