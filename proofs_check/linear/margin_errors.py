"""What Theorems E.4 and E.5 share: the error of max-margin classifiers on sparse ±1 data.

How they are measured: 120 independent training sets, so large that the bound is a fifth; on each
the error of the certified classifier over all 2^d inputs, so that no sampling error remains. A
bound that fails with probability at most δ = 0.1 may fail in few of them. At a fifth it says
something: weights that know one of the three inputs, or one too few, err on a quarter.

The bounds are loose all the same. At these sizes the classifiers make no error at all, and they do
not from n = 120 on, where the bounds are 2.3 and more: no constant in front is tested by this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from grokflow.proofs_check.claim import Evidence
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import rate_at_most
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.linear.margin_experiments import MarginPredictor, sparse_weights
from grokflow.theory.linear.bounds import Bound

DELTA = 0.1
DRAWS = 120
D = 10
K = 3

HYPOTHESES = (
    f"x uniform on ±1 in d = {D} inputs, y the sign of the sum of k = {K} of them",
    f"n independent samples, δ = {DELTA}",
)
# Sizes of Lyu et al., Figure 1a.
FIGURE_1A = {"n": 256, "d": 100_000, "k": 3}

Law = Callable[..., Bound]


def vacuous_in_print(law: Law) -> str:
    """Say what the bound is worth at the sizes of the paper's own experiment."""
    bound = law(**FIGURE_1A, delta=DELTA)
    says = "vacuous" if bound.vacuous else "not vacuous"
    return f"the bound is {says} at the sizes of Figure 1a of the paper: {bound.value:.2g}"


def exact_error(w: np.ndarray, k: int, shift: int = 0) -> float:
    """Return ``P(y <w, x> ≤ 0)`` for x uniform on ±1 and y the sign of k inputs, by enumeration.

    The vectors ``y x`` are those whose k entries have a positive sum, all equally likely. `shift`
    moves the k inputs. An output within 1e-6 of the largest counts as wrong: weights that are
    certified to 1e-7 do not tell it from zero.
    """
    cube = _cube(len(w))
    z = cube[cube[:, shift : shift + k].sum(axis=1) > 0]
    return float(np.mean(z @ w <= 1e-6 * np.abs(w).sum()))


@cache
def _cube(d: int) -> np.ndarray:
    """Return all inputs, shape (2^d, d)."""
    return np.array(list(product((-1.0, 1.0), repeat=d)))


# Of the claims about these errors.
IN_ITS_PARTS = (
    "no classifier errs at such sizes, so that any positive bound holds; its formulas are those of "
    "thm-e.2 and thm-e.3"
)


def check(
    laboratory: Laboratory, predictor: MarginPredictor, law: Law, n: int, shift: int = 0
) -> Evidence:
    """Count the draws in which the error exceeds the law's bound for n samples.

    With `shift` the labels come from other inputs at test time, that many of the k.
    """
    return _judged(sparse_weights(laboratory, predictor, n=n, d=D, k=K, draws=DRAWS), law, n, shift)


def check_rival(laboratory: Laboratory, law: Law, n: int, informed: int) -> Evidence:
    """Count the draws in which weights that do not come from a margin exceed the bound.

    The first `informed` of the k inputs have weight 1; with none all weights are Gaussian.
    """
    rng = np.random.default_rng(laboratory.draws("rival weights", 1)[0])
    known = (np.arange(D) < informed).astype(np.float64)
    weights = [known if informed else rng.standard_normal(D) for _ in range(DRAWS)]
    return _judged(weights, law, n)


def _judged(weights: list[np.ndarray], law: Law, n: int, shift: int = 0) -> Evidence:
    bound = law(n=n, d=D, k=K, delta=DELTA)
    errors = np.array([exact_error(w, K, shift) for w in weights])
    found = judge_samples(rate_at_most(errors > bound.value, DELTA))
    slack = f"largest error {errors.max():.2g} in {len(errors)} draws, bound {bound.value:.2g}"
    return replace(found, derivation=f"{found.derivation} ({slack})")
