"""Statements about means and rates, judged from independent samples at a chosen error rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grokflow.proofs_check.claim import Evidence
from grokflow.proofs_check.evidence.confidence_sequences import mean_interval, rate_interval
from grokflow.proofs_check.evidence.replicates import Replicates, Requirement

# Probability with which a true statement is ever refuted, however many seeds are added.
FALSE_REFUTATIONS = 1e-4

_MEANS = (
    f"a confidence sequence for the mean of normal samples: a true statement is refuted at any "
    f"number of seeds with probability {FALSE_REFUTATIONS:g} at most, all parts together; "
    "inconclusive while the interval holds a level that is to be passed"
)
_RATES = (
    "the claimed probability, against the lower end of a confidence sequence for the rate: a true "
    f"statement is refuted at any number of seeds with probability {FALSE_REFUTATIONS:g} at most; "
    "inconclusive while the interval holds the claimed probability"
)


def judge_samples(*parts: Replicates) -> Evidence:
    """Judge that every part holds, and keep the samples with the evidence.

    The parts share the error rate. The evidence is that of the worst part: one refuted part refutes
    the whole, else one that decides nothing leaves it undecided.

    Parameters
    ----------
    *parts : Replicates
        Samples and what is asked of them, at least one.

    Examples
    --------
    >>> from grokflow.proofs_check.evidence.judging import judge_samples
    >>> from grokflow.proofs_check.evidence.replicates import rate_at_most
    >>> judge_samples(rate_at_most([False] * 200, 0.1))
    Evidence(verdict=supported, discrepancy=0, allowed=0.1)
    """
    if not parts:
        raise ValueError("no parts found, expected at least one: state something")
    found = [_judged(part, FALSE_REFUTATIONS / len(parts)) for part in parts]
    return replace(max(found, key=lambda item: (item.severity, _excess(item))), parts=parts)


def pooled(evidence: Sequence[Evidence]) -> Evidence | None:
    """Judge the samples of several seeds together, or return None where there are none to pool."""
    first = evidence[0].parts
    asked = [(part.requirement, part.level, part.resolution) for part in first]
    for other in evidence:
        if asked != [(part.requirement, part.level, part.resolution) for part in other.parts]:
            return None
    if not first:
        return None
    columns = zip(*(item.parts for item in evidence), strict=True)
    return judge_samples(
        *(
            column[0]._replace(
                values=tuple(value for part in column for value in part.values),
                tolerance=max(part.tolerance for part in column),
            )
            for column in columns
        )
    )


def _judged(part: Replicates, error: float) -> Evidence:
    values = np.asarray(part.values, dtype=np.float64)
    if part.requirement is Requirement.RATE_AT_MOST:
        low, high = rate_interval(int(np.count_nonzero(values)), len(values), error)
        return Evidence(low, part.level, _RATES, np.inf if high <= part.level else part.level)
    low, high = mean_interval(values, error)
    mean, half = float(values.mean()), (high - low) / 2 + part.tolerance
    if part.requirement is Requirement.MEAN_EQUALS:
        return Evidence(abs(mean - part.level), half, _MEANS, part.resolution)
    short = part.level - mean
    # The level, less the tolerance, lies inside the interval: too few samples to tell.
    blunt = not short <= 2 * part.tolerance - half
    return Evidence(short, half, _MEANS, half if blunt else np.inf)


def _excess(evidence: Evidence) -> float:
    value = evidence.discrepancy + evidence.allowed
    return value if np.isfinite(value) else np.inf
