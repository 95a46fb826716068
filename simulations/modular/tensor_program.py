"""Many nets on corrupted labels as one tensor program: forward pass, gradient, evaluation.

Every pair picks one row of Uᵀ and one of Vᵀ. Rows are gathered instead of multiplied by one-hot
vectors, and the gradient is written by hand: three matrix products per step, and one pass that adds
the rows of the gradient up where they came from. (Automatic differentiation of the gathering
scatters row by row, which takes longer than the three products.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from grokflow.simulations.modular.dropout import Dropout
from grokflow.simulations.modular.pairs import Block, Pairs
from grokflow.theory.modular.net import ModularActivation, ModularWeights, Normalisation, NormKind

EPSILON = 1e-5
# Hidden outputs at once, as large as lets two threads work in their caches; many on a GPU.
_BLOCK = {True: 2**19, False: 2**28}
# Share of a new batch in the running statistics of BatchNorm.
MOMENTUM = 0.1


class ModularLoss(Enum):
    """What is minimised: squares averaged over pairs and classes, or cross-entropy.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.ModularCell(data=gf.CorruptedTask(p=7).draw())
    >>> training = gf.ModularTraining(width=64, loss=gf.ModularLoss.CROSS_ENTROPY)
    >>> print(training.run(cell, np.array([0, 100])).train.round(1))
    [0.2 1. ]
    """

    SQUARE = "square"
    CROSS_ENTROPY = "cross-entropy"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What all nets of a program share."""

    p: int
    width: int
    activation: ModularActivation
    normalisation: NormKind | None
    loss: ModularLoss
    prefactor: float
    deviation: float


class ModularCells:
    """Parameters of B nets in one flat buffer, with their gradient in another.

    Parameters
    ----------
    shape : Architecture
        What the nets share.
    starts : sequence of Generator
        One a net; draws its weights.
    scales : sequence of float
        Factor on the weights that a net starts with.
    dtype, device : torch.dtype, str
        Where torch computes, and in what precision.
    """

    def __init__(
        self,
        shape: Architecture,
        starts: Sequence[np.random.Generator],
        scales: Sequence[float],
        dtype: torch.dtype,
        device: str,
    ) -> None:
        self.shape, self.block = shape, max(1, _BLOCK[device == "cpu"] // shape.width)
        b, p, n = len(starts), shape.p, shape.width
        sizes = [(b, 2 * p, n), (b, p, n)] + [(b, n)] * (2 if shape.normalisation else 0)
        total = sum(int(np.prod(size)) for size in sizes)
        self.flat = torch.zeros(total, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.flat)
        self.parts, self.slopes = _views(self.flat, sizes), _views(self.gradient, sizes)
        for cell, (rng, scale) in enumerate(zip(starts, scales, strict=True)):
            draw = scale * shape.deviation * rng.standard_normal((3 * p, n))
            self.parts[0][cell] = torch.from_numpy(draw[: 2 * p])
            self.parts[1][cell] = torch.from_numpy(draw[2 * p :])
        if shape.normalisation:
            self.parts[2].fill_(1.0)
        self.mean = torch.zeros(b, n, dtype=dtype, device=device)
        self.variance = torch.ones_like(self.mean)

    def differentiate(self, pairs: Pairs, dropout: Dropout | None = None) -> None:
        """Fill the gradient of the mean loss on `pairs`.

        BatchNorm uses the batch, and moves its running statistics.
        """
        self.gradient.zero_()
        whole = self.shape.normalisation is NormKind.BATCH
        for block in pairs.blocks(self.block, whole=whole):
            keep = None if dropout is None else dropout.factors(block)
            self._add_slopes(block, keep, pairs.count)
        self.slopes[0].mul_(self.shape.activation.degree)

    def _add_slopes(self, block: Block, keep: Tensor | None, count: int) -> None:
        """Add what a block contributes to the gradient of the mean over `count` pairs.

        `keep` of shape (b, m, N) multiplies what enters φ.
        """
        n, w, slope = self.shape.width, self.parts[1][block.cells], self.slopes[1][block.cells]
        x = self._inputs(block)
        if keep is not None:
            x.mul_(keep)
        h = _activate(self.shape.activation, x)
        norm = self._normalise(h, block.cells)
        if norm is not None:
            h = self._scaled(norm.h, block.cells)
        e = _error(self.shape, torch.bmm(h, w.mT), block.labels, count)
        slope.baddbmm_(e.mT, h)
        d = torch.bmm(e, w, out=h)
        if norm is not None:
            d = self._pull_norm(norm, d, block.cells)
        _pull(self.shape.activation, d, x)
        if keep is not None:
            d.mul_(keep)
        table = self.slopes[0].view(-1, n)
        for side in range(2):
            table.index_add_(0, block.rows[:, side], d.view(-1, n))

    def _inputs(self, block: Block) -> Tensor:
        """Return what enters φ, shape (b, m, N)."""
        n = self.shape.width
        x = functional.embedding_bag(block.rows, self.parts[0].view(-1, n), mode="sum")
        return x.view(*block.labels.shape, n)

    def _normalise(self, h: Tensor, cells: slice) -> _Normalised | None:
        """Normalise over the batch, moving the running statistics, or over the layer, if at all."""
        match self.shape.normalisation:
            case None:
                return None
            case NormKind.LAYER:
                return _Normalised(h, 2)
        norm, m = _Normalised(h, 1), h.shape[1]
        self.mean[cells].lerp_(norm.mean[:, 0], MOMENTUM)
        self.variance[cells].lerp_(norm.variance[:, 0] * (m / max(1, m - 1)), MOMENTUM)
        return norm

    def _scaled(self, h: Tensor, cells: slice) -> Tensor:
        return torch.addcmul(self.parts[3][cells, None], h, self.parts[2][cells, None])

    def _pull_norm(self, norm: _Normalised, d: Tensor, cells: slice) -> Tensor:
        """Return the slope of what was normalised, adding those of γ and β."""
        self.slopes[2][cells] += (d * norm.h).sum(dim=1)
        self.slopes[3][cells] += d.sum(dim=1)
        return norm.pull(d.mul_(self.parts[2][cells, None]))

    def evaluate(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss of every pair and whether its label wins, both of shape (B, m)."""
        losses = torch.empty(pairs.labels.shape, dtype=self.flat.dtype, device=self.flat.device)
        hits = torch.empty_like(losses, dtype=torch.bool)
        for block in pairs.blocks(self.block):
            f, place = self._outputs(block), (block.cells, block.pairs)
            hits[place] = f.argmax(dim=2) == block.labels
            losses[place] = _losses(self.shape.loss, f, block.labels)
        return losses.double().cpu().numpy(), hits.cpu().numpy()

    def _outputs(self, block: Block) -> Tensor:
        """Return the logits of a block in evaluation, shape (b, m, p)."""
        cells, kind = block.cells, self.shape.normalisation
        h = _activate(self.shape.activation, self._inputs(block))
        if kind is NormKind.BATCH:
            spread = torch.sqrt(self.variance[cells, None] + EPSILON)
            h = h.sub_(self.mean[cells, None]).div_(spread)
        elif kind is NormKind.LAYER:
            h = _Normalised(h, 2).h
        if kind is not None:
            h = self._scaled(h, cells)
        return torch.bmm(h, self.parts[1][cells].mT).mul_(self.shape.prefactor)

    def norms(self) -> np.ndarray:
        """Return ``‖(U, V, W)‖`` of every net, shape (B,)."""
        squares = sum(part.double().square().sum(dim=(1, 2)) for part in self.parts[:2])
        return np.asarray(torch.as_tensor(squares).sqrt().cpu().numpy())

    def state(self) -> dict[str, Tensor]:
        """Return a copy of all parameters and running statistics."""
        return {name: getattr(self, name).clone() for name in ("flat", "mean", "variance")}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a state."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def weights(self, cell: int) -> ModularWeights:
        """Return one net in float64."""
        rows, w, *rest = (_numpy(part[cell]) for part in self.parts)
        p, kind = self.shape.p, self.shape.normalisation
        norm = None
        if kind is not None:
            gamma, beta = rest
            mean, variance = self._running(cell, kind)
            norm = Normalisation(kind, gamma, beta, mean, variance, EPSILON)
        u, v = np.ascontiguousarray(rows[:p].T), np.ascontiguousarray(rows[p:].T)
        return ModularWeights(u, v, w, self.shape.activation, norm, self.shape.prefactor)

    def _running(
        self, cell: int, kind: NormKind
    ) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        if kind is NormKind.LAYER:
            return None, None
        return _numpy(self.mean[cell]), _numpy(self.variance[cell])


class _Normalised:
    """Hidden outputs with mean 0 and variance 1 along a dimension, and how slopes go back."""

    def __init__(self, h: Tensor, dim: int) -> None:
        self.dim = dim
        self.variance, self.mean = torch.var_mean(h, dim=dim, correction=0, keepdim=True)
        self.inverse = torch.rsqrt(self.variance + EPSILON)
        self.h = (h - self.mean).mul_(self.inverse)

    def pull(self, d: Tensor) -> Tensor:
        """Return the slope of what was normalised."""
        along = (d * self.h).mean(dim=self.dim, keepdim=True)
        centre = d.mean(dim=self.dim, keepdim=True)
        return (d - centre).sub_(self.h * along).mul_(self.inverse)


def _losses(loss: ModularLoss, f: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of every pair, shape (b, m), overwriting f."""
    if loss is ModularLoss.SQUARE:
        return _minus_target(f, labels).square_().mean(dim=2)
    return torch.logsumexp(f, dim=2) - f.gather(2, labels[:, :, None])[:, :, 0]


def _numpy(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.cpu().numpy()).astype(np.float64)


def _views(flat: Tensor, sizes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    lengths = [int(np.prod(size)) for size in sizes]
    return [part.view(size) for part, size in zip(torch.split(flat, lengths), sizes, strict=True)]


def _activate(activation: ModularActivation, x: Tensor) -> Tensor:
    return torch.relu(x) if activation is ModularActivation.RELU else x.pow(activation.degree)


def _pull(activation: ModularActivation, d: Tensor, x: Tensor) -> None:
    """Multiply by φ'(x) over the degree, in place."""
    match activation:
        case ModularActivation.RELU:
            d.mul_(x > 0)
        case ModularActivation.QUADRATIC:
            d.mul_(x)
        case _:
            d.mul_(x.pow(activation.degree - 1))


def _error(shape: Architecture, f: Tensor, labels: Tensor, m: int) -> Tensor:
    """Return the slope of the mean loss over m pairs by ``f / prefactor``, in place of f."""
    f.mul_(shape.prefactor)
    entropy = shape.loss is ModularLoss.CROSS_ENTROPY
    e = _minus_target(f.softmax(dim=2) if entropy else f, labels)
    return e.mul_((1 / m if entropy else 2 / (m * shape.p)) * shape.prefactor)


def _minus_target(f: Tensor, labels: Tensor) -> Tensor:
    """Subtract the one-hot labels, in place."""
    column = labels[:, :, None]
    return f.scatter_add_(2, column, torch.full_like(column, -1, dtype=f.dtype))
