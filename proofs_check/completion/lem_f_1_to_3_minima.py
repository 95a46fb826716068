"""Lemmas F.1-F.3: local minima of regularised matrix completion are global, and saddles strict.

The regularised loss is ``F(U, V) = L(UUᵀ - VVᵀ) + (λ/2)(‖U‖² + ‖V‖²)`` with d×d factors. With
``M₁ = 2 ∇L`` (symmetrised), the lemmas rest on a certificate: ``(M₁ + λI) U = 0``,
``(λI - M₁) V = 0`` and ``-λI ⪯ M₁ ⪯ λI`` make (U, V) a global minimum; where U and V have a kernel
and the last condition fails, F has negative curvature.

How it is measured, on 24 of the 36 entries of an indefinite 8×8 matrix of rank 2:

* the minimiser W of the convex problem in W is split into UUᵀ - VVᵀ by its spectrum; the
  first-order conditions and the operator norm are evaluated there;
* descent in (U, V) from random starts, which knows nothing of W, must reach the convex optimum;
* descent among factors of rank 1 ends, padded with zeros, at a stationary point that is no minimum;
  its curvature by the formula ``λ - ‖M₁‖₂`` must be negative and agree with differences of F.

Each measured number is divided by its own allowance, with Δ the certified absolute gap of W and
w the weight of one sample (1/N, more for duplicates). Fenchel's inequality for the loss bounds the
distance of M₁ from a dual feasible matrix by ``4 sqrt(w Δ)``, and the one for the norm bounds
``tr (λI + M₁) UUᵀ + tr (λI - M₁) VVᵀ`` at that matrix by 2Δ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.certificates import factors as certify
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.flow_equations import Factors
from grokflow.theory.completion.nuclear import NuclearPenalised
from grokflow.theory.completion.problem import CompletionProblem

_D, _ENTRIES, _STARTS = 8, 24, 5
_LAM = 0.05
_STEP = 0.1
_NOTHING = 1e-4

DERIVATION = (
    "in units of each allowance: sqrt(gap) bounds of Fenchel's inequality for the certificate at "
    "the convex minimiser; certified gap plus ‖∇F‖ ‖(U, V)‖ for descent; 100 roundings of a second "
    "difference for the curvature (exact for the quartic F up to rounding)"
)


class Measurement(NamedTuple):
    """A measured number and what is allowed of it."""

    measured: float
    allowed: float


Find = Callable[[CompletionProblem], Factors]


@remembered
def instance(laboratory: Laboratory) -> CompletionProblem:
    """Draw the entries of ``a aᵀ - b bᵀ``, with Gaussian a and b."""
    rng = np.random.default_rng(laboratory.seed)
    a, b = rng.standard_normal((2, _D))
    truth = np.outer(a, a) - np.outer(b, b)
    rows, columns = np.triu_indices(_D)
    seen = rng.choice(len(rows), _ENTRIES, replace=False)
    rows, columns = rows[seen], columns[seen]
    return make_entries_problem("f", _D, rows, columns, truth[rows, columns])


def minimiser(problem: CompletionProblem, lam: float = _LAM) -> Factors:
    """Split the convex minimiser at `lam` by the sign of its eigenvalues."""
    w = NuclearPenalised(lam, gap=1e-9).predict(problem).matrix
    values, vectors = np.linalg.eigh(w)
    return Factors(
        vectors * np.sqrt(np.maximum(values, 0)), vectors * np.sqrt(np.maximum(-values, 0))
    )


def regularised(loss: float, theta: np.ndarray) -> float:
    """Return ``F = L + (λ/2) ‖(U, V)‖²``."""
    return loss + _LAM / 2 * float(theta @ theta)


def objective(theta: np.ndarray, problem: CompletionProblem, p: int) -> tuple[float, np.ndarray]:
    """Return F and its gradient; `theta` holds the p columns of U, then those of V."""
    both = theta.reshape(problem.d, -1)
    u, v = both[:, :p], both[:, p:]
    w = u @ u.T - v @ v.T
    m1 = 2 * problem.gradient(w)
    gradient = np.hstack([m1 @ u, -m1 @ v]) + _LAM * both
    return regularised(problem.loss(w), theta), gradient.ravel()


def descend(
    problem: CompletionProblem, seed: int, p: int | None = None, q: int | None = None
) -> Factors:
    """Minimise F over factors of p and q columns from a random start."""
    d = problem.d
    p, q = d if p is None else p, d if q is None else q
    start = np.random.default_rng([seed, 1]).standard_normal(d * (p + q))
    found = minimize(
        objective,
        start,
        args=(problem, p),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 20_000, "ftol": 1e-16, "gtol": 1e-9},
    )
    both = found.x.reshape(d, -1)
    return Factors(both[:, :p], both[:, p:])


def restricted(problem: CompletionProblem, lam: float = _LAM) -> Factors:
    """Descend among factors of rank 1 without V, and pad with zero columns."""
    u, _ = descend(problem, 0, p=1, q=0)
    # Where descent tends to zero it stops a little before, which is not small relative to u.
    if np.abs(u).max() < _NOTHING * np.sqrt(np.abs(problem.values).max()):
        u = np.zeros_like(u)
    d = problem.d
    return Factors(np.hstack([u, np.zeros((d, d - 1))]), np.zeros((d, d)))


def _shift(problem: CompletionProblem, bounds: Certificate) -> float:
    """Return how far ``M₁/λ`` may be from a dual feasible matrix, given the certified gap."""
    gap = bounds.upper - bounds.lower
    return 4 * float(np.sqrt(problem.weights.max() * gap)) / _LAM


def _certificate_parts(
    problem: CompletionProblem, bounds: Certificate, answer: Factors
) -> list[Measurement]:
    """Evaluate the certificate at `answer`, allowed what the convex minimiser's gap allows."""
    found = certify(problem, *answer, _LAM)
    shift = _shift(problem, bounds)
    size = float(np.sqrt(np.sum(answer.u**2) + np.sum(answer.v**2)))
    if size == 0:  # zero factors are stationary whatever the data
        return [Measurement(found.excess, shift)]
    gradient = 2 * float(np.sqrt((bounds.upper - bounds.lower) / _LAM)) / size + shift
    # The slackness is the inner product of gradient and (U, V), relative to the same size.
    return [
        Measurement(found.excess, shift),
        Measurement(found.stationarity, gradient),
        Measurement(abs(found.slackness), gradient),
    ]


def _descent_parts(problem: CompletionProblem, bounds: Certificate, seed: int) -> list[Measurement]:
    parts = []
    for start in range(_STARTS):
        u, v = descend(problem, 100 * seed + start)
        theta = np.hstack([u, v]).ravel()
        value, gradient = objective(theta, problem, problem.d)
        tolerance = float(np.linalg.norm(gradient) * np.linalg.norm(theta)) / value
        parts.append(Measurement(abs(value - bounds.lower) / value, bounds.gap + tolerance))
    return parts


def _saddle_parts(
    problem: CompletionProblem, bounds: Certificate, at: Factors
) -> list[Measurement]:
    """Compare the formula for the negative curvature with differences of F."""
    found = certify(problem, *at, _LAM)
    if found.excess <= _shift(problem, bounds):
        return [Measurement(1.0, 0.01)]
    # Descent that compares values of F finds a stationary point to the root of a rounding.
    stationary = Measurement(found.stationarity, 100 * float(np.sqrt(np.finfo(float).eps)))
    theta, direction = np.hstack(at), _escape(problem, at)
    coarse, fine = (_second_difference(problem, theta, direction, h) for h in (_STEP, _STEP / 2))
    mismatch = abs((4 * fine - coarse) / 3 / found.curvature - 1)
    value = objective(theta.ravel(), problem, problem.d)[0]
    rounding = 100 * float(np.finfo(float).eps) * value / _STEP**2 / abs(found.curvature)
    return [stationary, Measurement(mismatch, rounding)]


def _escape(problem: CompletionProblem, at: Factors) -> np.ndarray:
    """Return the direction of negative curvature: an eigenvector of M₁ in a zero column."""
    values, vectors = np.linalg.eigh(problem.gradient(at.u @ at.u.T - at.v @ at.v.T))
    direction = np.zeros((at.u.shape[0], 2 * at.u.shape[0]))
    if -values[0] >= values[-1]:
        direction[:, at.u.shape[0] - 1] = vectors[:, 0]
    else:
        direction[:, -1] = vectors[:, -1]
    return direction


def _second_difference(
    problem: CompletionProblem, theta: np.ndarray, direction: np.ndarray, step: float
) -> float:
    ends = (theta + sign * step * direction for sign in (1, 0, -1))
    plus, middle, minus = (objective(end.ravel(), problem, problem.d)[0] for end in ends)
    return (plus - 2 * middle + minus) / step**2


def check(laboratory: Laboratory, answer: Find = minimiser, saddle: Find | None = None) -> Evidence:
    """Check the certificate at `answer`, descent from random starts, curvature at `saddle`.

    When no saddle is named, descent of rank 1 is looked at, unless its end is the minimum.
    """
    problem = instance(laboratory)
    bounds = NuclearPenalised(_LAM, gap=1e-9).predict(problem).certificate
    parts = _certificate_parts(problem, bounds, answer(problem))
    parts += _descent_parts(problem, bounds, laboratory.seed)
    point = (saddle or restricted)(problem)
    if saddle or certify(problem, *point, _LAM).excess > _shift(problem, bounds):
        parts += _saddle_parts(problem, bounds, point)
    worst = max(part.measured / part.allowed for part in parts)
    blunt = max(part.allowed for part in parts) > 0.01
    return Evidence(float(worst), 1.0, DERIVATION, resolution=1.0 if blunt else np.inf)


CLAIM = Claim(
    label="f.1-f.3",
    statement="local minima of L(UUᵀ - VVᵀ) + (λ/2)(‖U‖² + ‖V‖²) are global: the certificate "
    "-λI ⪯ M₁ ⪯ λI holds at the minimiser, descent reaches it, and stationary points without it "
    "have negative curvature",
    hypotheses=(
        "matrix completion with d×d factors, square loss",
        "d = 8, 24 distinct entries, λ = 0.05",
    ),
    source="Lyu et al. 2024, Lemmas F.1-F.3",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Lemma F.1", "Lemma F.2", "Lemma F.3"), "matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(regularised,),
    broken=(
        Broken(
            "the minimiser at twice the weight decay",
            partial(check, answer=partial(minimiser, lam=2 * _LAM)),
        ),
        Broken("a stationary point of rank 1 as the minimum", partial(check, answer=restricted)),
        Broken("the minimiser as a saddle", partial(check, saddle=minimiser)),
    ),
    for_every=(ForEvery(instance, strategies.entries),),
)
