"""Lemma D.2: how long the kernel regime lasts in regression, and how far θ turns in it.

The kernel regime lasts at least ``(1/λ)(log α + ΔT)``, and until then
``‖e^{λt}θ/α - θ̄‖ = O(α^{-L}) e^{Lλt}``: as Lemma C.5, without its logarithms.

How it is measured: as Lemma C.5, with ``λ = α^{-1/8}``, so that λ stays far above rounding. Neither
``log α - λT`` nor the logarithm of the largest ratio may grow with ``log log α``. The data are
fitted to O(λ) at the end of the kernel regime, so slopes have corrections in λ and λ².
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS, kernel_phase, rtol
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.losses import LOSSES

_ALPHAS = np.geomspace(1e8, 1e80, 9)

_DERIVATION = (
    extrapolated("of the slope in powers of λ")
    + ", plus the integrator's tolerance at both ends of the shortest interval"
)


def check(laboratory: Laboratory, delay: float = 0.0, growth: float = 0.0) -> Evidence:
    """Compare the slopes in log log α with `delay`, of the time, and `growth`, of the reach."""
    return weakest([_at_depth(laboratory, depth, delay, growth) for depth in DEPTHS])


def check_tailed(laboratory: Laboratory) -> Evidence:
    """Look for the same slopes under the exponential loss, at depth 2."""
    return _at_depth(laboratory, 2, 0.0, 0.0, "exponential", 1.0)


def _at_depth(
    laboratory: Laboratory,
    depth: int,
    delay: float,
    growth: float,
    loss: str = "square",
    power: float = 1 / 8,
) -> Evidence:
    phases = [kernel_phase(laboratory, LOSSES[loss], depth, alpha, power) for alpha in _ALPHAS]
    x = np.log(np.log(_ALPHAS))
    noise = 2 * rtol(depth) / float(np.diff(x).min())
    parts = []
    for values, claimed in (
        ([-phase.end for phase in phases], delay),
        ([phase.log_reach for phase in phases], growth),
    ):
        slopes = local_slopes(x, np.array(values))
        lam = np.exp(-power * np.exp(slopes.at))
        limit = extrapolate(slopes.values, powers(lam))
        allowed = limit.halfwidth + noise
        parts.append(Evidence(limit.value - claimed, allowed, _DERIVATION, resolution=1 / depth))
    return weakest(parts)


CLAIM = Claim(
    label="lem-d.2",
    statement="in regression the kernel regime lasts at least (1/λ)(log α + ΔT), with "
    "‖e^{λt}θ/α - θ̄‖ = O(α^{-L}) e^{Lλt}",
    hypotheses=(
        "diagonal nets of depth 2, 3 and 4 from u = v = α",
        "square loss, independent features, λ = α^{-1/8}",
    ),
    source="Lyu et al. 2024, Lemma D.2",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma D.2",), "diagonal net", ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check,
    no_formulas="what is claimed is that slopes vanish; the variants have other orders",
    broken=(
        Broken("the exponential loss, without logarithms", check_tailed),
        Broken("(1/λ)(log α + 0.1 log log α + ΔT)", partial(check, delay=-0.1)),
        Broken("the departure smaller by (log α)^0.1", partial(check, growth=-0.1)),
    ),
)
