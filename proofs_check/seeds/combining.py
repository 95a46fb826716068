"""What several seeds say of a claim together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grokflow.proofs_check.claim import Evidence, Verdict
from grokflow.proofs_check.evidence.judging import pooled
from grokflow.proofs_check.outcome import ClaimOutcome


class Combined(NamedTuple):
    """Evidence of several seeds, and the place of the seed that it is of; none for all together."""

    evidence: Evidence
    place: int | None


def combined(evidence: Sequence[Evidence], expected: Verdict) -> Combined:
    """Put the evidence of several seeds together.

    Samples are judged together. Other evidence is that of the seed that is farthest from what is
    expected: one seed that refutes a statement refutes it, and a false statement is refuted when
    every seed refutes it.

    Parameters
    ----------
    evidence : sequence of Evidence
        One for every seed.
    expected : Verdict
        What the statement should end with: supported, or refuted for a false one.
    """
    if len(evidence) == 1:
        return Combined(evidence[0], 0)
    together = pooled(evidence)
    if together is not None:
        return Combined(together, None)
    place = max(range(len(evidence)), key=lambda i: _against(evidence[i], expected))
    return Combined(evidence[place], place)


def across_seeds(outcomes: Sequence[ClaimOutcome]) -> ClaimOutcome:
    """Return the outcome of a claim over several seeds, each of which has one.

    Parameters
    ----------
    outcomes : sequence of ClaimOutcome
        Of one claim, at different seeds.
    """
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    claim = combined([outcome.evidence for outcome in outcomes], first.claim.expected)
    broken = [
        (name, combined([dict(outcome.broken)[name] for outcome in outcomes], Verdict.REFUTED))
        for name, _ in first.broken
    ]
    errors = [f"seed {item.seeds[0]}: {item.error}" for item in outcomes if item.error]
    unexpected = tuple(item.seeds[0] for item in outcomes if not item.as_expected)
    return ClaimOutcome(
        claim=first.claim,
        evidence=claim.evidence,
        broken=tuple((name, found.evidence) for name, found in broken),
        seconds=sum(outcome.seconds for outcome in outcomes),
        error="; ".join(errors),
        seeds=tuple(outcome.seeds[0] for outcome in outcomes),
        worst=None if claim.place is None else outcomes[claim.place].seeds[0],
        unexpected=unexpected,
    )


def _against(evidence: Evidence, expected: Verdict) -> tuple[int, float]:
    """Return how much evidence speaks against what is expected, to be compared."""
    if expected is Verdict.REFUTED:
        return int(evidence.verdict is not Verdict.REFUTED), -evidence.ratio
    return evidence.severity, evidence.ratio
