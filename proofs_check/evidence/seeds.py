"""Statements on means over seeds, judged by Student's interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from grokflow.proofs_check.claim import Evidence, Verdict

DERIVATION = (
    "how far the mean over seeds falls short of the stated level, against the half width of "
    "Student's 95 % interval, shared out among the parts of the statement; inconclusive while an "
    "interval holds its level"
)


class AtLeast(NamedTuple):
    """A quantity, measured with several seeds, whose mean is claimed to reach a level."""

    values: Sequence[float]
    level: float


def all_at_least(*parts: AtLeast) -> Evidence:
    """Judge that every part holds: refuted by one that fails, otherwise by the weakest."""
    found = [_judge(part, 0.05 / len(parts)) for part in parts]
    for verdict in (Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.SUPPORTED):
        of_it = [item for item in found if item.verdict is verdict]
        if of_it:
            return max(of_it, key=_shortfall)
    raise ValueError("no parts found, expected at least one: state something")


def _judge(part: AtLeast, error: float) -> Evidence:
    values = np.asarray(part.values, dtype=np.float64)
    count = len(values)
    spread = float(values.std(ddof=1)) if count > 1 else float("nan")
    half = float(student.ppf(1 - error / 2, count - 1)) * spread / count**0.5
    short = part.level - float(values.mean())
    # The level lies inside the interval: too blunt to tell.
    blunt = not short <= -half
    return Evidence(short, half, DERIVATION, resolution=half if blunt else np.inf)


def _shortfall(evidence: Evidence) -> float:
    value = evidence.discrepancy + evidence.allowed
    return value if np.isfinite(value) else np.inf
