"""Gradient descent of a linear student follows the closed form of Levi et al.

How it is measured: `grokflow.simulations.nets.explicit.descent` trains linear students of linear
teachers on Gaussian samples, d/n = 1/2, at nine sizes d. The losses of every draw are extrapolated
to d = ∞ in 1/d and 1/d² (moments of a finite spectrum are polynomials in 1/d), each size with the
weight d of its fluctuations, which are of order 1/d. The mean over draws is compared with the
integrals over the spectrum of Marchenko and Pastur, which know nothing of the training. What the
fit leaves out is judged by what the mean changes when 1/d³ is added.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_equals
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.descent_experiments import linear_students
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scope import Scope
from grokflow.theory.nets.linear_student import (
    limit_losses,
    marchenko_pastur,
    spectral_losses,
)


def check(
    laboratory: Laboratory, ratio: float = 0.5, factor: float = 1.0, swapped: bool = False
) -> Evidence:
    """Compare with the closed form at d/n = `ratio`, step `factor` η, losses `swapped` or not."""
    runs = linear_students(laboratory)
    closed = limit_losses(ratio, factor * runs.lr, runs.steps)
    expected = np.array([closed.test, closed.train] if swapped else [closed.train, closed.test])
    limits, finer = (_limits(runs.losses, runs.sizes, count) for count in (2, 3))
    return judge_samples(
        *(
            mean_equals(
                limits[:, k], value, resolution=0.05, tolerance=_apart(limits[:, k], finer[:, k])
            )
            for k, value in enumerate(expected.ravel())
        )
    )


def _limits(losses: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """Return the limits of all losses of every draw, with `count` corrections in 1/d."""
    design = np.column_stack([np.ones(len(sizes)), powers(1 / sizes, count)])
    intercept = np.linalg.pinv(sizes[:, None] * design)[0] * sizes
    flat = losses.reshape(*losses.shape[:2], -1)
    return np.asarray(np.einsum("s,dsk->dk", intercept, flat))


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    return float(abs(first.mean() - second.mean()))


CLAIM = Claim(
    label="levi",
    statement="training and test loss of a linear student under gradient descent are integrals of "
    "(1 - 2ηs)^(2t) over the spectrum of Marchenko and Pastur",
    hypotheses=("linear teacher and student", "Gaussian inputs", "d, n → ∞ at fixed d/n"),
    source="Levi, Beck and Bar-Sinai 2024 (arXiv 2310.16441)",
    kind=StatementKind.LIMIT,
    error_rate=SAMPLED,
    scope=Scope((), "linear student", ("square",), (1,)),
    no_range=LAW,
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(spectral_losses, marchenko_pastur),
    equivalent={
        "marchenko_pastur: 1 + ratio + 2 * np.sqrt(ratio) * np.cos(_ANGLES) becomes "
        "1 + ratio - 2 * np.sqrt(ratio) * np.cos(_ANGLES)": "the same nodes in another order"
    },
    broken=(
        Broken("the spectrum at d/n = 0.6 for 0.5", partial(check, ratio=0.6)),
        Broken("a step that is a tenth longer", partial(check, factor=1.1)),
        Broken("training and test loss swapped", partial(check, swapped=True)),
    ),
)
