"""The flow of any module: exact reductions, order, tolerance, work, stops and refusals."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import nn

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.implicit.rosenbrock import ROS34PW2
from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.theory.losses import LOSSES
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.symmetrised import Symmetrised
from tests.nets.known_modules import (
    DiagonalNet,
    Factorisation,
    ModularAddition,
    residue_pairs,
)

D = 20


def tensor(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def problem_of(loss, x, y):
    x, y = tensor(x) if not isinstance(x, torch.Tensor) else x, y
    return NetProblem("p", NET_LOSSES[loss], x, y, x, y)


def diagonal(loss):
    """Return a problem of the reduced flow and the same one for nets."""
    if loss == "square":
        exact = sparse_regression(n=8, d=D, n_test=10)
        y = tensor(exact.targets)[:, None]
    else:
        exact = sparse(n=8, d=D, n_test=10)
        y = torch.sign(tensor(exact.targets))
    return exact, problem_of(loss, exact.inputs.to_array(), y)


def weights(theta, depth=2):
    u, v = np.split(theta, 2, axis=1)
    return u**depth - v**depth


def errors(found, reference):
    return np.linalg.norm(found - reference, axis=1) / np.linalg.norm(reference, axis=1)


def test_the_method_satisfies_the_order_conditions_for_any_matrix():
    """The eight conditions of order 3, in products of a and γ alone (Hairer, Wanner, IV.7)."""
    a, gamma, one = ROS34PW2.a, ROS34PW2.gamma, np.ones(4)
    c, g = a @ one, gamma @ one
    first = [(one, 1), (c, 1 / 2), (g, 0)]
    third = [(c**2, 1 / 3), (a @ c, 1 / 6), (a @ g, 0), (gamma @ c, 0), (gamma @ g, 0)]
    for vector, wanted in first + third:
        assert abs(ROS34PW2.b @ vector - wanted) <= 1e-14
    for vector, wanted in first:
        assert abs(ROS34PW2.b_embedded @ vector - wanted) <= 1e-14
    # L-stable, with an embedded method that damps.
    inverse = np.linalg.solve(a + gamma, one)
    assert abs(1 - ROS34PW2.b @ inverse) <= 1e-13
    assert abs(1 - ROS34PW2.b_embedded @ inverse) <= 0.5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("alpha", "lam", "solver"),
    [
        (0.5, 0.1, NetSolver.GRAM),
        (100.0, 1e-8, NetSolver.GRAM),
        (10.0, 1e-4, NetSolver.ITERATIVE),
        (10.0, 1e-4, NetSolver.MULTISTEP),
    ],
)
def test_diagonal_nets_follow_the_exact_reduction(alpha, lam, loss, solver):
    exact, problem = diagonal(loss)
    times = max(np.log(alpha), 0.2) + np.array([-0.1, 0.5, 1.0, 2.0, 3.0])
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-8)
    reference = flow.run(DiagonalStart(exact, alpha), times).weights.T
    found = NetFlow(lam=lam, solver=solver).run(NetStart(DiagonalNet(D), problem, alpha), times)
    # w is quadratic in θ: the local error counts twice, and some tens of them are felt at once.
    assert errors(weights(found.theta), reference).max() <= 10 * 1e-3
    assert found.degree == 2
    assert found.work.steps <= 400 and found.work.rejected <= 0.2 * found.work.steps
    assert found.work.gradient_evaluations <= 4 * (found.work.steps + found.work.rejected)
    assert (found.work.products == 0) == (solver is NetSolver.GRAM)


def test_the_error_falls_with_the_square_of_the_step_whatever_lambda_is():
    exact, problem = diagonal("square")
    alpha, times = 10.0, np.log(10.0) + np.array([0.0, 1.0, 2.0])
    spent = []
    for lam in (1e-2, 1e-9):
        flow = DiagonalFlow(lam=lam, loss=LOSSES["square"], rtol=1e-9)
        reference = flow.run(DiagonalStart(exact, alpha), times).weights.T
        misses, steps = [], []
        for rtol in (1e-2, 1e-3, 1e-4):
            found = NetFlow(lam=lam, rtol=rtol).run(NetStart(DiagonalNet(D), problem, alpha), times)
            misses.append(errors(weights(found.theta), reference).max())
            steps.append(found.work.steps)
        assert np.polyfit(np.log(steps), np.log(misses), 1)[0] <= -1.8
        spent.append(steps)
    # The steps of λ = 1e-9 exceed those of 1e-2 by the decades of the first fit only.
    assert np.max(np.array(spent[1]) - spent[0]) <= 45


def test_order_three_where_nothing_is_stiff():
    """A transcription for ``y' = F(y)`` with a random matrix for the Jacobian."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((2, 2))

    def field(y):
        return np.array([y[1], -np.sin(y[0])])

    def end(count):
        y, h = np.array([1.0, 0.0]), 1 / count
        for _ in range(count):
            us = np.zeros((0, 2))
            for i in range(4):
                right = field(y + ROS34PW2.places[i, :i] @ us)
                right = right + ROS34PW2.couplings[i, :i] @ us / h
                left = np.eye(2) / (h * ROS34PW2.diagonal) - matrix
                us = np.vstack([us, np.linalg.solve(left, right)])
            y = y + ROS34PW2.weights @ us
        return y

    exact = solve_ivp(lambda t, y: field(y), (0, 1), [1.0, 0.0], rtol=1e-12, atol=1e-13).y[:, -1]
    counts = np.array([10, 20, 40, 80])
    misses = [np.linalg.norm(end(count) - exact) for count in counts]
    assert abs(np.polyfit(np.log(counts), np.log(misses), 1)[0] + 3) <= 0.15


def reference(module, problem, alpha, lam, times):
    """Integrate the flow as it stands, with gradients by autograd and scipy's LSODA."""
    net = ModuleMap.of(module)

    def rate(s, theta):
        leaf = tensor(theta).requires_grad_()
        loss = problem.loss.value(net.call(leaf, problem.x), problem.y).mean()
        (slope,) = torch.autograd.grad(loss, leaf)
        return -slope.numpy() / lam - theta

    start = alpha * net.theta.numpy()
    kept = solve_ivp(
        rate, (0, times[-1]), start, method="LSODA", t_eval=times, rtol=1e-6, atol=1e-8
    )
    assert kept.success
    return kept.y.T


def nets_and_problems():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((6, 3))
    entries = torch.tensor([(i, j) for i in range(4) for j in range(4) if (i + j) % 3])
    truth = tensor(np.outer(np.arange(4), np.arange(4)) / 9)
    classes = torch.tensor([0, 1, 2, 2, 1, 0])
    square = problem_of("square", x, tensor(rng.standard_normal((6, 2))))
    yield "depth 3", DiagonalNet(3, 3), problem_of("square", x, square.y[:, :1])
    values = truth[entries[:, 0], entries[:, 1], None]
    yield "completion", Factorisation(4), problem_of("square", entries, values)
    smooth = Symmetrised(he_start(MLP((3, 5, 3), Activation.QUADRATIC, bias=True), rng))
    yield "cross-entropy", smooth, problem_of("cross-entropy", x, classes)
    yield (
        "two outputs",
        Symmetrised(he_start(MLP((3, 6, 2), Activation.QUADRATIC, bias=False), rng)),
        square,
    )
    labels = torch.sign(tensor(x[:, 0]))
    yield (
        "exponential",
        Symmetrised(he_start(MLP((3, 4, 1), Activation.QUADRATIC, bias=False), rng)),
        problem_of("exponential", x, labels),
    )


@pytest.mark.parametrize("case", list(nets_and_problems()), ids=lambda case: case[0])
def test_every_loss_and_net_follows_the_flow_as_it_stands(case):
    _, module, problem = case
    lam, times = 0.02, np.array([0.01, 0.3, 1.0, 3.0])
    wanted = reference(module, problem, 2.0, lam, times)
    found = NetFlow(lam=lam, rtol=1e-3).run(NetStart(module, problem, 2.0), times)
    # Steps of local error rtol ‖θ‖, of which some tens are felt at once.
    assert errors(found.theta, wanted).max() <= 30 * 1e-3
    assert np.allclose(found.norms, np.linalg.norm(found.theta, axis=1))


def modular(p=5, width=24, loss="square"):
    rng = np.random.default_rng(0)
    pairs = residue_pairs(p, rng)
    count = int(0.7 * p * p)
    y = nn.functional.one_hot(pairs.total, p).double() if loss == "square" else pairs.total
    problem = NetProblem(
        "add", NET_LOSSES[loss], pairs.x[:count], y[:count], pairs.x[count:], y[count:]
    )
    return Symmetrised(ModularAddition(p, width, rng)), problem


def test_relu_kinks_do_not_stall_it():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((12, 4))
    y = torch.sign(tensor(x[:, 0] * x[:, 1]))
    net = Symmetrised(he_start(MLP((4, 32, 1), Activation.RELU, bias=True), rng))
    found = NetFlow(lam=1e-3, rtol=1e-2).run(
        NetStart(net, problem_of("logistic", x, y), 5.0), np.array([1.0, 3.0, 6.0])
    )
    assert found.train_error[-1] == 0
    assert found.work.steps <= 400 and found.work.rejected <= found.work.steps


def test_thinned_parameters_and_progress():
    module, problem = modular()
    seen = []
    times = np.array([0.0, 0.1, 0.2, 0.3])
    found = NetFlow(lam=1e-2, thin=2).run(
        NetStart(module, problem, 1.0), times, progress=seen.append
    )
    assert found.kept.tolist() == [0, 2, 3]
    assert np.allclose(found.theta[0], ModuleMap.of(module).theta)
    assert seen == sorted(seen) and seen[-1] == 1.0
    assert NetFlow(lam=1e-2, thin=0).run(NetStart(module, problem, 1.0), times).kept.tolist() == [3]


def linear_problem():
    x = torch.tensor([[0.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    return problem_of("square", x, torch.tensor([[1.0], [2.0]], dtype=torch.float64))


REFUSED = {
    "dropout": (lambda: nn.Sequential(nn.Linear(2, 1, bias=False), nn.Dropout()), {}, "training"),
    "norm": (lambda: nn.Sequential(nn.Linear(2, 1, bias=False), nn.BatchNorm1d(1)), {}, "eval"),
    "biases": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh()), {}, "not homogeneous"),
    "none": (lambda: nn.Flatten(), {}, "no trainable parameters"),
    "outputs": (lambda: nn.Linear(2, 3, bias=False), {}, "targets of shape"),
    "large": (lambda: DiagonalNet(2), {"alpha": 1e9}, "lower alpha"),
    "negative": (lambda: DiagonalNet(2), {"alpha": -1.0}, "expected a positive number"),
    "times": (lambda: DiagonalNet(2), {"times": np.array([1.0, 0.5])}, "sort them, np.unique"),
    "no times": (lambda: DiagonalNet(2), {"times": np.array([])}, "at least one"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_followed_is_refused(case):
    module, options, message = REFUSED[case]
    arguments = {"alpha": 1.0, "times": np.array([1.0])} | options
    with pytest.raises(ValueError, match=message) as caught:
        start = NetStart(module(), linear_problem(), arguments["alpha"])
        NetFlow(lam=1e-2).run(start, arguments["times"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"lam": 0.0}, {"lam": 1e-2, "rtol": 1.0}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="choose a value in range"):
        NetFlow(**options)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("cross-entropy", torch.tensor([0, 7]), "integer classes from 0 to 1"),
        ("logistic", torch.tensor([1.0, -1.0]).double(), "one output"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, y, message):
    x = torch.eye(2, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        NetFlow(lam=1e-2).run(
            NetStart(nn.Linear(2, 2, bias=False), problem_of(loss, x, y), 1.0), np.array([1.0])
        )
