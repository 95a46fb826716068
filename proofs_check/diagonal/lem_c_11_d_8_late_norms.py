"""Lemmas C.11 and D.8: how large θ is after the kernel regime.

C.11, classification: ``‖θ‖ = Θ((log 1/λ)^{1/L})`` for all t from the end of the kernel regime on.
The paper prints the exponent 1/L for ``‖θ‖²``; margins of order log 1/λ need the former.
D.8, regression: ``‖θ‖ = O(1)`` from ``(1/λ) log α`` to T_c^+.

How it is measured: the largest and the smallest ``‖θ‖`` over records from
``(1/λ)(log α - (1/L) log log A)`` (C.11) or ``(1/λ) log α`` (D.8)
to T_c^+, c = 4, at L = 2, 3, 4, from scales beyond the last jump from one KKT point to another
(`grokflow.proofs_check.diagonal.late_phase`). The local slope of
the logarithm of both in log log 1/λ is extrapolated to 1/L for C.11; for D.8 that of the largest
must not exceed zero. Corrections: those of the margin, in log log 1/λ / log 1/λ and so on, for
C.11; powers of λ for D.8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS
from grokflow.proofs_check.diagonal.late_phase import (
    FOR_EVERY,
    LATE_PHASES,
    RTOL,
    late_phases,
    settled_limit,
)
from grokflow.proofs_check.evidence.corrections import lambert, powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import (
    Limit,
    extrapolated,
    local_slopes,
)
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope

_DERIVATION = (
    extrapolated("of the slope")
    + ", plus the integrator's tolerance at both ends of the shortest interval"
)


def inverse_depth(depth: int) -> float:
    """Return 1/L."""
    return 1 / depth


def printed(depth: int) -> float:
    """Return the exponent of ``‖θ‖`` when that of ``‖θ‖²`` is 1/L."""
    return 1 / (2 * depth)


def less(depth: int) -> float:
    """Return nine tenths of what is printed."""
    return 0.9 * printed(depth)


def of_depth_two(depth: int) -> float:
    """Return ½."""
    return 0.5


def slightly_more(depth: int) -> float:
    """Return 1/L and a tenth more."""
    return 1.1 / depth


def check_tailed(
    laboratory: Laboratory, exponent: Callable[[int], float] = inverse_depth
) -> Evidence:
    """Compare the slopes of the largest and the smallest norm with `exponent` (L)."""
    parts = []
    for depth in DEPTHS:
        for slope in _slopes(laboratory, "exponential", depth):
            miss = abs(slope.value - exponent(depth))
            parts.append(Evidence(miss, slope.halfwidth, _DERIVATION, resolution=1 / (2 * depth)))
    return weakest(parts)


def check_square(laboratory: Laboratory, exponent: float = 0.0) -> Evidence:
    """Ask that the slope of the largest norm be at most `exponent`."""
    return weakest([_upper(laboratory, "square", depth, exponent) for depth in DEPTHS])


def check_square_tailed(laboratory: Laboratory) -> Evidence:
    """Ask the same of the exponential loss at depth 2."""
    return _upper(laboratory, "exponential", 2, 0.0)


def _upper(laboratory: Laboratory, loss: str, depth: int, exponent: float) -> Evidence:
    slope = _slopes(laboratory, loss, depth)[1]
    excess = slope.value - exponent
    return Evidence(excess, slope.halfwidth, _DERIVATION, resolution=1 / depth)


def _slopes(laboratory: Laboratory, loss: str, depth: int) -> list[Limit]:
    """Return the slopes in log log 1/λ of the smallest and of the largest norm."""
    phases = late_phases(laboratory, loss, depth)
    x = np.log(phases.log_lam)
    noise = 2 * RTOL / float(np.diff(x).min())
    found = []
    for values in (phases.log_least, phases.log_largest):
        at, slopes = local_slopes(x, values)
        log_lam = np.exp(at)
        if loss == "square":
            terms = powers(np.exp(-log_lam))
        else:
            terms = lambert(log_lam)
        limit = settled_limit(slopes, terms)
        found.append(Limit(limit.value, limit.halfwidth + noise))
    return found


_NETS = "diagonal nets of depth 2, 3 and 4 from u = v = α"

TAILED = Claim(
    label="lem-c.11",
    statement="from the end of the kernel regime on ‖θ‖ = Θ((log 1/λ)^{1/L})",
    hypotheses=(_NETS, "exponential loss, separable data, λ a power of 1/α", "until T_c^+, c = 4"),
    source="Lyu et al. 2024, Lemma C.11 with the exponent of its proof",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma C.11",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_tailed,
    formulas=(inverse_depth,),
    broken=(
        Broken("‖θ‖² = Θ((log 1/λ)^{1/L}), as printed", partial(check_tailed, exponent=printed)),
        Broken("the square root at every depth", partial(check_tailed, exponent=of_depth_two)),
        Broken("‖θ‖ = Θ((log 1/λ)^{1.1/L})", partial(check_tailed, exponent=slightly_more)),
    ),
    experiments=LATE_PHASES["exponential"],
    for_every=FOR_EVERY["exponential"],
)

TAILED_PRINTED = Claim(
    label="lem-c.11-printed",
    statement="from the end of the kernel regime on ‖θ‖² = Θ((log 1/λ)^{1/L})",
    hypotheses=TAILED.hypotheses,
    source="Lyu et al. 2024, Lemma C.11 as printed (v2)",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma C.11",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.REFUTED,
    check=partial(check_tailed, exponent=printed),
    broken=(Broken("‖θ‖² = Θ((log 1/λ)^{0.9/L})", partial(check_tailed, exponent=less)),),
    experiments=LATE_PHASES["exponential"],
)

SQUARE = Claim(
    label="lem-d.8",
    statement="in regression ‖θ(t)‖ = O(1) from (1/λ) log α to T_c^+, uniformly in α",
    hypotheses=(_NETS, "square loss, independent features, λ a power of 1/α", "c = 4"),
    source="Lyu et al. 2024, Lemma D.8",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma D.8",), "diagonal net", ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_square,
    no_formulas="the exponent that is claimed is zero, which leaves nothing to multiply; the "
    "variants have one of -1/10 and another loss",
    broken=(
        Broken("the exponential loss instead", check_square_tailed),
        Broken("‖θ‖ = O((log 1/λ)^{-1/10})", partial(check_square, exponent=-0.1)),
    ),
    experiments=(*LATE_PHASES["square"], LATE_PHASES["exponential"][0]),
    for_every=FOR_EVERY["square"],
)
