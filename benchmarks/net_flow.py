"""The flow of nets against CVODE with Gauss-Newton products, at equal error.

CVODE takes the flow as it stands, ``dθ/ds = -(1/(mλ)) Jᵀl'(f) - θ``, with GMRES, and optionally
the inverse of its Gauss-Newton matrix by the NTK Gram matrix as preconditioner. Errors are those
of θ against a run at a thousandth of the tolerance.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
import torch
from sksundae.cvode import CVODE, CVODEJacTimes, CVODEPrecond
from torch import nn

from simulations.generators import sparse_regression
from simulations.homogeneous_nets import DiagonalNet, ModularAddition, residue_pairs
from simulations.net_flow import NetFlow, NetSolver
from theory.curvature_roots import curvature_root
from theory.module_tangent import Symmetrised
from theory.net_losses import NET_LOSSES
from theory.net_map import NetMap
from theory.net_problems import NetProblem


class Cvode:
    """CVODE on the flow of a net, counting gradients and products."""

    def __init__(self, module, problem, lam, *, preconditioned):
        self.net, self.problem = NetMap.of(module), problem
        self.weight = 1 / (problem.m * lam)
        self.preconditioned = preconditioned
        self.gradients = self.products = self.jacobians = self.factors = 0

    def linearise(self, theta):
        """Evaluate the net."""
        return self.net.linearise(torch.from_numpy(np.array(theta)), self.problem.x)

    def rate(self, s, theta, out):
        """Fill in dθ/ds."""
        self.gradients += 1
        at = self.linearise(theta)
        pulled = at.pull(self.problem.loss.gradient(at.f, self.problem.y))
        out[:] = -self.weight * pulled.numpy() - theta

    def setup(self, s, theta, slope):
        """Keep what products need."""
        self.at = self.linearise(theta)

    def times(self, s, theta, slope, v, out):
        """Fill in the Gauss-Newton product."""
        self.products += 1
        pushed = self.at.push(torch.from_numpy(np.array(v)))
        curved = self.problem.loss.curvature(self.at.f, self.problem.y, pushed)
        out[:] = -self.weight * self.at.pull(curved).numpy() - v

    def prepare(self, s, theta, slope, jok, jnew, gamma):
        """Factor the Gram matrix."""
        jnew[0] = 0
        if not jok:
            jnew[0] = 1
            self.jacobians += 1
            at = self.linearise(theta)
            m, c = at.f.shape
            blocks = curvature_root(self.problem.loss, at.f, self.problem.y).blocks()
            rows = self.net.jacobian(at.theta, self.problem.x).view(m, c, -1)
            self.rows = torch.bmm(blocks.mT, rows).view(m * c, -1)
            self.gram = self.rows @ self.rows.T
        self.kappa = gamma * self.weight / (1 + gamma)
        matrix = self.kappa * self.gram
        matrix.diagonal().add_(1.0)
        self.factors += 1
        self.factor = torch.linalg.cholesky(matrix)

    def precondition(self, s, theta, slope, r, out, gamma, delta, lr):
        """Solve with the Gauss-Newton matrix."""
        right = torch.from_numpy(np.array(r))
        inner = torch.cholesky_solve((self.rows @ right)[:, None], self.factor)[:, 0]
        out[:] = ((right - self.kappa * (inner @ self.rows)) / (1 + gamma)).numpy()

    def run(self, alpha, times, rtol):
        """Return θ at the times."""
        start = alpha * self.net.theta.numpy()
        options = {"precond": CVODEPrecond(self.prepare, self.precondition, "left")}
        solver = CVODE(
            self.rate,
            linsolver="gmres",
            krylov_dim=20,
            rtol=rtol,
            atol=rtol * np.abs(start).mean() * 1e-2,
            max_num_steps=100_000,
            jactimes=CVODEJacTimes(self.setup, self.times),
            **(options if self.preconditioned else {}),
        )
        solver.init_step(0.0, start)
        return np.array([np.array(solver.step(float(s)).y).ravel() for s in times])


def cases():
    data = sparse_regression(n=24, d=100, n_test=10)
    x, y = torch.from_numpy(data.inputs.to_array()), torch.from_numpy(data.targets)[:, None]
    yield "diagonal net, d=100", DiagonalNet(100), NetProblem("d", NET_LOSSES["square"], x, y, x, y)
    rng = np.random.default_rng(0)
    pairs = residue_pairs(11, rng)
    y = nn.functional.one_hot(pairs.total, 11).double()
    problem = NetProblem("m", NET_LOSSES["square"], pairs.x[:60], y[:60], pairs.x[60:], y[60:])
    yield "modular addition, p=11", Symmetrised(ModularAddition(11, 32, rng)), problem


def main() -> None:
    torch.set_num_threads(1)
    alpha, lam = 10.0, 1e-4
    times = np.linspace(0.5, np.log(alpha) + 3, 6)
    for name, module, problem in cases():
        exact = NetFlow(lam=lam, rtol=1e-6).run(module, problem, alpha, times).theta
        size = np.linalg.norm(exact, axis=1)
        print(name, f"α = {alpha:g}, λ = {lam:g}", flush=True)
        for solver, label in ((NetSolver.GRAM, "Gram"), (NetSolver.ITERATIVE, "CG")):
            for rtol in (1e-2, 1e-3, 1e-4):
                flow = NetFlow(lam=lam, rtol=rtol, solver=solver)
                found = flow.run(module, problem, alpha, times)
                error = (np.linalg.norm(found.theta - exact, axis=1) / size).max()
                work = found.work
                print(
                    f"  W-method, {label:18s} rtol {rtol:.0e} error {error:.1e} gradients "
                    f"{work.gradient_evaluations} products {work.products} Jacobians "
                    f"{work.jacobians} {work.seconds:.1f} s",
                    flush=True,
                )
        for preconditioned in (True, False):
            for rtol in (1e-3, 1e-4, 1e-5, 1e-6):
                started = perf_counter()
                cvode = Cvode(module, problem, lam, preconditioned=preconditioned)
                theta = cvode.run(alpha, times, rtol)
                error = (np.linalg.norm(theta - exact, axis=1) / size).max()
                print(
                    f"  CVODE, preconditioned {preconditioned!s:5s} rtol {rtol:.0e} error "
                    f"{error:.1e} gradients {cvode.gradients} products {cvode.products} Jacobians "
                    f"{cvode.jacobians} {perf_counter() - started:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
