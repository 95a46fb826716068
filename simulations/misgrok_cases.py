"""One problem that misgroks: judged by its predictors, shrunk, and confirmed by its flow."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from simulations.completion_flow import CompletionStopped
from simulations.course import Course, Model, predict_change, simulate_course
from simulations.data_families import save_instance
from simulations.families import Family, Settings
from simulations.flow import FlowStopped
from theory.change import Change
from theory.metrics import Kind
from theory.newton import NotConverged
from theory.problems import Problem

# The early predictor of a completion is zero where it is tested, up to rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Trial:
    """A problem and what its predictors say; `change` is None where there are none."""

    family: Family
    settings: Settings
    change: Change | None
    error: str = ""


@dataclass(frozen=True, eq=False)
class Case:
    """A problem that misgroks, predicted and simulated.

    Parameters
    ----------
    family : Family
        Where it comes from.
    settings : mapping
        Its settings, shrunk.
    found : Trial
        The problem as it was drawn.
    model : Model
        The net.
    predicted : Change
        From the early to the late predictor.
    course : Course
        The simulated flow.
    """

    family: Family
    settings: Settings
    found: Trial
    model: Model
    predicted: Change
    course: Course

    def save(self, folder: Path) -> str:
        """Write the data to ``folder/FAMILY.npz`` and return the command that simulates them."""
        path = folder / f"{self.family.name}.npz"
        save_instance(path, self.family.build(self.settings))
        problem, model = self.family.problem(self.settings), self.model
        command = f"grokflow simulate {path} --alpha {model.alpha:g} --lam {model.lam:g}"
        if isinstance(problem, Problem):
            command += f" --depth {model.depth} --loss {model.loss(problem).name}"
        return f"{command} --until {model.until:.6g}"


def judge(family: Family, settings: Settings, model: Model) -> Trial:
    """Compute the predictors of one problem."""
    try:
        problem = family.problem(settings)
        return Trial(family, settings, predict_change(problem, _of_depth(model, settings)))
    except NotConverged:
        return Trial(family, settings, None, "a predictor did not converge")
    except ValueError as error:
        return Trial(family, settings, None, _reason(error))


def _reason(error: ValueError) -> str:
    """Return the first part of a message without its numbers, so that equal reasons are equal."""
    return re.sub(r" \(.*|\d+", "", re.split(r"[,:]| but ", str(error))[0]).replace("  ", " ")


def settle(trials: list[Trial], model: Model, effort: int) -> Case | str:
    """Confirm the first of these trials that a simulation bears out, shrunk where that holds too.

    Returns the family's name where none is borne out.
    """
    for trial in trials:
        assert trial.change is not None
        if confirm(trial, trial, model) is None:
            continue
        small = shrink(trial, model, effort)
        for candidate in (small, trial):
            if case := confirm(candidate, trial, model):
                return case
    return trials[0].family.name


def confirm(trial: Trial, found: Trial, model: Model) -> Case | None:
    """Simulate; None unless the training set is fitted early and the test results then fall."""
    assert trial.change is not None
    model = _of_depth(model, trial.settings)
    try:
        course = simulate_course(trial.family.problem(trial.settings), model)
    except (FlowStopped, CompletionStopped):
        return None
    if not (course.fitted and course.change.kind is Kind.MISGROKKING and course.change.low > 0):
        return None
    return Case(trial.family, trial.settings, found, model, trial.change, course)


def shrink(trial: Trial, model: Model, effort: int) -> Trial:
    """Simplify one setting after the other while half of the drop remains with confidence.

    Ends when nothing can be simplified, or after `effort` predictions.
    """
    assert trial.change is not None
    least, best, before = trial.change.drop / 2, trial, None
    while best is not before and effort > 0:
        before = best
        for key, item in trial.family.ranges.items():
            for value in item.simpler(best.settings[key])[:effort]:
                effort -= 1
                simpler = judge(trial.family, {**best.settings, key: value}, model)
                if misgroks(simpler, least):
                    best = simpler
                    break
    return best


def misgroks(trial: Trial, least: float = 0.0) -> bool:
    """Whether the early predictor is no worse than the zero one, and the drop surely `least`."""
    change = trial.change
    return (
        change is not None
        and change.kind is Kind.MISGROKKING
        and change.early >= change.chance - _ROUNDING
        and change.low >= least
    )


def _of_depth(model: Model, settings: Settings) -> Model:
    return replace(model, depth=int(settings.get("depth", model.depth)))
