"""Results in words, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grokflow.commands.shared.advice import advice, findings
from grokflow.commands.shared.when import within
from grokflow.simulations.models.results import (
    Description,
    GeneralisationBound,
    ModelForecast,
    PredictedConsequences,
    PredictorResult,
    SimulationResult,
)
from grokflow.theory.transition.kinds_shown import MEANINGS
from grokflow.theory.transition.scores import Kind

# As large as the relative gap of a predictor may be by default.
_MISSED = 1e-7
_NOTHING_TESTED = "none: no test targets that differ from the mean of the training targets"


def description_lines(description: Description) -> list[str]:
    """Say what is asked for, with a line for every note."""
    notes = [f"       note: {note}" for note in description.notes]
    return [description.words, *notes]


def forecast_lines(forecast: ModelForecast) -> list[str]:
    """Say what holds the weights, the predictors and the kind of the transition."""
    lines = [
        f"{_role(role)}: {item.name}, {', '.join(_qualities(item))}"
        for role, item in forecast.roles().items()
    ]
    regime = [f"       data: {_regime(forecast)}"] if forecast.regime else []
    remark = [f"       note: {forecast.remark}"] if forecast.remark else []
    return [
        *regime,
        *lines,
        *remark,
        f"       kind: {_kind(forecast)}",
        *_part_lines(forecast.parts),
    ]


def _kind(forecast: ModelForecast) -> str:
    """Say the kind, and where the rise ends if a constant would have done as well."""
    if not forecast.scores.size:
        return "unknown, for nothing is tested"
    if forecast.kind is Kind.GROKKING and forecast.scores.is_useless:
        return "not learning: a rise to no more than a constant reaches"
    return MEANINGS[forecast.kind]


def _part_lines(parts: Mapping[str, ModelForecast]) -> list[str]:
    """Return a table of the parts of a forecast, such as the classes one against the rest."""
    if not parts:
        return []
    width = max(12, *map(len, parts))
    measure = "accuracy" if next(iter(parts.values())).scores.accuracy is not None else "error"
    lines = [f"{'each':>11}: {'':{width}} {'early':>9} {'late':>9} {'λt*':>8}  kind ({measure})"]
    for name, part in parts.items():
        early, late = (1 - end if measure == "accuracy" else end for end in part.ends)
        when = part.transition.lambda_t
        time = f"{when:8.3f}" if np.isfinite(when) else f"{'':8}"
        lines.append(f"{'':11}  {name:{width}} {early:9.4f} {late:9.4f} {time}  {part.kind.value}")
    return lines


def transition_lines(forecast: ModelForecast) -> list[str]:
    """Say when the transition is predicted, where there is one."""
    when = forecast.transition
    if forecast.no_time and forecast.kind is not Kind.NOT_HELD:
        told = f"{forecast.no_time}; grokflow simulate follows the flow without it"
        return [f" transition: its time is not known, for {told}"]
    if not np.isfinite(when.lambda_t):
        return []
    width = f"width {when.width:.3f}" if np.isfinite(when.width) else "width not known"
    before = ", before the start" if forecast.kind is Kind.STARTS_LATE else ""
    known = within(forecast.interval, 3) if forecast.interval.is_known else ""
    return [
        f" transition: λt* = {when.lambda_t:.3f}{known}{before}, {width} "
        f"(leading order log α = {forecast.leading_order:.3f})"
    ]


def bound_lines(bounds: tuple[GeneralisationBound, ...]) -> list[str]:
    """Say the generalisation bounds."""
    return [
        f"{'bound':>11}: {bound.role.replace('_', ' ')} errs at most {bound.error:.3g} with "
        f"probability {1 - bound.delta:g} ({bound.theorem}): "
        f"{'vacuous' if bound.vacuous else 'says something'}; below 1 from n = {bound.smallest_n}"
        for bound in bounds
    ]


def consequence_lines(found: PredictedConsequences | None) -> list[str]:
    """Say what a forecast means for the training, and what to do."""
    if found is None:
        return _under("diagnosis", [_NOTHING_TESTED])
    return [*_under("diagnosis", findings(found)), *_under("advice", advice(found))]


def simulation_lines(result: SimulationResult) -> list[str]:
    """Return a short table of the curves, the transition and the work."""
    heads = " ".join(f"{item.head:>{item.width}}" for item in result.table)
    rows = zip(*(item.cells for item in result.table), strict=True)
    return [heads, *(" ".join(row) for row in rows), *result.remarks]


def _role(role: str) -> str:
    return f"{role.replace('_', ' '):>11}"


def _qualities(item: PredictorResult) -> list[str]:
    """Say how good a predictor is, and how exactly it is known."""
    said = [f"test error {item.test_error:.4g}" if np.isfinite(item.test_error) else "not tested"]
    if item.test_accuracy is not None:
        said = [f"test accuracy {100 * item.test_accuracy:.2f} %"]
    if item.margin is not None:
        said.append(f"margin {item.margin:.4g}")
    if item.rank is not None:
        said.append(f"rank {item.rank}")
    if item.stationarity is not None:
        return [*said, f"KKT point, residual {item.stationarity:.1e}"]
    said.append(f"gap {item.certificate.gap:.1e}{_why_open(item)}")
    if item.certificate.missed > _MISSED:
        said.append(f"targets missed by up to {item.certificate.missed:.1e} of the largest")
    return said


def _why_open(item: PredictorResult) -> str:
    """Say why the least loss is not known better, where it is not."""
    if not item.is_open:
        return ""
    return " (weights of 1e14 may fit better, where inputs combine others up to rounding)"


def _regime(forecast: ModelForecast) -> str:
    """Say what the data hold the weights to, as far as that is proved."""
    if forecast.early.is_open and forecast.early.certificate.lower <= 0:
        return forecast.regime.replace("no weights fit", "no weights of ordinary size fit")
    return forecast.regime


def _under(head: str, texts: list[str]) -> list[str]:
    return [f"{head if i == 0 else '':>11}  {text}" for i, text in enumerate(texts)]
