"""Where some samples can be classified ever better, the others keep the outputs of their own loss.

How it is measured, on classes of which a core overlaps in 4 dimensions and the rest has inputs of
its own. The flow of u and v is followed at nine λ from 1e-3 to 1e-6; m = log 1/λ.

* On the core: the distance of its outputs, in the mean square over samples and times, from those
  at which the loss of the core alone is least. The local slope of its logarithm in log λ must be 1,
  up to 1/m, for the multipliers of the core follow the rest, whose margins grow like m.
* On the rest: the least margin at the end. Its local slope in log(1/λ) is extrapolated to λ = 0,
  where it must be 1, as for separable classes, with corrections in 1/m and 1/m². The reduced flow,
  see below, gives it at larger m, which tells it to a few percent.

The path takes larger m, at which the flow of u and v is out of reach: the reduced flow is followed
at nine λ from 1e-20 to 1e-100, which shares the mirror map with the path. The distance of the
weights, divided by their level, from the path, relative to it and in the mean square over times,
must vanish. Points of the path come and go at both ends of these times as λ falls; they count for
little there. The level is known to O(1): a correction in 1/m, whose factor bends where a sample is
let go within these times. The time at which the flow is on the path is told apart: the delay is the
multiple of the velocity of the path that comes closest to what the flow is off, and must vanish,
with corrections of margins, whose logarithm enters the time. Where the path stands still, up to the
tolerances, nothing is late: the distance is judged alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

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
from grokflow.proofs_check.diagonal.regimes.experiments import unreduced
from grokflow.proofs_check.evidence.corrections import (
    bent_tails,
    order_in_lam,
    powers,
    tails,
)
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, NO_CHANCE
from grokflow.proofs_check.evidence.extrapolation import carried, extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.diagonal.partly.descent import descend
from grokflow.theory.diagonal.partly.split import split
from grokflow.theory.diagonal.path import trace
from grokflow.theory.linear.least_loss.predictor import MinLoss
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES, ConcordantLoss, Square
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.times import leading_order, level_delay, shifted_time

_CORE, _CORE_RANK, _WRONG = 30, 4, 8
_REST, _INPUTS = 6, 24
_LAMS = np.geomspace(1e-3, 1e-6, 9)
# m = log 1/λ, halfway between neighbours.
_LEVELS = np.log(1 / np.sqrt(_LAMS[1:] * _LAMS[:-1]))

# For the path: λ, the initial scale, the times after log α, and the flow's relative tolerance.
_PATH_LAMS = np.geomspace(1e-20, 1e-100, 9)
_PATH_ALPHA, _WINDOW, _PATH_RTOL = 1e5, (-0.5, 5.0), 1e-6

# Pairs of neighbouring λ, the smallest ones, at which the slope on the core is judged.
_LAST = 3

CORE_DERIVATION = (
    "the multipliers of the core follow the rest, at a rate between 1 and m: the distance is "
    "between λ and λm in order, and its slope between 1 and 1 - 1/m; terms of second order in λ "
    "are below 1e-4 of it there"
)
DERIVATION = (
    extrapolated("of the slope")
    + "; u and v are integrated to 1e-9, a thousandth of the distance, and the reduced flow to 1e-6"
)
# What flow and path are known to, relative to the weights: the path is traced to 1e-4.
_OFF = 1e-4 + _PATH_RTOL
PATH_DERIVATION = (
    extrapolated("(m = log 1/λ) in 1/m of the distance, or of the delay")
    + ", plus what the tolerances of path and flow, 1e-4 and 1e-6, change in it"
)
# A delay that would be seen: some 15 % of ½ log m.
_DELAY = 0.35


class Parts(NamedTuple):
    """A problem, and the numbers of the samples of both of its parts."""

    problem: Problem
    core: np.ndarray
    rest: np.ndarray


@remembered
def classes(laboratory: Laboratory) -> Problem:
    """Draw a core with wrong labels and a rest."""
    rng = np.random.default_rng(laboratory.seed)
    directions = np.linalg.qr(rng.standard_normal((_INPUTS, _CORE_RANK)))[0].T
    core = rng.standard_normal((_CORE, _CORE_RANK)) @ directions * np.sqrt(_INPUTS / _CORE_RANK)
    labels = np.where(rng.permutation(_CORE) < _WRONG, -1.0, 1.0)
    rest = rng.standard_normal((_REST, _INPUTS))
    x = np.vstack([core, rest])
    y = np.append(labels, np.ones(_REST)) * np.sign(x[:, 0] + x[:, 1])
    return make_problem("parts", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))


@remembered
def data(laboratory: Laboratory) -> Parts:
    """Prove which of the classes are the core, and which the rest."""
    problem = classes(laboratory)
    loss = LOSSES["logistic"]
    assert isinstance(loss, ConcordantLoss)
    found = split(problem, loss)
    if found is None:
        raise RuntimeError("no separable part is proved, expected one: draw other data")
    return Parts(problem, np.setdiff1d(np.arange(problem.n), found.rest), found.rest)


@remembered
def flows(laboratory: Laboratory, loss: str) -> np.ndarray:
    """Return the weights at nine λ and all times, shape (9, d, m)."""
    problem = data(laboratory).problem
    return np.array([unreduced(problem, LOSSES[loss], lam) for lam in _LAMS.tolist()])


def margins(laboratory: Laboratory, loss: str) -> np.ndarray:
    """Return the margins of all samples at nine λ and all times, shape (9, n, m)."""
    problem = data(laboratory).problem
    return np.array([problem.inputs.combine(w) for w in flows(laboratory, loss)])


def level_of_margins(lam: np.ndarray) -> np.ndarray:
    """Return ``log 1/λ``, the level of the margins of the rest."""
    return np.asarray(-np.log(lam))


def on_the_core(
    laboratory: Laboratory, left_out: int = 0, of: ConcordantLoss | None = None
) -> Evidence:
    """Compare with the least loss of the core, `of` another kind or with samples left out of it."""
    problem, core, _ = data(laboratory)
    chosen, found = core[: len(core) - left_out], []
    rows = problem.inputs.to_array()
    part = replace(
        problem, inputs=DataMatrix.from_array(rows[chosen]), targets=np.ones(len(chosen))
    )
    for name in ("exponential", "logistic"):
        loss = of or LOSSES[name]
        assert isinstance(loss, ConcordantLoss)
        best = rows[core] @ MinLoss(loss).predict(part).w
        # A mean square is smooth in λ where the largest distance changes its place.
        squares = (margins(laboratory, name)[:, core] - best[:, None]) ** 2
        off = np.sqrt(squares.mean(axis=(1, 2)))
        slopes = np.diff(np.log(off)) / np.diff(np.log(_LAMS))
        worst = float(np.abs(slopes[-_LAST:] - order_in_lam()).max())
        found.append(Evidence(worst, 1 / float(_LEVELS[-_LAST]), CORE_DERIVATION, resolution=0.5))
    return weakest(found)


def on_the_rest(laboratory: Laboratory, everywhere: bool = False) -> Evidence:
    """Check how the least margin of the rest grows, or that of all samples."""
    problem, _, rest = data(laboratory)
    chosen, found = np.arange(problem.n) if everywhere else rest, []
    rows = problem.inputs.to_array()[chosen]
    for name in ("exponential", "logistic"):
        far = [from_the_path(laboratory, name, lam).end for lam in _PATH_LAMS.tolist()]
        found.append(_growth(margins(laboratory, name)[:, chosen, -1], _LAMS))
        found.append(_growth(np.array(far) @ rows.T, _PATH_LAMS))
    return weakest(found)


def _growth(ends: np.ndarray, lams: np.ndarray) -> Evidence:
    """Compare the growth of the least margin, of those at every λ, with that of its level."""
    slopes = np.diff(ends.min(axis=1)) / np.diff(level_of_margins(lams))
    limit = extrapolate(slopes, powers(1 / np.log(1 / np.sqrt(lams[1:] * lams[:-1]))))
    return Evidence(abs(limit.value - 1), limit.halfwidth, DERIVATION, resolution=0.5)


def on_the_path(
    laboratory: Laboratory, moving: bool = True, core: bool = True, size: float = 1.0
) -> Evidence:
    """Compare with `size` times the path, or with its beginning, or the path of the rest alone."""
    m, parts = np.log(1 / _PATH_LAMS), []
    for name in ("exponential", "logistic"):
        found = [from_the_path(laboratory, name, lam) for lam in _PATH_LAMS.tolist()]
        distances = np.array([_distance(at, moving, core, size) for at in found])
        away = np.full(len(m), _OFF)
        parts.append(_vanishes(distances, bent_tails(m), away, 0.1))
        late = _OFF * _slow(found)
        if carried(late, tails(m)) < _DELAY:
            parts.append(_vanishes(np.array([_delay(at) for at in found]), tails(m), late, _DELAY))
    return weakest(parts)


def _vanishes(
    values: np.ndarray, terms: np.ndarray, errors: np.ndarray, resolution: float
) -> Evidence:
    """Check that values, known to these errors, tend to zero."""
    limit = extrapolate(values, terms)
    allowed = limit.halfwidth + carried(errors, terms)
    return Evidence(abs(limit.value), allowed, PATH_DERIVATION, resolution)


class FlowOnPath(NamedTuple):
    """Weights in units of their level, shape (d, m), with how much each of the m times counts.

    `velocity` is how fast the path moves. `beginning`, shape (d, 1), is where it begins, and `end`,
    shape (d,), where the flow is at the last time, in its own units.
    """

    flow: np.ndarray
    path: np.ndarray
    velocity: np.ndarray
    beginning: np.ndarray
    rest_alone: np.ndarray
    shares: np.ndarray
    end: np.ndarray


@remembered
def from_the_path(laboratory: Laboratory, name: str, lam: float) -> FlowOnPath:
    """Follow the reduced flow at the times of the points of the path, and both paths."""
    problem, _, rest = data(laboratory)
    loss = LOSSES[name]
    assert isinstance(loss, ConcordantLoss)
    parts = split(problem, loss)
    assert parts is not None
    path = descend(parts, problem.n, loss, lam).path
    level = path.margin_level(loss, lam)
    since = shifted_time(path.log_beta) - level_delay(level)
    chosen = (since > _WINDOW[0]) & (since < _WINDOW[1])
    times = leading_order(_PATH_ALPHA) + since[chosen]
    run = DiagonalFlow(lam=lam, loss=loss, rtol=_PATH_RTOL)
    flow = run.run(DiagonalStart(problem, _PATH_ALPHA), times).weights
    alone = replace(problem, inputs=problem.inputs.of_samples(rest), targets=np.ones(len(rest)))
    others = trace(alone, path.log_beta, locate=False).weights[:, chosen]
    shares = np.sin(np.pi * (since[chosen] - _WINDOW[0]) / np.ptp(_WINDOW)) ** 2
    on_path, beginning = path.weights[:, chosen], path.weights[:, :1]
    velocity = np.gradient(on_path, times, axis=1)
    return FlowOnPath(
        flow / level[chosen], on_path, velocity, beginning, others, shares, flow[:, -1]
    )


def _distance(found: FlowOnPath, moving: bool, core: bool, size: float) -> float:
    """Return the relative distance from the path in the mean square over times."""
    path = found.path if moving else found.beginning
    expected = size * path if core else found.rest_alone
    off = np.linalg.norm(found.flow - expected, axis=0) / np.linalg.norm(expected, axis=0)
    return float(np.sqrt(np.average(off**2, weights=found.shares)))


def _slow(found: list[FlowOnPath]) -> np.ndarray:
    """Return how long the path takes for its own length, in the mean square over times."""
    lengths = [(at.shares * at.path**2).sum() / (at.shares * at.velocity**2).sum() for at in found]
    return np.sqrt(lengths)


def _delay(found: FlowOnPath) -> float:
    """Return how much later the path is where the flow is now, in the mean square over times."""
    way = found.shares * found.velocity
    return float((way * (found.flow - found.path)).sum() / (way * found.velocity).sum())


def check(laboratory: Laboratory) -> Evidence:
    """Check both parts."""
    return weakest([on_the_core(laboratory), on_the_rest(laboratory)])


_FOR_EVERY = (ForEvery(classes, strategies.partly_separable),)

_HYPOTHESES = (
    "depth-2 diagonal net, exponential or logistic loss",
    "the largest set of samples that some weights separate without changing the outputs of "
    "the others; these others overlap in every direction of their own",
    "λt from log α - ½ on, when the loss is at its least",
)

CLAIM = Claim(
    label="partly-separable",
    statement="where only some samples can be separated, the outputs of the others are within λ, "
    "up to logarithms, of those of their own least loss at all times, and the least margin of the "
    "rest is log(1/λ) (1 + o(1))",
    hypotheses=_HYPOTHESES,
    source="grokflow: the flow's counterpart of the split of Ji and Telgarsky 2019",
    kind=StatementKind.LIMIT,
    error_rate=f"{EXTRAPOLATED}; of the core {NO_CHANCE}",
    scope=Scope((), "diagonal net", ("exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(order_in_lam, level_of_margins),
    for_every=_FOR_EVERY,
    broken=(
        Broken("the least loss of the core without one sample", partial(on_the_core, left_out=1)),
        Broken("the least squares of the core", partial(on_the_core, of=Square())),
        Broken("all margins grow", partial(on_the_rest, everywhere=True)),
    ),
)

PATH = Claim(
    label="partly-separable-path",
    statement="where only some samples can be separated, w over the level m of their margins tends "
    "to the path on which the outputs of the others stay at those of their own least loss",
    hypotheses=_HYPOTHESES,
    source="grokflow: the flow's counterpart of the split of Ji and Telgarsky 2019",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=on_the_path,
    formulas=(shifted_time, level_delay),
    for_every=_FOR_EVERY,
    broken=(
        Broken("the weights stay where the path begins", partial(on_the_path, moving=False)),
        Broken("weights a tenth larger than on the path", partial(on_the_path, size=1.1)),
        Broken("the path of the rest alone", partial(on_the_path, core=False)),
    ),
)
