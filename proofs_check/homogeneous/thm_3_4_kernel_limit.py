"""Theorem 3.4: the function at T_c^-, divided by Z(α), tends to the kernel predictor.

The theorem prints ``Z = (1/γ) log(α^c/λ)``; its proof gives ``(1/γ) log(α^{2(L-1)c}/λ)``. Both are
checked; only one of them can hold, because their ratio tends to 4/3 at L = 2, λ = 1/α, c = ½.

How it is measured: the ratio of every training margin at T_c^- to its predicted limit, averaged,
at α from 1e16 to 1e80, extrapolated in the corrections of the Lambert function,
``W(x) = log x - log log x + o(1)``: with A = log α, in ``log A / A``, ``1/A`` and ``log A / A²``.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.diagonal.experiments import limit_alphas, limit_problem, window_ends
from grokflow.proofs_check.evidence.corrections import lambert
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import WINDOW, Laboratory
from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin
from grokflow.theory.homogeneous.normaliser import Normaliser, log_normaliser

DERIVATION = extrapolated("(A = log α) in log A/A, 1/A, log A/A²")


def kernel_limit(laboratory: Laboratory) -> np.ndarray:
    """Return ``⟨∇f(θ̄; x), h*⟩ / γ``, with its label's sign, at the training points."""
    problem = limit_problem(laboratory)
    x = problem.inputs.to_array()
    return MaxKernelMargin().predict(DiagonalTangent(2), x, problem.targets).outputs(x)


def ratio(laboratory: Laboratory, form: Normaliser, alpha: float) -> float:
    """Return the mean over training points of f(T_c^-)/Z over its predicted limit."""
    limit = laboratory.remember(("kernel limit",), partial(kernel_limit, laboratory))
    at_start_of_window = window_ends(laboratory, alpha).outputs[0]
    z = log_normaliser(form, alpha=alpha, lam=1 / alpha, c=WINDOW)
    return float(np.mean(at_start_of_window / (z * limit)))


def check(laboratory: Laboratory, form: Normaliser, factor: float = 1.0) -> Evidence:
    """Extrapolate the ratio, times `factor`, and compare with one."""
    alphas = limit_alphas(laboratory)
    ratios = factor * np.array([ratio(laboratory, form, alpha) for alpha in alphas])
    limit = extrapolate(ratios, lambert(np.log(alphas)))
    return Evidence(abs(limit.value - 1), limit.halfwidth, DERIVATION, resolution=1 / 3)


_HYPOTHESES = (
    "depth-2 diagonal net from u = v = α",
    "exponential loss, λ = 1/α",
    "separable NTK features (A3.3)",
    "T_c^- = (1-c) log α / λ with c = 1/2",
)

CORRECTED = Claim(
    label="thm-3.4",
    statement="f(θ(T_c^-); x) / Z(α) tends to the max-margin kernel predictor, with "
    "Z = (1/γ) log(α^{2(L-1)c}/λ)",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Theorem 3.4 with the normaliser of its proof (Lemma C.9)",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=partial(check, form=Normaliser.CORRECTED),
    broken=(
        Broken("Z = (1/γ) log(α^c/λ), as printed", partial(check, form=Normaliser.PRINTED)),
        Broken("Z half as large", partial(check, form=Normaliser.CORRECTED, factor=2.0)),
    ),
)

PRINTED = Claim(
    label="thm-3.4-printed",
    statement="f(θ(T_c^-); x) / Z(α) tends to the max-margin kernel predictor, with "
    "Z = (1/γ) log(α^c/λ)",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Theorem 3.4 as printed (v2)",
    kind=StatementKind.LIMIT,
    expected=Verdict.REFUTED,
    check=partial(check, form=Normaliser.PRINTED),
    broken=(
        Broken("the printed Z half as large", partial(check, form=Normaliser.PRINTED, factor=2.0)),
    ),
)
