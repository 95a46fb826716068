"""Lemma C.10: the objective when the kernel regime ends is ``O(λ (log 1/λ)^{2/L})``.

The objective is ``𝓛_λ = 𝓛 + (λ/2) ‖θ‖²``; the paper prints its second term without λ/2, and then
it is not small at all. At ``(1/λ)(log α - (1/L) log log A + ΔT)``, ``A = α^{2(L-1)}/λ``, the scale
``α e^{-λt}`` is of order ``(log A)^{1/L}`` and the loss of order ``λ (log A)^{2/L - 1}``: the
second term dominates, and the order is sharp.

How it is measured: the slopes of ``log 𝓛_λ`` in ``log λ`` and of ``log(𝓛_λ/λ)`` in ``log log 1/λ``,
extrapolated in the corrections of the Lambert function, at ΔT = 0 and 1 and three λ that are powers
of 1/α. They tend to 1 and 2/L.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel.experiments import (
    DEGREES,
    DELAYS,
    ENDING_RUNS,
    FOR_EVERY_CLASSES,
    POWERS,
    ending_runs,
)
from grokflow.proofs_check.diagonal.kernel.tail_limits import judge_slope
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolated
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope

# Of log 𝓛, log ‖θ‖² and log λ.
Objective = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

_DERIVATION = extrapolated("of the slope in log A/A, 1/A, log A/A² with log 1/λ for A") + (
    ", plus the integrator's tolerance at both ends of the shortest interval"
)


def log_objective(log_loss: np.ndarray, log_norm: np.ndarray, log_lam: np.ndarray) -> np.ndarray:
    """Return ``log(𝓛 + (λ/2) ‖θ‖²)``; `log_norm` is ``log ‖θ‖²``."""
    return np.asarray(np.logaddexp(log_loss, log_norm + log_lam - np.log(2)))


def printed_objective(
    log_loss: np.ndarray, log_norm: np.ndarray, log_lam: np.ndarray
) -> np.ndarray:
    """Return ``log(𝓛 + ‖θ‖²)``."""
    return np.asarray(np.logaddexp(log_loss, log_norm))


def power_of_lam() -> float:
    """Return the power of λ in the order of the objective."""
    return 1.0


def power_of_log(degree: int) -> float:
    """Return the power of log 1/λ in it, 2/L."""
    return 2 / degree


def check(
    laboratory: Laboratory, power: float = 1.0, objective: Objective = log_objective
) -> Evidence:
    """Compare the slopes of the objective with those claimed, 2/L times `power`."""
    parts = []
    for degree, decay in product(DEGREES, POWERS):
        runs = ending_runs(laboratory, degree, decay)
        log_lam = np.array([run.log_lam for run in runs])
        x = np.log(-log_lam)
        for i in range(len(DELAYS)):
            log_loss = np.array([run.log_loss[i] for run in runs])
            log_norm = np.array([run.log_squared_norm[i] for run in runs])
            found = objective(log_loss, log_norm, log_lam)
            # A tenth more would show.
            slope = partial(judge_slope, log_a=-log_lam, derivation=_DERIVATION)
            parts.append(slope(-log_lam, found, -power_of_lam(), resolution=0.1))
            order = power * power_of_log(degree)
            parts.append(slope(x, found - log_lam, order, resolution=order / 10))
    return weakest(parts)


_CONSTANT = "orders do not see a constant factor"
_LARGER = "a larger power of log 1/λ, so that the order is true as well"
_HYPOTHESES = (
    "diagonal nets of degree L = 2, 3, 4 from uneven starts, exponential loss, separable features",
    "λ = α^-½, α^-1, α^-2",
    "at (1/λ)(log α - (1/L) log log A + ΔT), ΔT = 0 and 1",
)

CLAIM = Claim(
    label="lem-c.10",
    statement="𝓛 + (λ/2) ‖θ‖² = O(λ (log 1/λ)^{2/L}) when the kernel regime ends",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Lemma C.10 with the λ/2 of its proof",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma C.10",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(log_objective, power_of_lam, power_of_log),
    equivalent={
        "log_objective: np.log(2) becomes 1.15 * np.log(2)": _CONSTANT,
        "log_objective: np.log(2) becomes np.log(2) / 1.15": _CONSTANT,
        "log_objective: log_norm + log_lam - np.log(2) becomes log_norm + log_lam": _CONSTANT,
        "log_objective: log_norm + log_lam - np.log(2) becomes log_norm + log_lam + np.log(2)": (
            _CONSTANT
        ),
        "log_objective: log_norm + log_lam becomes log_lam": "𝓛 + λ/2 is less, for ‖θ‖² grows",
        "power_of_lam: 1 becomes 0.87": "a smaller power of λ, so that the order is true as well",
        "power_of_log: 2 / degree becomes 2 * degree": _LARGER,
        "power_of_log: 2 / degree becomes 2.3 / degree": _LARGER,
    },
    broken=(
        Broken("O(λ (log 1/λ)^{1.8/L})", partial(check, power=0.9)),
        Broken("‖θ‖² for (λ/2) ‖θ‖², as printed", partial(check, objective=printed_objective)),
    ),
    experiments=ENDING_RUNS,
    for_every=FOR_EVERY_CLASSES,
)

PRINTED = Claim(
    label="lem-c.10-printed",
    statement="𝓛 + ‖θ‖² = O(λ (log 1/λ)^{2/L}) when the kernel regime ends",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Lemma C.10 as printed (v2)",
    kind=StatementKind.INEQUALITY,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma C.10",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.REFUTED,
    check=partial(check, objective=printed_objective),
    broken=(
        Broken(
            "O(λ (log 1/λ)^{2.2/L}), as printed otherwise",
            partial(check, power=1.1, objective=printed_objective),
        ),
    ),
    experiments=ENDING_RUNS,
)
