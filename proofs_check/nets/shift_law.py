"""Nets: ten times the initial scale delays the transition by ln 10 in slow time, whatever L is.

The kernel regime lasts ``(1/λ)(log α + O(1))`` (Lemmas C.5 and D.2, square loss), and after it
the state depends on α and t through ``α e^{-λt}`` only.

How it is measured: on the net of `grokflow.proofs_check.nets.experiments`. The test error of α = 10
and of α = 100 crosses the middle between the early plateau of the one and the late plateau of the
other; λt* is the root of a monotone interpolant of records 0.2 apart.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.interpolate import PchipInterpolator

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.experiments import DEGREE, follow
from grokflow.proofs_check.ranges.reasons import TRAINED
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.nets.trajectory import NetTrajectory

_ALPHA, _LAM, _RTOL = 10.0, 1e-4, 1e-2
# Slow times after log α: the kernel regime, the transition, and the plateau after it.
_SHIFTED = np.array([-1.0, *np.arange(-0.4, 3.0, 0.2), 3.4])


def delay(factor: float) -> float:
    """Return by how much λt* grows where α is larger by a factor."""
    return float(np.log(factor))


def check(laboratory: Laboratory, expected: float = 1.0, scale_lam: bool = False) -> Evidence:
    """Compare the increment of λt* with `expected` times ln 10."""
    first = _run(laboratory, _ALPHA, _LAM, _RTOL)
    alpha, lam = (_ALPHA, 10 * _LAM) if scale_lam else (10 * _ALPHA, _LAM)
    second = _run(laboratory, alpha, lam, _RTOL)
    early, late = float(first.test_error[0]), float(first.test_error[-1])
    increment = _crossing(second, early, late, 1) - _crossing(first, early, late, 1)
    finer = _run(laboratory, alpha, lam, _RTOL / 10), _run(laboratory, _ALPHA, _LAM, _RTOL / 10)
    times = [_crossing(run, early, late, 1) for run in finer]
    change = abs(times[0] - times[1] - increment)
    rough = sum(
        abs(_crossing(run, early, late, 2) - _crossing(run, early, late, 1))
        for run in (first, second)
    )
    return Evidence(
        abs(increment - expected * delay(10.0)),
        10 * _ALPHA**-DEGREE + 2 * change + 2 * rough,
        "ten times the linearisation error α^-L with which the start is forgotten (Lemma D.2), "
        "plus twice the changes with a tenth of the tolerance and with half of the records",
        resolution=0.2,
    )


def _crossing(run: NetTrajectory, early: float, late: float, stride: int) -> float:
    """Return when the error first falls below the middle, from every stride-th record."""
    errors, times = run.test_error[::stride], run.lambda_t[::stride]
    curve = PchipInterpolator(times, errors - (early + late) / 2)
    inside = [t for t in curve.roots(extrapolate=False) if curve.derivative()(t) < 0]
    return float(inside[0]) if inside else float("nan")


def _run(laboratory: Laboratory, alpha: float, lam: float, rtol: float) -> NetTrajectory:
    return follow(laboratory, alpha, lam, np.log(alpha) + _SHIFTED, rtol)


CLAIM = Claim(
    label="net-shift",
    statement="λt* of a homogeneous net of degree 3 grows by ln 10 with a tenfold α",
    hypotheses=(
        "two-layer quadratic net (L = 3), symmetrised start",
        "square loss, targets that can be interpolated",
        "α = 10 and 100, λ = 1e-4",
    ),
    source="Lyu et al. 2024, Lemma D.2 and Theorem 3.10; grokflow for the increment",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Figure 2b",), "two-layer quadratic net", ("square",), (3,)),
    no_range=TRAINED,
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(delay,),
    broken=(
        Broken("by 1.1 ln 10", partial(check, expected=1.1)),
        Broken("λ is changed by ten instead of α", partial(check, scale_lam=True)),
    ),
)
