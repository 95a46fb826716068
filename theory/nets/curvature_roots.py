"""Square roots of the curvature of a loss: ``∂²l/∂f² = S Sᵀ``, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from grokflow.theory.nets.losses import CurvatureForm, NetLoss

# Curvatures and probabilities below this count as this: their roots are divided by.
_FLOOR = 1e-60


@runtime_checkable
class CurvatureRoot(Protocol):
    """S at given outputs; all vectors have shape (m, C)."""

    def times(self, v: Tensor) -> Tensor:
        """Return S v."""

    def transposed(self, v: Tensor) -> Tensor:
        """Return Sᵀ v."""

    def solve(self, r: Tensor) -> Tensor:
        """Return t with ``S t = r``, for r in the range of S."""

    def sizes(self) -> Tensor:
        """Return the root mean square of the singular values that are not always 0, shape (m,)."""

    def blocks(self) -> Tensor:
        """Return S itself, shape (m, C, C)."""


def curvature_root(loss: NetLoss, f: Tensor, y: Tensor) -> CurvatureRoot:
    """Return S at the outputs f, shape (m, C), in closed form where there is one."""
    if f.shape[1] == 1 or loss.curvature_form is CurvatureForm.DIAGONAL:
        return ScalarRoot(loss.curvature(f, y, torch.ones_like(f)).clamp(min=_FLOOR).sqrt())
    if loss.curvature_form is CurvatureForm.SOFTMAX:
        return SoftmaxRoot(torch.softmax(f, dim=1).clamp(min=_FLOOR))
    return BlockRoot.of(loss, f, y)


@dataclass(frozen=True, eq=False)
class ScalarRoot:
    """Curvatures that are a number for every output: ``values``, shape (m, C), is its root."""

    values: Tensor

    def times(self, v: Tensor) -> Tensor:
        """Return S v."""
        return self.values * v

    def transposed(self, v: Tensor) -> Tensor:
        """Return Sᵀ v."""
        return self.values * v

    def solve(self, r: Tensor) -> Tensor:
        """Return t with ``S t = r``."""
        return r / self.values

    def sizes(self) -> Tensor:
        """Return the root mean square of the singular values, shape (m,)."""
        return self.values.pow(2).mean(dim=1).sqrt()

    def blocks(self) -> Tensor:
        """Return S itself, shape (m, C, C)."""
        return torch.diag_embed(self.values)


@dataclass(frozen=True, eq=False)
class SoftmaxRoot:
    """``S = diag(√p) - p √pᵀ``, for which ``S Sᵀ = diag(p) - p pᵀ``."""

    p: Tensor

    def times(self, v: Tensor) -> Tensor:
        """Return S v."""
        root = self.p.sqrt()
        return root * v - self.p * (root * v).sum(dim=1, keepdim=True)

    def transposed(self, v: Tensor) -> Tensor:
        """Return Sᵀ v."""
        return self.p.sqrt() * (v - (self.p * v).sum(dim=1, keepdim=True))

    def solve(self, r: Tensor) -> Tensor:
        """Return ``r / √p``, which solves ``S t = r`` where r sums to 0."""
        return r / self.p.sqrt()

    def sizes(self) -> Tensor:
        """Return the root mean square of the C - 1 singular values, shape (m,)."""
        return ((1 - self.p.pow(2).sum(dim=1)).clamp(min=0) / (self.p.shape[1] - 1)).sqrt()

    def blocks(self) -> Tensor:
        """Return S itself, shape (m, C, C)."""
        root = self.p.sqrt()
        return torch.diag_embed(root) - self.p[:, :, None] * root[:, None, :]


@dataclass(frozen=True, eq=False)
class BlockRoot:
    """``S = V diag(√d)`` from eigenvalues d and eigenvectors V of any curvature."""

    vectors: Tensor
    roots: Tensor

    @classmethod
    def of(cls, loss: NetLoss, f: Tensor, y: Tensor) -> BlockRoot:
        """Diagonalise the curvature of every sample."""
        units = torch.eye(f.shape[1], dtype=f.dtype, device=f.device)
        columns = [loss.curvature(f, y, unit.expand_as(f)) for unit in units]
        values, vectors = torch.linalg.eigh(torch.stack(columns, dim=2))
        return cls(vectors, values.clamp(min=0).sqrt())

    def times(self, v: Tensor) -> Tensor:
        """Return S v."""
        return torch.einsum("mij,mj->mi", self.vectors, self.roots * v)

    def transposed(self, v: Tensor) -> Tensor:
        """Return Sᵀ v."""
        return self.roots * torch.einsum("mji,mj->mi", self.vectors, v)

    def solve(self, r: Tensor) -> Tensor:
        """Return the shortest t with ``S t = r``; directions without curvature are left out."""
        least = 1e-8 * self.roots.amax(dim=1, keepdim=True)
        inverse = torch.where(self.roots > least, 1 / self.roots.clamp(min=_FLOOR), 0.0)
        return inverse * torch.einsum("mji,mj->mi", self.vectors, r)

    def sizes(self) -> Tensor:
        """Return the root mean square of the singular values, shape (m,)."""
        return self.roots.pow(2).mean(dim=1).sqrt()

    def blocks(self) -> Tensor:
        """Return S itself, shape (m, C, C)."""
        return self.vectors * self.roots[:, None, :]
