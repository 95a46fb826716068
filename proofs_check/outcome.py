"""What checking a claim came to, and how that is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grokflow.proofs_check.claim import Claim, Evidence, Verdict
from grokflow.theory.summary import Summarised

# Seeds that are listed one by one.
_LISTED = 10


@dataclass(frozen=True, repr=False)
class ClaimOutcome(Summarised):
    """Evidence for a claim and for its broken variants.

    Parameters
    ----------
    claim : Claim
        What was checked.
    evidence : Evidence
        The evidence for the claim itself.
    broken : tuple of (name, Evidence)
        The evidence for its broken variants.
    seconds : float
        Wall time, simulations included when this claim was the first to need them.
    error : str
        What went wrong, when something did; the verdict is then inconclusive.
    seeds : tuple of int
        The seeds at which it was checked.
    worst : int, optional
        The seed that the evidence is of: the one farthest from what is expected. None where the
        samples of all seeds are judged together.
    unexpected : tuple of int
        The seeds that by themselves do not have the expected verdicts.

    Examples
    --------
    >>> import grokflow as gf
    >>> outcome = gf.verify(gf.CLAIMS["path-early"], gf.Laboratory(seed=0))
    >>> for name, evidence in outcome.broken:
    ...     print(name, "is", evidence.verdict.value)
    a tenth of the L1 predictor mixed in is refuted
    >>> outcome.as_expected
    True
    """

    claim: Claim
    evidence: Evidence
    broken: tuple[tuple[str, Evidence], ...]
    seconds: float
    error: str = ""
    seeds: tuple[int, ...] = (0,)
    worst: int | None = 0
    unexpected: tuple[int, ...] = ()

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        refuted = sum(item.verdict is Verdict.REFUTED for _, item in self.broken)
        return {
            "label": self.claim.label,
            "verdict": self.evidence.verdict,
            "expected": self.claim.expected,
            "variants refuted": f"{refuted} of {len(self.broken)}",
            "seeds": len(self.seeds),
            "seconds": self.seconds,
        } | ({"error": self.error} if self.error else {})

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one and every broken variant is refuted."""
        refuted = all(item.verdict is Verdict.REFUTED for _, item in self.broken)
        return self.evidence.verdict is self.claim.expected and refuted


@dataclass(frozen=True)
class VariantRow:
    """A false variant as the page and the JSON output show it."""

    name: str
    verdict: str
    discrepancy: float
    allowed: float


@dataclass(frozen=True)
class ClaimRow:
    """A claim as the page and the JSON output show it: its fields are the keys there."""

    label: str
    statement: str
    hypotheses: list[str]
    source: str
    kind: str
    expected: str
    verdict: str
    discrepancy: float
    allowed: float
    derivation: str
    error_rate: str
    covers: list[str]
    seconds: float
    error: str
    seeds: list[int]
    worst_seed: int | None
    unexpected_seeds: list[int]
    broken: list[VariantRow]


def row_of(outcome: ClaimOutcome) -> ClaimRow:
    """Return the row of an outcome in the claims table."""
    claim, evidence = outcome.claim, outcome.evidence
    return ClaimRow(
        label=claim.label,
        statement=claim.statement,
        hypotheses=list(claim.hypotheses),
        source=claim.source,
        kind=claim.kind.value,
        expected=claim.expected.value,
        verdict=evidence.verdict.value,
        discrepancy=evidence.discrepancy,
        allowed=evidence.allowed,
        derivation=evidence.derivation,
        error_rate=claim.error_rate,
        covers=list(claim.scope.statements),
        seconds=outcome.seconds,
        error=outcome.error,
        seeds=list(outcome.seeds),
        worst_seed=outcome.worst,
        unexpected_seeds=list(outcome.unexpected),
        broken=[
            VariantRow(name, item.verdict.value, item.discrepancy, item.allowed)
            for name, item in outcome.broken
        ],
    )


def summarise(outcomes: Sequence[ClaimOutcome]) -> str:
    """Say in one sentence how many claims came out as expected, and at how many seeds."""
    good = sum(outcome.as_expected for outcome in outcomes)
    variants = [item for outcome in outcomes for _, item in outcome.broken]
    refuted = sum(item.verdict is Verdict.REFUTED for item in variants)
    counts = sorted({len(outcome.seeds) for outcome in outcomes})
    seeds = ""
    if counts and counts[-1] > 1:
        number = {count: sum(len(o.seeds) == count for o in outcomes) for count in counts}
        parts = [f"{number[count]} at {count} seed{'s' * (count > 1)}" for count in counts]
        seeds = f" Claims checked: {', '.join(parts)}."
    return (
        f"{good} of {len(outcomes)} claims have the expected verdict; "
        f"{refuted} of {len(variants)} false variants are refuted.{seeds}"
    )


def said_of_seeds(outcome: ClaimOutcome) -> str:
    """Say at which of several seeds the verdicts are not the expected ones; empty for one seed."""
    count, off = len(outcome.seeds), outcome.unexpected
    if count == 1:
        return ""
    worst = "all seeds together" if outcome.worst is None else f"worst at seed {outcome.worst}"
    if not off:
        return f"{count} seeds, each as expected; {worst}"
    listed = ", ".join(map(str, off[:_LISTED])) + (", ..." if len(off) > _LISTED else "")
    return f"{count} seeds, {len(off)} of them not as expected by itself ({listed}); {worst}"
