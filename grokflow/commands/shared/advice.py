"""What a forecast means, in sentences: how much changes and when, how surely, and what to do."""

from __future__ import annotations

import numpy as np

from grokflow.simulations.models.results import PredictedConsequences
from grokflow.theory.transition.change import Change
from grokflow.theory.transition.diagnosis import Diagnosis, learns
from grokflow.theory.transition.scores import Kind

# Points of quality by which the path may miss the late predictor without a word about it.
_MISSED = 0.05


def findings(forecast: PredictedConsequences) -> list[str]:
    """Say the kind and the size of the change, how sure that is, and what the path adds."""
    found = forecast.diagnosis
    return [_what(found), _how_sure(found, forecast.gap, forecast.residual), *_caveats(found)]


def advice(forecast: PredictedConsequences) -> list[str]:
    """Say what to change, the most effective first."""
    found, lam = forecast.diagnosis, forecast.lam
    match found.change.kind:
        case Kind.MISGROKKING:
            return _keep_early(found, lam)
        case Kind.GROKKING:
            return _get_late(found, lam)
        case Kind.NO_TRANSITION:
            return _determined(found)
        case _:
            return _neither(found)


def _what(found: Diagnosis) -> str:
    """Say the kind, by how much, and when."""
    change, measure = found.change, _measure(found.change)
    ends = f"from {_percent(change.early)} to {_percent(change.late)}"
    if change.kind is Kind.NO_TRANSITION:
        return (
            "no transition: your data determine the weights, for there are as many independent "
            f"samples as weights; {measure} is {_percent(change.early)}, but for the pull of λ"
        )
    if change.kind is Kind.NEITHER:
        return f"neither grokking nor misgrokking: {measure} goes {ends}, no visible change"
    verb = "rises" if change.kind is Kind.GROKKING else "falls"
    when = f" around λt = {found.transition.lambda_t:.2f}"
    known = f" (to about {100 * found.time_error:.2g} %)"
    timing = when + known
    if not np.isfinite(found.transition.lambda_t):
        timing = ", after the end of the path: slowly"
    elif found.transition.lambda_t <= 0:
        timing = ", at once: this α is so small that the net starts beyond the transition"
    return f"{change.kind.value}: {measure} {verb} {ends}{timing}"


def _how_sure(found: Diagnosis, gap: float, residual: float | None) -> str:
    """Say the interval of the change, what it comes from, and how exact the predictors are."""
    change = found.change
    low, high = sorted((-change.low, -change.high))
    proof = f"both predictors are optimal to a relative {gap:.0e}"
    if change.kind is Kind.NO_TRANSITION:
        return proof
    if residual is not None:
        proof = f"the early predictor is optimal to a relative {gap:.0e}, the late one is a KKT "
        proof += f"point to {residual:.0e}: there may be others"
    return (
        f"with confidence 95 % the change is {100 * low:+.1f} to {100 * high:+.1f} points "
        f"({change.size} test points); {proof}"
    )


def _caveats(found: Diagnosis) -> list[str]:
    """Say where the path does not end at the late predictor."""
    if abs(found.end_quality - found.change.late) <= max(_MISSED, found.visible):
        return []
    return [
        f"the path ends at {_percent(found.end_quality)} instead: the late predictor is not unique "
        "or is reached slowly, so simulate to be sure"
    ]


def _keep_early(found: Diagnosis, lam: float) -> list[str]:
    lines = []
    if np.isfinite(found.stop):
        lines.append(
            f"stop early, at λt = {found.stop:.2f} (t = {found.stop / lam:.3g}), while the net is "
            f"at the early predictor: {_percent(found.change.early)}"
        )
    else:
        lines.append("the early predictor does not last from this start: raise α to have it at all")
    if found.best_quality - found.change.early > found.visible:
        lines.append(
            f"better still, stop on the way, at λt = {found.best:.2f} "
            f"(t = {found.best / lam:.3g}): {_percent(found.best_quality)}"
        )
    return [
        *lines,
        f"or put it off: a tenfold α adds 2.30 to λt*, a tenfold smaller λ makes t = λt*/λ tenfold "
        f"(now {found.transition.lambda_t / lam:.3g})",
    ]


def _get_late(found: Diagnosis, lam: float) -> list[str]:
    end = found.transition.lambda_t + np.nan_to_num(found.transition.width)
    lines = []
    if end > 0:
        lines.append(
            f"train until λt = {end:.2f} at least: t = {end / lam:.3g}, or {end / lam:.3g}/η steps "
            "of size η"
        )
    if found.transition.lambda_t > 0:
        lines.append(
            f"sooner: a tenfold smaller α saves {found.saved:.2f} of λt* = "
            f"{found.transition.lambda_t:.2f}; a larger λ divides t = λt*/λ (check the late "
            "accuracy with --lam)"
        )
    if found.best_quality - found.change.late > found.visible:
        lines.append(
            f"stop at λt = {found.best:.2f}, where the path is best: {_percent(found.best_quality)}"
        )
    return lines


def _neither(found: Diagnosis) -> list[str]:
    change = found.change
    if not learns(change):
        return [
            "neither predictor is visibly better than none: more samples or other inputs are "
            "needed, not another α or λ"
        ]
    lines = ["α and λ hardly matter for the test results: choose them for speed"]
    if change.drop and found.needed < 1e9:
        lines.append(
            f"differences below {100 * found.visible:.2g} points cannot be seen; to see this one "
            f"of {100 * abs(change.drop):.2g}, test on {found.needed:.0f} points"
        )
    return lines


def _determined(found: Diagnosis) -> list[str]:
    lines = [
        "train until the loss no longer falls: α only sets how long that takes, and λ shrinks the "
        f"weights, to {_percent(found.change.late)} at the end"
    ]
    if not learns(found.change):
        lines.append("these inputs tell nothing visible: others are needed, not another α or λ")
    return [
        *lines,
        "for early and late to differ there must be more inputs than independent samples: add "
        "features, or train on fewer samples",
    ]


def _measure(change: Change) -> str:
    return "test accuracy" if change.chance else "the explained share of the test targets"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
