"""The whole prediction for one problem, before anything is simulated: what, how good, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.l1 import L1Penalised, MaxL1Margin, MinL1Norm
from theory.l2 import MaxL2Margin, MinL2Norm
from theory.losses import Loss
from theory.metrics import Kind, Scores, kind_of, score
from theory.path import Path, scales, trace
from theory.predictors import Prediction
from theory.problems import Problem
from theory.transition import Transition, crossing, leading_order


@dataclass(frozen=True, eq=False)
class Forecast:
    """Early and late predictors of the flow and the predicted transition between them.

    Parameters
    ----------
    early : Prediction
        Kernel predictor: max-L2-margin (Corollary 3.6) or min-L2-norm (Theorem 3.9).
    late : Prediction
        The L1-penalised minimiser at this λ, where the flow ends.
    limit : Prediction
        Its limit for λ → 0: max-L1-margin (Corollary 3.7) or min-L1-norm.
    scores : Scores
        Test results of ``early``, ``late`` and ``limit``, in this order.
    transition : Transition
        Predicted λt* and width from the quasi-static path; NaN where the kind is neither.
    leading_order : float
        ``λt* = log α``.
    kind : Kind
        Grokking, misgrokking, or neither.
    path : Path
        The quasi-static path.
    path_scores : Scores
        Test results along it.
    path_times : ndarray
        λt along it.
    """

    early: Prediction
    late: Prediction
    limit: Prediction
    scores: Scores
    transition: Transition
    leading_order: float
    kind: Kind
    path: Path
    path_scores: Scores
    path_times: np.ndarray


def forecast(
    problem: Problem,
    *,
    alpha: float,
    lam: float,
    loss: Loss,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Forecast:
    """Predict where the depth-2 diagonal net goes and when.

    Parameters
    ----------
    problem : Problem
        Separable data for exponential and logistic loss, interpolable data for the square loss.
    alpha, lam : float
        Initial scale and weight decay.
    loss : Loss
        Loss of the flow.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    NotSeparable
        With a Farkas certificate, when no linear classifier fits.
    NoPredictor
        When no weights interpolate regression targets.
    """
    classify = problem.is_classification
    early = (MaxL2Margin() if classify else MinL2Norm()).predict(problem)
    progress(0.05)
    late = L1Penalised(loss, lam).predict(problem)
    progress(0.25)
    limit = (MaxL1Margin() if classify else MinL1Norm()).predict(problem, near=late)
    progress(0.5)
    largest = float(np.abs(early.w).max())
    path = trace(problem, scales(problem, largest), progress=lambda x: progress(0.5 + 0.4 * x))
    stacked = np.column_stack([early.w, late.w, limit.w, path.weights])
    everything = score(problem, stacked)
    scores, along = everything.split(3)
    kind = kind_of(scores)
    times = path.lambda_t(alpha, lam, loss)
    when = Transition(np.nan, np.nan)
    if kind is not Kind.NEITHER:
        when = crossing(times, along.error, scores.error[0], scores.error[1])
    progress(1.0)
    return Forecast(
        early, late, limit, scores, when, leading_order(alpha), kind, path, along, times
    )
