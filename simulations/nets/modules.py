"""Small nets with seeded starts: multilayer perceptrons, a convolutional net, a committee."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from grokflow.theory.arguments import check_positive
from grokflow.theory.nets.symmetrised import Symmetrised

_Net = TypeVar("_Net", bound=nn.Module)


class Activation(Enum):
    """What a hidden unit does to its input h: ``max(h, 0)``, its square, or ``h²``.

    Examples
    --------
    >>> import torch
    >>> import grokflow as gf
    >>> for activation in gf.Activation:
    ...     print(activation.value, activation(torch.tensor([-2.0, 3.0])).tolist())
    relu [0.0, 3.0]
    squared-relu [0.0, 9.0]
    quadratic [4.0, 9.0]
    """

    RELU = "relu"
    SQUARED_RELU = "squared-relu"
    QUADRATIC = "quadratic"

    def __call__(self, h: Tensor) -> Tensor:
        """Return the unit's output."""
        match self:
            case Activation.RELU:
                return torch.relu(h)
            case Activation.SQUARED_RELU:
                return torch.relu(h) ** 2
            case Activation.QUADRATIC:
                return h**2


class MLP(nn.Module):
    """The multilayer perceptron ``W_k a(… a(W_1 x + b_1))``, homogeneous in its parameters.

    It is so because only the first layer has a bias. Its parameters are float64 and zero: draw
    them before use, as `he_start` does.

    Parameters
    ----------
    widths : sequence of int
        Numbers of inputs, of hidden units layer by layer, and of outputs.
    activation : Activation
        The nonlinearity a.
    bias : bool
        Whether the first layer has a bias b_1.

    Raises
    ------
    ValueError
        For fewer than two widths, and for widths below 1.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> import grokflow as gf
    >>> net = gf.he_start(gf.MLP([2, 8, 3], gf.Activation.RELU), np.random.default_rng(0))
    >>> net(torch.ones(5, 2, dtype=torch.float64)).shape
    torch.Size([5, 3])
    """

    def __init__(self, widths: Sequence[int], activation: Activation, bias: bool = True) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(
                f"widths are {list(widths)}, expected inputs, hidden units and outputs, each at "
                "least 1: choose larger ones"
            )
        pairs = zip(widths[1:], widths[:-1], strict=True)
        self.weights = nn.ParameterList(torch.zeros(shape, dtype=torch.float64) for shape in pairs)
        self.bias = nn.Parameter(torch.zeros(widths[1], dtype=torch.float64)) if bias else None
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, C)."""
        h = functional.linear(x, self.weights[0], self.bias)
        for weight in list(self.weights)[1:]:
            h = functional.linear(self.activation(h), weight)
        return h


def he_start(
    net: MLP, rng: np.random.Generator, *, scale: float = 1.0, zero_last: bool = False
) -> MLP:
    """Draw He weights, ``N(0, 2 / inputs)``, times `scale`; biases are 0. Returns the net.

    Parameters
    ----------
    net : MLP
        The net whose weights are drawn.
    rng : Generator
        Draws them.
    scale : float
        Factor on all weights.
    zero_last : bool
        Whether the last layer is 0, so that the net starts with output 0 (A3.2).

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> net = gf.MLP((100, 200, 1), gf.Activation.RELU)
    >>> net = gf.he_start(net, np.random.default_rng(0))
    >>> print(f"{net.weights[0].std():.3f}, as the square root of 2/100")
    0.141, as the square root of 2/100
    """
    with torch.no_grad():
        for weight in net.weights:
            draw = rng.standard_normal(tuple(weight.shape)) * np.sqrt(2 / weight.shape[1])
            weight.copy_(torch.from_numpy(draw))
        if zero_last:
            net.weights[-1].zero_()
    return scaled(net, scale)


def scaled(net: _Net, scale: float) -> _Net:
    """Multiply all parameters by `scale`. Returns the net."""
    check_positive("scale", scale)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(scale)
    return net


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
        activation: Callable[[Tensor], Tensor],
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        after = (side + 3) // 4
        self.first = _he_weights(rng, (width, channels, 3, 3), 9 * channels)
        self.second = _he_weights(rng, (width, width, 3, 3), 9 * width)
        self.last = _he_weights(rng, (outputs, width * after**2), width * after**2)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, C), for images of shape (m, channels, side, side)."""
        for kernel in (self.first, self.second):
            x = self.activation(functional.conv2d(x, kernel, stride=2, padding=1))
        return functional.linear(x.flatten(1), self.last)


class Committee(nn.Module):
    """``(α/N) Σ φ(<w_j, x>)`` with ``φ(h) = h + (ε/2) h²``, less its value at the start [1]_.

    α sets how lazy training is (follow it with a step proportional to N/α²), ε how well the
    tangent kernel at the start sees quadratic targets. Not homogeneous.

    References
    ----------
    .. [1] Kumar, Bordelon, Gershman and Pehlevan, ICLR 2024, arXiv 2310.06110.
    """

    start: Tensor

    def __init__(self, inputs: int, width: int, *, alpha: float, epsilon: float, seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng(np.random.SeedSequence(seed))
        draw = torch.from_numpy(rng.standard_normal((width, inputs)))
        self.weight = nn.Parameter(draw)
        self.register_buffer("start", draw.clone())
        self.alpha, self.epsilon = alpha, epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape (m, 1)."""
        return self.alpha * (self._mean(x, self.weight) - self._mean(x, self.start))

    def _mean(self, x: Tensor, weight: Tensor) -> Tensor:
        h = x @ weight.T
        return (h + self.epsilon / 2 * h**2).mean(dim=1, keepdim=True)


def _he_weights(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> nn.Parameter:
    values = rng.standard_normal(shape) * np.sqrt(2 / inputs)
    return nn.Parameter(torch.from_numpy(values))


def precision(double: bool) -> torch.dtype:
    """Return double or single precision."""
    return torch.float64 if double else torch.float32


def starting_at_zero(net: nn.Module, x: Tensor) -> nn.Module:
    """Return the net if its outputs on `x` are 0, else the difference of two that are alike."""
    with torch.no_grad():
        outputs = net(x)
    return Symmetrised(net) if bool(outputs.any()) else net
