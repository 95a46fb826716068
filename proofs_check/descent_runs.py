"""Runs of gradient descent that claims look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from simulations.descent import Descent
from simulations.net_trajectory import NetTrajectory
from simulations.tasks import teacher_student
from theory.net_losses import NET_LOSSES
from theory.net_problems import NetProblem
from theory.transition import crossing

_STUDENT_SIZES = (8, 10, 14, 18, 24, 32, 44, 60, 80)
_STUDENT_OUTPUTS = 40
_LRS = np.geomspace(0.07, 0.014, 8)
_REPLICAS = 64


class Students(NamedTuple):
    """Losses of linear students, shape (sizes, 2, steps): training and test, one output's mean."""

    lr: float
    steps: np.ndarray
    sizes: np.ndarray
    losses: np.ndarray


class Delays(NamedTuple):
    """Numbers of steps until the error of the weights halves for good, one a step size."""

    lrs: np.ndarray
    steps: np.ndarray


def linear_students(seed: int, draws: int, progress: Callable[[float], None]) -> Students:
    """Train linear students with d/n = 1/2 and average the losses over draws."""
    lr, steps, sizes = 0.1, np.array([3, 12]), np.array(_STUDENT_SIZES)
    losses = np.zeros((len(sizes), 2, len(steps)))
    for i, d in enumerate(_STUDENT_SIZES):
        progress(i / len(sizes))
        for child in np.random.SeedSequence((seed, d)).generate_state(draws):
            task = teacher_student(
                n=2 * d, d=d, outputs=_STUDENT_OUTPUTS, n_test=500, seed=int(child)
            )
            run = Descent(lr=lr).run(task.net, task.problem, steps)
            losses[i] += np.array([run.train_loss, run.test_loss]) / (draws * _STUDENT_OUTPUTS)
    return Students(lr, steps, sizes, losses)


class _Replicas(nn.Module):
    """R independent diagonal nets ``<u² - v², x>`` from u = v = ½, one an output."""

    def __init__(self, d: int, replicas: int) -> None:
        super().__init__()
        start = torch.full((d, replicas), 0.5, dtype=torch.float64)
        self.u, self.v = nn.Parameter(start.clone()), nn.Parameter(start.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.u**2 - self.v**2)


def label_noise_delays(seed: int, progress: Callable[[float], None]) -> Delays:
    """Return the delays of descent with label noise ±1."""
    problem = _sparse_target(seed, _REPLICAS)
    level = _noiseless_error(seed)
    found = []
    for i, lr in enumerate(_LRS):
        progress(i / len(_LRS))
        found.append(_delay(Descent(lr=float(lr), label_noise=1.0), problem, 3 / lr**2, level))
    return Delays(_LRS, np.array(found))


def decay_delays(seed: int, lam: float = 0.05) -> Delays:
    """Return the delays of descent with weight decay and no noise."""
    problem, level = _sparse_target(seed, 1), _noiseless_error(seed)
    found = [_delay(Descent(lr=float(lr), lam=lam), problem, 4 / (lam * lr), level) for lr in _LRS]
    return Delays(_LRS, np.array(found))


def _sparse_target(seed: int, replicas: int) -> NetProblem:
    """Six Gaussian samples of 12 inputs, of which the target is the first.

    The test inputs are the unit vectors, so that the test error is ``‖w - w*‖² / 12``.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 12, 6)))
    x = torch.from_numpy(rng.standard_normal((6, 12)))
    unit = torch.eye(12, dtype=torch.float64)
    y, y_test = (inputs[:, :1].expand(-1, replicas).contiguous() for inputs in (x, unit))
    return NetProblem("one input", NET_LOSSES["square"], x, y, unit, y_test)


def _noiseless_error(seed: int) -> float:
    """Return the test error at which descent without noise and decay ends, one replica's."""
    end = Descent(lr=0.02).run(_Replicas(12, 1), _sparse_target(seed, 1), np.array([3000]))
    return float(end.test_error[-1])


def _delay(method: Descent, problem: NetProblem, last: float, level: float) -> float:
    """Return when the mean error over replicas falls for good below half of `level`."""
    replicas = problem.y.shape[1]
    steps = np.unique(np.linspace(1, last, 400).astype(np.int64))
    run: NetTrajectory = method.run(_Replicas(12, replicas), problem, steps)
    return crossing(steps.astype(np.float64), run.test_error / replicas, level, 0.0).lambda_t
