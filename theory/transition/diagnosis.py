"""What a forecast means for the person who trains: how much, when, how surely, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.transition.change import Change, change_of, quality
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores
from grokflow.theory.transition.times import Quarters, Transition

# The change has begun when a quarter of it is done. Half of that time is safely before it, as the
# theorems' T_c^- with c = ½ is half of log α.
_SAFELY = 0.5


@dataclass(frozen=True)
class Diagnosis:
    """The consequences of a forecast.

    Parameters
    ----------
    change : Change
        From the early to the late predictor, with its interval over the draw of the test set.
    transition : Transition
        Predicted λt* and width; NaN where nothing visible changes.
    interval : Interval
        Within which λt* is; NaN where that is not known.
    time_error : float
        Where there is no interval, the order of the relative error of λt*: λ for the square loss,
        1/log(1/λ) for exponential tails.
    stop : float
        λt at which to stop while the early predictor lasts: half of the time at which a quarter of
        the change is done. NaN where more than that is done from the start.
    mostly : float
        λt at which three quarters of the change are done for good; NaN where the predicted curve
        does not get there.
    best : float
        λt on the quasi-static path at which the test results are best; NaN where no path is known.
    best_quality : float
        Quality there.
    end_quality : float
        Quality at the end of the path: the late one, where the late predictor is unique. NaN where
        no path is known.
    saved : float
        By how much of λt a tenfold smaller α would hasten the transition: ln 10, or all of it.
    visible : float
        Three standard errors of the difference of quality.
    needed : float
        Distinct test points of which those would be as large as the measured difference; infinite
        where there is none, NaN where the standard error is not known.
    lam : float
        Weight decay.
    tailed : bool
        Whether margins grow, by the exponential tail of the loss.
    stands_still : bool
        Whether a path is known and the test results are the same all along it.
    """

    change: Change
    transition: Transition
    interval: Interval
    time_error: float
    stop: float
    mostly: float
    best: float
    best_quality: float
    end_quality: float
    saved: float
    visible: float
    needed: float
    lam: float
    tailed: bool
    stands_still: bool


def diagnose(
    scores: Scores,
    times: Quarters,
    lambda_t: np.ndarray,
    along: Scores,
    *,
    lam: float,
    tailed: bool,
    kind: Kind | None = None,
    interval: Interval = UNKNOWN,
) -> Diagnosis:
    """Say what a forecast means in practice: what changes, when to stop, and what a test set shows.

    Parameters
    ----------
    scores : Scores
        Test results of the early and the late predictor first.
    times : Quarters
        When each quarter of the change is done, all read off the curve of λt*.
    lambda_t : ndarray, shape (m,)
        Times of the quasi-static path, none where it is not known.
    along : Scores
        Test results along it.
    lam : float
        Weight decay.
    tailed : bool
        Whether margins grow, by the exponential tail of the loss.
    kind : Kind, optional
        Kind of the forecast; by default what both predictors differ by.
    interval : Interval, optional
        Within which λt* is, where that is known.
    """
    change = change_of(scores, kind=kind)
    curve = _curve_of(lambda_t, along)
    visible = 3 * change.error if change.distinct > 1 else np.nan
    ratio = visible / abs(change.drop) if change.drop else np.inf
    when = times.half
    return Diagnosis(
        change,
        times.transition,
        interval,
        min(1.0, 1 / np.log(1 / lam)) if tailed and lam < 1 else min(1.0, lam),
        _SAFELY * times.quarter if times.quarter > 0 else float("nan"),
        times.three_quarters,
        curve.best,
        curve.best_quality,
        curve.end_quality,
        float(np.clip(when, 0, np.log(10))) if np.isfinite(when) else np.nan,
        visible,
        float(np.ceil(change.distinct * ratio**2)),
        lam,
        tailed,
        curve.stands_still,
    )


class _Curve(NamedTuple):
    """What a diagnosis says of the predicted curve."""

    best: float
    best_quality: float
    end_quality: float
    stands_still: bool


def _curve_of(lambda_t: np.ndarray, along: Scores) -> _Curve:
    """Return where the curve is best and how it ends; NaN for one without points."""
    if not len(lambda_t):
        return _Curve(np.nan, np.nan, np.nan, stands_still=False)
    reached = np.flatnonzero(lambda_t >= 0)
    best = int(reached[np.argmin(along.error[reached])]) if reached.size else len(lambda_t) - 1
    qualities = quality(along)
    return _Curve(
        float(lambda_t[best]),
        float(qualities[best]),
        float(qualities[-1]),
        stands_still=bool((along.error == along.error[0]).all()),
    )
