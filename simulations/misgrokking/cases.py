"""One problem that misgroks: judged by its predictors, shrunk, and confirmed by its flow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from grokflow.simulations.misgrokking.comparison import (
    NetSettings,
    SimulatedChange,
    predict_change,
    simulate_change,
)
from grokflow.simulations.misgrokking.data_families import save_instance
from grokflow.simulations.misgrokking.families import Family, Settings
from grokflow.simulations.runs.stopping import Stopped
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.change import Change
from grokflow.theory.transition.scores import Kind

# The early predictor of a completion is zero where it is tested, up to rounding.
_ROUNDING = 1e-9
# Shares of the drop that predictions keep with confidence while a problem is shrunk: more where
# less was not borne out by the simulation.
_SHARES = (0.5, 0.75)


@dataclass(frozen=True)
class Trial:
    """A problem and what its predictors say; `change` is None where there are none."""

    family: Family
    settings: Settings
    change: Change | None
    error: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Case(Summarised):
    """A problem that misgroks, predicted and simulated.

    Parameters
    ----------
    family : Family
        Where it comes from.
    settings : mapping
        Its settings, shrunk.
    found : Trial
        The problem as it was drawn.
    net : NetSettings
        The net.
    predicted : Change
        From the early to the late predictor.
    simulated : SimulatedChange
        The simulated flow.
    """

    family: Family
    settings: Settings
    found: Trial
    net: NetSettings
    predicted: Change
    simulated: SimulatedChange

    def _summary(self) -> Mapping[str, object]:
        """Return where it comes from, and the test results before and after the transition."""
        simulated = self.simulated.change
        return {
            "family": self.family.name,
            "settings": " ".join(f"{name}={value}" for name, value in self.settings.items()),
            "predicted": between(self.predicted.early, self.predicted.late),
            "simulated": between(simulated.early, simulated.late),
        }

    def save(self, folder: Path) -> str:
        """Write the data to ``folder/FAMILY.npz`` and return the command that simulates them."""
        path = folder / f"{self.family.name}.npz"
        save_instance(path, self.family.build(self.settings))
        net = self.net
        options = net.bind(self.family.problem(self.settings)).command_options
        return (
            f"grokflow simulate {path} --alpha {net.alpha:g} --lam {net.lam:g}{options} "
            f"--until {net.until:.6g}"
        )


def judge(family: Family, settings: Settings, net: NetSettings) -> Trial:
    """Compute the predictors of one problem."""
    try:
        problem = family.problem(settings)
        return Trial(family, settings, predict_change(problem, _of_depth(net, settings)))
    except ValueError as error:
        return Trial(family, settings, None, _reason(error))


def _reason(error: ValueError) -> str:
    """Return the first part of a message without its numbers, so that equal reasons are equal."""
    return re.sub(r"\d+", "#", re.split(r"[,:(]| but ", str(error))[0]).strip()


def settle(trials: list[Trial], net: NetSettings, effort: int) -> Case | str:
    """Confirm the first of these trials that a simulation bears out, shrunk to half of its drop.

    Returns the problem as drawn where nothing smaller keeps that, and the family's name where no
    trial is borne out.
    """
    for trial in trials:
        if (whole := confirm(trial, trial, net)) is None:
            continue
        least = whole.simulated.change.drop / 2
        for share in _SHARES:
            small = confirm(shrink(trial, net, effort, share), trial, net)
            if small and small.simulated.change.drop >= least:
                return small
        return whole
    return trials[0].family.name


def confirm(trial: Trial, found: Trial, net: NetSettings) -> Case | None:
    """Simulate; None unless the training set is fitted early and the test results then fall."""
    assert trial.change is not None
    net = _of_depth(net, trial.settings)
    try:
        simulated = simulate_change(trial.family.problem(trial.settings), net)
    except Stopped:
        return None
    if not (
        simulated.fitted and simulated.change.kind is Kind.MISGROKKING and simulated.change.low > 0
    ):
        return None
    return Case(trial.family, trial.settings, found, net, trial.change, simulated)


def shrink(trial: Trial, net: NetSettings, effort: int, share: float = 0.5) -> Trial:
    """Simplify one setting after the other while a share of the drop remains.

    The same share of the lower end of its interval must remain too.

    Ends when nothing can be simplified, or after `effort` predictions.
    """
    assert trial.change is not None
    whole, best, before = trial.change, trial, None
    while best is not before and effort > 0:
        before = best
        for key, item in trial.family.ranges.items():
            for value in item.simpler(best.settings[key])[:effort]:
                effort -= 1
                simpler = judge(trial.family, {**best.settings, key: value}, net)
                if misgroks(simpler, share * whole.drop, share * whole.low):
                    best = simpler
                    break
    return best


def misgroks(trial: Trial, drop: float = 0.0, low: float = 0.0) -> bool:
    """Whether the early predictor is no worse than the zero one, and the late one worse.

    `drop` and `low` are what the drop and the lower end of its interval must reach.
    """
    change = trial.change
    return (
        change is not None
        and change.kind is Kind.MISGROKKING
        and change.early >= change.chance - _ROUNDING
        and change.drop >= drop
        and change.low >= low
    )


def _of_depth(net: NetSettings, settings: Settings) -> NetSettings:
    return replace(net, depth=int(settings.get("depth", net.depth)))
