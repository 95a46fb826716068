"""Noise on the labels: of one net, and of many diagonal ones at once."""

import numpy as np
import pytest
import torch
from scipy.linalg import null_space
from torch import nn

from grokflow.proofs_check.nets.label_noise_experiments import SlowFlow, halfway
from grokflow.simulations.diagonal.label_noise import mean_weights
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.start import NetStart
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem
from tests.nets.example_modules import Diagonal, parameters


def test_label_noise_has_the_stated_law():
    class Outputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Parameter(torch.zeros(4000, 3, dtype=torch.float64))

        def forward(self, x):
            return self.f[x[:, 0].long()]

    x = torch.arange(4000, dtype=torch.float64)[:, None]
    classes = torch.from_numpy(np.random.default_rng(0).integers(3, size=4000))
    problem = NetProblem("noise", NET_LOSSES["cross-entropy"], x, classes, x, classes)
    method = Descent(lr=4000.0, label_noise=0.3)
    moved = parameters(method.run(NetStart(Outputs(), problem), np.array([1])).net).reshape(4000, 3)
    seen = (moved + 1 / 3).round().long()  # -lr gradient = e_y - softmax(0)
    changed = seen.argmax(dim=1) != classes
    # Four standard errors of a frequency; each other class is as likely.
    assert float(changed.double().mean()) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 4000))
    shift = (seen.argmax(dim=1) - classes)[changed] % 3
    halves = float((shift == 1).double().mean())
    assert halves == pytest.approx(0.5, abs=2 / np.sqrt(int(changed.sum())))
    real = torch.zeros(4000, 3, dtype=torch.float64)
    problem = NetProblem("noise", NET_LOSSES["square"], x, real, x, real)
    moved = parameters(
        Descent(lr=2000.0, label_noise=0.5).run(NetStart(Outputs(), problem), np.array([1])).net
    )
    assert set(moved.tolist()) == {-0.5, 0.5}
    assert float(moved.mean()) == pytest.approx(0, abs=4 * 0.5 / np.sqrt(12000))


def test_many_diagonal_nets_at_once_descend_as_one_by_one():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 8))
    y = x[:, 0]
    steps = np.array([1, 40, 200])
    fast = mean_weights(x, y, steps, rng, lr=0.02, alpha=0.7, noise=0.0, replicas=3, lam=0.1)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)[:, None]
    unit = torch.eye(8, dtype=torch.float64)
    problem = NetProblem(
        "one input", NET_LOSSES["square"], inputs, targets, unit, torch.zeros_like(unit[:, :1])
    )
    slow = Descent(lr=0.02, lam=0.1).run(NetStart(Diagonal(8, 0.7), problem), steps)
    weights = (slow.net.u**2 - slow.net.v**2).detach().numpy()
    assert np.allclose(fast[-1], weights, rtol=1e-11, atol=1e-13)
    assert np.allclose((fast**2).sum(axis=1) / 8, slow.test_error, rtol=1e-11)


def test_every_target_has_noise_of_its_own():
    rng, step = np.random.default_rng(0), np.array([1])
    size = {"lr": 0.01, "alpha": 1.0, "noise": 0.5, "replicas": 1}
    draws = [mean_weights(np.eye(2), np.zeros(2), step, rng, **size)[0] for _ in range(200)]
    alike = sum(w[0] * w[1] > 0 for w in draws)
    # Two signs agree as often as not: six standard deviations of 200 coins.
    assert abs(alike - 100) < 6 * np.sqrt(50)


def test_noise_of_many_nets_has_the_stated_size():
    x = np.array([[1.0]])
    rng = np.random.default_rng(0)
    found = [
        mean_weights(x, np.zeros(1), np.array([1]), rng, lr=0.01, alpha=1.0, noise=0.5, replicas=1)[
            0, 0
        ]
        for _ in range(200)
    ]
    # The gradient of (w - noise)² in u at w = 0, u = 1 is -4 noise.
    pull = 4 * 0.01 * 0.5
    assert np.allclose(np.abs(found), (1 + pull) ** 2 - (1 - pull) ** 2, rtol=1e-12)
    assert 60 < sum(w > 0 for w in found) < 140


def test_the_slow_flow_fits_with_the_least_potential_and_starts_where_plain_descent_ends():
    rng = np.random.default_rng(2)
    x, squares, alpha, tau = rng.standard_normal((4, 8)), np.linspace(0.5, 2.0, 8), 0.5, 0.3
    flow = SlowFlow(x, x @ rng.standard_normal(8), alpha, squares)
    c = alpha**2 * np.exp(-16 * squares * tau / 4)

    def potential(w):
        return (w * np.arcsinh(w / (2 * c)) - np.sqrt(w**2 + 4 * c**2)).sum()

    w = flow.weights(tau)
    assert np.allclose(x @ w, flow.y)
    for other in null_space(x).T:
        assert potential(w) < min(potential(w + 1e-3 * other), potential(w - 1e-3 * other))
    settings = {"lr": 1e-3, "alpha": alpha, "noise": 0.0, "replicas": 1}
    descent = mean_weights(x, flow.y, np.array([40_000]), rng, **settings)[0]
    # Steps of finite size let log(u v) fall by the sum of all squared pulls, of order η.
    assert np.allclose(descent, flow.weights(0.0), atol=1e-2)


def test_halfway_is_half_of_the_way():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 8))
    flow = SlowFlow(x, x[:, 0], 0.5, np.ones(8))
    way = halfway(flow)
    assert way.share(flow.weights(way.tau)) == pytest.approx(0.5, abs=1e-5)
    step = flow.weights(way.tau * 1.01)
    assert way.share(step) - 0.5 == pytest.approx(way.speed * np.log(1.01), rel=0.02)
