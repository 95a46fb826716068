"""What Theorems E.4 and E.5 share: the error of max-margin classifiers on sparse ±1 data.

How they are measured: 120 independent training sets at a size where the bound says something; on
each the error of the certified classifier over all 2^d inputs, so that no sampling error remains.
A bound that fails with probability at most δ = 0.1 may fail in few of them. The bounds are loose:
the broken variants show that the check refutes what is false, not that the constants are needed.
"""

from __future__ import annotations

from collections.abc import Callable
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

Law = Callable[..., Bound]


def exact_error(w: np.ndarray, k: int, shift: int = 0) -> float:
    """Return ``P(y <w, x> ≤ 0)`` for x uniform on ±1 and y the sign of k inputs, by enumeration.

    The vectors ``y x`` are those whose k entries have a positive sum, all equally likely. `shift`
    moves the k inputs. An output within 1e-6 of the largest counts as wrong: weights that are
    certified to 1e-7 do not tell it from zero.
    """
    cube = np.array(list(product((-1.0, 1.0), repeat=len(w))))
    z = cube[cube[:, shift : shift + k].sum(axis=1) > 0]
    return float(np.mean(z @ w <= 1e-6 * np.abs(w).sum()))


def check(
    laboratory: Laboratory,
    predictor: MarginPredictor,
    law: Law,
    n: int,
    copies: int = 1,
    shift: int = 0,
    draws: int = DRAWS,
) -> Evidence:
    """Count the draws in which the error exceeds the law's bound for n samples.

    With `copies` each of n / copies independent samples is counted that often: the classifier
    does not change, the bound does. With `shift` the test labels come from other inputs than the
    training labels. A few `draws` suffice where all of them fail.
    """
    bound = law(n=n, d=D, k=K, delta=DELTA)
    weights = sparse_weights(laboratory, predictor, n=n // copies, d=D, k=K, draws=draws)
    errors = np.array([exact_error(w, K, shift) for w in weights])
    return judge_samples(rate_at_most(errors > bound.value, DELTA))
