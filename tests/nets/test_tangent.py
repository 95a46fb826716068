"""Tangent kernels of torch modules: against closed forms and plain autograd, memory, refusals."""

import copy
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grokflow.theory.completion.tangent import FactorisationTangent
from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin, MinKernelNorm, one_vs_rest
from grokflow.theory.nets.jacobian_blocks import JacobianBlocks
from grokflow.theory.nets.outputs import ModuleOutputs
from grokflow.theory.nets.symmetrised import Symmetrised
from grokflow.theory.nets.tangent import module_tangent

EPS = np.finfo(float).eps


class Diagonal(nn.Module):
    """<u^L - v^L, x> at u = v = 1."""

    def __init__(self, d, depth):
        super().__init__()
        self.depth = depth
        self.u, self.v = nn.Parameter(torch.ones(d)), nn.Parameter(torch.ones(d))

    def forward(self, x):
        return x @ (self.u**self.depth - self.v**self.depth)


class Factorisation(nn.Module):
    """Entries, or inner products, of UUᵀ - VVᵀ at U = V = I."""

    def __init__(self, d):
        super().__init__()
        self.u, self.v = nn.Parameter(torch.eye(d)), nn.Parameter(torch.eye(d))

    def forward(self, x):
        w = self.u @ self.u.T - self.v @ self.v.T
        return (w * x).sum(dim=(1, 2)) if x.is_floating_point() else w[x[:, 0], x[:, 1]]


class Power(nn.Module):
    """|z|^p, applied to every entry."""

    def __init__(self, power):
        super().__init__()
        self.power = power

    def forward(self, z):
        return z.abs() ** self.power


class Through(nn.Module):
    """A function of the outputs of a linear layer."""

    def __init__(self, function, inputs=4):
        super().__init__()
        self.layer = nn.Linear(inputs, 3, bias=False)
        self.function = function

    def forward(self, x):
        return self.function(self.layer(x))


def mlp(widths=(5, 8, 3), bias=False, activation=nn.ReLU):
    torch.manual_seed(1)
    layers = []
    for i, (a, b) in enumerate(pairwise(widths)):
        layers += [nn.Linear(a, b, bias=bias and i == 0), activation()]
    return nn.Sequential(*layers[:-1])


def cnn(first=4, second=3):
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(2, first, 3, bias=False, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(first, second, 3, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * second, 2, bias=False),
    )


class Square(nn.Module):
    def forward(self, z):
        return z**2


def embedding():
    torch.manual_seed(3)
    return nn.Sequential(nn.Embedding(7, 6), nn.Flatten(), Square(), nn.Linear(12, 4, bias=False))


def gaussian(*shape):
    return np.random.default_rng(5).standard_normal(shape)


NETS = {
    "two layers": (mlp(), gaussian(6, 5), 2),
    "three layers": (mlp((5, 8, 4, 1)), gaussian(6, 5), 3),
    "bias in the first layer": (mlp(bias=True), gaussian(6, 5), 2),
    "squares": (mlp(activation=Square), gaussian(6, 5), 3),
    "convolutions": (cnn(), gaussian(4, 2, 8, 8), 3),
    "embedding": (embedding(), np.array([[0, 1], [2, 2], [6, 3]]), 3),
    "power 1.5": (mlp(activation=partial(Power, 1.5)), gaussian(6, 5), 2.5),
}


def plain_kernel(module, x):
    """Return J Jᵀ by one backward pass an output."""
    module = copy.deepcopy(module).double()
    values = module(torch.from_numpy(x)).reshape(-1)
    parameters = list(module.parameters())
    rows = [torch.autograd.grad(value, parameters, retain_graph=True) for value in values]
    jacobian = torch.stack([torch.cat([g.reshape(-1) for g in row]) for row in rows])
    return (jacobian @ jacobian.T).numpy()


@pytest.mark.parametrize("name", NETS)
def test_kernels_and_degrees_of_modules(name):
    module, x, degree = NETS[name]
    tangent = module_tangent(Symmetrised(module), x)
    assert tangent.degree == pytest.approx(degree, abs=1e-9)
    expected = plain_kernel(module, x)
    allowed = 100 * EPS * np.abs(expected).max()
    assert np.abs(tangent.gram(x) - expected).max() <= allowed
    size = 2 * tangent.outputs
    assert np.abs(tangent.cross(x[:2], x) - expected[:size]).max() <= allowed


@settings(max_examples=10)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(2, 5))
def test_a_diagonal_module_has_the_closed_form(n, d, depth):
    x, new = gaussian(n, d), gaussian(3, d)
    tangent, closed = module_tangent(Diagonal(d, depth), x), DiagonalTangent(depth)
    assert tangent.degree == depth
    size = np.abs(closed.gram(x)).max() + np.abs(closed.cross(new, x)).max()
    assert np.abs(tangent.gram(x) - closed.gram(x)).max() <= 100 * EPS * size
    assert np.abs(tangent.cross(new, x) - closed.cross(new, x)).max() <= 100 * EPS * size


@pytest.mark.parametrize("x", [np.argwhere(np.ones((4, 4), dtype=bool)), gaussian(7, 4, 4)])
def test_a_factorisation_module_has_the_closed_form(x):
    tangent, closed = module_tangent(Factorisation(4), x), FactorisationTangent(4)
    assert tangent.degree == 2
    size = np.abs(closed.gram(x)).max()
    assert np.abs(tangent.gram(x) - closed.gram(x)).max() <= 100 * EPS * size
    assert np.abs(tangent.cross(x[3:5], x) - closed.cross(x[3:5], x)).max() <= 100 * EPS * size


def peak_of(run):
    """Return the largest number of bytes that torch had allocated at once during `run`."""
    with torch.profiler.profile(profile_memory=True) as profile:
        run()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return int(np.max(np.cumsum([event.nbytes() for event in events])))


WIDE = {
    "wide": (mlp((30, 400, 2)), gaussian(40, 30)),
    "deep": (mlp((30, 60, 60, 60, 60, 1)), gaussian(60, 30)),
    "convolutions": (cnn(32, 24), gaussian(60, 2, 8, 8)),
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("share", [2, 6])
def test_a_kernel_keeps_to_its_memory(name, share, monkeypatch):
    module, x = Symmetrised(WIDE[name][0]), WIDE[name][1]
    parameters = sum(p.numel() for p in module.parameters())
    rows = len(x) * module(torch.from_numpy(x).float()).reshape(len(x), -1).shape[1]
    memory = 16 * parameters * rows // share + 2**22
    tangent = module_tangent(module, x, memory=memory)
    sizes = []
    gradients = JacobianBlocks.gradients
    monkeypatch.setattr(
        JacobianBlocks,
        "gradients",
        lambda self, theta, x, rows: sizes.append(len(rows)) or gradients(self, theta, x, rows),
    )
    for run in (partial(tangent.gram, x), partial(tangent.cross, x, x)):
        # More than a third of the memory is used, and no more than all of it.
        assert memory / 3 < peak_of(run) <= memory
    assert 2 * 8 * parameters * max(sizes) <= memory
    # Half of the pairs of blocks for the Gram matrix, and all for the other.
    blocks = -(-rows // tangent.blocks.block)
    assert blocks > 1
    assert len(sizes) == blocks * (blocks + 1) // 2 + blocks * (blocks + 1)
    # On top come the copy of the module, its θ in one vector, a generic θ and its size.
    vectors = 4 * 8 * parameters
    assert peak_of(partial(module_tangent, module, x, memory=memory)) <= memory + vectors


def test_the_block_size_changes_no_kernel():
    x = gaussian(7, 5)
    module = Symmetrised(mlp())
    expected = module_tangent(module, x).gram(x)
    blocks = set()
    for memory in (6000, 10_000, 40_000, 80_000):
        tangent = module_tangent(module, x, memory=memory)
        blocks.add(tangent.blocks.block)
        assert np.allclose(tangent.gram(x), expected, rtol=0, atol=100 * EPS * expected.max())
    assert len(blocks) == 4 and min(blocks) == 1


def test_the_module_is_not_changed():
    module = Symmetrised(mlp())
    before = copy.deepcopy(module.state_dict())
    x = gaussian(4, 5)
    module_tangent(module, x).gram(x)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.dtype == torch.float32 and p.grad is None for p in module.parameters())


class Unbalanced(nn.Module):
    """<u² - 2v², x> at u = √2, v = 1: zero, with second derivatives that do not cancel."""

    def __init__(self, d):
        super().__init__()
        self.u = nn.Parameter(torch.full((d,), 2.0, dtype=torch.float64).sqrt())
        self.v = nn.Parameter(torch.ones(d, dtype=torch.float64))

    def forward(self, x):
        return x @ (self.u**2 - 2 * self.v**2)


LIMITS = {
    # Symmetrised features are (∇f, -∇f)/√2: terms of even order in h cancel, also the second.
    "squares": (Symmetrised(NETS["squares"][0]), NETS["squares"][1], -6),
    "convolutions": (Symmetrised(NETS["convolutions"][0]), NETS["convolutions"][1], -6),
    "unbalanced": (Unbalanced(9), gaussian(4, 9), -2),
}


@pytest.mark.parametrize("machine", [MaxKernelMargin(), MinKernelNorm()])
@pytest.mark.parametrize("name", LIMITS)
def test_the_module_itself_tends_to_its_kernel_predictor(machine, name):
    """At ``α θ̄ + α^{1-L} h`` the outputs are ``⟨∇f(θ̄; x), h⟩ + O(α^{-L})``, also on new inputs.

    This is where Theorems 3.4 and 3.9 send the flow; nothing is simulated.
    """
    module, x, rate = LIMITS[name]
    tangent = module_tangent(module, x)
    y = np.where(np.arange(len(x)) % 2, 1.0, -1.0)
    if tangent.outputs > 1:
        y = one_vs_rest(np.arange(len(x)) % tangent.outputs)
    found = machine.predict(tangent, x, y)
    h = tangent.combine(x, found.coefficients)
    assert np.isclose(h @ h / 2, found.certificate.upper, rtol=1e-8)
    new = np.random.default_rng(8).standard_normal((5, *x.shape[1:]))
    model = ModuleOutputs(tangent.net, new)
    # Kinks are crossed below α = 20; above 50 rounding, of order ε α^L, shows.
    alphas = np.geomspace(20, 50, 4)
    errors = []
    for alpha in alphas:
        theta = alpha * model.theta + alpha ** (1 - tangent.degree) * h
        values = model.outputs(theta).reshape(found.outputs(new).shape)
        errors.append(np.abs(values - found.outputs(new)).max())
    slope = np.polyfit(np.log(alphas), np.log(errors), 1)[0]
    assert abs(slope - rate) <= 0.1


def test_classes_of_a_module_use_the_kernel_of_all_outputs():
    x = gaussian(6, 5)
    labels = np.array([0, 1, 2, 0, 1, 2])
    tangent = module_tangent(Symmetrised(mlp((5, 40, 3))), x)
    found = MaxKernelMargin().predict(tangent, x, one_vs_rest(labels))
    assert (found.classes(x) == labels).all()
    assert found.certificate.gap <= 1e-9
    q = one_vs_rest(labels) * found.outputs(x)
    assert q.min() >= 1 - 1e-9
    assert np.abs(q - 1)[found.multipliers > 1e-6].max() <= 1e-8


FOUR = gaussian(3, 4)
REFUSED = {
    "no parameters": (nn.ReLU(), FOUR, "no trainable parameters"),
    "no inputs": (mlp((4, 1)), FOUR[:0], "at least one"),
    "rounded": (Through(torch.round), FOUR, "gradient of every output is zero"),
    "signed": (Through(torch.sign), FOUR, "gradient of every output is zero"),
    "detached": (Through(torch.detach), FOUR, "do not depend differentiably"),
    "counted": (Through(lambda z: z.argmax(dim=1)), FOUR, "before rounding, argmax or detach"),
    "half detached": (Through(lambda z: z * z.detach()), FOUR, "Euler"),
    "biases": (nn.Sequential(mlp((4, 3, 3)), nn.Linear(3, 1)), FOUR, "not homogeneous.*biases"),
    "normalised": (
        nn.Sequential(nn.Linear(4, 3, bias=False), nn.LayerNorm(3, elementwise_affine=False)),
        FOUR,
        "expected one power L > 0",
    ),
    "nan": (Through(lambda z: z / 0.0), FOUR, r"output . of input 0 is -?(inf|nan)"),
    "nan input": (mlp((4, 1)), np.full((1, 4), np.nan), "input 0 is nan"),
    "dropout": (nn.Sequential(nn.Linear(4, 2), nn.Dropout()), FOUR, r"1 is a Dropout.*eval\(\)"),
    "batch norm": (nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), FOUR, "BatchNorm1d in train"),
    "random": (Through(lambda z: nn.functional.dropout(z)), FOUR, "no randomness"),
    "scalar": (Through(torch.sum), FOUR, "returns .* expected a tensor of shape"),
    "shape": (mlp((5, 1)), FOUR, "fails on an input of shape"),
    "integers": (mlp((4, 1)), np.ones((2, 4), dtype=int), "floats to all else"),
    "A3.2": (mlp((4, 3, 1)), FOUR, r"expected 0 \(A3.2\): wrap the module in Symmetrised"),
    "complex": (nn.Linear(4, 1, dtype=torch.complex64), FOUR, "complex"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_modules_outside_the_theory_are_refused(case):
    module, x, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        module_tangent(module, x)
    assert "\n" not in str(caught.value)


def test_too_little_memory_is_refused_with_the_amount_needed():
    module, x = Symmetrised(mlp()), gaussian(3, 5)
    with pytest.raises(ValueError, match=r"expected [0-9]+ or more for one gradient") as caught:
        module_tangent(module, x, memory=1000)
    needed = int(str(caught.value).split("expected ")[1].split()[0])
    assert module_tangent(module, x, memory=needed).blocks.block == 1


def test_evaluation_mode_admits_dropout_and_a_zero_last_layer_meets_a3_2():
    module = mlp((4, 6, 1))
    nn.init.zeros_(module[2].weight)
    x = gaussian(3, 4)
    net = nn.Sequential(module, nn.Dropout()).eval()
    assert module_tangent(net, x).degree == 2


@pytest.mark.parametrize("of", [torch.from_numpy, np.ndarray.tolist])
def test_inputs_may_be_tensors_and_lists(of):
    net, x = Diagonal(3, 2).double(), np.random.default_rng(0).standard_normal((4, 3))
    known, found = module_tangent(net, x), module_tangent(net, of(x))
    assert np.array_equal(found.gram(of(x)), known.gram(x))
    assert np.array_equal(found.cross(of(x[:2]), of(x)), known.cross(x[:2], x))
    assert np.array_equal(found.combine(of(x), np.ones(4)), known.combine(x, np.ones(4)))
