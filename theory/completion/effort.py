"""How closely a forecast is solved, by the size of its matrix, and how far its path is followed.

Up to some thousand entries the predictors are certified to 1e-7 and the path is followed to its
end. Beyond, both are solved to 1e-4 and the path is followed until nine tenths of the change are
done: later its equations are ill-conditioned, and conjugate gradients take ever more steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.completion.checks import check_size
from grokflow.theory.completion.measurements import DIRECT
from grokflow.theory.completion.path import CompletionPath, follow_path, trace_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.transition.scores import Scores, kind_of

# Points of a path from α ≥ 1, how far apart more of them are in log β, and bytes for all matrices.
_POINTS, _SPACING, _PATH_BYTES = 200, 0.1, 2**30
# Where the path of a large matrix ends: at this part of the change, or that far down in log β.
_MOST, _REACH = 0.9, 10.0


@dataclass(frozen=True)
class Effort:
    """What a forecast is solved to.

    Parameters
    ----------
    gap : float
        Certified relative gap of the late predictor.
    limit_gap : float
        The same for its limit λ → 0.
    rtol : float
        Local error of the path.
    whole : bool
        Whether the path is followed to its end, and kept.
    """

    gap: float
    limit_gap: float
    rtol: float
    whole: bool


def effort_for(problem: CompletionProblem, alpha: float = np.inf) -> Effort:
    """Return what a forecast from scale α is solved to.

    Raises
    ------
    ValueError
        For a matrix that would take too much memory or time, before either is spent.
    """
    check_size(problem.space.shape, _kernel_bytes(problem))
    u, i = problem.space.shape
    points = _POINTS + max(0.0, -2 * np.log(alpha)) / _SPACING
    if problem.measurements.size <= DIRECT and 8 * points * u * i <= _PATH_BYTES:
        return Effort(1e-7, 1e-7, 1e-7, True)
    return Effort(1e-4, 2e-2, 1e-4, False)


def _kernel_bytes(problem: CompletionProblem) -> int:
    """Return the size of the kernel of the path: written out, or one block a row and a column."""
    measurements = problem.measurements
    if measurements.size <= DIRECT:
        return 16 * measurements.size**2
    indices = (getattr(measurements, name, None) for name in ("rows", "columns"))
    return sum(8 * int((np.bincount(index) ** 2).sum()) for index in indices if index is not None)


class FollowedPath(NamedTuple):
    """How far a path was followed, its test scores, and what is kept of it.

    Parameters
    ----------
    log_beta : ndarray, shape (k,)
        Logarithms of the scales that were reached.
    scores : Scores
        Test results there.
    kept : CompletionPath
        The path, or its last point.
    remark : str
        How far it was followed, where that is not its end.
    """

    log_beta: np.ndarray
    scores: Scores
    kept: CompletionPath
    remark: str = ""


def whole_path(
    problem: CompletionProblem,
    scales: np.ndarray,
    ends: Scores,
    effort: Effort,
    progress: Callable[[float], None],
) -> FollowedPath:
    """Follow the path through all scales and keep it; the scores at its `ends` do not matter."""
    path = trace_completion(problem, scales, rtol=effort.rtol, progress=progress)
    return FollowedPath(scales, problem.score(path.matrices), path)


def path_to_the_change(
    problem: CompletionProblem,
    scales: np.ndarray,
    ends: Scores,
    effort: Effort,
    progress: Callable[[float], None],
) -> FollowedPath:
    """Follow the path until most of the change between its `ends` is done, and keep its last point.

    Where there is no change to time it is not followed.
    """
    early, late = ends.error[:2]
    changes = bool(ends.size) and kind_of(ends).is_visible
    scales = scales[scales > scales[0] - _REACH] if changes else scales[:1]
    errors, share = [], 0.0
    for point in follow_path(problem, scales, rtol=effort.rtol, progress=progress):
        errors.append(float(problem.score(point.matrix[None]).error[0]))
        share = (errors[-1] - early) / (late - early) if changes else 0.0
        if share >= _MOST:
            break
    reached = scales[: len(errors)]
    missing = np.full(len(errors), np.nan)
    return FollowedPath(
        reached,
        Scores(None, np.array(errors), np.array(errors), ends.size, missing, ends.baseline),
        CompletionPath(reached[-1:], point.matrix[None], point.evaluations),
        f"{problem.space.words} with {problem.measurements.size} distinct entries is large: "
        f"predictors solved to {effort.gap:.0e} and {effort.limit_gap:.0e}, the path to "
        f"{effort.rtol:.0e} and followed through {share:.0%} of the change",
    )
