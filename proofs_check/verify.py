"""Checking claims and their broken variants, one after the other or in several processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter

from grokflow.proofs_check.claim import Check, Claim, Evidence, Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.registry import CLAIMS


@dataclass(frozen=True)
class Outcome:
    """Evidence for a claim and for its broken variants.

    Parameters
    ----------
    label : str
        The claim.
    evidence : Evidence
        Of the claim itself.
    broken : tuple of (name, Evidence)
        Of its broken variants.
    seconds : float
        Wall time, simulations included when this claim was the first to need them.
    error : str
        What went wrong, when something did; the verdict is then inconclusive.
    """

    label: str
    evidence: Evidence
    broken: tuple[tuple[str, Evidence], ...]
    seconds: float
    error: str = ""

    @property
    def claim(self) -> Claim:
        """The claim that was checked."""
        return CLAIMS[self.label]

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one and every broken variant is refuted."""
        refuted = all(item.verdict is Verdict.REFUTED for _, item in self.broken)
        return self.evidence.verdict is self.claim.expected and refuted


def verify(claim: Claim, laboratory: Laboratory) -> Outcome:
    """Check one claim and its broken variants."""
    started = perf_counter()
    error = ""
    results: list[Evidence] = []
    checks: list[Check] = [claim.check, *(variant.check for variant in claim.broken)]
    for check in checks:
        try:
            results.append(check(laboratory))
        except (ValueError, ArithmeticError, RuntimeError) as failure:
            error = error or f"{type(failure).__name__}: {failure}"
            results.append(Evidence(float("nan"), float("nan"), "the check did not finish"))
    names = [variant.name for variant in claim.broken]
    pairs = tuple(zip(names, results[1:], strict=True))
    return Outcome(claim.label, results[0], pairs, perf_counter() - started, error)


def verify_all(
    claims: list[Claim],
    laboratory: Laboratory,
    *,
    jobs: int = 1,
) -> Iterator[Outcome]:
    """Yield the outcome of every claim, as soon as it is known.

    Parameters
    ----------
    claims : list of Claim
        What to check.
    laboratory : Laboratory
        Where the simulations are kept; with several jobs each process has its own.
    jobs : int
        Number of processes.
    """
    if jobs == 1:
        yield from (verify(claim, laboratory) for claim in claims)
    else:
        yield from _in_processes(claims, laboratory, jobs)


def _in_processes(claims: list[Claim], laboratory: Laboratory, jobs: int) -> Iterator[Outcome]:
    settings = (laboratory.seed, laboratory.thorough)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(_verify_label, claim.label, *settings) for claim in claims]
        try:
            for future in as_completed(pending):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _verify_label(label: str, seed: int, thorough: bool) -> Outcome:
    return verify(CLAIMS[label], Laboratory(seed=seed, thorough=thorough))


def as_records(outcomes: list[Outcome]) -> list[dict[str, object]]:
    """Return the rows of the claims table with the keys of the JSON output."""
    return [
        {
            "label": outcome.label,
            "statement": outcome.claim.statement,
            "hypotheses": list(outcome.claim.hypotheses),
            "source": outcome.claim.source,
            "kind": outcome.claim.kind.value,
            "expected": outcome.claim.expected.value,
            "verdict": outcome.evidence.verdict.value,
            "discrepancy": outcome.evidence.discrepancy,
            "allowed": outcome.evidence.allowed,
            "derivation": outcome.evidence.derivation,
            "seconds": outcome.seconds,
            "error": outcome.error,
            "broken": [
                {
                    "name": name,
                    "verdict": item.verdict.value,
                    "discrepancy": item.discrepancy,
                    "allowed": item.allowed,
                }
                for name, item in outcome.broken
            ],
        }
        for outcome in outcomes
    ]
