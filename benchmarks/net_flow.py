"""The flow of nets against CVODE with Gauss-Newton products, at equal error.

CVODE takes the flow as it stands, ``dθ/ds = -(1/(mλ)) Jᵀl'(f) - θ``, with GMRES, and optionally
the inverse of its Gauss-Newton matrix by the NTK Gram matrix as preconditioner. Errors are those
of θ against a run of our own at rtol 1e-6. Gradients of gradient descent are counted at the
largest step that is stable at the start. Seconds are those of the processor.
"""

from __future__ import annotations

import numpy as np
import torch
from sksundae.cvode import CVODE, CVODEJacTimes, CVODEPrecond
from torch import nn

from benchmarks.child import Child, Failed
from benchmarks.equal_error import trajectory_error
from benchmarks.tables import Table
from simulations.generators import sparse_regression
from simulations.homogeneous_nets import DiagonalNet, ModularAddition, residue_pairs
from simulations.net_flow import NetFlow, NetSolver
from theory.curvature_roots import curvature_root
from theory.module_tangent import Symmetrised
from theory.net_losses import NET_LOSSES
from theory.net_map import NetMap
from theory.net_problems import NetProblem

ALPHA, LAM = 10.0, 1e-4
TIMES = np.linspace(0.5, np.log(ALPHA) + 3, 6)
METHODS = {"W-method, Gram": NetSolver.GRAM, "W-method, CG": NetSolver.ITERATIVE}


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


def prepare(index, method):
    """Return what follows one net with one method: θ at the times and what it cost."""
    torch.set_num_threads(1)
    _, module, problem = list(cases())[index]

    def solve(rtol):
        if method in METHODS:
            flow = NetFlow(lam=LAM, rtol=rtol, solver=METHODS[method])
            found = flow.run(module, problem, ALPHA, TIMES)
            work = found.work
            return found.theta, (work.gradient_evaluations, work.products, work.jacobians)
        cvode = Cvode(module, problem, LAM, preconditioned=method == "CVODE, Gram")
        theta = cvode.run(ALPHA, TIMES, rtol)
        return theta, (cvode.gradients, cvode.products, cvode.jacobians)

    return solve


def steps_of_descent(module, problem):
    """Return how many of the largest steps that are stable at the start reach the last time."""
    net = NetMap.of(module)
    rows = net.jacobian(ALPHA * net.theta, problem.x).reshape(-1, len(net.theta))
    sharpness = 2 * float(torch.linalg.matrix_norm(rows, 2)) ** 2 / problem.m  # l'' = 2
    return int(TIMES[-1] / LAM * (sharpness + LAM) / 2)


def main(limit=120.0):
    """Print every method at several tolerances, with its error."""
    rows = Table(
        net="<22s",
        method="<17s",
        rtol="5.0e",
        error="7.1e",
        gradients="9d",
        products="8d",
        jacobians="9d",
        seconds="8.2f",
    )
    for index, (name, module, problem) in enumerate(cases()):
        with Child(prepare, (index, "W-method, Gram"), limit=10 * limit) as child:
            exact = child.run(1e-6).result[0]
        for method in (*METHODS, "CVODE, Gram", "CVODE, plain"):
            with Child(prepare, (index, method), limit=limit) as child:
                for rtol in (1e-2, 1e-3, 1e-4) if method in METHODS else (1e-3, 1e-4, 1e-5, 1e-6):
                    label = {"net": name, "method": method, "rtol": rtol}
                    try:
                        run = child.run(rtol)
                    except Failed as failed:
                        rows.row(**label, error=str(failed))
                        break
                    theta, (gradients, products, jacobians) = run.result
                    rows.row(
                        **label,
                        error=trajectory_error(theta, exact),
                        gradients=gradients,
                        products=products,
                        jacobians=jacobians,
                        seconds=run.cpu,
                    )
        count = steps_of_descent(module, problem)
        rows.row(net=name, method="gradient descent", gradients=count)


if __name__ == "__main__":
    main()
