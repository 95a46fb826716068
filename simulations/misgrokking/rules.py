"""How the inputs of a family are drawn and labelled.

These are the rules behind `grokflow.simulations.misgrokking.families`.
A rule takes a generator for what all samples share (directions, signs) and the family's settings,
and returns a function that draws labelled samples. Inputs are rounded to single precision, so that
a file of them holds exactly what was computed with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Inputs of shape (m, d) and labels of shape (m,)."""

    x: np.ndarray
    y: np.ndarray


Draw = Callable[[np.random.Generator, int], Rows]


def gap(rng: np.random.Generator, d: int, share: float, gamma: float) -> Draw:
    """Gaussian classes γ apart along a direction of ``share d`` inputs (Figure 1b)."""
    return partial(_apart, direction=_direction(rng, d, share), gamma=gamma)


def majority(rng: np.random.Generator, d: int, share: float) -> Draw:
    """Label ±1 inputs by the sign of the sum of an odd number of them, up to all (Figure 1a)."""
    return partial(_voted, d=d, voters=_odd(share, d))


def spiked(rng: np.random.Generator, d: int, share: float, strength: float) -> Draw:
    """Gaussian inputs with covariance ``I + strength² v vᵀ``, labelled by the factor along v."""
    direction = np.sign(_direction(rng, d, share))
    return partial(_factor, direction=strength * direction / np.linalg.norm(direction))


def signs(rng: np.random.Generator, d: int, correlation: float, minus: float) -> Draw:
    """Equally correlated inputs, labelled by a sum in which a share `minus` has a minus sign."""
    pattern = np.where(rng.permutation(d) < round(minus * d), -1.0, 1.0)
    return partial(_correlated, pattern=pattern, correlation=correlation)


def decaying(rng: np.random.Generator, d: int, power: float) -> Draw:
    """Draw inputs of standard deviation ``j^-power``, labelled by the sign of a signed sum."""
    scale = np.arange(1.0, d + 1) ** -power
    return partial(_linear, scale=scale, direction=rng.choice([-1.0, 1.0], d))


def quadratic(rng: np.random.Generator, bits: int, share: float) -> Draw:
    """Label by the majority of some products of two of the ±1 bits; one is parity (XOR)."""
    pairs = np.array(list(combinations(range(bits), 2)))
    voters = rng.permutation(len(pairs))[: _odd(share, len(pairs))]
    return partial(_products, bits=bits, pairs=pairs, voters=voters)


def redundant(rng: np.random.Generator, d: int, groups: int, noise: float) -> Draw:
    """Noisy copies of `groups` hidden inputs, labelled by the first of those."""
    return partial(_copies, group=np.arange(d) % groups, noise=noise)


def words(rng: np.random.Generator, d: int, rate: float, lift: float) -> Draw:
    """0/1 inputs (words) of probability `rate`, a share `lift` more or less in either class."""
    return partial(_words, tilt=lift * rng.choice([-1.0, 1.0], d), rate=rate)


def linear(rng: np.random.Generator, d: int, share: float) -> Draw:
    """Gaussian inputs, real target ``<w, x>`` with a unit vector w on ``share d`` inputs."""
    return partial(_targets, direction=_direction(rng, d, share))


def _direction(rng: np.random.Generator, d: int, share: float) -> np.ndarray:
    """Return a random unit vector on the first ``share d`` inputs."""
    direction = np.zeros(d)
    support = _part(share, d)
    direction[:support] = rng.standard_normal(support)
    return direction / np.linalg.norm(direction)


def _part(share: float, d: int) -> int:
    return int(np.clip(round(share * d), 1, d))


def _odd(share: float, d: int) -> int:
    """Return an odd number near ``share d``, so that no vote ends in a draw."""
    part = _part(share, d)
    return part if part % 2 else part - 1


def _sides(scores: np.ndarray) -> np.ndarray:
    return np.where(scores >= 0, 1, -1)


def _single(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=np.float32)


def _apart(rng: np.random.Generator, rows: int, *, direction: np.ndarray, gamma: float) -> Rows:
    z = rng.standard_normal((rows, len(direction)))
    y = _sides(z @ direction)
    return Rows(_single(z + gamma / 2 * np.outer(y, direction)), y)


def _voted(rng: np.random.Generator, rows: int, *, d: int, voters: int) -> Rows:
    x = _bits(rng, rows, d)
    return Rows(x, _sides(x[:, :voters].sum(axis=1, dtype=np.int64)))


def _bits(rng: np.random.Generator, rows: int, d: int) -> np.ndarray:
    return (2 * rng.integers(0, 2, (rows, d), dtype=np.int8) - 1).astype(np.int8)


def _factor(rng: np.random.Generator, rows: int, *, direction: np.ndarray) -> Rows:
    drawn = rng.standard_normal((rows, len(direction) + 1))
    z, factor = drawn[:, :-1], drawn[:, -1]
    return Rows(_single(z + np.outer(factor, direction)), _sides(factor))


def _correlated(
    rng: np.random.Generator, rows: int, *, pattern: np.ndarray, correlation: float
) -> Rows:
    drawn = rng.standard_normal((rows, len(pattern) + 1))
    x = np.sqrt(1 - correlation) * drawn[:, :-1] + np.sqrt(correlation) * drawn[:, -1:]
    return Rows(_single(x), _sides(x @ pattern))


def _linear(
    rng: np.random.Generator, rows: int, *, scale: np.ndarray, direction: np.ndarray
) -> Rows:
    x = scale * rng.standard_normal((rows, len(scale)))
    return Rows(_single(x), _sides(x @ direction))


def _products(
    rng: np.random.Generator, rows: int, *, bits: int, pairs: np.ndarray, voters: np.ndarray
) -> Rows:
    b = _bits(rng, rows, bits)
    x = b[:, pairs[:, 0]] * b[:, pairs[:, 1]]
    return Rows(x, _sides(x[:, voters].sum(axis=1, dtype=np.int64)))


def _copies(rng: np.random.Generator, rows: int, *, group: np.ndarray, noise: float) -> Rows:
    hidden = rng.standard_normal((rows, int(group.max()) + 1))
    x = hidden[:, group] + noise * rng.standard_normal((rows, len(group)))
    return Rows(_single(x), _sides(hidden[:, 0]))


def _words(rng: np.random.Generator, rows: int, *, tilt: np.ndarray, rate: float) -> Rows:
    y = 2 * rng.integers(0, 2, rows) - 1
    present = rng.random((rows, len(tilt))) < rate * (1 + np.outer(y, tilt))
    present[:, 0] |= ~present.any(axis=1)  # a text without words has no margin
    return Rows(present.astype(np.int8), y)


def _targets(rng: np.random.Generator, rows: int, *, direction: np.ndarray) -> Rows:
    x = _single(rng.standard_normal((rows, len(direction))))
    return Rows(x, x.astype(np.float64) @ direction)
