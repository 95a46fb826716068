"""The flow of nets: our engines against CVODE with GMRES and against gradient descent.

CVODE takes the flow as it stands, ``dθ/ds = -(1/(mλ)) Jᵀl'(f) - θ``, with Gauss-Newton products.
Errors are those of θ against a run at a hundredth of the tolerance.

Gradient descent is not run to the end: a step η advances λt by λη, and none is stable above
``2/σ`` with σ the largest eigenvalue of ``JᵀHJ/m + λ``. The floor is that of a descent that knows σ
and takes the largest stable step at every time, ``∫ σ/(2λ) ds``; at one step size for the whole way
it is ``max σ/(2λ)`` a unit of λt. Seconds are those of a timed stretch, times the number of steps.

One unit of work is a backward pass over all samples: a gradient is one, a product two, a Jacobian
C of them (the gradients of one output of all samples take one pass).
"""

from __future__ import annotations

from functools import partial
from time import perf_counter

import numpy as np
import torch
from torch import nn

from benchmarks.child import Child, Failed
from grokflow.simulations.linear.presets import sparse_regression
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.catalogue import modular_addition
from grokflow.simulations.runs.stopping import Stopped
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.symmetrised import Symmetrised
from tests.nets.known_modules import DiagonalNet, ModularAddition, residue_pairs

LAM = 1e-4
RECORDS = 9


def cases():
    data = sparse_regression(n=24, d=100, n_test=10)
    x, y = torch.from_numpy(data.inputs.to_array()), torch.from_numpy(data.targets)[:, None]
    problem = NetProblem("d", NET_LOSSES["square"], x, y, x, y)
    yield "diagonal net, d = 100", DiagonalNet(100), problem, 10.0
    rng = np.random.default_rng(0)
    pairs = residue_pairs(7, rng)
    y = nn.functional.one_hot(pairs.total, 7).double()
    problem = NetProblem("m", NET_LOSSES["square"], pairs.x[:25], y[:25], pairs.x[25:], y[25:])
    yield "two-layer quadratic net, p = 7", Symmetrised(ModularAddition(7, 24, rng)), problem, 10.0
    for activation in ("quadratic", "squared-relu"):
        task = modular_addition(p=13, width=48, fraction=0.7, zero_last=0, activation=activation)
        name = f"two-layer {activation} net, p = 13"
        yield name, Symmetrised(task.net), task.problem, 4.0


def sharpness(net, problem, theta):
    """Return the largest eigenvalue of ``JᵀHJ/m + λ``, by products."""
    at = net.linearise(torch.from_numpy(theta), problem.x)
    v, value = torch.randn(len(theta), generator=torch.Generator().manual_seed(0)).double(), 0.0
    for _ in range(30):
        v /= v.norm()
        v = at.pull(problem.loss.curvature(at.f, problem.y, at.push(v))) / problem.m
        value = float(v.norm())
    return value + LAM


def seconds_of_a_gradient(net, problem, theta):
    """Time a stretch of gradients."""
    at, started = torch.from_numpy(theta), perf_counter()
    for _ in range(50):
        here = net.linearise(at, problem.x)
        here.pull(problem.loss.gradient(here.f, problem.y))
    return (perf_counter() - started) / 50


def passes(work, outputs):
    """Return the backward passes that a run took."""
    return work.gradient_evaluations + 2 * work.products + outputs * work.jacobians


def ways(module, alpha):
    """Return what follows the net from α times its start: our engines, the first one by default."""
    solvers = (NetSolver.AUTO, 1e-2), (NetSolver.ITERATIVE, 1e-2), (NetSolver.MULTISTEP, 1e-1)
    found = {}
    for solver, rtol in solvers:
        flow = NetFlow(lam=LAM, rtol=rtol, solver=solver, max_steps=2000)
        found[solver.name] = partial(_follow, flow, module, alpha)
    flow = ChebyshevFlow(lam=LAM, longest=1e-2, thin=1)
    return found | {"CHEBYSHEV": partial(_follow, flow, module, alpha)}


def _follow(flow, module, alpha, problem, times):
    return flow.run(NetStart(module, problem, alpha), times)


def measure(name, module, problem, alpha):
    """Print all methods on one problem, with their ratios to the first."""
    times = np.linspace(0.0, np.log(alpha) + 2, RECORDS)
    net = ModuleMap.of(module)
    exact = NetFlow(lam=LAM, rtol=1e-4).run(NetStart(module, problem, alpha), times).theta
    size, outputs = np.linalg.norm(exact, axis=1), net.outputs(net.theta, problem.x[:1]).shape[1]
    print(f"{name}: α = {alpha:g}, λ = {LAM:g}, {len(net.theta)} parameters, {problem.m} samples")
    first = None
    for label, follow in ways(module, alpha).items():
        try:
            found = follow(problem, times)
        except Stopped as error:
            print(f"  {label:9s} stops: {error}", flush=True)
            continue
        error = (np.linalg.norm(found.theta - exact, axis=1) / size).max()
        work, cost = found.work, passes(found.work, outputs)
        first = first or (cost, work)
        print(
            f"  {label:9s} error {error:.0e}, gradients {work.gradient_evaluations}, "
            f"products {work.products}, Jacobians {work.jacobians}: {cost} passes "
            f"({cost / first[0]:.1f}), {work.seconds:.2f} s "
            f"({work.seconds / first[1].seconds:.1f})",
            flush=True,
        )
    sigma = np.array([sharpness(net, problem, theta) for theta in exact])
    steps = np.trapezoid(sigma, times) / (2 * LAM)
    spent = steps * seconds_of_a_gradient(net, problem, exact[0])
    cost, work = first
    print(
        f"  gradient descent at its largest stable step: {steps:.1e} gradients "
        f"({sigma.max() / (2 * LAM) * times[-1]:.1e} at one step size), {spent:.0f} s: "
        f"{steps / work.gradient_evaluations:.0f} times the gradients, {steps / cost:.0f} times "
        f"the passes, {spent / work.seconds:.0f} times the seconds of the first",
        flush=True,
    )


def prepare(index):
    """Return what measures one net, and prints as it goes."""
    torch.set_num_threads(1)
    case = list(cases())[index]
    return lambda setting: measure(*case)


def main(limit=300.0):
    """Print all methods on every net."""
    for index in range(len(list(cases()))):
        with Child(prepare, (index,), limit=limit, quiet=False) as child:
            try:
                child.run()
            except Failed as failed:
                print(f"  the rest stopped: {failed}", flush=True)


if __name__ == "__main__":
    main()
