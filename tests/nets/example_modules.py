"""Small nets and problems on which descent is tested."""

import numpy as np
import torch
from torch import nn

from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem


class Diagonal(nn.Module):
    """``<u² - v², x>`` from u = v = α."""

    def __init__(self, d, alpha):
        super().__init__()
        self.u = nn.Parameter(torch.full((d,), alpha, dtype=torch.float64))
        self.v = nn.Parameter(torch.full((d,), alpha, dtype=torch.float64))

    def forward(self, x):
        return x @ (self.u**2 - self.v**2)


def small_problem(loss="cross-entropy", m=24, outputs=4):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((2 * m, 6)))
    if loss == "square":
        y = torch.from_numpy(rng.standard_normal((2 * m, outputs)))
    elif loss == "cross-entropy":
        y = torch.from_numpy(rng.integers(outputs, size=2 * m))
    else:
        y = torch.from_numpy(np.where(rng.random(2 * m) < 0.5, -1.0, 1.0))
    return NetProblem("small", NET_LOSSES[loss], x[:m], y[:m], x[m:], y[m:], {"m": m})


def small_net(outputs=4, seed=0, scale=0.5):
    return he_start(
        MLP((6, 16, outputs), Activation.QUADRATIC), np.random.default_rng(seed), scale=scale
    )


def parameters(net):
    return torch.cat([p.detach().ravel() for p in net.parameters()])


def gradient(net, problem):
    """Return the gradient of the mean loss by autograd alone."""
    net.zero_grad()
    f = net(problem.x)
    problem.loss.value(f.reshape(len(f), -1), problem.y).mean().backward()
    return torch.cat([p.grad.ravel() for p in net.parameters()])
