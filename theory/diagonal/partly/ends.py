"""Both ends of the path of partly separable classes, with certificates.

With w divided by the level m of the margins of the rest both ends minimise a norm under

    R w = c*/m,   Z w ≥ 1:

the early predictor the L2-norm, the limit of the late one the L1-norm. For m → ∞ their directions
are those of the largest margins on the rest among the weights that leave the core alone, and their
outputs on the core, in the units of the data, stay c*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.diagonal.partly.split import Parts
from grokflow.theory.linear import certificates
from grokflow.theory.linear.l2 import WANTED_GAP
from grokflow.theory.linear.prediction import Prediction, PrimalDual, best_of, not_resolved
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.simplex import vertex
from grokflow.theory.numerics.hard_margin import constrained_least_norm
from grokflow.theory.numerics.rounding import combined, norm_above, product_above

# By how much margins are asked to exceed 1, so that no rounding takes them below; the norms grow by
# as much, a hundredth of the gap that is wanted.
_EXCESS = 1e-9


def early_of(parts: Parts, level: float) -> Prediction:
    """Return the weights of least L2-norm, which the kernel regime tends to.

    Raises
    ------
    NotResolved
        Where double precision does not prove them to a relative gap of 1e-7.
    """

    def solve(held: Problem) -> PrimalDual:
        x = held.inputs.to_array()
        return PrimalDual(*constrained_least_norm(x, held.targets, parts.equal))

    return _proved("max-L2-margin of a part", parts, level, solve, 2)


def limit_of(parts: Parts, level: float) -> Prediction:
    """Return the weights of least L1-norm, which the rich regime tends to for λ → 0.

    Raises
    ------
    NotResolved
        Where double precision does not prove them to a relative gap of 1e-7.
    """
    return _proved(
        "max-L1-margin of a part", parts, level, lambda held: vertex(held, parts.equal), 1
    )


def _proved(
    name: str, parts: Parts, level: float, solve: Callable[[Problem], PrimalDual], norm: int
) -> Prediction:
    """Solve for margins a little above 1, and refuse what is not proved to the wanted gap."""
    held = parts.at_level(level)
    asked = replace(held, targets=held.targets + _EXCESS * ~parts.equal)
    found = best_of(
        (lambda: solve(asked),),
        lambda w, mu: certificate_of(parts, level, w, mu, norm),
        WANTED_GAP,
    )
    if found is None or found.gap > WANTED_GAP:
        raise not_resolved(f"the least norm of weights that keep {name}", found, WANTED_GAP)
    return Prediction(name, found.w, found.mu, None, found.certificate)


def certificate_of(
    parts: Parts, level: float, w: np.ndarray, multipliers: np.ndarray, norm: int
) -> Certificate:
    """Bound the least norm under both constraints: ``½‖w‖²`` for norm 2, ``‖w‖₁`` for norm 1.

    The lower bound is that of equalities, with multipliers of the rest that are not negative. The
    upper bound is the norm of weights that are proved to exist near w: their outputs on the core
    are equal to the targets, and so near to w no margin of the rest is below 1.
    """
    bound = certificates.min_l2_norm if norm == 2 else certificates.min_l1_norm
    held, equal = parts.at_level(level), parts.equal
    lower = bound(held, w, np.where(equal, multipliers, np.maximum(multipliers, 0))).lower
    rows = np.flatnonzero(equal)
    core = replace(held, inputs=held.inputs.of_samples(rows), targets=held.targets[rows])
    rest = held.inputs.of_samples(np.flatnonzero(~equal))
    distance = certificates.interpolant_distance(core, w)[0]
    away = [product_above(distance, norm_above(row)) for row in rest.to_array()]
    least = float(np.nextafter(combined(rest, w).low - away, -inf).min())
    if not least >= 1:
        return Certificate(lower, inf, 1 - least)
    return Certificate(lower, bound(core, w, multipliers[equal]).upper, 0.0)
