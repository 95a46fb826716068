"""Corollary 3.7's problem: the max-L1-margin is its global optimum.

The corollary says so without proof, and prints w₁* on the L2 sphere, where the largest margin is
that of max-L2-margin: only on the L1 sphere is it the optimum. For every (u, v),
``‖u‖² + ‖v‖² ≥ ‖u² - v²‖₁``, with equality at ``u² = max(w, 0)``, ``v² = max(-w, 0)``; so the
optimum is the smallest L1 norm at margin 1, and its dual certificate bounds all (u, v) from below.

How it is measured: sequential quadratic programming on (u, v) itself from ten random starts,
which knows nothing of L1 norms. No end may lie below the claimed optimum, and the best must reach
it. Where u counts more than v in the norm, the L1 solution is not optimal: a false variant.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.diagonal.experiments import path_classes
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.certificates import quasi_norm
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem

DERIVATION = (
    "the certified relative gap of the predictor plus the tolerance of the descent, 1e-6; each end "
    "is scaled to margin 1 exactly before its norm is taken"
)
_TOLERANCE = 1e-6
_STARTS = 10


def check(
    laboratory: Laboratory, rival: bool = False, depth: int = 2, weight: float = 1.0
) -> Evidence:
    """Compare the claimed optimum (the L2 predictor's with `rival`) with the best descent.

    The descents are on ``weight ‖u‖² + ‖v‖²``.
    """
    problem = path_classes(laboratory)
    predictor = MaxL2Margin() if rival else MaxL1Margin()
    prediction = predictor.predict(problem)
    claimed = quasi_norm(prediction.w / problem.inputs.combine(prediction.w).min(), depth)
    starts = np.random.SeedSequence([laboratory.seed, 37]).spawn(_STARTS)
    rngs = map(np.random.default_rng, starts)
    best = min(descend(problem, depth, weight, rng) for rng in rngs)
    allowed = prediction.certificate.gap + _TOLERANCE
    return Evidence(abs(best / claimed - 1), allowed, DERIVATION, resolution=1e-2)


def descend(problem: Problem, depth: int, weight: float, rng: np.random.Generator) -> float:
    """Return ``weight ‖u‖² + ‖v‖²`` at margin 1 where a descent from a random start ends."""
    z, d = problem.inputs.to_array(), problem.d
    counts = np.repeat([weight, 1.0], d)
    sizes = np.linalg.norm(z, axis=1)
    # In these units weights are of order 1, and every constraint is divided by the size of its
    # sample: the descent stops early where samples differ by decades.
    unit = float(sizes.min())
    z, sizes = z / sizes[:, None], unit / sizes

    def norm(theta: np.ndarray) -> float:
        return float(counts @ theta**2)

    def norm_slopes(theta: np.ndarray) -> np.ndarray:
        return np.asarray(2 * counts * theta)

    def margins(theta: np.ndarray) -> np.ndarray:
        return np.asarray(z @ (theta[:d] ** depth - theta[d:] ** depth) - sizes)

    def slopes(theta: np.ndarray) -> np.ndarray:
        growth = depth * theta ** (depth - 1)
        return np.hstack([z * growth[:d], -z * growth[d:]])

    constraint: Any = {"type": "ineq", "fun": margins, "jac": slopes}
    found = minimize(
        norm,
        rng.uniform(0.1, 1.0, 2 * d),
        jac=norm_slopes,
        constraints=constraint,
        method="SLSQP",
        options={"maxiter": 2000, "ftol": 1e-13},
    )
    margin = unit * float((margins(found.x) / sizes).min() + 1)
    return norm(found.x) / margin ** (2 / depth) if margin > 0 else np.inf


CLAIM = Claim(
    label="cor-3.7-global",
    statement="the smallest ‖u‖² + ‖v‖² at margins ≥ 1 is that of the max-L1-margin",
    hypotheses=("depth-2 diagonal net", "separable data"),
    source="Lyu et al. 2024, Corollary 3.7 (stated there without proof)",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Corollary 3.7",), "diagonal net", (), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(quasi_norm,),
    broken=(
        Broken("the max-L2-margin instead", partial(check, rival=True)),
        Broken("‖u‖² counted a tenth more", partial(check, weight=1.1)),
    ),
    for_every=(ForEvery(path_classes, strategies.separable),),
)

PRINTED = Claim(
    label="cor-3.7-global-printed",
    statement="the smallest ‖u‖² + ‖v‖² at margins ≥ 1 is that of the w of unit L2 norm with the "
    "largest margin",
    hypotheses=("depth-2 diagonal net", "separable data"),
    source="Lyu et al. 2024, Corollary 3.7 as printed (v2), with w₁* on the L2 sphere",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Corollary 3.7",), "diagonal net", (), (2,)),
    expected=Verdict.REFUTED,
    check=partial(check, rival=True),
    broken=(Broken("of the net of depth 4", partial(check, rival=True, depth=4)),),
)
