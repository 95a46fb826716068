"""Lemma D.2: how long the kernel regime lasts in regression, and how far θ turns in it.

The kernel regime lasts at least ``(1/λ)(log α + ΔT)``, and until then
``‖e^{λt}θ/α - θ̄‖ = O(α^{-L}) e^{Lλt}``: as Lemma C.5, without its logarithms.

How it is measured: as Lemma C.5, with ``λ = α^{-1/8}``, so that λ stays far above rounding. Neither
``log α - λT`` nor the logarithm of the largest ratio may grow with ``log log α``. At T_c^-, c = ½,
where ``e^{λt} = α^{1/2}``, the departure may not fall more slowly with α than ``α^{-L/2}``. The
data are fitted to O(λ) at the end of the kernel regime, so slopes have corrections in λ and λ².
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel_phase import (
    DEPTHS,
    FOR_EVERY_TARGETS,
    kernel_phase,
    rtol,
)
from grokflow.proofs_check.diagonal.lem_c_5_kernel_regime import departure_order
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.losses import LOSSES

_ALPHAS = np.geomspace(1e8, 1e80, 9)
# λ is this power of 1/α.
_DECAY = 1 / 8

_DERIVATION = (
    extrapolated("of the slope in powers of λ")
    + ", plus the integrator's tolerance at both ends of the shortest interval"
)


def check(
    laboratory: Laboratory, delay: float = 0.0, growth: float = 0.0, power: float = 1.0
) -> Evidence:
    """Compare slopes with those of the lemma.

    In log log α with `delay`, of the time, and `growth`, of the reach; in log α with `power` times
    that of the departure at T_c^-.
    """
    parts = [_at_depth(laboratory, depth, delay, growth) for depth in DEPTHS]
    return weakest([*parts, *(_at_window(laboratory, depth, power) for depth in DEPTHS)])


def check_tailed(laboratory: Laboratory) -> Evidence:
    """Look for the same slopes under the exponential loss, at depth 2."""
    return _at_depth(laboratory, 2, 0.0, 0.0, "exponential", 1.0)


def _at_depth(
    laboratory: Laboratory,
    depth: int,
    delay: float,
    growth: float,
    loss: str = "square",
    decay: float = _DECAY,
) -> Evidence:
    phases = [kernel_phase(laboratory, LOSSES[loss], depth, alpha, decay) for alpha in _ALPHAS]
    log_lam = decay * np.log(_ALPHAS)
    ends, reaches = [-phase.end for phase in phases], [phase.log_reach for phase in phases]
    found = [
        _excess(np.log(log_lam), np.array(values), np.exp, claimed, depth)
        for values, claimed in ((ends, delay), (reaches, growth))
    ]
    return weakest(found)


def _at_window(laboratory: Laboratory, depth: int, power: float) -> Evidence:
    """Compare the slope in log α of the departure at T_c^- with `power` times its order."""
    loss = LOSSES["square"]
    phases = [kernel_phase(laboratory, loss, depth, alpha, _DECAY) for alpha in _ALPHAS]
    far = np.array([phase.log_departure for phase in phases])
    claimed = power * departure_order(depth) / _DECAY
    return _excess(_DECAY * np.log(_ALPHAS), far, np.asarray, claimed, depth)


def _excess(
    x: np.ndarray,
    values: np.ndarray,
    log_lam: Callable[[np.ndarray], np.ndarray],
    claimed: float,
    depth: int,
) -> Evidence:
    """Ask that the slope in x for λ → 0 be at most the claimed one; `log_lam` is log 1/λ of x."""
    slopes = local_slopes(x, values)
    limit = extrapolate(slopes.values, powers(np.exp(-log_lam(slopes.at))))
    allowed = limit.halfwidth + 2 * rtol(depth) / float(np.diff(x).min())
    return Evidence(limit.value - claimed, allowed, _DERIVATION, resolution=1 / depth)


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
    formulas=(departure_order,),
    equivalent={
        f"departure_order: {larger}": "a larger order, which is true as well"
        for larger in ("-depth becomes depth", "-depth / 2 becomes -depth / 2.3")
    },
    broken=(
        Broken("the exponential loss, without logarithms", check_tailed),
        Broken("(1/λ)(log α + 0.1 log log α + ΔT)", partial(check, delay=-0.1)),
        Broken("the departure smaller by (log α)^0.1", partial(check, growth=-0.1)),
        Broken("the departure with (α^{-L} e^{Lλt})^{1.1} at T_c^-", partial(check, power=1.1)),
    ),
    for_every=FOR_EVERY_TARGETS,
)
