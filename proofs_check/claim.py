"""What a claim is, and what checking one returns.

A claim compares two things obtained independently and says how large a difference is allowed and
why. Checking gives evidence, evidence gives a verdict; no verdict is a proof. Every claim carries
broken variants, in which a hypothesis is violated or the formula mutated, that must come out
refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from grokflow.proofs_check.laboratory import Experiment, Laboratory
from grokflow.theory.summary import Summarised


class Verdict(Enum):
    """What the evidence says of a statement."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class StatementKind(Enum):
    """The form of a statement, which decides how its error is derived."""

    EQUALITY = "equality"
    INEQUALITY = "inequality"
    LIMIT = "limit"
    PROBABILITY = "probability"


@dataclass(frozen=True, repr=False)
class Evidence(Summarised):
    """A measured discrepancy beside the one that is allowed.

    Parameters
    ----------
    discrepancy : float
        What was measured; the statement asks for zero, or for at most ``allowed``.
    allowed : float
        What numerical error, sampling error and extrapolation can account for.
    derivation : str
        How ``allowed`` was derived.
    resolution : float
        The smallest discrepancy that a false statement would show. A check with a larger
        allowance is too blunt to decide.
    """

    discrepancy: float
    allowed: float
    derivation: str
    resolution: float = np.inf

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "verdict": self.verdict,
            "discrepancy": self.discrepancy,
            "allowed": self.allowed,
        }

    @property
    def verdict(self) -> Verdict:
        """Compare, and decide nothing when a number is missing or the check is too blunt."""
        if not (np.isfinite(self.discrepancy) and np.isfinite(self.allowed)):
            return Verdict.INCONCLUSIVE
        if self.discrepancy > self.allowed:
            return Verdict.REFUTED
        return Verdict.SUPPORTED if self.allowed < self.resolution else Verdict.INCONCLUSIVE


def weakest(parts: Sequence[Evidence]) -> Evidence:
    """Return the evidence of a statement of several parts: of that which is worst supported.

    One refuted part refutes the whole, else one that decides nothing leaves it undecided; among
    equals the largest ratio of discrepancy to allowance counts.
    """

    def ratio(part: Evidence) -> float:
        value = part.discrepancy / part.allowed if part.allowed else part.discrepancy
        return value if np.isfinite(value) else np.inf

    refuted = [part for part in parts if part.verdict is Verdict.REFUTED]
    undecided = [part for part in parts if part.verdict is Verdict.INCONCLUSIVE]
    return max(refuted or undecided or parts, key=ratio)


Check = Callable[[Laboratory], Evidence]


@dataclass(frozen=True)
class Broken:
    """A variant of a claim that is false; its check must refute it."""

    name: str
    check: Check


@dataclass(frozen=True)
class Claim:
    """A statement of the theory with the experiment that tests it.

    Parameters
    ----------
    label : str
        Short name, used on the command line.
    statement : str
        What is claimed, in one sentence.
    hypotheses : tuple of str
        Under which conditions.
    source : str
        Paper and theorem number.
    kind : StatementKind
        Its form.
    expected : Verdict
        What we believe; a statement printed with a slip is expected to be refuted.
    check : callable
        The experiment.
    broken : tuple of Broken
        Variants that must be refuted.
    experiments : tuple of Experiment
        What takes long, or is shared with other claims: run beforehand when there are several
        processes. A check finds what is not named here by itself.
    """

    label: str
    statement: str
    hypotheses: tuple[str, ...]
    source: str
    kind: StatementKind
    expected: Verdict
    check: Check
    broken: tuple[Broken, ...]
    experiments: tuple[Experiment, ...] = ()
