"""The linear systems of a linearly implicit flow with multipliers, factored or by iteration.

With ``H = SSᵀ`` the curvature of the loss and J the Jacobian of the outputs, every stage solves

    a u - Jᵀw = r,    H J u + mλ w = q.

Elimination leaves ``(mλa + SᵀJJᵀS) ν = a S⁻¹q - SᵀJ r`` with ``w = Sν``, ``u = (r + Jᵀw) / a``: a
positive definite matrix as large as the data, the NTK Gram matrix but for S. Nothing is divided
by λ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from theory.curvature_roots import CurvatureRoot
from theory.net_map import Linearisation, NetMap


@dataclass
class Work:
    """What was spent so far.

    Parameters
    ----------
    gradients : int
        Gradients of the training loss, or as costly vectors Jᵀw at new parameters.
    jacobians : int
        Jacobians computed row by row, each the gradients of all mC outputs.
    factorisations : int
        Cholesky factors.
    products : int
        Pairs of products ``Jᵀw`` and ``Jv`` in conjugate gradients.
    """

    gradients: int = 0
    jacobians: int = 0
    factorisations: int = 0
    products: int = 0


class Pair(NamedTuple):
    """A change of the parameters, shape (P,), and one of the multipliers, shape (m, C)."""

    u: Tensor
    w: Tensor


class Accuracy(NamedTuple):
    """How far an iteration may miss u: ``‖u‖₂`` and the root mean square of ``J u``."""

    theta: float
    outputs: float


@runtime_checkable
class Saddle(Protocol):
    """The system of one step size."""

    def solve(self, r: Tensor, q: Tensor) -> Pair:
        """Return u and w."""


@runtime_checkable
class Linear(Protocol):
    """J and H at one point."""

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Return the system with the numbers a and ``b = mλ``."""


@dataclass(frozen=True, eq=False)
class DenseLinear:
    """J row by row, shape (mC, P), and the Gram matrix ``SᵀJJᵀS``."""

    at: Linearisation
    root: CurvatureRoot
    rows: Tensor
    gram: Tensor
    work: Work

    @classmethod
    def of(
        cls, net: NetMap, at: Linearisation, x: Tensor, root: CurvatureRoot, work: Work
    ) -> DenseLinear:
        """Compute J, in a memory of ``8 (2 mCP + 2 (mC)²)`` bytes."""
        rows = net.jacobian(at.theta, x)
        work.jacobians += 1
        m, c = at.f.shape
        scaled = torch.bmm(root.blocks().mT, rows.view(m, c, -1)).view(m * c, -1)
        return cls(at, root, rows, scaled @ scaled.T, work)

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""
        return (self.rows @ v).view_as(self.at.f)

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Factor the system; `accuracy` is that of rounding."""
        matrix = self.gram.clone()
        matrix.diagonal().add_(a * b)
        self.work.factorisations += 1
        return DenseSaddle(self, torch.linalg.cholesky(matrix), a)


@dataclass(frozen=True, eq=False)
class DenseSaddle:
    """A factored system."""

    linear: DenseLinear
    factor: Tensor
    a: float

    def solve(self, r: Tensor, q: Tensor) -> Pair:
        """Return u and w."""
        root, rows = self.linear.root, self.linear.rows
        right = self.a * root.solve(q) - root.transposed(self.linear.push(r))
        nu = torch.cholesky_solve(right.reshape(-1, 1), self.factor).view_as(q)
        w = root.times(nu)
        return Pair((r + w.reshape(-1) @ rows) / self.a, w)


@dataclass(eq=False)
class KernelModel:
    """A preconditioner for wide nets, whose kernel is nearly the same number for every output.

    It is the Gram matrix of one random combination of the outputs, shape (m, m), kept while the
    iterations stay short.

    Parameters
    ----------
    memory : int
        Bytes that the m gradients may take; beyond it there is no preconditioner.
    """

    memory: int
    gram: Tensor | None = None
    longest: int = 0
    fresh: int = 0

    def prepare(self, net: NetMap, at: Linearisation, x: Tensor, work: Work) -> None:
        """Compute the Gram matrix where there is none, or iterations have grown by half."""
        m, count = len(x), len(at.theta)
        grown = self.fresh and self.longest > 1.5 * self.fresh + 5
        if 8 * m * count > self.memory or (self.gram is not None and not grown):
            return
        generator = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, (at.f.shape[1],), generator=generator) * 2.0 - 1
        combined = signs.to(at.f) / at.f.shape[1] ** 0.5
        rows = net.jacobian(at.theta, x, combined)
        self.gram, self.longest, self.fresh = rows @ rows.T, 0, 0
        work.jacobians += 1

    def note(self, iterations: int) -> None:
        """Remember how long a solve took."""
        self.fresh = self.fresh or iterations
        self.longest = iterations


@dataclass(frozen=True, eq=False)
class KrylovLinear:
    """J known by its products."""

    at: Linearisation
    root: CurvatureRoot
    model: KernelModel
    work: Work

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""
        return self.at.push(v)

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Prepare conjugate gradients."""
        factor = None
        if self.model.gram is not None:
            sizes = self.root.sizes()
            matrix = self.model.gram * torch.outer(sizes, sizes)
            matrix.diagonal().add_(a * b)
            factor = torch.linalg.cholesky(matrix)
            self.work.factorisations += 1
        return KrylovSaddle(self, factor, a, b, accuracy)


@dataclass(frozen=True, eq=False)
class KrylovSaddle:
    """A system solved by preconditioned conjugate gradients (Hestenes and Stiefel 1952)."""

    linear: KrylovLinear
    factor: Tensor | None
    a: float
    b: float
    accuracy: Accuracy
    limit: int = field(default=1000)

    def solve(self, r: Tensor, q: Tensor) -> Pair:
        """Return u and w, to the accuracy asked for."""
        root, at = self.linear.root, self.linear.at
        right = self.a * root.solve(q) - root.transposed(at.push(r))
        nu = self._iterate(right)
        w = root.times(nu)
        return Pair((r + at.pull(w)) / self.a, w)

    def _iterate(self, residual: Tensor) -> Tensor:
        nu = torch.zeros_like(residual)
        direction, last = torch.zeros_like(residual), 1.0
        # The residual is that of SᵀJu.
        per_output = 1 / self.linear.root.sizes()[:, None].clamp(min=1e-30)
        for iteration in range(self.limit):
            z = self._precondition(residual)
            size = float((residual * z).sum())
            if size == 0:
                break
            direction = z + (size / last if iteration else 0.0) * direction
            image = self._times(direction)
            length = size / float((direction * image).sum())
            nu, residual, last = nu + length * direction, residual - length * image, size
            # The energy that the step took off the error is what `u` gained, times a.
            gained = (length * size) ** 0.5 / self.a
            missed = float((residual * per_output).pow(2).mean().sqrt()) / self.a
            if gained <= self.accuracy.theta and missed <= self.accuracy.outputs:
                break
        self.linear.model.note(iteration + 1)
        return nu

    def _precondition(self, v: Tensor) -> Tensor:
        if self.factor is None:
            return v
        return torch.cholesky_solve(v, self.factor)

    def _times(self, v: Tensor) -> Tensor:
        root, at = self.linear.root, self.linear.at
        self.linear.work.products += 1
        return self.a * self.b * v + root.transposed(at.push(at.pull(root.times(v))))
