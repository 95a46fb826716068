"""Shipped nets, their derivatives, roots of the curvature, and what is measured of them."""

import numpy as np
import pytest
import torch

from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.modules import MLP, Activation, SmallCNN, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.theory.homogeneous.kernel_machine import MinKernelNorm
from grokflow.theory.nets.curvature_roots import BlockRoot, curvature_root
from grokflow.theory.nets.homogeneity import degree_of_homogeneity
from grokflow.theory.nets.jacobian_blocks import JacobianBlocks
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.state import (
    departure,
    distance_to,
    effective_rank,
    end_of_kernel_regime,
    kernel_drift,
    normalised_margin,
    stationarity,
)
from grokflow.theory.nets.symmetrised import Symmetrised
from grokflow.theory.nets.tangent import module_tangent
from tests.nets.known_modules import (
    DiagonalNet,
    Factorisation,
    ModularAddition,
    residue_pairs,
)

RNG = np.random.default_rng(5)
X = RNG.standard_normal((5, 4))
IMAGES = RNG.standard_normal((3, 1, 8, 8))
PAIRS = np.array([(0, 1), (2, 2), (1, 0)])
NETS = {
    "relu": (he_start(MLP((4, 6, 5, 2), Activation.RELU, bias=False), RNG), X, 3),
    "relu, bias": (he_start(MLP((4, 6, 2), Activation.RELU, bias=True), RNG), X, 2),
    "squared relu": (he_start(MLP((4, 6, 2), Activation.SQUARED_RELU, bias=False), RNG), X, 3),
    "quadratic, deep": (he_start(MLP((4, 6, 5, 2), Activation.QUADRATIC, bias=False), RNG), X, 7),
    "cnn": (SmallCNN(8, 1, 3, 4, torch.relu, RNG), IMAGES, 3),
    "diagonal": (DiagonalNet(4, 5), X, 5),
    "factorisation": (Factorisation(3), PAIRS, 2),
    "modular addition": (ModularAddition(3, 4, RNG), PAIRS, 3),
}
REFUSED = {
    "no parameters": (torch.nn.Flatten(), "no trainable parameters"),
    "complex": (torch.nn.Linear(4, 1, dtype=torch.complex64), "weight is complex"),
    "no numbers": (torch.nn.Linear(4, 1, device="meta"), "weight is without numbers"),
    "dropout": (torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Dropout()), r"eval\(\)"),
    "shape": (torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Unflatten(1, (2, 2))), "reshape"),
}


def tensor(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


@pytest.mark.parametrize("name", NETS)
def test_shipped_nets_have_their_degree_and_products_of_their_jacobian(name):
    module, x, degree = NETS[name]
    net, inputs = ModuleMap.of(module), torch.from_numpy(x)
    assert degree_of_homogeneity(JacobianBlocks.of(net, inputs, 2**28), inputs) == degree
    theta = net.theta * 1.3
    at, rows = net.linearise(theta, inputs), net.jacobian(theta, inputs)
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(theta), generator=generator, dtype=torch.float64)
    w = torch.randn(at.f.shape, generator=generator, dtype=torch.float64)
    assert torch.equal(at.f, net.outputs(theta, inputs))
    assert torch.allclose(at.push(v).reshape(-1), rows @ v, rtol=1e-11, atol=1e-11)
    assert torch.allclose(at.pull(w), w.reshape(-1) @ rows, rtol=1e-11, atol=1e-11)
    # Euler: J θ = L f.
    assert torch.allclose(at.push(theta), degree * at.f, rtol=1e-10, atol=1e-10)


def test_a_zero_last_layer_gives_zero_outputs_and_bad_widths_are_refused():
    net = he_start(
        MLP((4, 6, 2), Activation.RELU, bias=True), np.random.default_rng(0), zero_last=True
    )
    assert not net(tensor(X)).any()
    with pytest.raises(ValueError, match="widths are"):
        he_start(MLP((4,), Activation.RELU, bias=False), np.random.default_rng(0))


def test_residue_pairs_are_all_pairs_with_their_sums():
    pairs = residue_pairs(5, np.random.default_rng(0))
    assert len(torch.unique(pairs.x, dim=0)) == 25
    assert torch.equal(pairs.x.sum(dim=1) % 5, pairs.total)


@pytest.mark.parametrize("name", NET_LOSSES)
@pytest.mark.parametrize("blocks", [False, True])
def test_roots_square_to_the_curvature(name, blocks):
    loss, c = NET_LOSSES[name], 1 if name in ("logistic", "exponential") else 4
    f, v = tensor(RNG.standard_normal((5, c))), tensor(RNG.standard_normal((5, c)))
    labels = torch.sign(tensor(RNG.standard_normal(5)))
    y = {"square": f, "cross-entropy": torch.arange(5) % c}.get(name, labels)
    root = BlockRoot.of(loss, f, y) if blocks else curvature_root(loss, f, y)
    curved = loss.curvature(f, y, v)
    assert torch.allclose(root.times(root.transposed(v)), curved, rtol=1e-12, atol=1e-13)
    assert torch.allclose(root.times(root.solve(curved)), curved, rtol=1e-9, atol=1e-11)
    matrix = root.blocks()
    assert torch.allclose(torch.einsum("mij,mj->mi", matrix, v), root.times(v), atol=1e-13)
    rank = c - 1 if name == "cross-entropy" else c
    square = matrix.pow(2).sum((1, 2)) / rank
    wanted = root.sizes().pow(2) * (c / rank if blocks else 1)
    assert torch.allclose(wanted, square, rtol=1e-10)


def linear(loss, x, y):
    return NetProblem("p", NET_LOSSES[loss], tensor(x), y, tensor(x), y)


def test_kkt_residuals_vanish_at_kkt_points_only():
    """For a linear model the KKT points are the shortest interpolant and the hard-margin one."""
    module = torch.nn.Linear(4, 1, bias=False).double()
    net = ModuleMap.of(module)
    x = X[:3]
    y = tensor([[1.0], [2.0], [-1.0]])
    shortest = torch.linalg.pinv(tensor(x)) @ y[:, 0]
    problem = linear("square", x, y)
    assert stationarity(net, problem, shortest).residual <= 1e-12
    rest = torch.linalg.svd(tensor(x))[2][3]
    moved = shortest + rest * shortest.norm()
    assert abs(stationarity(net, problem, moved).residual - np.sqrt(0.5)) <= 1e-12
    separable = np.array([[2.0, 0, 0, 1], [3.0, 5, 0, 0], [-4.0, 0, 1, 0]])
    labels = tensor([1.0, 1.0, -1.0])
    classes = linear("logistic", separable, labels)
    theta = (labels[:, None] * tensor(separable)).T @ tensor([1.0, 0.5, 2.0])
    found = stationarity(net, classes, theta)
    margins = labels * (tensor(separable) @ theta)
    slack = (tensor([1.0, 0.5, 2.0]) / 3.5 * (margins / margins.min() - 1)).sum()
    assert found.residual <= 1e-10 and abs(found.slackness - float(slack)) <= 1e-10
    # Samples beyond the margin pull: this is no KKT point.
    assert found.total > 0.05
    assert stationarity(net, classes, -theta).residual >= 0.99
    assert normalised_margin(classes.loss, (margins * labels)[:, None], labels) == margins.min()


def test_multi_class_margins_and_their_kkt_residual():
    rng = np.random.default_rng(1)
    net = ModuleMap.of(torch.nn.Linear(6, 3, bias=False).double())
    x, y = rng.standard_normal((2, 6)), torch.tensor([0, 2])
    problem = linear("cross-entropy", x, y)
    weights = torch.zeros((3, 6), dtype=torch.float64)
    for sample, label in zip(tensor(x), y.tolist(), strict=True):
        for other in set(range(3)) - {label}:
            weights[label] += sample
            weights[other] -= sample
    assert stationarity(net, problem, weights.reshape(-1)).residual <= 1e-12
    f = tensor([[1.0, 4.0, 2.0], [0.0, 0.5, 3.0]])
    assert normalised_margin(problem.loss, f, torch.tensor([1, 2])) == 2.0


def test_what_only_decays_has_no_drift_and_no_departure():
    net = ModuleMap.of(NETS["squared relu"][0])
    x = tensor(X)
    assert kernel_drift(net, 0.3 * net.theta, x, 0.3) <= 1e-12
    assert departure(net, 0.3 * net.theta, 0.3) <= 1e-13
    # K is homogeneous of degree 2 (L - 1) = 4.
    assert abs(kernel_drift(net, 0.3 * net.theta, x, 0.15) - 15) <= 1e-9


def test_effective_rank_and_distances():
    assert abs(effective_rank(torch.eye(4, dtype=torch.float64)) - 4) <= 1e-12
    assert abs(effective_rank(torch.outer(tensor(X[0]), tensor(X[1]))) - 1) <= 1e-10
    f = tensor([[3.0], [4.0]])
    assert distance_to(f, np.array([3.0, 4.0]), normalised=False) == 0
    assert distance_to(f, np.array([6.0, 8.0]), normalised=True) <= 1e-15
    assert abs(distance_to(f, np.array([6.0, 8.0]), normalised=False) - 0.5) <= 1e-15


def test_the_kernel_regime_ends_where_the_lemma_says():
    """Departures grow like e^{Lλt}: their crossing moves by ln 10 / L with a tenfold threshold."""
    times = np.linspace(0, 3, 31)
    departures = 1e-4 * np.exp(3 * times)
    ends = [end_of_kernel_regime(times, departures, level) for level in (1e-3, 1e-2)]
    assert abs(ends[1] - ends[0] - np.log(10) / 3) <= 1e-12
    assert np.isnan(end_of_kernel_regime(times, departures, 10.0))
    assert end_of_kernel_regime(times, departures, 1e-5) == 0


def test_the_flow_passes_the_early_predictor_with_little_drift_and_departs_as_the_lemma_says():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 1))
    module, fresh = (
        Symmetrised(he_start(MLP((3, 16, 1), Activation.QUADRATIC, bias=False), rng)),
        rng.standard_normal((20, 3)),
    )
    early = MinKernelNorm().predict(module_tangent(module, x), x, y)
    problem = NetProblem("p", NET_LOSSES["square"], *map(tensor, (x, y, fresh, fresh[:, :1])))
    net, alpha, times = ModuleMap.of(module), 10.0, np.array([0.1, 0.6, 1.1, 1.6, 5.0])
    found = NetFlow(lam=1e-5, rtol=1e-4).run(NetStart(module, problem, alpha), times)
    states = [torch.from_numpy(theta) for theta in found.theta]
    scales = alpha * np.exp(-times)
    away = [
        distance_to(net.outputs(theta, tensor(fresh)), early.outputs(fresh), normalised=False)
        for theta in states
    ]
    assert away[0] <= 0.01 < 0.3 < away[-1]
    drifts = [
        kernel_drift(net, theta, problem.x, scale)
        for theta, scale in zip(states, scales, strict=True)
    ]
    gone = [departure(net, theta, scale) for theta, scale in zip(states, scales, strict=True)]
    assert drifts[0] <= 0.01 < drifts[-1]
    # Lemma C.5: a growth rate of L = 3, while the departure is small.
    assert abs(np.polyfit(times[:3], np.log(gone[:3]), 1)[0] - 3) <= 0.2
    ranks = [effective_rank(theta[: 2 * 64].reshape(2, -1)) for theta in states]
    assert all(1 <= rank <= 2 for rank in ranks)


@pytest.mark.parametrize("flow", [Descent(lam=0.1, lr=0.1), ChebyshevFlow(lam=0.1)])
@pytest.mark.parametrize("case", REFUSED)
def test_every_flow_refuses_the_same_modules(case, flow):
    module, message = REFUSED[case]
    problem = linear("square", X[:3], tensor([[1.0], [2.0], [-1.0]]))
    for method in (flow, NetFlow(lam=0.1)):
        with pytest.raises(ValueError, match=message):
            method.run(NetStart(module, problem), np.array([0, 1]))


def test_a_map_keeps_its_device_and_leaves_the_module_alone():
    module = torch.nn.Linear(4, 1, bias=False)
    net = ModuleMap.of(module)
    assert net.on("cpu") is net and net.theta.dtype == torch.float64
    assert module.weight.dtype == torch.float32
