"""Losses of the outputs of a net, in torch: value, gradient and curvature in closed form.

Outputs have shape (m, C), and `TargetForm` says what targets belong to them. All losses are given
for one sample; the objective averages them. `NET_LOSSES` holds them by name. Another loss is any
object that has the members of `NetLoss`; nothing depends on its name.

Examples
--------
>>> import grokflow as gf
>>> for name, loss in gf.NET_LOSSES.items():
...     print(name, "takes", loss.target_form.name.lower())
square takes values
one-hot square takes values
logistic takes signs
exponential takes signs
cross-entropy takes classes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

# Below it, log(softplus(z)) is z - e^z / 2 to double precision.
_SMALL_SOFTPLUS = -20.0


class TargetForm(Enum):
    """What the targets of a loss are, and with them what its outputs tend to at small λ.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.NET_LOSSES["square"].target_form is gf.TargetForm.VALUES
    True
    >>> print(gf.TargetForm.VALUES.value)
    real numbers of shape (m, C), which the outputs meet
    """

    VALUES = "real numbers of shape (m, C), which the outputs meet"
    SIGNS = "labels -1 and +1 of shape (m,) for one output, with margins y f"
    CLASSES = "integers of shape (m,), with margins of one output over all others"


class CurvatureForm(Enum):
    """What is known of the matrix ``∂²l/∂f²`` of one sample.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.NET_LOSSES["cross-entropy"].curvature_form is gf.CurvatureForm.SOFTMAX
    True
    >>> print(gf.CurvatureForm.SOFTMAX.value)
    diag(p) - p pᵀ with p the softmax of the outputs
    """

    DIAGONAL = "no output depends on another"
    SOFTMAX = "diag(p) - p pᵀ with p the softmax of the outputs"
    FULL = "any symmetric matrix without negative eigenvalues"


@runtime_checkable
class NetLoss(Protocol):
    """A convex loss of the outputs f of a net.

    A loss of your own is a class with these members; it needs no base class and no registration.
    The member `target_form` shows one in full.

    Examples
    --------
    >>> import torch
    >>> import grokflow as gf
    >>> loss = gf.NET_LOSSES["cross-entropy"]
    >>> isinstance(loss, gf.NetLoss), loss.target_form.name
    (True, 'CLASSES')
    >>> print(loss.value(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0])).numpy().round(2))
    [0.24]
    """

    @property
    def name(self) -> str:
        """What the loss is called in results."""

    @property
    def target_form(self) -> TargetForm:
        """What its targets are.

        Examples
        --------
        A loss of one's own, quadratic near the target and linear far from it, in training:

        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> import torch
        >>> import grokflow as gf
        >>> @dataclass(frozen=True)
        ... class PseudoHuber:
        ...     name: str = "pseudo-Huber"
        ...     target_form: gf.TargetForm = gf.TargetForm.VALUES
        ...     curvature_form: gf.CurvatureForm = gf.CurvatureForm.DIAGONAL
        ...     counts_errors: bool = False
        ...     def value(self, f, y):
        ...         return ((1 + (f - y) ** 2).sqrt() - 1).sum(dim=1)
        ...     def gradient(self, f, y):
        ...         return (f - y) / (1 + (f - y) ** 2).sqrt()
        ...     def curvature(self, f, y, v):
        ...         return v / (1 + (f - y) ** 2) ** 1.5
        ...     def errors(self, f, y):
        ...         return ((f - y) ** 2).sum(dim=1)
        >>> x = torch.eye(2, dtype=torch.float64)
        >>> problem = gf.NetProblem("mine", PseudoHuber(), x, x[:, :1], x, x[:, :1])
        >>> start = gf.NetStart(gf.MLP((2, 4, 1), gf.Activation.QUADRATIC, bias=False), problem)
        >>> gf.Descent(lr=0.1).run(start, np.array([0, 1])).settings["loss"]
        'pseudo-Huber'
        """

    @property
    def curvature_form(self) -> CurvatureForm:
        """What is known of its second derivatives; FULL is always right, and slower."""

    @property
    def counts_errors(self) -> bool:
        """Whether `errors` counts wrong predictions, and is no squared error."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss of every sample, shape (m,)."""

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``∂l/∂f``, shape (m, C)."""

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``(∂²l/∂f²) v``, shape (m, C), for v of that shape."""

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the prediction is wrong, else 0; or squared errors; shape (m,)."""


@runtime_checkable
class TailedNetLoss(NetLoss, Protocol):
    """A loss that is known by its logarithm, however small it is."""

    def log_value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of the loss of every sample, shape (m,), differentiable."""


@dataclass(frozen=True)
class SquaredError:
    """``‖f - y‖²``, without the factor one half, as the paper writes it."""

    name: str = "square"
    target_form: TargetForm = TargetForm.VALUES
    curvature_form: CurvatureForm = CurvatureForm.DIAGONAL
    counts_errors: bool = False

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
    counts_errors: bool = True

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the largest output is not that of the class."""
        return (f.argmax(dim=1) != y.argmax(dim=1)).to(f.dtype)


@dataclass(frozen=True)
class LogisticMargin:
    """``log(1 + exp(-y f))``."""

    name: str = "logistic"
    target_form: TargetForm = TargetForm.SIGNS
    curvature_form: CurvatureForm = CurvatureForm.DIAGONAL
    counts_errors: bool = True

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss without overflow."""
        return functional.softplus(-y * f[:, 0])

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``-y σ(-y f)``."""
        return (-y * torch.sigmoid(-y * f[:, 0]))[:, None]

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``σ(f) σ(-f) v``."""
        return torch.sigmoid(f) * torch.sigmoid(-f) * v

    def log_value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``log log(1 + exp(-y f))`` without underflow."""
        return _log_softplus(-y * f[:, 0])

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where ``y f ≤ 0``."""
        return (y * f[:, 0] <= 0).to(f.dtype)


@dataclass(frozen=True)
class ExponentialMargin:
    """``exp(-y f)``."""

    name: str = "exponential"
    target_form: TargetForm = TargetForm.SIGNS
    curvature_form: CurvatureForm = CurvatureForm.DIAGONAL
    counts_errors: bool = True

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the loss."""
        return torch.exp(-y * f[:, 0])

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``-y exp(-y f)``."""
        return (-y * self.value(f, y))[:, None]

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Return ``exp(-y f) v``."""
        return self.value(f, y)[:, None] * v

    def log_value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return ``-y f``."""
        return -y * f[:, 0]

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where ``y f ≤ 0``."""
        return (y * f[:, 0] <= 0).to(f.dtype)


@dataclass(frozen=True)
class CrossEntropy:
    """``-log softmax(f)_y``."""

    name: str = "cross-entropy"
    target_form: TargetForm = TargetForm.CLASSES
    curvature_form: CurvatureForm = CurvatureForm.SOFTMAX
    counts_errors: bool = True

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

    def log_value(self, f: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of ``log(1 + Σ_j exp(f_j - f_y))`` without underflow."""
        own = f.gather(1, y[:, None])
        others = torch.ones_like(f, dtype=torch.bool).scatter(1, y[:, None], False)
        rivals = f.masked_fill(~others, -torch.inf)
        return _log_softplus(torch.logsumexp(rivals, dim=1) - own[:, 0])

    def errors(self, f: Tensor, y: Tensor) -> Tensor:
        """Return 1 where the largest output is not that of the class."""
        return (f.argmax(dim=1) != y).to(f.dtype)


def _log_softplus(z: Tensor) -> Tensor:
    """Return ``log log(1 + e^z)`` without underflow."""
    far = z < _SMALL_SOFTPLUS
    near = torch.log(functional.softplus(z.clamp(min=_SMALL_SOFTPLUS)))
    return torch.where(far, z - torch.exp(z) / 2, near)


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
