"""Gradient descent of a linear student follows the closed form of Levi et al.

How it is measured: `grokflow.simulations.nets.explicit.descent` trains linear students of linear
teachers on Gaussian samples, d/n = 1/2, at nine sizes d. The mean losses over draws, extrapolated
to d = ∞ in 1/d and 1/d² (moments of a finite spectrum are polynomials in 1/d), are compared with
the integrals over the spectrum of Marchenko and Pastur, which know nothing of the training.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.descent_experiments import linear_students
from grokflow.theory.nets.linear_student import limit_losses

DERIVATION = extrapolated("in 1/d")


def check(
    laboratory: Laboratory, ratio: float = 0.5, factor: float = 1.0, swapped: bool = False
) -> Evidence:
    """Compare with the closed form at d/n = `ratio`, step `factor` η, losses `swapped` or not."""
    runs = linear_students(laboratory)
    closed = limit_losses(ratio, factor * runs.lr, runs.steps)
    expected = np.array([closed.test, closed.train] if swapped else [closed.train, closed.test])
    inverse = 1 / runs.sizes
    corrections = powers(inverse)
    found = []
    for measured, value in zip(
        runs.losses.reshape(len(runs.sizes), -1).T, expected.ravel(), strict=True
    ):
        limit = extrapolate(measured, corrections)
        found.append(
            Evidence(abs(limit.value - value), limit.halfwidth, DERIVATION, resolution=0.05)
        )
    return weakest(found)


CLAIM = Claim(
    label="levi",
    statement="training and test loss of a linear student under gradient descent are integrals of "
    "(1 - 2ηs)^(2t) over the spectrum of Marchenko and Pastur",
    hypotheses=("linear teacher and student", "Gaussian inputs", "d, n → ∞ at fixed d/n"),
    source="Levi, Beck and Bar-Sinai 2024 (arXiv 2310.16441)",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("the spectrum at n/d in place of d/n", partial(check, ratio=2.0)),
        Broken("half of the step: the loss with a factor one half", partial(check, factor=0.5)),
        Broken("training and test loss swapped", partial(check, swapped=True)),
    ),
)
