"""The linear systems of a linearly implicit flow with multipliers, factored or by iteration.

With ``H = SSᵀ`` the curvature of the loss and J the Jacobian of the outputs, every stage solves

    a u - Jᵀw = r,    H J u + mλ w = q.

Elimination leaves ``(mλa + SᵀJJᵀS) ν = a S⁻¹q - SᵀJ r`` with ``w = Sν``, ``u = (r + Jᵀw) / a``: a
positive definite matrix as large as the data, the NTK Gram matrix but for S. Nothing is divided
by λ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from grokflow.simulations.nets.implicit.preconditioner import BlockModel, Preconditioner, unchanged
from grokflow.theory.nets.curvature_roots import CurvatureRoot
from grokflow.theory.nets.module_map import Linearisation
from grokflow.theory.nets.sample_gradients import FactoredJacobian

# Conjugate gradients are given up after these; the step is then shortened.
ITERATIONS = 1000


@dataclass
class WalkWork:
    """What a walk has spent so far.

    Parameters
    ----------
    gradients : int
        Gradients of the training loss, or as costly vectors Jᵀw at new parameters.
    jacobians : int
        Gradients of all mC outputs: C backward passes where parameters act as matrices.
    factorisations : int
        Cholesky factors.
    products : int
        Pairs of products ``Jᵀw`` and ``Jv`` in conjugate gradients.
    """

    gradients: int = 0
    jacobians: int = 0
    factorisations: int = 0
    products: int = 0


class NotSolved(ArithmeticError):
    """Why a system could not be solved."""


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
class LinearisedSystem(Protocol):
    """J and H at one point."""

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Return the system with the numbers a and ``b = mλ``."""


@dataclass(frozen=True, eq=False)
class DenseSystem:
    """J with the Gram matrix ``SᵀJJᵀS``, shape (Cm, Cm), rows output by output."""

    at: Linearisation
    root: CurvatureRoot
    gram: Tensor
    work: WalkWork

    @classmethod
    def of(
        cls, jacobian: FactoredJacobian, at: Linearisation, root: CurvatureRoot, work: WalkWork
    ) -> DenseSystem:
        """Compute the Gram matrix."""
        work.jacobians += 1
        return cls(at, root, jacobian.gram(root.times), work)

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""
        return self.at.push(v)

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Factor the system; `accuracy` is that of rounding."""
        matrix = self.gram.clone()
        matrix.diagonal().add_(a * b)
        self.work.factorisations += 1
        return DenseSaddle(self, torch.linalg.cholesky(matrix, out=matrix), a)


@dataclass(frozen=True, eq=False)
class DenseSaddle:
    """A factored system."""

    linear: DenseSystem
    factor: Tensor
    a: float

    def solve(self, r: Tensor, q: Tensor) -> Pair:
        """Return u and w."""
        root, at = self.linear.root, self.linear.at
        right = self.a * root.solve(q) - root.transposed(at.push(r))
        nu = torch.cholesky_solve(right.T.reshape(-1, 1), self.factor)
        w = root.times(nu.view(right.T.shape).T.contiguous())
        return Pair((r + at.pull(w)) / self.a, w)


@dataclass(frozen=True, eq=False)
class KrylovSystem:
    """J known by its products."""

    at: Linearisation
    root: CurvatureRoot
    model: BlockModel
    work: WalkWork

    def push(self, v: Tensor) -> Tensor:
        """Return J v, shape (m, C)."""
        return self.at.push(v)

    def saddle(self, a: float, b: float, accuracy: Accuracy) -> Saddle:
        """Prepare conjugate gradients."""
        precondition = self.model.factored(a * b)
        self.work.factorisations += precondition is not unchanged
        return KrylovSaddle(self, precondition, a, b, accuracy)


@dataclass(frozen=True, eq=False)
class KrylovSaddle:
    """A system solved by preconditioned conjugate gradients (Hestenes and Stiefel 1952)."""

    linear: KrylovSystem
    precondition: Preconditioner
    a: float
    b: float
    accuracy: Accuracy

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
        for iteration in range(ITERATIONS):
            z = self.precondition(residual)
            size = float((residual * z).sum())
            if size == 0:
                return nu
            direction = z + (size / last if iteration else 0.0) * direction
            image = self._times(direction)
            length = size / float((direction * image).sum())
            nu, residual, last = nu + length * direction, residual - length * image, size
            # The energy that the step took off the error is what `u` gained, times a.
            gained = (length * size) ** 0.5 / self.a
            missed = float((residual * per_output).pow(2).mean().sqrt()) / self.a
            if gained <= self.accuracy.theta and missed <= self.accuracy.outputs:
                self.linear.model.note(iteration + 1)
                return nu
        raise NotSolved(f"conjugate gradients did not converge in {ITERATIONS} iterations")

    def _times(self, v: Tensor) -> Tensor:
        root, at = self.linear.root, self.linear.at
        self.linear.work.products += 1
        return self.a * self.b * v + root.transposed(at.push(at.pull(root.times(v))))
