"""Instances judged one after the other by the check of a claim; the worst one is kept."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from grokflow.proofs_check.claim import Check, Evidence, ForEvery, Verdict
from grokflow.proofs_check.laboratory import Laboratory

# Larger ratios of discrepancy to allowance are as bad as this one.
_WORST = 1e6


@dataclass(frozen=True)
class Judged:
    """Instances, one for each `ForEvery` of a claim, and the evidence that they give."""

    instances: tuple[object, ...]
    evidence: Evidence

    @property
    def score(self) -> float:
        """Discrepancy in units of what is allowed: above 1 the statement is refuted."""
        return min(self.evidence.ratio, _WORST)


@dataclass
class Judge:
    """Judges as many instances as the budget allows, and keeps the worst.

    Parameters
    ----------
    check : callable
        The check of the claim, or of a broken variant.
    for_every : sequence of ForEvery
        What it ranges over.
    budget : int
        How many instances are judged at most.
    seed : int
        Seed of the laboratory: of what a check draws besides.
    progress : callable
        Called with what was found last and the fraction that is done.
    """

    check: Check
    for_every: Sequence[ForEvery]
    budget: int
    seed: int = 0
    progress: Callable[[str, float], None] = lambda name, fraction: None
    count: int = 0
    worst: Judged | None = None
    verdicts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __call__(self, instances: tuple[object, ...]) -> Judged | None:
        """Judge these instances; None where the check comes to no number."""
        self.count += 1
        try:
            evidence = evidence_of(self.check, self.for_every, instances, seed=self.seed)
        except Exception as failure:
            # Whatever a solver ends with on data that nobody has tried is counted, and shown.
            self.refused[f"{type(failure).__name__}: {' '.join(str(failure).split())}"] += 1
            return None
        found = Judged(instances, evidence)
        if not np.isfinite([evidence.discrepancy, evidence.allowed]).all():
            self.refused["not resolved"] += 1
            return None
        self.verdicts[evidence.verdict.value] += 1
        if self.worst is None or found.score > self.worst.score:
            self.worst = found
        self.progress(f"falsify, worst {self.worst.score:.2g}", self.count / self.budget)
        return found


def evidence_of(
    check: Check,
    for_every: Sequence[ForEvery],
    instances: Sequence[object],
    *,
    seed: int = 0,
    thorough: bool = False,
) -> Evidence:
    """Return what a check finds in a laboratory that draws these instances."""
    laboratory = Laboratory(seed=seed, thorough=thorough)
    for every, instance in zip(for_every, instances, strict=True):
        every.put(laboratory, instance)
    with warnings.catch_warnings():
        # Numbers that come out of an overflow are not finite, which is seen below.
        warnings.simplefilter("ignore", RuntimeWarning)
        return check(laboratory)


def is_confirmed(
    check: Check, for_every: Sequence[ForEvery], found: Judged, *, seed: int = 0
) -> bool:
    """Whether a refutation survives a thorough check, where the claim has one of its own."""
    if found.evidence.verdict is not Verdict.REFUTED:
        return False
    try:
        again = evidence_of(check, for_every, found.instances, seed=seed, thorough=True)
    except (ValueError, ArithmeticError, RuntimeError):
        return False
    return again.verdict is Verdict.REFUTED
