"""Where no weights fit the data the flow stays within O(λ) of the path of its best outputs.

How it is measured: the flow of all of u and v at nine λ from 1e-2 to 1e-4, against the
quasi-static path of the regression ``R w = c``, with X = Q R and Q c the outputs at which the loss
is least. The local slope of the logarithm of the largest relative distance in log λ is
extrapolated to λ = 0, where it must be 1. A path that the flow does not tend to has slope 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

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
from grokflow.proofs_check.diagonal.regimes.experiments import (
    ACCURACY,
    LAMS,
    RANK,
    START,
    TIMES,
    data,
    flow,
    held,
)
from grokflow.proofs_check.evidence.corrections import order_in_lam
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.orders import DERIVATION, order_in
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.path import trace
from grokflow.theory.linear.least_loss.predictor import in_row_space, least_coordinates
from grokflow.theory.linear.problem import Problem, make_problem
from grokflow.theory.losses import Square
from grokflow.theory.transition.times import log_beta_at

_TOLERANCE = 1e-10
_TAILED = ("exponential", "logistic")


def best_outputs(laboratory: Laboratory, loss: str) -> Problem:
    """Return what the claim says is held: the outputs of least loss."""
    return held(laboratory, loss).problem


def some_targets(laboratory: Laboratory, loss: str) -> Problem:
    """Return as many samples as the rank, with their own targets."""
    problem = data(laboratory, loss)
    x = problem.inputs.to_array()[:RANK]
    y = problem.targets[:RANK]
    return make_problem("some", "regression", x, y, problem.test)


def best_labels(laboratory: Laboratory, loss: str) -> Problem:
    """Return the outputs that are next to the labels in the mean square."""
    problem = data(laboratory, loss)
    return in_row_space(problem, least_coordinates(problem, Square()))


def check(
    laboratory: Laboratory,
    losses: tuple[str, ...],
    of: Callable[[Laboratory, str], Problem] = best_outputs,
    level: bool = False,
    moving: bool = True,
) -> Evidence:
    """Compare with the path of what is held, by `of`.

    With `level` the path is taken at ``β/m``, m = log 1/λ; without `moving` at its beginning only.
    """
    return weakest([_one(laboratory, loss, of(laboratory, loss), level, moving) for loss in losses])


def _one(
    laboratory: Laboratory, loss: str, outputs: Problem, level: bool, moving: bool
) -> Evidence:
    lams = np.array(LAMS)
    log_beta = log_beta_at(TIMES, START)[: None if moving else 1]
    shifts = (level * np.log(np.log(1 / lams))).tolist()
    paths = {
        shift: trace(outputs, log_beta - shift, tolerance=_TOLERANCE).weights
        for shift in set(shifts)
    }
    distances, least = [], np.inf
    for lam, shift in zip(LAMS, shifts, strict=True):
        size = np.linalg.norm(paths[shift], axis=0)
        apart = np.linalg.norm(flow(laboratory, loss, lam) - paths[shift], axis=0)
        distances.append((apart / size).max())
        least = min(least, float(size.min()))
    limit = order_in(lams, np.array(distances), ACCURACY / least + _TOLERANCE)
    return Evidence(abs(limit.value - order_in_lam()), limit.halfwidth, DERIVATION, resolution=0.2)


_SOURCE = "grokflow: with q* the outputs of least loss, the slow motion is that of X w = q*"
_LEVEL = "with the term in log m of separable classes"
_STILL = "at the min-L2-norm weights with these outputs throughout"

INCONSISTENT = Claim(
    label="inconsistent-flow",
    statement="with targets that no weights fit, w is within O(λ) of the path of X w = q*",
    hypotheses=(
        "depth-2 diagonal net, square loss",
        "more samples than rank, more inputs than rank, noisy targets; q* their projection",
        "λt from log α - ½ on, when the loss is at its least",
    ),
    source=_SOURCE,
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=partial(check, losses=("square",)),
    formulas=(log_beta_at, order_in_lam),
    for_every=(ForEvery(data, partial(strategies.inconsistent, max_n=3), ("square",)),),
    broken=(
        Broken(
            "the targets of as many samples as the rank instead of q*",
            partial(check, losses=("square",), of=some_targets),
        ),
        Broken(_LEVEL, partial(check, losses=("square",), level=True)),
        Broken(_STILL, partial(check, losses=("square",), moving=False)),
    ),
)

OVERLAPPING = Claim(
    label="overlap-flow",
    statement="with classes that overlap, w is within O(λ) of the path of X w = q*",
    hypotheses=(
        "depth-2 diagonal net, exponential or logistic loss",
        "no direction separates the classes even weakly; q* the margins at which the loss is least",
        "λt from log α - ½ on, when the loss is at its least",
    ),
    source=_SOURCE,
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=partial(check, losses=_TAILED),
    formulas=(log_beta_at, order_in_lam),
    for_every=tuple(
        ForEvery(data, partial(strategies.overlapping, max_n=3), (loss,)) for loss in _TAILED
    ),
    broken=(
        Broken(
            "the outputs nearest to the labels instead of q*",
            partial(check, losses=_TAILED, of=best_labels),
        ),
        Broken(_LEVEL, partial(check, losses=_TAILED, level=True)),
        Broken(_STILL, partial(check, losses=_TAILED, moving=False)),
    ),
)
