"""A claim at one seed: what it is filed under, how it is checked, and the row that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from grokflow.proofs_check.claim import Claim, Evidence
from grokflow.proofs_check.evidence.replicates import Replicates, Requirement
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.outcome import ClaimOutcome
from grokflow.proofs_check.verify import verify
from grokflow.simulations.runs.code import key_of, source_digest
from grokflow.simulations.runs.executors import one_thread


@dataclass(frozen=True, kw_only=True)
class ClaimCell:
    """A claim at one seed: plain data, so that another process or machine can check it.

    Parameters
    ----------
    label : str
        The claim, by its label.
    source : str
        A digest of the file that holds its check.
    seed : int
        Seed of the laboratory.
    thorough : bool
        Whether limits are taken over more points.
    """

    label: str
    source: str
    seed: int
    thorough: bool = False

    def settings(self) -> Mapping[str, object]:
        """Return what JSON holds of it."""
        return asdict(self)

    def key(self) -> str:
        """Return the hash of its settings and of the code that checks it."""
        return key_of({**asdict(self), "claims": source_digest("grokflow.proofs_check")})


class SeedRow(NamedTuple):
    """The outcome of a claim at one seed, as a store keeps it; `evidence` is JSON."""

    verdict: str = ""
    as_expected: bool = False
    evidence: str = "[]"
    seconds: float = 0.0
    error: str = ""


def measure(cells: Sequence[ClaimCell], claims: Mapping[str, Claim]) -> list[SeedRow]:
    """Check claims, by their labels, at one seed: they share their experiments."""
    laboratories = {cell.seed: Laboratory(cell.seed, cell.thorough) for cell in cells}
    with one_thread():
        return [row_of(verify(claims[cell.label], laboratories[cell.seed])) for cell in cells]


def row_of(outcome: ClaimOutcome) -> SeedRow:
    """Return the row of an outcome."""
    found = [outcome.evidence, *(evidence for _, evidence in outcome.broken)]
    return SeedRow(
        outcome.evidence.verdict.value,
        outcome.as_expected,
        json.dumps([_plain(evidence) for evidence in found]),
        outcome.seconds,
        outcome.error,
    )


def outcome_of(claim: Claim, seed: int, row: SeedRow) -> ClaimOutcome:
    """Return the outcome that a row was made from."""
    found = [_evidence(plain) for plain in json.loads(row.evidence)]
    names = [variant.name for variant in claim.broken]
    return ClaimOutcome(
        claim=claim,
        evidence=found[0],
        broken=tuple(zip(names, found[1:], strict=True)),
        seconds=row.seconds,
        error=row.error,
        seeds=(seed,),
        worst=seed,
        unexpected=() if row.as_expected else (seed,),
    )


def _plain(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as JSON takes it, with infinities and NaN as Python writes them."""
    parts = [(part.values, part.requirement.name, *part[2:]) for part in evidence.parts]
    return asdict(evidence) | {"parts": parts}


def _evidence(plain: Mapping[str, Any]) -> Evidence:
    """Return the evidence that was written."""
    parts = (
        Replicates(tuple(values), Requirement[asked], *numbers)
        for values, asked, *numbers in plain["parts"]
    )
    return Evidence(**{**plain, "parts": tuple(parts)})
