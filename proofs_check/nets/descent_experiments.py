"""Runs of gradient descent that claims look at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.diagonal.label_noise import mean_weights
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.tasks.catalogue import teacher_student
from grokflow.theory.transition.times import crossing

_STUDENT_SIZES = (8, 10, 14, 18, 24, 32, 44, 60, 80)
_STUDENT_OUTPUTS = 40
# Delays of label noise, in steps, grow like η^-2: the smallest η costs half of the time.
_LRS = np.geomspace(0.05, 0.004, 8)
_REPLICAS = 128
_ALPHA = 0.5


class Students(NamedTuple):
    """Losses of linear students, one output's mean.

    Their shape is (draws, sizes, 2, steps), with training and test losses.
    """

    lr: float
    steps: np.ndarray
    sizes: np.ndarray
    losses: np.ndarray


class Delays(NamedTuple):
    """Numbers of steps until the error of the mean weights halves for good, by step size."""

    lrs: np.ndarray
    steps: np.ndarray


@remembered
def linear_students(laboratory: Laboratory) -> Students:
    """Train linear students with d/n = 1/2 at nine sizes, each on independent draws."""
    draws = 100 if laboratory.thorough else 40
    lr, steps, sizes = 0.1, np.array([3, 12]), np.array(_STUDENT_SIZES)
    losses = np.zeros((draws, len(sizes), 2, len(steps)))
    for i, d in enumerate(_STUDENT_SIZES):
        laboratory.progress("linear students", i / len(sizes))
        children = np.random.SeedSequence((laboratory.seed, d)).generate_state(draws)
        for draw, child in enumerate(children):
            task = teacher_student(
                n=2 * d, d=d, outputs=_STUDENT_OUTPUTS, n_test=500, seed=int(child)
            )
            run = Descent(lr=lr).run(task, steps)
            losses[draw, i] = np.array([run.train_loss, run.test_loss]) / _STUDENT_OUTPUTS
    return Students(lr, steps, sizes, losses)


@remembered
def label_noise_delays(laboratory: Laboratory) -> Delays:
    """Return the delays of descent with label noise ±1, at eight step sizes."""
    seed, lrs = laboratory.seed, _LRS
    level = _noiseless_error(seed)
    found = []
    for i, lr in enumerate(lrs):
        laboratory.progress("label noise", i / len(lrs))
        found.append(_delay(seed, float(lr), 5 / lr**2, level, noise=1.0, replicas=_REPLICAS))
    return Delays(lrs, np.array(found))


@remembered
def decay_delays(laboratory: Laboratory, lam: float = 0.05) -> Delays:
    """Return the delays of descent with weight decay and no noise, at the same step sizes."""
    seed = laboratory.seed
    level = _noiseless_error(seed)
    found = [_delay(seed, float(lr), 5 / (lam * lr), level, lam=lam) for lr in _LRS]
    return Delays(_LRS, np.array(found))


def _samples(seed: int) -> np.ndarray:
    """Draw six Gaussian samples of 12 inputs, of which the target is the first."""
    return np.random.default_rng(np.random.SeedSequence((seed, 12, 6))).standard_normal((6, 12))


def _errors(
    seed: int, lr: float, steps: np.ndarray, *, noise: float, replicas: int, lam: float
) -> np.ndarray:
    """Return ``‖E w - w*‖²`` at the given steps."""
    x = _samples(seed)
    rng = np.random.default_rng(np.random.SeedSequence((seed, round(1e6 * lr))))
    weights = mean_weights(
        x, x[:, 0], steps, rng, lr=lr, alpha=_ALPHA, noise=noise, replicas=replicas, lam=lam
    )
    return np.asarray(((weights - np.eye(12)[0]) ** 2).sum(axis=1))


def _noiseless_error(seed: int) -> float:
    """Return the error at which descent without noise and decay ends."""
    end = _errors(seed, 0.02, np.array([4000]), noise=0.0, replicas=1, lam=0.0)
    return float(end[0])


def _delay(
    seed: int,
    lr: float,
    last: float,
    level: float,
    *,
    noise: float = 0.0,
    replicas: int = 1,
    lam: float = 0.0,
) -> float:
    """Return when the error of the mean weights falls for good below half of `level`."""
    steps = np.unique(np.linspace(1, last, 400).astype(np.int64))
    errors = _errors(seed, lr, steps, noise=noise, replicas=replicas, lam=lam)
    return crossing(steps.astype(np.float64), errors, level, 0.0).lambda_t
