"""Prieto et al.: past a margin the gradient of cross-entropy is 0 at the right class, by rounding.

How it is measured: the softmax of logits is computed in half, single and double precision, as it is
everywhere, with the largest logit subtracted and the exponentials added up one by one: the right
class first, last, or in a random order. The least margin at which its probability less 1 is exactly
0 is found by bisection down to neighbouring numbers, and compared with the rule of rounding, which
is about reals. Of margins that are drawn those beyond it must have a gradient of 0, and no others.
The same with the gradient of PyTorch's cross-entropy, in whatever order it adds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import cross_entropy

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.nets.log_losses import vanishing_margin

_PRECISIONS: tuple[Any, ...] = (np.float16, np.float32, np.float64)
_CLASSES = (2, 3, 10, 97)
_FARTHEST, _MARGINS = 2.0, 40
# The exponential of NumPy and PyTorch is wrong by at most four units in the last place.
_EXPONENTIAL = 8
_DERIVATION = (
    "margins that are numbers of the precision, one to the next, half of that for each logit; "
    "roundings of the exponentials and of their sum, as a change of the margin"
)

# Of the logits, the right class first: the gradient at the right class.
Gradient = Callable[[np.ndarray], float]
# Of binary digits and distances: the margin from which the gradient is 0.
Law = Callable[[int, np.ndarray], float]


class Lost(NamedTuple):
    """The least margin with a gradient of 0, and the largest with another, of all that are tried.

    Where the gradient vanishes from one margin on, the two are neighbours.
    """

    vanishes: float
    lives: float


@remembered
def others(laboratory: Laboratory, classes: int) -> np.ndarray:
    """Draw how far each wrong class but the nearest is behind it."""
    (seed,) = laboratory.draws(f"logits of {classes} classes", 1)
    return np.random.default_rng(seed).uniform(0, _FARTHEST, classes - 2)


def distances(laboratory: Laboratory, classes: int) -> np.ndarray:
    """Return how far each wrong class is behind the nearest."""
    return np.concatenate([[0.0], others(laboratory, classes)])


def check(laboratory: Laboratory, law: Law = vanishing_margin, any_order: bool = False) -> Evidence:
    """Compare with a law; in `any_order` the margin is claimed to be that of the sum of all."""
    parts = []
    for kind, classes in product(_PRECISIONS, _CLASSES):
        behind, bits = distances(laboratory, classes), np.finfo(kind).nmant + 1
        classes = len(behind) + 1
        least, most = law(bits, behind if any_order else behind[:1]), law(bits, behind)
        orders = np.arange(classes), np.roll(np.arange(classes), -1), _shuffled(laboratory, classes)
        ways: list[Gradient] = [partial(_added, order=order) for order in orders]
        ways += [] if kind is np.float16 else [_torch]
        first, last, *others = (_lost(laboratory, kind, behind, way) for way in ways)
        misses = [_miss(first, least, least), _miss(last, most, most)]
        misses += [_miss(other, least, most) for other in others]
        parts.append(_evidence(max(misses), most + float(behind.max()), kind, classes))
    return weakest(parts)


def check_logistic(laboratory: Laboratory) -> Evidence:
    """Claim the law for a gradient that is computed as ``-σ(-m)``, m the margin."""
    behind = distances(laboratory, 2)
    most = vanishing_margin(24, behind)
    found = _lost(
        laboratory, np.float32, behind, lambda z: float(-np.exp(z[1]) / (1 + np.exp(z[1])))
    )
    return _evidence(_miss(found, most, most), most + _FARTHEST, np.float32, 2)


def _evidence(discrepancy: float, farthest: float, kind: Any, classes: int) -> Evidence:
    spacing = float(np.spacing(kind(farthest)))
    rounding = (classes + _EXPONENTIAL) * float(np.finfo(kind).epsneg)
    # A false law is wrong by a binary digit at least.
    return Evidence(discrepancy, 1.5 * spacing + rounding, _DERIVATION, resolution=np.log(2))


def _shuffled(laboratory: Laboratory, classes: int) -> np.ndarray:
    (seed,) = laboratory.draws(f"an order of {classes} classes", 1)
    return np.random.default_rng(seed).permutation(classes)


def _lost(laboratory: Laboratory, kind: Any, behind: np.ndarray, gradient: Gradient) -> Lost:
    """Bisect to neighbouring margins, one of which has a gradient of 0, and try drawn ones."""
    away, bits = behind.astype(kind), np.finfo(kind).nmant + 1
    low, high = kind(bits / 4), kind(2 * bits)

    def vanishes(margin: Any) -> bool:
        logits = np.concatenate([[kind(0)], -(margin + away)]).astype(kind)
        return gradient(logits) == 0

    (seed,) = laboratory.draws("margins of a gradient", 1)
    drawn = np.random.default_rng(seed).uniform(low, high, _MARGINS).astype(kind)
    zero = np.array([vanishes(margin) for margin in drawn])
    while (middle := kind((low + high) / 2)) not in (low, high):
        low, high = (low, middle) if vanishes(middle) else (middle, high)
    return Lost(min([float(high), *drawn[zero]]), max([float(low), *drawn[~zero]]))


def _miss(found: Lost, least: float, most: float) -> float:
    """Return how far the margin at which the gradient vanishes is from between the two."""
    return max(least - found.vanishes, found.lives - most)


def _added(logits: np.ndarray, order: np.ndarray) -> float:
    """Return the gradient with the exponentials added up one by one in this order."""
    exponentials = np.exp(logits)
    total = np.cumsum(exponentials[order])[-1]
    return float(exponentials[0] / total - logits.dtype.type(1))


def _torch(logits: np.ndarray) -> float:
    z = torch.from_numpy(logits)[None].requires_grad_()
    (slope,) = torch.autograd.grad(cross_entropy(z, torch.tensor([0])), z)
    return float(slope[0, 0])


def _others(classes: int) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of how far wrong classes are behind, with ties."""
    far = st.integers(0, 1024).map(lambda share: _FARTHEST * share / 1024)
    return arrays(np.float64, classes - 2, elements=far)


CLAIM = Claim(
    label="lost-gradient",
    statement="rounding makes the gradient of cross-entropy at the right class exactly 0 from the "
    "margin b ln 2 on for two classes, b = 24 binary digits in single and 53 in double precision; "
    "for more classes from b ln 2 on where the right class is added first, from b ln 2 + ln Σ e^-δ "
    "on where it is added last, δ the distances of the wrong classes from the nearest, and from "
    "between the two in any other order",
    hypotheses=(
        "softmax of logits with the largest subtracted, in half, single and double precision; "
        "2, 3, 10 and 97 classes, δ drawn from 0 to 2",
        "exponentials added up one by one, and PyTorch's cross-entropy",
    ),
    source="Prieto, Barsbey, Mediano and Birdal 2025 (arXiv 2501.04697), of whom we have read the "
    "abstract: that rounding in softmax stops training; the margins follow from rounding",
    kind=StatementKind.EQUALITY,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken(
            "one binary digit fewer: 23 ln 2",
            partial(check, law=lambda bits, behind: vanishing_margin(bits - 1, behind)),
        ),
        Broken(
            "ln of the count of wrong classes for ln Σ e^{-δ}",
            partial(check, law=lambda bits, behind: vanishing_margin(bits, 0 * behind)),
        ),
        Broken("the margin of the sum of all in any order", partial(check, any_order=True)),
        Broken("the gradient computed as -σ(-m)", check_logistic),
    ),
    formulas=(vanishing_margin,),
    for_every=tuple(ForEvery(others, partial(_others, n), (n,)) for n in _CLASSES if n > 2),
    error_rate=NO_CHANCE,
    scope=Scope((), "any net, by its logits", ("cross-entropy",), ()),
)
