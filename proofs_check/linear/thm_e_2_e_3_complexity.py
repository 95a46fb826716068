"""Theorems E.2 and E.3: the margin bound, and the complexity of L1 and L2 balls that goes into it.

How E.3 is measured: for signs σ the supremum over a ball is a norm of ``Σ σ_i x_i / n``, the
largest entry for the L1 ball and the length for the L2 ball; its mean over σ is the complexity R_S.
Data that come close to the bounds: many ±1 inputs for the L1 ball (nine tenths of it), orthogonal
samples for the L2 ball, where every σ attains it.

How E.2 is measured: a bound for every function of a class is tested at the worst one. Labels are
coins, so that every function errs on half of the population, and there are twice as many inputs as
samples, so that the max-L2-margin classifier, which has been chosen with the sample in sight, errs
on none of it. The bound must reach 1/2 all the same, in all draws but a fraction δ. It is five
times that, which is what such bounds are worth; without its complexity it would be false.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
from hypothesis.strategies import SearchStrategy

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_at_least, rate_at_most
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.linear.margin_errors import DELTA
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.bounds import l1_ball_complexity, l2_ball_complexity, margin_error
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.samples import StoredTestSet

_N, _D, _SIGNS = 64, 10_000, 120
_SAMPLES, _DRAWS = 100, 120
# The balls and the inputs are not of size 1: bounds that grow otherwise with them are wrong.
_RADIUS, _SIZE = 0.25, 3.0


@remembered
def many_inputs(laboratory: Laboratory) -> np.ndarray:
    """Draw many inputs ±3, which come close to the bound for the L1 ball."""
    rng = np.random.default_rng([laboratory.seed, 502])
    return rng.choice((-_SIZE, _SIZE), (_N, _D))


@remembered
def orthogonal_samples(laboratory: Laboratory) -> np.ndarray:
    """Draw orthogonal samples of length 3, which attain the bound for the L2 ball."""
    rng = np.random.default_rng([laboratory.seed, 503])
    return np.asarray(_SIZE * np.linalg.qr(rng.standard_normal((_N, _N)))[0])


def check_balls(laboratory: Laboratory, l1: float = 1.0, l2: float = 1.0) -> Evidence:
    """Compare the complexities of balls with these multiples of their bounds.

    Values are in units of the bound; the suprema of single σ are its samples.
    """
    many, orthogonal = many_inputs(laboratory), orthogonal_samples(laboratory)
    (n, d), m = many.shape, len(orthogonal)
    largest = _RADIUS * np.abs(_signs(laboratory, n) @ many).max(axis=1) / n
    length = _RADIUS * np.linalg.norm(_signs(laboratory, m) @ orthogonal, axis=1) / m
    size, longest = float(np.abs(many).max()), float(np.linalg.norm(orthogonal, axis=1).max())
    in_l1 = largest / l1_ball_complexity(_RADIUS, n=n, d=d, largest=size).value
    in_l2 = length / l2_ball_complexity(_RADIUS, n=m, largest=longest).value
    # Where the bound is attained, rounding decides: it is given room.
    room = (m + orthogonal.shape[1]) * float(np.finfo(np.float64).eps)
    if 2 ** max(n, m) <= _SIGNS:  # means over all σ, which need no interval
        below = float(in_l1.mean()) - l1, float(in_l2.mean()) - l2
        return weakest(
            [Evidence(value, room, "rounding; the mean is over all σ") for value in below]
        )
    return judge_samples(mean_at_least(l1 - in_l1, 0.0), mean_at_least(l2 - in_l2, 0.0, room))


def nonzero_tables() -> SearchStrategy[np.ndarray]:
    """Return a strategy of tables that the bounds say something of."""
    return strategies.tables().filter(lambda x: bool(x.any()))


def _signs(laboratory: Laboratory, n: int) -> np.ndarray:
    """Return the signs σ of n samples: 120 random ones, or all of them where there are fewer."""
    if 2**n <= _SIGNS:
        return np.array(list(product((-1.0, 1.0), repeat=n)))
    (seed,) = laboratory.draws("signs of the complexity", 1)
    return np.random.default_rng(seed).choice((-1.0, 1.0), (_SIGNS, n))


def check_every_function(laboratory: Laboratory, complexity: float = 1.0) -> Evidence:
    """Count the draws in which one half exceeds the bound for the function that fits best."""
    below = []
    for seed in laboratory.draws("coins", _DRAWS):
        rng = np.random.default_rng(seed)
        x = rng.choice((-1.0, 1.0), (_SAMPLES, 2 * _SAMPLES))
        y = rng.choice((-1.0, 1.0), _SAMPLES)
        problem = make_problem("coins", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
        found = MaxL2Margin().predict(problem)
        length, largest = float(np.linalg.norm(found.w)), np.sqrt(2 * _SAMPLES)
        ball = l2_ball_complexity(length, n=_SAMPLES, largest=float(largest))
        margin = float((y * (x @ found.w)).min())
        bound = margin_error(complexity * ball.value, n=_SAMPLES, delta=DELTA, margin=margin)
        below.append(bound.value < 0.5)
    return judge_samples(rate_at_most(below, DELTA))


_LARGER = "a larger bound, which is true as well"
_NEAR = "less by a fourteenth at most, where the data reach nine tenths of the bound"
_EXCUSED = {
    f"l1_ball_complexity: {change}": reason
    for change, reason in (
        ("output * float(np.sqrt(2 * np.log(2 * d) / n)) becomes "
         "output / float(np.sqrt(2 * np.log(2 * d) / n))", _LARGER),
        ("2 * np.log(2 * d) / n becomes 2 * np.log(2 * d) * n", _LARGER),
        ("2 * np.log(2 * d) becomes 2.3 * np.log(2 * d)", _LARGER),
        ("np.log(2 * d) becomes 1.15 * np.log(2 * d)", _LARGER),
        ("2 * d becomes 2.3 * d", _LARGER),
        ("2 * np.log(2 * d) becomes 1.74 * np.log(2 * d)", _NEAR),
        ("np.log(2 * d) becomes np.log(2 * d) / 1.15", _NEAR),
        ("2 * d becomes 1.74 * d", _NEAR),
    )
}  # fmt: skip

BALLS = Claim(
    label="thm-e.3",
    statement="the Rademacher complexity of linear functions with ‖w‖₁ ≤ r is at most "
    "r x_∞ √(2 log(2d)/n), with ‖w‖₂ ≤ r at most r x_2/√n",
    hypotheses=(
        f"L1: n = {_N} samples of d = {_D} inputs ±3, where it is nine tenths of the bound",
        f"L2: n = {_N} orthogonal samples, where it is the bound",
    ),
    source="Lyu et al. 2024, Theorem E.3",
    kind=StatementKind.INEQUALITY,
    error_rate=SAMPLED,
    scope=Scope(("Theorem E.3",), "linear classifier", (), ()),
    expected=Verdict.SUPPORTED,
    check=check_balls,
    formulas=(l1_ball_complexity, l2_ball_complexity),
    equivalent=_EXCUSED,
    broken=(
        Broken("a fifth less for the L1 ball", partial(check_balls, l1=0.8)),
        Broken("√(log(2d)/n), the 2 left out", partial(check_balls, l1=0.5**0.5)),
        Broken("a hundredth less for the L2 ball", partial(check_balls, l2=0.99)),
    ),
    for_every=(
        ForEvery(many_inputs, nonzero_tables),
        ForEvery(orthogonal_samples, nonzero_tables),
    ),
)

MARGINS = Claim(
    label="thm-e.2",
    statement="with probability at least 1 - δ every function of a class errs at most as often as "
    "its margins on the sample are below ρ, plus (2/ρ) R_S + 3 √(log(2/δ)/2n)",
    hypotheses=(
        f"labels are coins, n = {_SAMPLES} samples of {2 * _SAMPLES} inputs ±1, δ = {DELTA}",
        "the max-L2-margin classifier, in the smallest L2 ball that holds it; the bound is "
        "at least five times the error",
    ),
    source="Lyu et al. 2024, Theorem E.2",
    kind=StatementKind.PROBABILITY,
    error_rate=SAMPLED,
    scope=Scope(("Theorem E.2",), "linear classifier", (), ()),
    no_range=LAW,
    expected=Verdict.SUPPORTED,
    check=check_every_function,
    formulas=(margin_error,),
    equivalent={"margin_error": "the bound is five times the error of the worst data we know"},
    broken=(
        Broken(
            "for one function fixed beforehand: without R_S",
            partial(check_every_function, complexity=0.0),
        ),
    ),
)
