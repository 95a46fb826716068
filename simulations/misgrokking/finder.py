"""The misgrokking finder: problems on which a net first generalises and then gets worse.

Problems are drawn from families and judged by their predictors alone, a few hundredths of a second
each. The largest drop of every family is shrunk, as hypothesis shrinks a failing example, while
half of the drop remains with confidence, and confirmed by simulating the flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from grokflow.simulations.misgrokking.cases import Case, Trial, judge, misgroks, settle
from grokflow.simulations.misgrokking.comparison import NetSettings
from grokflow.simulations.misgrokking.families import FAMILIES, Family, Settings, select
from grokflow.simulations.runs.executors import results_as_completed
from grokflow.theory.arguments import check_count, check_kind, check_seed
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.scores import Kind

# Problems of a family that are simulated before the family is given up.
_ATTEMPTS = 3


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Summarised):
    """What a search for misgrokking found.

    Parameters
    ----------
    cases : tuple of Case
        At most one for each family, the largest simulated drop first.
    tried : int
        Number of problems whose predictors were computed.
    kinds : mapping
        How many of them are of each kind, by family.
    skipped : mapping
        How many have no predictors, by reason.
    unconfirmed : tuple of str
        Families in which the predictors misgrok and no simulation does.
    interrupted : bool
        Whether the search was interrupted; what was found is kept.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.find_misgrokking(["gap"], budget=4, effort=0)
    >>> change = found.cases[0].simulated.change
    >>> print(f"test accuracy {change.early:.2f} → {change.late:.2f}")
    test accuracy 1.00 → 0.98
    """

    cases: tuple[Case, ...] = ()
    tried: int = 0
    kinds: Mapping[str, Mapping[Kind, int]] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    unconfirmed: tuple[str, ...] = ()
    interrupted: bool = False

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "families": ", ".join(case.family.name for case in self.cases) or "none",
            "tried": self.tried,
            "unconfirmed": ", ".join(self.unconfirmed) or "none",
            "interrupted": self.interrupted,
        }


def find_misgrokking(
    families: Sequence[Family | str] | None = None,
    *,
    budget: int = 400,
    effort: int = 100,
    seed: int = 0,
    net: NetSettings | None = None,
    executor: Executor | None = None,
    progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> Findings:
    """Search families of problems for misgrokking: learned first, unlearned later.

    Parameters
    ----------
    families : sequence of Family or str, optional
        Where to search: names of `grokflow.simulations.misgrokking.families.FAMILIES`, all of them
        by default, or families of your own, such as `data_family` makes of a file.
    budget : int
        Number of problems to judge by their predictors, shared evenly among the families.
    effort : int
        Number of predictions made to shrink one problem.
    seed : int
        Decides which problems are drawn, whatever the executor.
    net : NetSettings, optional
        The net, of depth 2 where a family does not say otherwise.
    executor : Executor, optional
        Where to compute; in this process by default.
    progress : callable
        Called with the name of the stage and the fraction done.

    Returns
    -------
    Findings
        Also after Ctrl-C, with what was found until then.

    Raises
    ------
    ValueError
        For unknown families, one named twice, and a budget of less than one problem for each.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.find_misgrokking(["gap"], budget=4, effort=0)
    Findings(families=gap, tried=4, unconfirmed=none, interrupted=False)
    """
    wanted = families_of(families)
    check_count("budget", budget)
    check_seed(seed)
    check_kind("net", net or NetSettings(), NetSettings, "make one with gf.NetSettings()")
    if budget < len(wanted):
        raise ValueError(
            f"budget is {budget}, expected at least one problem for each of the {len(wanted)} "
            "families: raise it, or name fewer families"
        )
    net = net or NetSettings()
    trials: list[Trial] = []
    settled: list[Case | str | None] = []
    interrupted = False
    try:
        drawn = list(_drawn(wanted, budget, seed))
        for trial in results_as_completed(executor, judge, [(*item, net) for item in drawn]):
            trials.append(trial)
            progress("predicting", len(trials) / len(drawn))
        ranked = [_ranked(trials, family) for family in wanted]
        tasks = [(best[:_ATTEMPTS], net, effort) for best in ranked if best]
        for case in results_as_completed(executor, settle, tasks):
            settled.append(case)
            progress("shrinking and simulating", len(settled) / len(tasks))
    except KeyboardInterrupt:
        interrupted = True
    cases = [case for case in settled if isinstance(case, Case)]
    return Findings(
        tuple(sorted(cases, key=_by_drop)),
        len(trials),
        _kinds(trials),
        Counter(trial.error for trial in trials if trial.error),
        tuple(name for name in settled if isinstance(name, str)),
        interrupted,
    )


def families_of(wanted: Sequence[Family | str] | None) -> list[Family]:
    """Return families by name or as they are; ValueError where two have one name."""
    if wanted is None:
        return list(FAMILIES.values())
    found = [item if isinstance(item, Family) else select([item])[0] for item in wanted]
    names = [item.name for item in found]
    if again := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"family {again[0]} is named twice: drop one, or rename the file")
    return found


def _drawn(families: list[Family], budget: int, seed: int) -> Iterator[tuple[Family, Settings]]:
    """Draw settings; those of a family do not depend on which others are searched."""
    for i in range(budget):
        family = families[i % len(families)]
        key = (*family.name.encode(), i // len(families))
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        yield family, family.draw(rng)


def _ranked(trials: list[Trial], family: Family) -> list[Trial]:
    """Return the family's misgrokking trials, the largest certain drop first."""
    kept = [trial for trial in trials if trial.family.name == family.name and misgroks(trial)]
    return sorted(kept, key=lambda trial: (-_low(trial), str(trial.settings)))


def _by_drop(case: Case) -> tuple[float, str]:
    return -case.simulated.change.drop, case.family.name


def _low(trial: Trial) -> float:
    return trial.change.low if trial.change else -np.inf


def _kinds(trials: list[Trial]) -> dict[str, Counter[Kind]]:
    found: dict[str, Counter[Kind]] = {}
    for trial in trials:
        if trial.change is not None:
            found.setdefault(trial.family.name, Counter())[trial.change.kind] += 1
    return found
