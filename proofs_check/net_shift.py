"""Nets: ten times the initial scale delays the transition by ln 10 in slow time, whatever L is.

The kernel regime lasts ``(1/λ)(log α + O(1))`` (Lemmas C.5 and D.2, square loss), and after it
the state depends on α and t through ``α e^{-λt}`` only.

How it is measured: a symmetrised two-layer quadratic net (L = 3) on targets ``⟨β, x⟩²`` in six
dimensions, 15 samples for the 21 coefficients of a quadratic form. The test error of α = 10 and
of α = 100 crosses the middle between the early plateau of the one and the late plateau of the
other; λt* is read off by interpolation between records 0.05 apart.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import torch

from proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from proofs_check.laboratory import Laboratory
from simulations.net_flow import NetFlow, NetSolver
from simulations.net_trajectory import NetTrajectory
from simulations.nets import MLP, Activation, he_start
from theory.module_tangent import Symmetrised
from theory.net_losses import SquaredError
from theory.net_problems import NetProblem

_ALPHA, _LAM, _DEGREE, _RTOL = 10.0, 1e-4, 3, 1e-2
# Slow times after log α: the kernel regime, the transition, and the plateau after it.
_SHIFTED = np.arange(-1.0, 3.5, 0.05)


def check(laboratory: Laboratory, expected: float = 1.0, scale_lam: bool = False) -> Evidence:
    """Compare the increment of λt* with `expected` times ln 10."""
    seed = laboratory.seed
    first = _run(seed, _ALPHA, _LAM, _RTOL)
    alpha, lam = (_ALPHA, 10 * _LAM) if scale_lam else (10 * _ALPHA, _LAM)
    second = _run(seed, alpha, lam, _RTOL)
    early, late = float(first.test_error[0]), float(first.test_error[-1])
    increment = _crossing(second, early, late, 1) - _crossing(first, early, late, 1)
    finer = _run(seed, alpha, lam, _RTOL / 10), _run(seed, _ALPHA, _LAM, _RTOL / 10)
    times = [_crossing(run, early, late, 1) for run in finer]
    change = abs(times[0] - times[1] - increment)
    rough = sum(
        abs(_crossing(run, early, late, 2) - _crossing(run, early, late, 1))
        for run in (first, second)
    )
    return Evidence(
        abs(increment - expected * np.log(10)),
        10 * _ALPHA**-_DEGREE + 2 * change + 2 * rough,
        "ten times the linearisation error α^-L with which the start is forgotten (Lemma D.2), "
        "plus twice the changes with a tenth of the tolerance and with half of the records",
        resolution=0.3,
    )


def _crossing(run: NetTrajectory, early: float, late: float, stride: int) -> float:
    """Return when the error first falls below the middle, from every stride-th record."""
    errors, times = run.test_error[::stride], run.lambda_t[::stride]
    below = np.flatnonzero(errors < (early + late) / 2)
    if not below.size or below[0] == 0:
        return float("nan")
    i = int(below[0])
    levels = errors[i - 1 : i + 1]
    fraction = ((early + late) / 2 - levels[0]) / (levels[1] - levels[0])
    return float(times[i - 1] + fraction * (times[i] - times[i - 1]))


@cache
def _run(seed: int, alpha: float, lam: float, rtol: float) -> NetTrajectory:
    rng = np.random.default_rng((seed, 3))
    x = rng.standard_normal((215, 6))
    beta = rng.standard_normal(6)
    y = torch.from_numpy((x @ beta / np.linalg.norm(beta)) ** 2)[:, None]
    inputs = torch.from_numpy(x)
    problem = NetProblem(
        "quadratic forms", SquaredError(), inputs[:15], y[:15], inputs[15:], y[15:]
    )
    net = Symmetrised(he_start(MLP((6, 32, 1), Activation.QUADRATIC, bias=False), rng))
    flow = NetFlow(lam=lam, rtol=rtol, thin=0, solver=NetSolver.MULTISTEP)
    return flow.run(net, problem, alpha, np.log(alpha) + _SHIFTED)


CLAIM = Claim(
    label="net-shift",
    statement="λt* of a homogeneous net grows by ln 10 with a tenfold α, whatever its degree",
    hypotheses=(
        "two-layer quadratic net (L = 3), symmetrised start",
        "square loss, targets that can be interpolated",
        "α = 10 and 100, λ = 1e-4",
    ),
    source="Lyu et al. 2024, Lemma D.2 and Theorem 3.10; grokflow for the increment",
    kind=StatementKind.EQUALITY,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("the degree in the wrong place: (1/L) ln 10", partial(check, expected=1 / 3)),
        Broken("λ is changed by ten instead of α", partial(check, scale_lam=True)),
    ),
)
