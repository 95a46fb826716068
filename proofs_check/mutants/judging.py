"""Putting the mutants of a claim's formulas to its own check: how many of them it refutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from grokflow.proofs_check.claim import Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.mutants.formulas import Mutant, mutants_of
from grokflow.proofs_check.mutants.sharing import WatchedLaboratory
from grokflow.proofs_check.mutants.time_limit import OutOfTime, time_limit

# Statements that become weaker, and stay true, when their bound grows.
_BOUNDS = (StatementKind.INEQUALITY, StatementKind.PROBABILITY)

# The check of a mutant may take so many times as long as that of the claim, or so many seconds.
_TIMES, _SECONDS = 20, 60.0


class Fate(Enum):
    """What a check makes of a mutant.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.Fate.REFUTED.noticed, gf.Fate.SURVIVES.noticed
    (True, False)
    """

    REFUTED = "refuted"
    STOPS = "stops the check"
    ENDLESS = "does not end"
    WEAKER = "weaker, and true"
    EQUIVALENT = "equivalent"
    UNDECIDED = "not decided"
    SURVIVES = "survives"

    @property
    def noticed(self) -> bool:
        """Whether nothing is wrong with the check: the mutant is refuted, or no false statement."""
        return self not in (Fate.UNDECIDED, Fate.SURVIVES)


@dataclass(frozen=True)
class MutantOutcome:
    """A mutant of a claim, and what became of it.

    Parameters
    ----------
    label : str
        The claim.
    mutant : str
        The formula and what was changed in it.
    fate : Fate
        What the check makes of it.
    discrepancy, allowed : float
        The evidence; NaN where there is none.
    reason : str
        Why it is as true as the statement, or what stopped the check.

    Examples
    --------
    >>> import grokflow as gf
    >>> outcome = next(iter(gf.judge_mutants(gf.CLAIMS["path-late"])))
    >>> outcome.mutant, outcome.fate.value
    ('MaxL1Margin: becomes MaxL2Margin', 'refuted')
    """

    label: str
    mutant: str
    fate: Fate
    discrepancy: float = float("nan")
    allowed: float = float("nan")
    reason: str = ""


def judge_mutants(
    claim: Claim,
    seed: int = 0,
    *,
    seconds: float = _SECONDS,
    progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> Iterator[MutantOutcome]:
    """Yield the outcome of each mutant of the claim's formulas.

    Parameters
    ----------
    claim : Claim
        A claim that is supported and names its formulas.
    seed : int
        Seed of the laboratories.
    seconds : float
        How long the check of a mutant may take on one core, where twenty times as long as that of
        the claim itself is not more. One that takes longer is stopped, and said not to end.
    progress : callable
        Called with the label and the fraction of mutants done.

    Raises
    ------
    ValueError
        When the claim itself is not supported at this seed: its mutants would say nothing.

    Examples
    --------
    >>> import grokflow as gf
    >>> outcomes = list(gf.judge_mutants(gf.CLAIMS["thm-e.3"]))
    >>> all(outcome.fate.noticed for outcome in outcomes)
    True
    """
    mutants = [mutant for formula in claim.formulas for mutant in mutants_of(formula)]
    if not mutants:
        return
    laboratory, start = WatchedLaboratory(seed), time.process_time()
    with laboratory.watching(claim.formulas):
        own = claim.check(laboratory)
    seconds = max(seconds, _TIMES * (time.process_time() - start))
    if own.verdict is not Verdict.SUPPORTED:
        raise ValueError(
            f"{claim.label} is {own.verdict.value} at seed {seed}, expected supported: "
            "choose another seed, or see why with verify"
        )
    for done, mutant in enumerate(mutants):
        progress(claim.label, done / len(mutants))
        # Of what the formula itself has led to nothing is remembered.
        yield _judged(claim, mutant, own, laboratory.without(mutant.owner), seconds)
    progress(claim.label, 1.0)


def _judged(
    claim: Claim, mutant: Mutant, own: Evidence, laboratory: Laboratory, seconds: float
) -> MutantOutcome:
    try:
        with mutant.in_place(), np.errstate(all="ignore"), time_limit(seconds):
            found = claim.check(laboratory)
    except OutOfTime:
        said = f"stopped after {seconds:.3g} s"
        return MutantOutcome(claim.label, mutant.name, Fate.ENDLESS, reason=said)
    except Exception as error:  # a wrong formula may end in any way
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return MutantOutcome(claim.label, mutant.name, Fate.STOPS, reason=said)
    fate = _fate(claim, found, own)
    # A reason is given for one mutant, or for all of a formula.
    reason = claim.equivalent.get(mutant.name) or claim.equivalent.get(mutant.formula) or ""
    if not fate.noticed and reason:
        fate = Fate.EQUIVALENT
    return MutantOutcome(
        claim.label,
        mutant.name,
        fate,
        found.discrepancy,
        found.allowed,
        reason if fate is Fate.EQUIVALENT else "",
    )


def _fate(claim: Claim, found: Evidence, own: Evidence) -> Fate:
    if found.verdict is Verdict.REFUTED:
        return Fate.REFUTED
    if not np.isfinite(found.discrepancy):
        return Fate.STOPS
    # Each discrepancy is known up to what its evidence allows: what is less, but not by more than
    # both, may be the same bound computed in another order.
    known_up_to = own.allowed + found.allowed
    if claim.kind in _BOUNDS and found.discrepancy < own.discrepancy - known_up_to:
        return Fate.WEAKER
    return Fate.SURVIVES if found.verdict is Verdict.SUPPORTED else Fate.UNDECIDED
