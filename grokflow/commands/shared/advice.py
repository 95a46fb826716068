"""What a forecast means, in sentences: how much changes and when, how surely, and what to do."""

from __future__ import annotations

import numpy as np

from grokflow.commands.shared.when import half_done, order_of_error
from grokflow.simulations.models.results import PredictedConsequences
from grokflow.theory.transition.change import Change
from grokflow.theory.transition.diagnosis import Diagnosis
from grokflow.theory.transition.scores import Kind

# Quality by which the path may miss the late predictor without a word about it.
_MISSED = 0.05
# The best constant classifier.
_CONSTANT_CLASS = "always answering with the most frequent class"
_SHRINKING = (
    "take a smaller λ (--lam), as the note says: at this one weight decay itself makes the change, "
    "and what the data choose between fits is not seen"
)
_NOT_HELD = (
    "simulate to see what happens at this λ (grokflow simulate), or take a smaller λ (--lam), at "
    "which the early predictor is held"
)
_USELESS = (
    "at this α and λ more samples or other inputs are needed; what another λ does is not computed "
    "here: try --lam"
)


def findings(forecast: PredictedConsequences) -> list[str]:
    """Say the kind and the size of the change, how sure that is, and what the path adds."""
    found = forecast.diagnosis
    sure = _proof(forecast)
    if found.change.kind is Kind.NOT_HELD:
        return [_what(found), sure]
    if found.change.kind is not Kind.NO_TRANSITION:
        sure = f"{_interval(found.change)}; {sure}"
    return [_what(found), sure, *_worse_than_constant(found.change), *_caveats(found)]


def advice(forecast: PredictedConsequences) -> list[str]:
    """Say what to change, the most effective first."""
    if not forecast.remedy:
        return _kind_advice(forecast.diagnosis)
    # What else helps a model that has learned nothing is open until it has an intercept.
    learns = forecast.diagnosis.change.learns
    return [forecast.remedy, *(_kind_advice(forecast.diagnosis) if learns else [])]


def _kind_advice(found: Diagnosis) -> list[str]:
    """Say what to do about a change of this kind."""
    if found.change.kind is Kind.NOT_HELD:
        return [_NOT_HELD]
    useless = found.change.is_useless and found.best_quality <= found.change.constant
    if useless and found.change.kind is not Kind.SHRINKING:
        return [_USELESS]
    match found.change.kind:
        case Kind.SHRINKING:
            return [_SHRINKING]
        case Kind.MISGROKKING:
            return _keep_early(found)
        case Kind.GROKKING:
            return _get_late(found)
        case Kind.NO_TRANSITION:
            return _determined(found)
        case Kind.STARTS_LATE:
            return _starting_late(found)
        case Kind.NEITHER:
            return _neither(found)


def _what(found: Diagnosis) -> str:
    """Say the kind, by how much, and when."""
    change = found.change
    measure, (early, late) = _measure(change), (_said(change, end) for end in _ends(change))
    if change.kind is Kind.NO_TRANSITION:
        return (
            "no transition: your data determine the weights, for there are as many independent "
            f"samples as weights; {measure} is {early} without weight decay and {late} with "
            f"λ = {found.lam:g}, which {_points(change)} cannot tell apart"
        )
    if change.kind is Kind.NEITHER:
        return f"neither grokking nor misgrokking is seen: {_untold(change)}"
    verb = "rises" if change.drop < 0 else "falls"
    if change.kind is Kind.STARTS_LATE:
        return (
            f"no transition is seen: {measure} {verb} from {early} to {late} where α is large, and "
            "this α is so small that the net starts beyond half of that"
        )
    if change.kind is Kind.NOT_HELD:
        return (
            f"what comes before the late predictor ({measure}: {late}) is not predicted: at this λ "
            "weight decay outweighs the weakest combinations of the inputs, and the net does not "
            f"stay at the early predictor, that of λ → 0 ({early})"
        )
    kind = "not learning" if _only_rises(change) else change.kind.value
    return f"{kind}: {measure} {verb} from {early} to {late}, {half_done(found)}"


def _untold(change: Change) -> str:
    """Say what the test points do not tell."""
    early, late = (_said(change, end) for end in _ends(change))
    ends = f"{_measure(change)} is {early} early and {late} late"
    if change.low <= 0 <= change.high:
        return f"{ends}, which {_points(change)} cannot tell from no change"
    verb = "rise" if change.drop < 0 else "fall"
    return (
        f"{ends}; a {verb} is likely, but {_points(change)} cannot show it at a confidence of "
        "99.7 %, three standard errors"
    )


def _interval(change: Change) -> str:
    """Say the interval of the change, and what it comes from."""
    low, high = sorted((-change.low, -change.high))
    if not np.isfinite([low, high]).all():
        return f"how sure the change is cannot be said from {_points(change)}"
    if low == high:
        if low == 0:
            return f"both predictors err alike on all test points ({_points(change)})"
        return (
            f"all that is not trained on is tested ({_points(change)}): the change is exact for "
            "this split of the data, and another split may show another one"
        )
    ends = f"{low:+.3g} to {high:+.3g}"
    if change.is_accuracy:
        ends = f"{100 * low:+.1f} to {100 * high:+.1f} percentage points"
    return f"with confidence 95 % the change is {ends} ({_points(change)})"


def _proof(forecast: PredictedConsequences) -> str:
    """Say how exact the predictors are."""
    if forecast.is_open:
        return "only weights of 1e14 may fit better than the early predictor: see its gap"
    if forecast.residual is None:
        return f"both predictors are optimal to a relative {forecast.gap:.0e}"
    return (
        f"the early predictor is optimal to a relative {forecast.gap:.0e}, the late one is a KKT "
        f"point to {forecast.residual:.0e}: there may be others"
    )


def _worse_than_constant(change: Change) -> list[str]:
    """Say which predictors are no better than the best constant."""
    early, late = (end <= change.constant for end in _ends(change))
    if not (early or late or change.is_useless):
        return []
    who = "the early predictor is" if early else "the late predictor is"
    if change.is_useless:
        who = "both predictors are"
    if not change.is_accuracy:
        if change.constant in _ends(change):
            return [f"{who} no better than a constant, the mean of the training targets"]
        return [
            f"{who} worse than a constant: the mean of the training targets is nearer to the test "
            "targets (R² below 0)"
        ]
    said = f"{who} no better than {_CONSTANT_CLASS}: {_said(change, change.constant)}"
    more = ", and a rise to no more than that is not learning"
    return [f"{said}{more}" if _only_rises(change) else said]


def _only_rises(change: Change) -> bool:
    """Whether the test results rise, but to no more than a constant reaches."""
    return change.is_useless and change.kind is Kind.GROKKING


def _caveats(found: Diagnosis) -> list[str]:
    """Say where the path does not end at the late predictor."""
    missed = abs(found.end_quality - found.change.late)
    if not missed > max(_MISSED, found.change.resolution):  # NaN without a predicted curve
        return []
    ends = (
        "the curve from which a time is predicted does not reach the late predictor: "
        f"{_measure(found.change)} is {_said(found.change, found.end_quality)} at its end"
    )
    if found.stands_still:
        return [f"{ends}, for it is that of λ → 0"]
    return [
        f"{ends}; λ may not be small enough for it, the late predictor not be unique, or the way "
        "there be long, so simulate to be sure"
    ]


def _keep_early(found: Diagnosis) -> list[str]:
    if not np.isfinite(found.transition.lambda_t):
        return ["simulate to see when to stop: the fall has no predicted time"]
    lines = []
    early, lam, when = found.change.early, found.lam, found.transition.lambda_t
    if np.isfinite(found.stop):
        lines.append(
            f"stop early, at about λt = {found.stop:.2f} (t = {found.stop / lam:.3g}), well before "
            f"the fall begins: {_said(found.change, early)}"
        )
    else:
        lines.append(
            "from this α the fall has begun before the net is trained: a larger α keeps the early "
            "predictor for longer"
        )
    if found.best_quality - early > found.change.resolution:
        lines.append(
            f"better still, stop on the way, at λt = {found.best:.2f} "
            f"(t = {found.best / lam:.3g}): {_said(found.change, found.best_quality)}"
        )
    return [
        *lines,
        f"or put it off: a tenfold α adds 2.30 to λt*, a tenfold smaller λ makes t = λt*/λ about "
        f"tenfold (now {when / lam:.3g})",
    ]


def _starting_late(found: Diagnosis) -> list[str]:
    """Say from which scales on there is a transition, and who wants one."""
    when, change = found.transition.lambda_t, found.change
    scale = (
        f"from an α {np.exp(-when):.3g} times as large on"
        if np.isfinite(when)
        else "from a larger α"
    )
    if change.drop > 0:
        return [
            f"the early predictor is the better one: {scale} the net is there before it falls, and "
            "each further factor of ten keeps it for 2.30 of λt more"
        ]
    return [
        f"train as usual, the rise does not wait; {scale} there is a transition to see, later by "
        "2.30 of λt for each further factor of ten"
    ]


def _get_late(found: Diagnosis) -> list[str]:
    lam, when = found.lam, found.transition.lambda_t
    lines = []
    if not np.isfinite(when):
        return ["simulate to see how long to train: the rise has no predicted time"]
    lines.append(_how_long(found))
    saved = f"saves about {found.saved:.2f} of λt* = {when:.2f}"
    if found.saved == when:
        saved = "starts beyond the transition"
    lines.append(
        f"sooner: a tenfold smaller α {saved}, and a larger λ divides t = λt*/λ (check the late "
        "result with --lam)"
    )
    if found.best_quality - found.change.late > found.change.resolution:
        lines.append(
            f"stop at λt = {found.best:.2f} (t = {found.best / lam:.3g}), where the predicted "
            f"curve is best: {_said(found.change, found.best_quality)}"
        )
    return lines


def _how_long(found: Diagnosis) -> str:
    """Say until when to train for three quarters of a rise, or what is known of that."""
    when, end = found.transition.lambda_t, found.mostly
    if _caveats(found):
        return (
            f"train well beyond λt = {when:.2f}, t = {when / found.lam:.3g}; how long is not "
            "predicted, for the predicted curve does not end at the late predictor: simulate"
        )
    if not np.isfinite(end):
        return (
            f"train well beyond λt = {when:.2f}, t = {when / found.lam:.3g}, by when half of the "
            "rise is done: the rest is slow, and the predicted curve ends before it"
        )
    return (
        f"train until about λt = {end:.2f} for three quarters of the rise{order_of_error(found)}: "
        f"t = {end / found.lam:.3g}, or {end / found.lam:.3g}/η steps of size η"
    )


def _neither(found: Diagnosis) -> list[str]:
    change = found.change
    lines = []
    if not change.learns:
        lines.append(_nothing_learned(change))
    if change.drop and change.distinct < found.needed < 1e9:
        size = f"{100 * abs(change.drop):.2g} percentage points"
        size = size if change.is_accuracy else "this size"
        kind = "distinct samples" if change.distinct < change.size else "samples"
        lines.append(f"to see a change of {size}, test on about {found.needed:.0f} {kind}")
    if change.learns or _seems_right(change):
        lines.append("whether α and λ matter for the test results is open until more is tested")
    return lines


def _seems_right(change: Change) -> bool:
    """Whether a predictor is better than a constant on these test points, shown or not."""
    return max(_ends(change)) > change.constant


def _nothing_learned(change: Change) -> str:
    """Say that neither predictor is known to have learned anything."""
    nothing = _CONSTANT_CLASS if change.is_accuracy else "a constant"
    said = f"{_points(change)} cannot show that either predictor is better than {nothing}"
    if _seems_right(change):
        return (
            f"{said}, though here one is: test on more, such as half of the rows, holdout=0.5 "
            "(--set holdout=0.5), where the data have no test set of their own"
        )
    return f"{said}: if none is, more samples or other inputs are needed at this α and λ"


def _determined(found: Diagnosis) -> list[str]:
    late = _said(found.change, found.change.late)
    lines = [
        "train until the objective, loss and weight decay, no longer falls: with the weights that "
        f"λ shrinks {_measure(found.change)} is {late} at the end, whatever α; a larger λ may end "
        "elsewhere (check with --lam)"
    ]
    if not found.change.learns:
        lines.append(_nothing_learned(found.change))
    return [
        *lines,
        "for early and late to differ at small λ there must be more inputs than independent "
        "samples: add features, or train on fewer samples",
    ]


def _ends(change: Change) -> tuple[float, float]:
    return change.early, change.late


def _points(change: Change) -> str:
    """Say how many test points there are, as the subject of a sentence."""
    if change.distinct < change.size:
        plural = "s" if change.distinct > 1 else ""
        return f"{change.distinct} distinct test point{plural} of {change.size}"
    return "1 test point" if change.size == 1 else f"{change.size} test points"


def _measure(change: Change) -> str:
    return "test accuracy" if change.is_accuracy else "R² on the test set"


def _said(change: Change, value: float) -> str:
    """Say a quality: an accuracy in percent, R² as a number."""
    return f"{100 * value:.1f} %" if change.is_accuracy else f"{value:.4g}"
