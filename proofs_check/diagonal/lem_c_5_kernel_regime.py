"""Lemma C.5: how long the kernel regime lasts in classification, and how far θ turns in it.

With ``A = α^{2(L-1)}/λ`` the kernel regime lasts at least ``(1/λ)(log α - (1/L) log log A + ΔT)``,
and until then ``‖e^{λt}θ/α - θ̄‖ = O(α^{-L} log A) e^{Lλt}``.

How it is measured: at L = 2, 3, 4 and nine α from 1e8 to 1e80, the time T at which the departure
``‖e^{λt}θ/α - θ̄‖`` is ½, and its largest ratio to ``(α e^{-λt})^{-L}`` before. Both ``log α - λT``
and the logarithm of that ratio may grow with ``log log A`` no faster than with slope 1/L and 1: the
local slopes are extrapolated. They tend to those values, so the lemma's time is sharp. The margin
is ``q + log q + … = log(α(s)^{2(L-1)}/λ)``, so slopes have corrections in log log A/log A and
1/log A. The next one, log log A/(log A)², is of the size of what the solver leaves open.

Section 3.2.1 says how the departure moves up to logarithms: like ``α^{-L} e^{Lλt}``; it prints the
inverse, ``α^L e^{-Lλt}``. How it is measured: the slope of its logarithm at T_c^- in log α, which
must tend to -L/2, with corrections in 1/log α, log log α/(log α)² and 1/(log α)².
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.kernel_phase import (
    DEPTHS,
    FOR_EVERY_CLASSES,
    KernelPhase,
    kernel_phase,
    log_capital_a,
)
from grokflow.proofs_check.evidence.corrections import lambert, tails
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.losses import LOSSES

_ALPHAS = np.geomspace(1e8, 1e80, 9)

_DERIVATION = extrapolated("of the slope")


def _phases(laboratory: Laboratory, depth: int) -> list[KernelPhase]:
    loss = LOSSES["exponential"]
    return [kernel_phase(laboratory, loss, depth, alpha, 1.0) for alpha in _ALPHAS.tolist()]


def time_order(depth: int) -> float:
    """Return what multiplies -log log A in the time at which the kernel regime ends, 1/L."""
    return 1 / depth


def reach_order() -> float:
    """Return the power of log A in the departure, 1."""
    return 1.0


def departure_order(depth: int) -> float:
    """Return the power of α in the departure at T_c^-, c = ½, up to logarithms: -L/2."""
    return -depth / 2


def check(laboratory: Laboratory, delay: float = 1.0, growth: float = 1.0) -> Evidence:
    """Compare the slopes in log log A with `delay` / L, of the time, and `growth`, of the reach."""
    parts = []
    for depth in DEPTHS:
        phases = _phases(laboratory, depth)
        x = np.log(log_capital_a(depth, _ALPHAS, 1.0))
        for values, claimed in (
            ([-phase.end for phase in phases], delay * time_order(depth)),
            ([phase.log_reach for phase in phases], growth * reach_order()),
        ):
            slopes = local_slopes(x, np.array(values))
            log_a = np.exp(slopes.at)
            terms = lambert(log_a)[:, :3]
            limit = extrapolate(slopes.values, terms)
            excess = limit.value - claimed
            parts.append(Evidence(excess, limit.halfwidth, _DERIVATION, resolution=0.1 / depth))
    return weakest(parts)


def check_order(laboratory: Laboratory, power: float = 1.0) -> Evidence:
    """Compare the slope of the departure at T_c^- in log α with `power` times -L/2."""
    parts = []
    for depth in DEPTHS:
        far = np.array([phase.log_departure for phase in _phases(laboratory, depth)])
        slopes = local_slopes(np.log(_ALPHAS), far)
        a = slopes.at
        limit = extrapolate(slopes.values, tails(a))
        miss = abs(limit.value - power * departure_order(depth))
        parts.append(Evidence(miss, limit.halfwidth, _DERIVATION, resolution=0.1))
    return weakest(parts)


_HYPOTHESES = (
    "diagonal nets of depth 2, 3 and 4 from u = v = α",
    "exponential loss, separable data, λ = 1/α",
)

CLAIM = Claim(
    label="lem-c.5",
    statement="the kernel regime lasts at least (1/λ)(log α - (1/L) log log A + ΔT), "
    "A = α^{2(L-1)}/λ, with ‖e^{λt}θ/α - θ̄‖ = O(α^{-L} log A) e^{Lλt}",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Lemma C.5",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma C.5",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(time_order, reach_order),
    equivalent={
        f"time_order: 1 / depth becomes {weaker}": "an earlier time, until which it lasts as well"
        for weaker in ("1 * depth", "1.15 / depth")
    }
    | {"reach_order: 1 becomes 1.15": "a larger power of log A, so that the order is true as well"},
    broken=(
        Broken("(0.9/L) log log A in the time", partial(check, delay=0.9)),
        Broken("the departure with (log A)^0.9", partial(check, growth=0.9)),
    ),
    for_every=FOR_EVERY_CLASSES,
)

ORDER = Claim(
    label="sec-3.2.1",
    statement="up to logarithms θ = α e^{-λt} (θ̄ + δ) with δ of order α^{-L} e^{Lλt}",
    hypotheses=(*_HYPOTHESES, "at T_c^-, c = 1/2"),
    source="Lyu et al. 2024, section 3.2.1 with the order of Lemma C.5",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Section 3.2.1",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_order,
    formulas=(departure_order,),
    broken=(
        Broken("δ of order α^L e^{-Lλt}, as printed", partial(check_order, power=-1.0)),
        Broken("δ of order (α^{-L} e^{Lλt})^{1.1}", partial(check_order, power=1.1)),
    ),
    for_every=FOR_EVERY_CLASSES,
)

ORDER_PRINTED = Claim(
    label="sec-3.2.1-printed",
    statement="up to logarithms θ = α e^{-λt} (θ̄ + δ) with δ of order α^L e^{-Lλt}",
    hypotheses=(*_HYPOTHESES, "at T_c^-, c = 1/2"),
    source="Lyu et al. 2024, section 3.2.1 as printed (v2)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Section 3.2.1",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.REFUTED,
    check=partial(check_order, power=-1.0),
    broken=(Broken("δ of order (α^L e^{-Lλt})^{0.9}", partial(check_order, power=-0.9)),),
    for_every=FOR_EVERY_CLASSES,
)
