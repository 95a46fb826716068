"""When the answer of several classes changes: the law of λt* for the class of the largest output.

The nets of the classes have clocks of their own, ``λt = log α - ½ log(m_c β)``. As λ → 0 their
levels become equal, and outputs are compared at one scale β: the largest output changes where its
error along the joint path is half-way between the path's ends, ``C = -½ log β*``, whatever the
classes do by themselves. Under cross-entropy there is one path and one level to begin with.

How it is measured: as for one net (`grokflow.proofs_check.diagonal.transition_law`): the simulated
``λt* - log α + ½ log m`` at nine λ, extrapolated to λ = 0, against C. m is the geometric mean of
the classes' levels where the path crosses, 1 for the square loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.diagonal.classes.experiments import (
    classes,
    one_vs_rest_scores,
    softmax_scores,
    tailed_times,
)
from grokflow.proofs_check.diagonal.experiments import SLOW_LAMS, SLOW_TIMES, tailed_lams
from grokflow.proofs_check.diagonal.transition_law import DERIVATION, crossing_of
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate
from grokflow.proofs_check.laboratory import SLOW_ALPHA, Laboratory, remembered
from grokflow.proofs_check.ranges.reasons import TEST_ERROR
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.classes.softmax import margin_level
from grokflow.theory.diagonal.path import Path, scales, trace
from grokflow.theory.linear.classes.softmax import stacked_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Scores, scores_of_classes
from grokflow.theory.transition.times import level_delay, shifted_time

# Steps of the path in slow time, and how far below the typical weight its scale β goes.
_STEP, _DEPTH = 0.25 / 8, 16.0


@dataclass(frozen=True, eq=False)
class JointPath:
    """The paths of all classes at the same scales β, and the test results of all together.

    `alone` are the crossings of the classes by themselves, and `strict` are the test results if an
    answer were right only where every class against the rest is right.
    """

    log_beta: np.ndarray
    paths: tuple[Path, ...]
    scores: Scores
    alone: tuple[float, ...] = ()
    strict: Scores | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Test errors at both ends."""
        return float(self.scores.error[0]), float(self.scores.error[-1])

    def crossing(self) -> tuple[float, float]:
        """Return ``-½ log β*``, and by how much it moves with half of the points."""
        return crossing_of(shifted_time(self.log_beta), self.scores, self.ends)

    def strict_crossing(self) -> float:
        """Return where the strict results are half-way between their own ends."""
        assert self.strict is not None
        ends = float(self.strict.error[0]), float(self.strict.error[-1])
        return crossing_of(shifted_time(self.log_beta), self.strict, ends)[0]


@remembered
def one_vs_rest_path(laboratory: Laboratory, loss: str) -> JointPath:
    """Trace the paths of all classes, each against the rest or on its 1 and 0."""
    problem = classes(laboratory)
    parts = [problem.part(c, LOSSES[loss]) for c in range(len(problem.classes))]
    log_beta = scales(parts[0], 1.0, step=_STEP)
    log_beta = log_beta[log_beta > np.log(parts[0].scale) - _DEPTH]
    paths = tuple(trace(part, log_beta, tolerance=1e-6, locate=False) for part in parts)
    each = [part.score(path.weights) for part, path in zip(parts, paths, strict=True)]
    ends = [(float(scores.error[0]), float(scores.error[-1])) for scores in each]
    alone = (crossing_of(shifted_time(log_beta), *own)[0] for own in zip(each, ends, strict=True))
    scores = problem.score(np.stack([path.weights for path in paths]))
    wrong = [own.samples.predicted for own in each if own.samples and own.accuracy is not None]
    chance = 1 - 1 / len(problem.classes)
    tested = problem.test.outputs(np.zeros((problem.d, 1))).labels
    strict = None
    if wrong:
        strict = scores_of_classes(np.max(wrong, axis=0), chance, problem.labels, tested)
    return JointPath(log_beta, paths, scores, tuple(alone), strict)


@remembered
def softmax_path(laboratory: Laboratory) -> JointPath:
    """Trace the path of the stacked problem."""
    problem = classes(laboratory)
    stacked = stacked_problem(problem)
    log_beta = scales(stacked, 1.0, step=_STEP)
    log_beta = log_beta[log_beta > np.log(stacked.scale) - _DEPTH]
    path = trace(stacked, log_beta, tolerance=1e-6, locate=False)
    scores = problem.score(path.weights.reshape(len(problem.classes), problem.d, -1))
    return JointPath(log_beta, (path,), scores)


def square(laboratory: Laboratory, constant: bool = True, slowest: bool = False) -> Evidence:
    """Check the law for targets 1 and 0; `slowest` for the last of the classes alone."""
    path, lams = one_vs_rest_path(laboratory, "square"), np.array(SLOW_LAMS)
    curves = [(SLOW_TIMES, one_vs_rest_scores(laboratory, "square", lam)) for lam in lams.tolist()]
    terms = powers(lams)
    return _compare(path, curves, terms, np.zeros(len(lams)), constant=constant, slowest=slowest)


def tailed(
    laboratory: Laboratory, power: float = 1.0, constant: bool = True, strict: bool = False
) -> Evidence:
    """Check the law for the logistic loss, with `power` times the term in log m.

    `strict` for answers that are right only where every class against the rest is right.
    """
    path, lams = one_vs_rest_path(laboratory, "logistic"), tailed_lams(laboratory)
    curves = [
        (tailed_times(lam), one_vs_rest_scores(laboratory, "logistic", lam))
        for lam in lams.tolist()
    ]
    levels = np.array(
        [
            _level(path, [part.margin_level(LOSSES["logistic"], lam) for part in path.paths])
            for lam in lams.tolist()
        ]
    )
    joined = path.strict_crossing() if strict else None
    return _compare(path, curves, *_tail(levels, power), constant=constant, joined=joined)


def softmax(laboratory: Laboratory, power: float = 1.0, rival: bool = False) -> Evidence:
    """Check the law for cross-entropy, with the path of the classes one by one as `rival`."""
    path, lams = softmax_path(laboratory), tailed_lams(laboratory)
    others = len(classes(laboratory).classes) - 1
    curves = [(tailed_times(lam), softmax_scores(laboratory, lam)) for lam in lams.tolist()]
    levels = np.array(
        [_level(path, [margin_level(path.paths[0], others, lam)]) for lam in lams.tolist()]
    )
    predicted = one_vs_rest_path(laboratory, "logistic") if rival else path
    return _compare(path, curves, *_tail(levels, power), predicted=predicted)


def _level(path: JointPath, levels: list[np.ndarray]) -> float:
    """Return the geometric mean of the classes' levels where the joint path crosses."""
    at, slow = path.crossing()[0], shifted_time(path.log_beta)
    return float(np.exp(np.mean([np.log(np.interp(at, slow, level)) for level in levels])))


def _tail(levels: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the corrections in 1/m, and what the law adds to λt*."""
    return powers(1 / levels), power * level_delay(levels)


def _compare(
    path: JointPath,
    curves: list[tuple[np.ndarray, Scores]],
    terms: np.ndarray,
    added: np.ndarray,
    *,
    constant: bool = True,
    slowest: bool = False,
    predicted: JointPath | None = None,
    joined: float | None = None,
) -> Evidence:
    """Extrapolate ``λt* - log α + ½ log m`` of all test curves and compare it with C.

    `predicted` and `joined` take another path, or another number, in place of C.
    """
    found, rough = (predicted or path).crossing()
    times, roughness = [], rough
    for slow_times, scores in curves:
        time, moved = crossing_of(slow_times, scores, path.ends)
        times.append(time)
        roughness = max(roughness, moved)
    limit = extrapolate(np.array(times) - np.log(SLOW_ALPHA) + added, terms)
    target = max(path.alone) if slowest else found if constant else 0.0
    target = target if joined is None else joined
    allowed = limit.halfwidth + 2 * roughness
    return Evidence(abs(limit.value - target), allowed, DERIVATION, resolution=0.3)


_SOURCE = "grokflow; for one net transition-square and transition-tails"

SQUARE = Claim(
    label="classes-square",
    statement="λt* - log α of the largest output tends to C of the joint path as λ → 0",
    hypotheses=(
        "a diagonal net of depth 2 for each class, square loss on its 1 and 0",
        "targets that can be interpolated",
    ),
    source=_SOURCE,
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal nets, one for each class", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=square,
    formulas=(shifted_time,),
    no_range=TEST_ERROR,
    broken=(
        Broken("the class that changes last decides", partial(square, slowest=True)),
        Broken("the leading order alone, C = 0", partial(square, constant=False)),
    ),
)

TAILED = Claim(
    label="classes-tails",
    statement="λt* - log α + (1/2) log m of the largest output tends to C of the joint path",
    hypotheses=(
        "a diagonal net of depth 2 for each class against the rest, logistic loss",
        "every class separable from the rest",
    ),
    source=_SOURCE,
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal nets, one for each class", ("logistic",), (2,)),
    expected=Verdict.SUPPORTED,
    check=tailed,
    formulas=(shifted_time, level_delay),
    no_range=TEST_ERROR,
    broken=(
        Broken("a quarter of log m", partial(tailed, power=0.5)),
        Broken("without the term in log m", partial(tailed, power=0.0)),
        Broken(
            "C of answers that are right where every class against the rest is right",
            partial(tailed, strict=True),
        ),
        Broken("the leading order and log m alone, C = 0", partial(tailed, constant=False)),
    ),
)

SOFTMAX = Claim(
    label="softmax-tails",
    statement="λt* - log α + (1/2) log m tends to C of the stacked path as λ → 0",
    hypotheses=(
        "diagonal net u² - v² with an output for each class, cross-entropy",
        "classes that linear outputs tell apart",
    ),
    source=_SOURCE,
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net with an output for each class", ("cross-entropy",), (2,)),
    expected=Verdict.SUPPORTED,
    check=softmax,
    formulas=(shifted_time, level_delay),
    no_range=TEST_ERROR,
    broken=(
        Broken("C of the classes one against the rest", partial(softmax, rival=True)),
        Broken("without the term in log m", partial(softmax, power=0.0)),
    ),
)
