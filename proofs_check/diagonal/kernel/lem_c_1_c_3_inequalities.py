"""Lemmas C.1 and C.3: the inequalities by which the proofs for classification turn losses to times.

C.1: the x with ``x log x = y`` is ``Θ(y/log y)``. The constants are ``1`` and ``1 + 1/e`` for
``y ≥ e``, since ``x log y / y = 1 + log log x / log x``; both are attained, at ``log x = 1`` and
``log x = e``.

C.3: with the exponential loss ``𝓛 = (1/n) Σ e^{-q_i}`` the mean ``(1/n) Σ q_i e^{-q_i}``, which is
``-⟨∇𝓛, θ⟩ / L``, lies between ``𝓛 log(1/(n𝓛))`` and ``𝓛 log(1/𝓛)``. The first is attained where one
sample has all of the loss, the second where all margins are equal.

How it is measured: at the worst instances that a search finds, of y between e and 1e300 and of up
to 64 margins that spread over up to twelve decades. The constants that are claimed are the best
ones, so that a few per cent less must be refuted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import lambertw, log_expit, logsumexp

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
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope

_EPS = float(np.finfo(np.float64).eps)
_MOST = 64
_DRAWS = 400


def least_share() -> float:
    """Return the least ``x log y / y`` for ``y ≥ e``, 1."""
    return 1.0


def largest_share() -> float:
    """Return the largest ``x log y / y`` for ``y ≥ e``, ``1 + 1/e``."""
    return 1 + 1 / math.e


def check_inverse(
    laboratory: Laboratory, lower: float = 1.0, upper: float = 1.0, start: float = 1.0
) -> Evidence:
    """Search the y from ``e^start`` on at which ``x log y / y`` leaves its bounds most.

    The bounds are the constants of the lemma, times `lower` and `upper`.
    """

    def share(log_y: float) -> float:
        """Return ``x log y / y``; the Lambert function is log x."""
        return float(log_y / lambertw(np.exp(log_y)).real)

    low = _lowest(share, start)
    high = -_lowest(lambda log_y: -share(log_y), start)
    excess = max(lower * least_share() - low, high - upper * largest_share())
    derivation = "eight roundings of numbers near 1; no chance enters"
    return Evidence(excess, 8 * _EPS, derivation, resolution=0.01)


def _lowest(function: Callable[[float], float], start: float) -> float:
    """Search the smallest value between `start` and 690, log 1e300, from the best of a grid."""
    grid = np.geomspace(start, 690.0, 400)
    values = [function(x) for x in grid.tolist()]
    best = int(np.argmin(values))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(function, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return min(values[best], float(found.fun))


def check_entropy(
    laboratory: Laboratory, less: float = 1.0, more: float = 1.0, logistic: bool = False
) -> Evidence:
    """Look at both inequalities, 𝓛 in the first log times `less` and in the second times `more`."""
    return weakest([_entropy(q, less, more, logistic) for q in margins(laboratory)])


@remembered
def margins(laboratory: Laboratory) -> Iterable[np.ndarray]:
    """Draw margins, of one sign or both; those that attain the bounds are among them."""
    (seed,) = laboratory.draws("margins of Lemma C.3", 1)
    rng = np.random.default_rng(seed)
    found = [np.full(_MOST, 3.0), np.append(1.0, np.full(_MOST - 1, 700.0))]
    for _ in range(_DRAWS):
        spread = 10 ** rng.uniform(-10, 2)
        found.append(rng.uniform(-5, 300) + spread * rng.standard_normal(rng.integers(1, _MOST)))
    return found


def least_mean(log_loss: float, n: int) -> float:
    """Return the bound from below on the mean of the margins with weights e^{-q}."""
    return float(-log_loss - np.log(n))


def largest_mean(log_loss: float) -> float:
    """Return the bound from above on it."""
    return -log_loss


def _entropy(q: np.ndarray, less: float, more: float, logistic: bool) -> Evidence:
    """Divide all by 𝓛: the sum becomes a mean of margins with weights e^{-q}."""
    n = len(q)
    log_losses, log_pulls = (np.log(-log_expit(q)), log_expit(-q)) if logistic else (-q, -q)
    log_loss = float(logsumexp(log_losses)) - np.log(n)
    pulled = float(np.exp(log_pulls - log_loss) @ q) / n
    low, high = least_mean(log_loss, n) - np.log(less), largest_mean(log_loss) - np.log(more)
    excess = max(low - pulled, pulled - high)
    size = 1 + float(np.abs(q).max())
    derivation = (
        "eight roundings of the logarithm of each weight, and of each of n terms; both are as "
        "large as the margins; no chance enters"
    )
    return Evidence(excess, 8 * _EPS * (n + size) * size, derivation, resolution=0.01)


_SMALLER = "a smaller lower bound, which is true as well"
_LARGER = "a larger upper bound, which is true as well"

INVERSE = Claim(
    label="lem-c.1",
    statement="the x with x log x = y lies between y/log y and (1 + 1/e) y/log y",
    hypotheses=("y ≥ e", "the constants are the best ones, not those of the paper"),
    source="Lyu et al. 2024, Lemma C.1",
    kind=StatementKind.INEQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Lemma C.1",), "any net", ()),
    expected=Verdict.SUPPORTED,
    check=check_inverse,
    formulas=(least_share, largest_share),
    equivalent={
        "least_share: 1 becomes 0.87": _SMALLER,
        "largest_share: 1 + 1 / math.e becomes 1.15 + 1 / math.e": _LARGER,
        "largest_share: 1 / math.e becomes 1 * math.e": _LARGER,
        "largest_share: 1 / math.e becomes 1.15 / math.e": _LARGER,
    },
    broken=(
        Broken(
            "1 + 0.9/e for 1 + 1/e",
            partial(check_inverse, upper=(1 + 0.9 / math.e) / (1 + 1 / math.e)),
        ),
        Broken("(1 + 1/20) y/log y as the lower bound", partial(check_inverse, lower=1.05)),
        Broken("from y = 0.9 e on", partial(check_inverse, start=1 + np.log(0.9))),
    ),
    no_range="it is about one number y, and its check searches all of them itself",
)

ENTROPY = Claim(
    label="lem-c.3",
    statement="(1/n) Σ q_i e^{-q_i} lies between 𝓛 log(1/(n𝓛)) and 𝓛 log(1/𝓛)",
    hypotheses=(
        "𝓛 is the mean exponential loss of n margins q_i of any sign",
        f"n up to {_MOST}; margins that attain both bounds are among them",
    ),
    source="Lyu et al. 2024, Lemma C.3",
    kind=StatementKind.INEQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Lemma C.3",), "any net", ("exponential",)),
    expected=Verdict.SUPPORTED,
    check=check_entropy,
    formulas=(least_mean, largest_mean),
    equivalent={
        "least_mean: np.log(n) becomes 1.15 * np.log(n)": _SMALLER,
    },
    broken=(
        Broken("n/1.1 for n in the lower bound", partial(check_entropy, less=1 / 1.1)),
        Broken("log(0.9/𝓛) in the upper bound", partial(check_entropy, more=1 / 0.9)),
        Broken("the logistic loss", partial(check_entropy, logistic=True)),
    ),
    for_every=(ForEvery(margins, strategies.tables),),
)
