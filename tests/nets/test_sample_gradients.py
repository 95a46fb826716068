"""Gradients by factors are those of automatic differentiation, for whatever module."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from grokflow.simulations.nets.modules import MLP, Activation, SmallCNN, he_start
from grokflow.theory.nets.curvature_roots import curvature_root
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.sample_gradients import FactoredJacobian, is_factored
from grokflow.theory.nets.symmetrised import Symmetrised
from tests.nets.known_modules import (
    DiagonalNet,
    Factorisation,
    ModularAddition,
)

M = 6


def draw(*shape):
    return torch.from_numpy(np.random.default_rng(7).standard_normal(shape))


class Product(nn.Module):
    """``A B x``: what enters the layer is A B, so that B's samples are rows of A."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(draw(4, M)), nn.Parameter(draw(3, M))

    def forward(self, x):
        return functional.linear(x, functional.linear(self.b, self.a))


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(draw(4, 4))

    def forward(self, x):
        return functional.linear(functional.linear(x, self.w).square(), self.w)


class Embedded(nn.Module):
    """An embedding, read in one place, and a weight as a matrix product."""

    def __init__(self):
        super().__init__()
        self.table, self.w = nn.Embedding(5, 3), nn.Parameter(draw(3, 2))

    def forward(self, x):
        return self.table(x[:, 0]).square() @ self.w


def modules():
    rng = np.random.default_rng(0)
    pairs = torch.tensor([[0, 1], [1, 2], [3, 3], [4, 0], [2, 2], [0, 0]])
    inplace = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3, bias=False))
    mlp = he_start(MLP((4, 5, 6, 3), Activation.SQUARED_RELU, bias=True), rng)
    everything = ("bias", "weights.0", "weights.1", "weights.2")
    yield "mlp", mlp, draw(M, 4), everything
    gathered = [
        f"{side}.{name}" for side in ("first", "second") for name in ("left", "right", "out")
    ]
    yield "gathered", Symmetrised(ModularAddition(5, 4, rng)), pairs, tuple(gathered)
    yield "in place", inplace, draw(M, 4), ("0.weight", "0.bias", "2.weight")
    yield "embedding", Embedded(), pairs, ("table.weight",)
    yield "cnn", SmallCNN(8, 1, 3, 4, torch.relu, rng), draw(M, 1, 8, 8), ("last",)
    yield "powers", DiagonalNet(4, 3), draw(M, 4), ()
    yield "entries", Factorisation(5), pairs, ()
    yield "tied", Tied(), draw(M, 4), ()
    yield "product of weights", Product(), draw(M, 4).repeat(1, 2)[:, :4], ()


@pytest.mark.parametrize("case", list(modules()), ids=lambda case: case[0])
def test_the_gram_matrix_is_that_of_all_gradients(case):
    name, module, x, layers = case
    net = ModuleMap.of(module)
    theta = 1.2 * net.theta
    found = FactoredJacobian.of(net, theta, x)
    assert {layer.name for layer in found.layers} == set(layers) or name == "product of weights"
    f = found.f.detach()
    root = curvature_root(NET_LOSSES["cross-entropy"], f, torch.zeros(len(x), dtype=torch.int64))
    wanted = torch.bmm(root.blocks().mT, net.jacobian(theta, x).view(*f.shape, -1))
    wanted = wanted.transpose(0, 1).reshape(f.numel(), -1)
    # Sums of at most P terms in another order.
    size = 100 * np.finfo(float).eps * float(wanted.pow(2).sum())
    assert is_factored(net, theta, x)
    assert (found.gram(root.times) - wanted @ wanted.T).abs().max() <= size


def test_a_product_of_weights_is_no_layer_where_rows_are_taken_for_samples():
    module, x = Product(), draw(3, 4)
    net = ModuleMap.of(module)
    assert [layer.name for layer in FactoredJacobian.of(net, net.theta, x).layers] == ["a"]
    assert not is_factored(net, net.theta, x)
    safe = FactoredJacobian.of(net, net.theta, x, factored=False)
    rows = net.jacobian(net.theta, x).view(3, 3, -1).transpose(0, 1).reshape(9, -1)
    gram = safe.gram(lambda v: v)
    assert torch.allclose(gram, rows @ rows.T, rtol=1e-12)


def test_same_sample_is_the_diagonal_of_inner():
    module = Symmetrised(ModularAddition(5, 4, np.random.default_rng(0)))
    net, x = ModuleMap.of(module), torch.tensor([[0, 1], [1, 2], [3, 3]])
    found = FactoredJacobian.of(net, net.theta, x)
    p, q = found.gradients(draw(3, 5)), found.gradients(draw(3, 5).flip(0))
    assert torch.allclose(found.same_sample(p, q), found.inner(p, q).diagonal())
