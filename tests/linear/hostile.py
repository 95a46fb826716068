"""Small problems that are hard on floating point: units, ties, near-copies, lost rank."""

import numpy as np

from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.samples import StoredTestSet

LARGEST = 12


def _units(rng, shape):
    return 10.0 ** rng.uniform(-12, 12, shape)


def _near_copies(rng, x):
    x[-1] = x[0] + 10.0 ** rng.uniform(-12, -4) * rng.standard_normal(x.shape[1])
    return x


def _low_rank(rng, x):
    n, d = x.shape
    rank = max(1, min(n, d) // 2)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))


CHANGES = {
    "plain": lambda rng, x: x,
    "rows of any unit": lambda rng, x: x * _units(rng, (len(x), 1)),
    "columns of any unit": lambda rng, x: x * _units(rng, (1, x.shape[1])),
    "both": lambda rng, x: x * _units(rng, (len(x), 1)) * _units(rng, (1, x.shape[1])),
    "one unit": lambda rng, x: x * 10.0 ** rng.uniform(-100, 100),
    "large means": lambda rng, x: x + 10.0 ** rng.uniform(2, 6, (1, x.shape[1])),
    "whole numbers": lambda rng, x: rng.integers(-9, 10, x.shape).astype(float),
    "signs": lambda rng, x: rng.choice([-1.0, 1.0], x.shape),
    "copies": lambda rng, x: x[rng.integers(0, len(x), len(x))],
    "near-copies": _near_copies,
    "powers": lambda rng, x: np.vander(rng.uniform(-1, 1, len(x)), x.shape[1]),
    "Hilbert": lambda rng, x: 1 / (1.0 + np.add.outer(*map(np.arange, x.shape))),
    "low rank": _low_rank,
    "mostly zero": lambda rng, x: x * (rng.random(x.shape) < 0.3),
}


def hostile_problem(seed, loss):
    """Return the problem of a seed, with what was done to it, and a weight decay."""
    rng = np.random.default_rng(seed)
    kind = list(CHANGES)[seed % len(CHANGES)]
    n, d = rng.integers(1, LARGEST + 1, 2)
    x = CHANGES[kind](rng, rng.standard_normal((n, d)))
    lam = 10.0 ** rng.uniform(-14, 3)
    nothing = StoredTestSet(x[:0], np.zeros(0))
    if LOSSES[loss].acts_on_margins:
        if rng.random() < 0.5:
            x = x * np.where(x @ rng.standard_normal(d) < 0, -1.0, 1.0)[:, None]
        problem = Problem(kind, Task.CLASSIFICATION, design_matrix(x), np.ones(n), nothing)
    else:
        y = x @ rng.standard_normal(d) if rng.random() < 0.5 else rng.standard_normal(n)
        y = y * (_units(rng, n) if rng.random() < 0.2 else float(rng.random() > 0.05))
        problem = Problem(kind, Task.REGRESSION, design_matrix(x), y, nothing)
    return kind, problem, lam
