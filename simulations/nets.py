"""Homogeneous modules with seeded starts: perceptrons, a convolutional net, and exact cases.

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


def squared_relu(z: Tensor) -> Tensor:
    """Return ``max(z, 0)²``: homogeneous of degree two, with a continuous derivative."""
    return functional.relu(z).square()


def quadratic(z: Tensor) -> Tensor:
    """Return ``z²``: homogeneous of degree two and smooth."""
    return z.square()


class MLP(nn.Module):
    """A perceptron ``W_k φ(… φ(W_1 x + b_1))`` with at most one bias, that of the first layer.

    Weights are normal with variance 2 over the number of inputs of the layer (He et al. 2015).

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden widths and outputs.
    activation : callable
        A homogeneous φ: ``torch.relu``, `squared_relu` or `quadratic`.
    rng : Generator
        Draws the weights; the bias starts at zero.
    bias : bool
        Whether the first layer has a bias.
    zero_last : bool
        Start the last layer at zero (A3.2 holds).
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        activation: Activation,
        rng: np.random.Generator,
        *,
        bias: bool = False,
        zero_last: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(
                f"widths are {widths}, expected inputs, hidden widths and outputs, each at least 1"
            )
        shapes = list(zip(widths[1:], widths[:-1], strict=True))
        self.weights = nn.ParameterList([_he(rng, shape, shape[1]) for shape in shapes])
        self.bias = nn.Parameter(torch.zeros(widths[1], dtype=torch.float64)) if bias else None
        self.activation = activation
        if zero_last:
            nn.init.zeros_(self.weights[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, C), for x of shape (m, d)."""
        for i, weight in enumerate(self.weights):
            x = functional.linear(x, weight, None if i else self.bias)
            if i < len(self.weights) - 1:
                x = self.activation(x)
        return x


class SmallCNN(nn.Module):
    """Two 3×3 convolutions, each halving the image, and a linear layer; no biases.

    Parameters
    ----------
    side, channels, width, outputs : int
        Images are (channels, side, side); both convolutions have `width` channels.
    activation : callable
        A homogeneous φ.
    rng : Generator
        Draws the weights.
    """

    def __init__(
        self,
        side: int,
        channels: int,
        width: int,
        outputs: int,
        activation: Activation,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        after = (side + 3) // 4
        self.first = _he(rng, (width, channels, 3, 3), 9 * channels)
        self.second = _he(rng, (width, width, 3, 3), 9 * width)
        self.last = _he(rng, (outputs, width * after**2), width * after**2)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, C), for images of shape (m, channels, side, side)."""
        for kernel in (self.first, self.second):
            x = self.activation(functional.conv2d(x, kernel, stride=2, padding=1))
        return functional.linear(x.flatten(1), self.last)


class DiagonalNet(nn.Module):
    """``⟨u^L - v^L, x⟩`` from ``u = v = 1``, the net of `simulations.flow` as a module."""

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


@dataclass(frozen=True)
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
