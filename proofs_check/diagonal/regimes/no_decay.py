"""Without weight decay a diagonal net goes from the L2- to the L1-margin too, but over log t.

Figure 4 of Lyu et al. trains without weight decay: test accuracy creeps up over log t, with no
sharp transition. For a diagonal net the same path says where it is. The product u v stays α² where
weight decay shrinks it to α² e^{-2λt}, and the margins grow like log t, so that w/log t has margins
1 and moves along the path at the scale β = α²/log t. To go from one end to the other log t must
grow by orders of magnitude, from order α² on.

How it is measured: u and v themselves are integrated in log t by LSODA, without the reduction that
path and flow of the package share. For four β, in units of the size of the weights, log t grows at
fixed α²/log t, and the distance of w/log t to the path is extrapolated: margins differ from log t
by log log t and constants, also those of samples that the path lets go.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.integrate import solve_ivp

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.kernel_phase import small_problem
from grokflow.proofs_check.evidence.corrections import releases
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.path import trace
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES

DERIVATION = (
    extrapolated("(A = log t) in log A/A and 1/A")
    + ", plus twice the largest change of the path with other steps, and a millionth for u and v, "
    "which are integrated to 1e-10"
)
_ROOM = 1e-6
# Trial steps that go astray must not overflow.
_LARGEST = 300.0
# Steps of the path, from one of its four β to the next. Where it lets a sample go is known to a
# step, and numbers of steps without a common factor do not all err alike.
_STEPS = (20, 17, 13)
# Where the path is compared: logarithms of β over the size of the max-L2-margin weights.
_SCALES = (0.0, -2.0, -4.0, -6.0)
_LOG_TIMES = np.geomspace(1e4, 1e6, 9)


def weights_at(z: np.ndarray, alpha: float, log_t: float, rtol: float = 1e-10) -> np.ndarray:
    """Return w = u² - v² at this time, from u = v = α with exponential loss of margins z w."""
    n, d = z.shape

    def pulls(tau: float, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray(2 / n * np.exp(np.minimum(tau - z @ (u**2 - v**2), _LARGEST)))

    def rate(tau: float, theta: np.ndarray) -> np.ndarray:
        u, v = theta[:d], theta[d:]
        force = z.T @ pulls(tau, u, v)
        return np.concatenate([u * force, -v * force])

    def jacobian(tau: float, theta: np.ndarray) -> np.ndarray:
        u, v = theta[:d], theta[d:]
        pulled = pulls(tau, u, v)
        signed = np.concatenate([u, -v])
        stiff = -2 * np.tile((z.T * pulled) @ z, (2, 2)) * signed
        force = z.T @ pulled
        return np.asarray(signed[:, None] * stiff + np.diag(np.concatenate([force, -force])))

    # Nothing has moved by more than e^-12 of what the margins are when they begin to grow.
    first = -np.log(4 * alpha**2 * np.linalg.norm(z, 2) ** 2 / n) - 12
    start = np.full(2 * d, alpha)
    found = solve_ivp(
        rate,
        (first, log_t),
        start,
        method="LSODA",
        t_eval=[log_t],
        jac=jacobian,
        rtol=rtol,
        atol=1e-12 * alpha,
    )
    if not found.success:
        raise ArithmeticError(f"LSODA stops on the way to log t = {log_t:g}: {found.message}")
    return np.asarray(found.y[:d, 0] ** 2 - found.y[d:, 0] ** 2)


def _margins(problem: Problem) -> np.ndarray:
    return np.asarray(problem.inputs.to_array() * problem.targets[:, None])


def _log_beta(problem: Problem) -> np.ndarray:
    return np.asarray(np.log(np.abs(MaxL2Margin().predict(problem).w).max()) + np.array(_SCALES))


def power_of_log_t() -> float:
    """Return the power of 1/log t in the scale β of the path, 1."""
    return 1.0


@remembered
def _scaled_weights(laboratory: Laboratory) -> np.ndarray:
    """Return w/log t for every β and log t, shape (4, 9, d)."""
    problem = small_problem(laboratory, LOSSES["exponential"])
    z = _margins(problem)
    return np.array(
        [
            [weights_at(z, float(np.sqrt(beta * a)), float(a)) / a for a in _LOG_TIMES]
            for beta in np.exp(_log_beta(problem))
        ]
    )


@remembered
def _on_path(laboratory: Laboratory, shift: float, steps: int) -> np.ndarray:
    """Trace the path with so many steps between β, and return it at each, shape (4, d).

    All β are multiplied by e^shift.
    """
    problem = small_problem(laboratory, LOSSES["exponential"])
    wanted = _log_beta(problem) + shift
    # From two intervals before the first.
    ends = wanted[0] - 2 * (_SCALES[1] - _SCALES[0]), wanted[-1]
    scales = np.linspace(*ends, steps * (len(_SCALES) + 1) + 1)
    path = trace(problem, scales, tolerance=1e-9, locate=False)  # steps are extrapolated
    return np.asarray(path.weights.T[2 * steps :: steps])


def check(laboratory: Laboratory, factor: float = 1.0, power: float = 1.0) -> Evidence:
    """Compare w/log t with the path at ``β = factor · α² / (log t)^power``."""
    shifts = (np.log(factor) - (power * power_of_log_t() - 1) * np.log(_LOG_TIMES)).tolist()
    path, *others = (
        np.stack([_on_path(laboratory, shift, steps) for shift in shifts], axis=1)
        for steps in _STEPS
    )
    size = np.linalg.norm(path, axis=2)
    apart = np.linalg.norm(_scaled_weights(laboratory) - path, axis=2) / size
    rough = (np.linalg.norm(np.array(others) - path, axis=3) / size).max(axis=(0, 2))
    parts = []
    for distance, change in zip(apart, rough.tolist(), strict=True):
        limit = extrapolate(distance, releases(_LOG_TIMES))
        allowed = limit.halfwidth + 2 * change + _ROOM
        parts.append(Evidence(abs(limit.value), allowed, DERIVATION, resolution=0.01))
    return weakest(parts)


CLAIM = Claim(
    label="no-decay",
    statement="without weight decay w/log t at α² = β log t tends to the quasi-static path at β: "
    "the way from the L2- to the L1-margin takes log t of order α², with no sharp transition",
    hypotheses=(
        "depth-2 diagonal net, exponential loss, separable classes, λ = 0",
        "β from 1 to e^-6 of the largest weight, log t from 1e4 to 1e6",
    ),
    source="Lyu et al. 2024, Figure 4, for a diagonal net; grokflow for the scale",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Figure 4",), "diagonal net", ("exponential",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(power_of_log_t,),
    for_every=(
        ForEvery(small_problem, partial(strategies.separable, decades=0), (LOSSES["exponential"],)),
    ),
    broken=(
        Broken("β = 1.2 α²/log t", partial(check, factor=1.2)),
        Broken("β = 0.8 α²/log t", partial(check, factor=0.8)),
        Broken("β = α²/(log t)^1.02", partial(check, power=1.02)),
    ),
)
