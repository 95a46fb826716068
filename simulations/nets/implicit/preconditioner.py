"""A preconditioner for the NTK Gram matrix of many outputs: its blocks in a basis of outputs.

The outputs of a wide net are nearly independent in the eigenvectors ``u_e`` of their mean
covariance ``(1/m) Σ_i SᵀJ_i J_iᵀS``, so the Gram matrix is nearly block diagonal there, with one
(m, m) block for each e. Where memory is short, eigenvectors with neighbouring eigenvalues share the
block of a random combination of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from grokflow.theory.nets.curvature_roots import CurvatureRoot
from grokflow.theory.nets.sample_gradients import FactoredJacobian

Preconditioner = Callable[[Tensor], Tensor]

# Samples from which the basis is found.
PROBED = 64
# Condition number under which iterations need no help.
_EASY = 300
# Passes over the net in an iteration.
_PASSES = 2
# How much more gradients cost sample by sample.
_SLOWER = 10


@dataclass(eq=False)
class BlockModel:
    """Blocks of the Gram matrix, made anew once that costs less than iterating with the old ones.

    Parameters
    ----------
    most : int
        Largest number of blocks; without any there is no preconditioner.
    """

    most: int
    blocks: Tensor | None = None
    largest: float = 0.0
    spent: int = 0
    least: int = 0
    price: int = 0

    def note(self, iterations: int) -> None:
        """Add up what the solves of a step take."""
        self.spent += iterations

    def due(self) -> bool:
        """Whether new blocks would pay; asked once a step."""
        spent, self.spent = self.spent, 0
        if self.blocks is None:
            return self.most > 0
        self.least = min(self.least or spent, spent)
        return _PASSES * (spent - self.least) > self.price

    def prepare(
        self, jacobian: FactoredJacobian, probe: FactoredJacobian, root: CurvatureRoot
    ) -> None:
        """Compute the blocks; `probe` is the Jacobian at the first samples."""
        m, c = jacobian.f.shape
        count = min(c, self.most)
        self.basis = _basis(probe, root, m)
        self.groups = (torch.arange(c) * count // c).bincount().tolist()
        signs = torch.randint(0, 2, (c,), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
        blocks = []
        for part in torch.split(self.basis * signs.to(self.basis), self.groups, dim=1):
            direction = part.sum(dim=1) / part.shape[1] ** 0.5
            gradients = jacobian.gradients(root.times(direction.expand(m, c).contiguous()))
            blocks.append(jacobian.inner(gradients, gradients))
        self.blocks = torch.stack(blocks)
        self.largest = float(torch.linalg.eigvalsh(blocks[-1])[-1])
        self.least = 0
        self.price = count * (_SLOWER if jacobian.rest else 1)

    def factored(self, shift: float) -> Preconditioner:
        """Return the solve with the blocks plus `shift`."""
        if self.blocks is None or self.largest < _EASY * shift:
            return unchanged
        matrix = self.blocks.clone()
        matrix.diagonal(dim1=1, dim2=2).add_(shift)
        return partial(_solve, torch.linalg.cholesky(matrix, out=matrix), self.basis, self.groups)


def _basis(probe: FactoredJacobian, root: CurvatureRoot, m: int) -> Tensor:
    """Return the eigenvectors of the mean covariance of the outputs, columns."""
    few, c = probe.f.shape

    def first(v: Tensor) -> Tensor:
        return root.times(v[:1].expand(m, c))[:few]

    held = probe.outputs(first)
    rows = [torch.stack([probe.same_sample(p, q).sum() for q in held]) for p in held]
    vectors: Tensor = torch.linalg.eigh(torch.stack(rows)).eigenvectors
    return vectors


def _solve(factors: Tensor, basis: Tensor, groups: list[int], v: Tensor) -> Tensor:
    parts = torch.split(v @ basis, groups, dim=1)
    solved = [torch.cholesky_solve(part, f) for part, f in zip(parts, factors, strict=True)]
    return torch.cat(solved, dim=1) @ basis.T


def unchanged(v: Tensor) -> Tensor:
    """Return v: no preconditioner."""
    return v
