"""What solves the stages of the flow of nets: agreement, work, memory, stops and interrupts."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from grokflow.simulations.nets.implicit import stage_systems as saddle_solves
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.implicit.memory import NetMemory
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.symmetrised import Symmetrised
from tests.nets.known_modules import ModularAddition, residue_pairs

SOLVERS = [NetSolver.GRAM, NetSolver.ITERATIVE, NetSolver.MULTISTEP]


def modular(p=5, width=24, loss="square"):
    rng = np.random.default_rng(0)
    pairs = residue_pairs(p, rng)
    count = int(0.7 * p * p)
    y = nn.functional.one_hot(pairs.total, p).double() if loss == "square" else pairs.total
    problem = NetProblem(
        "add", NET_LOSSES[loss], pairs.x[:count], y[:count], pairs.x[count:], y[count:]
    )
    return Symmetrised(ModularAddition(p, width, rng)), problem


def errors(found, reference):
    return np.linalg.norm(found - reference, axis=1) / np.linalg.norm(reference, axis=1)


def needed(module, problem):
    net = ModuleMap.of(module)
    return NetMemory.of(net, net.theta, problem.x)


@pytest.mark.parametrize("loss", ["square", "cross-entropy"])
def test_the_gram_matrix_and_conjugate_gradients_agree(loss):
    module, problem = modular(loss=loss)
    times, need = np.array([0.1, 1.0]), needed(module, problem)
    least = need.products + need.layers
    dense = NetFlow(lam=1e-3, rtol=1e-2, solver=NetSolver.GRAM)
    runs = {"dense": dense.run(NetStart(module, problem, 3.0), times)}
    for name, memory in (("none", least), ("two", least + 2 * need.block), ("all", 2**31)):
        flow = NetFlow(lam=1e-3, rtol=1e-2, solver=NetSolver.ITERATIVE, memory=memory)
        runs[name] = flow.run(NetStart(module, problem, 3.0), times)
        # One local error: what iterations miss is a twentieth of it in each of some ten steps.
        assert errors(runs[name].theta, runs["dense"].theta).max() <= 1e-2
    assert runs["none"].work.factorisations == 0 < runs["two"].work.factorisations
    products = [runs[name].work.products for name in ("none", "two", "all")]
    if loss == "square":
        assert products[2] < products[1] <= 0.7 * products[0]
    else:
        # Curvatures are small once the data are fitted: little is to be gained.
        assert max(products[1:]) <= 1.5 * products[0]


def test_conjugate_gradients_that_do_not_converge_cost_a_step_and_not_the_accuracy(monkeypatch):
    module, problem = modular()
    times = np.array([0.1, 1.0])
    exact = NetFlow(lam=1e-3, rtol=1e-2, solver=NetSolver.GRAM).run(
        NetStart(module, problem, 3.0), times
    )
    monkeypatch.setattr(saddle_solves, "ITERATIONS", 4)
    flow = NetFlow(lam=1e-3, rtol=1e-2, solver=NetSolver.ITERATIVE)
    found = flow.run(NetStart(module, problem, 3.0), times)
    assert found.work.rejected > 0
    assert errors(found.theta, exact.theta).max() <= 1e-2
    monkeypatch.setattr(saddle_solves, "ITERATIONS", 0)
    wanted = "driven to .* (conjugate gradients did not converge in 0 iterations.*): raise rtol"
    with pytest.raises(Stopped, match=wanted.replace("(", r"\(").replace(")", r"\)")):
        flow.run(NetStart(module, problem, 3.0), times)


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_little_memory_is_refused(solver):
    module, problem = modular()
    with pytest.raises(ValueError, match=r"memory is 50000 bytes, expected .*: raise it"):
        NetFlow(lam=1e-4, memory=50_000, solver=solver).run(
            NetStart(module, problem, 5.0), np.array([1.0])
        )


def test_the_gram_matrix_is_taken_where_it_fits():
    module, problem = modular()
    need = needed(module, problem)
    whole = need.products + need.layers + need.gram
    for memory, name in ((whole, "NTK Gram"), (whole - 1, "conjugate gradients")):
        flow = NetFlow(lam=1e-2, memory=memory)
        assert name in flow.run(NetStart(module, problem, 1.0), np.array([0.1])).work.name
    with pytest.raises(ValueError, match=f"expected {whole} for the Gram matrix"):
        flow = NetFlow(lam=1e-2, memory=whole - 1, solver=NetSolver.GRAM)
        flow.run(NetStart(module, problem, 1.0), np.array([0.1]))


PEAK = """
import resource, numpy as np, torch
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.implicit.memory import NetMemory
from grokflow.simulations.nets.tasks.catalogue import modular_addition
from grokflow.theory.nets.module_map import ModuleMap
torch.set_num_threads(1)
def run(p, **options):
    task = modular_addition(p=p, width=32, fraction=0.9)
    flow = NetFlow(lam=1e-2, rtol=1e-2, max_steps=3, **options)
    try:
        flow.run(task, np.array([1.0]))
    except RuntimeError:
        pass
    net = ModuleMap.of(task.net)
    return NetMemory.of(net, net.theta, task.problem.x)
for solver in (NetSolver.ITERATIVE, NetSolver.GRAM, NetSolver.MULTISTEP):
    run(3, solver=solver)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
need = run(23, solver=NetSolver.{solver}, memory=2**30)
grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(need.products + need.layers + {part}, grown)
"""


@pytest.mark.parametrize(("solver", "part"), [("ITERATIVE", "23 * need.block"), ("MULTISTEP", "0")])
def test_no_more_memory_is_taken_than_was_said(solver, part):
    code = PEAK.replace("{solver}", solver).replace("{part}", part)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, grown = map(int, done.stdout.split())
    # Pages that the allocator keeps between uses.
    assert grown <= 1.25 * said + 2**25


class Broken(nn.Module):
    """Homogeneous of degree one, until its parameter has decayed below a threshold."""

    def __init__(self, kind):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([2.0, 1.0], dtype=torch.float64))
        self.kind = kind

    def forward(self, x):
        value = x @ self.w
        decayed = self.kind and bool((self.w.detach()[0] < 1.2).any())
        if self.kind == "interrupt" and decayed:
            raise KeyboardInterrupt
        if self.kind == "nan" and decayed:
            return value * float("nan")
        return value


def linear_problem():
    x = torch.tensor([[0.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    y = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    return NetProblem("p", NET_LOSSES["square"], x, y, x, y)


def armed(kind, monkeypatch):
    """Return a module that passes the door and breaks later, at scales below its own."""
    module = Broken("")
    run = NetFlow._checked_degree

    def checked(flow, given, problem, alpha):
        degree = run(flow, given, problem, alpha)
        given.module.kind = kind
        return degree

    monkeypatch.setattr(NetFlow, "_checked_degree", checked)
    return module


def decays(trajectory, rtol):
    return np.allclose(trajectory.theta[:, 0], 2 * np.exp(-trajectory.lambda_t), rtol=rtol)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nan_gradients_stop_with_the_last_good_state(solver, monkeypatch):
    module = armed("nan", monkeypatch)
    with pytest.raises(
        Stopped, match=r"stopped at λt = 0\.[0-9]+ of 3: .*(driven|NaN|gave up)"
    ) as caught:
        NetFlow(lam=0.1, solver=solver).run(
            NetStart(module, linear_problem(), 1.0), np.array([0.1, 3.0])
        )
    if solver is not NetSolver.MULTISTEP:
        assert re.search("driven to .*: raise rtol .* or mend the module", str(caught.value))
    kept = caught.value.trajectory
    assert np.isfinite(kept.theta).all() and kept.theta[-1, 0] >= 1.2
    assert kept.lambda_t[0] == 0.1 < kept.lambda_t[-1] and decays(kept, 1e-2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interrupt_keeps_what_was_reached(solver, monkeypatch):
    module = armed("interrupt", monkeypatch)
    with pytest.raises(Interrupted, match="interrupted after 3 records") as caught:
        flow = NetFlow(lam=0.1, solver=solver)
        flow.run(NetStart(module, linear_problem(), 1.0), np.array([0.1, 0.2, 3.0]))
    kept = caught.value.trajectory
    assert kept.lambda_t[:2].tolist() == [0.1, 0.2] and kept.lambda_t[2] > 0.2
    assert kept.theta[-1, 0] >= 1.2 and decays(kept, 1e-2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_few_steps_stop_with_a_remedy(solver):
    module, problem = modular()
    with pytest.raises(Stopped, match="raise max_steps or rtol") as caught:
        NetFlow(lam=1e-4, max_steps=5, solver=solver).run(
            NetStart(module, problem, 5.0), np.array([1.0])
        )
    assert caught.value.trajectory.work.steps == 5
    assert caught.value.trajectory.lambda_t[-1] < 1.0


def test_a_hundred_times_fewer_gradients_than_descent_at_its_largest_stable_step():
    """α = 10 and λ = 1e-4: descent that knows the curvature takes ``∫ σ/(2λ) ds`` steps."""
    module, problem = modular(width=8)
    lam, times = 1e-4, np.linspace(0.0, np.log(10.0) + 2, 9)
    found = NetFlow(lam=lam, rtol=1e-2).run(NetStart(module, problem, 10.0), times)
    net = ModuleMap.of(module)
    rows = [net.jacobian(torch.from_numpy(theta), problem.x) for theta in found.theta]
    sigma = [2 * float(torch.linalg.matrix_norm(j, 2)) ** 2 / problem.m + lam for j in rows]
    # The least of σ between two records, were it monotone; it falls with θ.
    steps = np.minimum(sigma[1:], sigma[:-1]) @ np.diff(times) / (2 * lam)
    outputs, work = 5, found.work
    passes = work.gradient_evaluations + 2 * work.products + outputs * work.jacobians
    assert found.train_loss[-1] <= 1e-2 and found.norms[-1] < 0.2 * found.norms[0]
    assert steps >= 100 * passes
