"""What a claim is, and what checking one returns.

A claim compares two things obtained independently and says how large a difference is allowed and
why. Checking gives evidence, evidence gives a verdict; no verdict is a proof. Every claim carries
broken variants, in which a hypothesis is violated or the formula mutated, that must come out
refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from grokflow.proofs_check.evidence.replicates import Replicates
from grokflow.proofs_check.laboratory import Experiment, Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.summary import Summarised

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


class Verdict(Enum):
    """What the evidence says of a statement; no verdict is a proof.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.Evidence(discrepancy=0.1, allowed=1e-6, derivation="rounding").verdict
    <Verdict.REFUTED: 'refuted'>
    """

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class StatementKind(Enum):
    """The form of a statement, which decides how its error is derived.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.CLAIMS["thm-3.4"].kind
    <StatementKind.LIMIT: 'limit'>
    """

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
        The smallest discrepancy that a false statement would show. A check that allows more is too
        blunt to decide.
    parts : tuple of Replicates
        The samples that were judged, where there are some: those of several seeds are put together.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.Evidence(discrepancy=1e-9, allowed=1e-6, derivation="rounding")
    Evidence(verdict=supported, discrepancy=1e-09, allowed=1e-06)
    >>> gf.Evidence(discrepancy=1e-9, allowed=1e-6, derivation="rounding", resolution=1e-8)
    Evidence(verdict=inconclusive, discrepancy=1e-09, allowed=1e-06)
    """

    discrepancy: float
    allowed: float
    derivation: str
    resolution: float = np.inf
    parts: tuple[Replicates, ...] = ()

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

    @property
    def severity(self) -> int:
        """How much the verdict speaks against the statement: 0 supported, 1 nothing, 2 refuted."""
        return (Verdict.SUPPORTED, Verdict.INCONCLUSIVE, Verdict.REFUTED).index(self.verdict)

    @property
    def ratio(self) -> float:
        """Discrepancy in units of what is allowed; infinite where a number is missing."""
        value = self.discrepancy / self.allowed if self.allowed else self.discrepancy
        return value if np.isfinite(value) else np.inf


def weakest(parts: Sequence[Evidence]) -> Evidence:
    """Return the evidence of a statement of several parts: of that which is worst supported.

    One refuted part refutes the whole, else one that decides nothing leaves it undecided; among
    equals the largest ratio of discrepancy to allowance counts.
    """
    worst = max(parts, key=lambda part: (part.severity, part.ratio))
    # Samples of one part are not those of the whole: they must not be pooled over seeds.
    return replace(worst, parts=()) if len(parts) > 1 and worst.parts else worst


Check = Callable[[Laboratory], Evidence]


@dataclass(frozen=True)
class Broken:
    """A variant of a claim that is false; its check must refute it.

    Parameters
    ----------
    name : str
        What is wrong with it.
    check : callable
        The experiment: takes a `Laboratory` and returns `Evidence`.

    Examples
    --------
    >>> import grokflow as gf
    >>> def check(laboratory):
    ...     return gf.Evidence(discrepancy=abs(3.0 - 2.0), allowed=1e-12, derivation="rounding")
    >>> gf.Broken("3 instead of 2", check).check(gf.Laboratory()).verdict.value
    'refuted'
    """

    name: str
    check: Check


@dataclass(frozen=True)
class ForEvery:
    """What a claim ranges over: the function that draws an instance of it, and all the others.

    Falsification puts other instances in place of the one that is drawn, so that the check of the
    claim itself, and those of its broken variants, judge them.

    Parameters
    ----------
    draw : callable
        Takes a `Laboratory`, and returns the instance that the check looks at; with the decorator
        `remembered`.
    strategy : callable
        Returns the hypothesis strategy of the instances within the hypotheses of the claim, such as
        those of `grokflow.strategies`.
    arguments : tuple
        What `draw` takes beside the laboratory.

    Examples
    --------
    >>> import grokflow as gf
    >>> drawn = gf.remembered(lambda laboratory: 2.0)
    >>> every, laboratory = gf.ForEvery(drawn, gf.strategies.scales), gf.Laboratory()
    >>> every.put(laboratory, 1e8)
    >>> drawn(laboratory), drawn(gf.Laboratory())
    (100000000.0, 2.0)
    """

    draw: Callable[..., object]
    strategy: Callable[[], SearchStrategy[Any]]
    arguments: tuple[Any, ...] = ()

    def put(self, laboratory: Laboratory, instance: object) -> None:
        """Put an instance in place of the one that the laboratory would draw."""
        laboratory.put(self.draw, self.arguments, instance)


# Why a claim names no formula, where it does not say.
NOT_YET_MUTATED = "not yet mutated"
_FALSE = "the statement itself is false, as expected: wrong formulas would say nothing"
# Why a claim ranges over nothing that is searched, where it does not say.
NOT_YET_RANGED = "not yet ranged over"
_SHOWN_FALSE = "the statement itself is false, as expected, and its check has the instance"


@dataclass(frozen=True, repr=False)
class Claim(Summarised):
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
        The form of the statement: an equality, an inequality, a limit, or a probability.
    expected : Verdict
        The verdict that we expect; a statement with a misprint is expected to be refuted.
    check : callable
        The experiment: takes a `Laboratory` and returns `Evidence`.
    broken : tuple of Broken
        False variants, which must be refuted.
    experiments : tuple of Experiment
        What takes long, or is shared with other claims. It is run first when there are several
        processes; a check finds what is not named here by itself.
    formulas : tuple of callable
        The functions that hold the formulas of the statement, and predictors that it names:
        ``grokflow verify --mutants`` changes one thing in them at a time.
    equivalent : mapping of str to str
        Mutants that are as true as the statement, with the reason; by the name of the mutant, or
        of a formula for all of its own that are not refuted.
    no_formulas : str
        Why it names no formula, where it names none: in one line.
    error_rate : str
        How often the check refutes the statement although it is true, and by what that is known.
    scope : Scope
        Which statements of the papers it tests, and for which nets.
    for_every : tuple of ForEvery
        What it ranges over, where ``grokflow falsify`` can search for the worst instance.
    no_range : str
        Why nothing can be searched, where it names nothing that it ranges over: in one line.

    Examples
    --------
    >>> import grokflow as gf
    >>> claim = gf.CLAIMS["cor-3.6"]
    >>> print(claim.statement)
    w(T_c^-) / ‖w(T_c^-)‖ tends to the max-L2-margin direction
    >>> claim.source, claim.expected.value
    ('Lyu et al. 2024, Corollary 3.6', 'supported')
    >>> [variant.name for variant in claim.broken][1:]
    ['equal margins at all samples', 'c = -1/10: just after log α / λ']
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
    formulas: tuple[Callable[..., object], ...] = ()
    equivalent: Mapping[str, str] = field(default_factory=dict)
    no_formulas: str = NOT_YET_MUTATED
    error_rate: str = ""
    scope: Scope = field(default_factory=Scope)
    for_every: tuple[ForEvery, ...] = ()
    no_range: str = NOT_YET_RANGED

    def _summary(self) -> Mapping[str, object]:
        """Return what is claimed, and with what verdict it should end."""
        return {name: getattr(self, name) for name in ("label", "statement", "expected")}

    @property
    def unmutated(self) -> str:
        """Why ``grokflow verify --mutants`` has nothing to change in it; empty where it has."""
        if self.formulas:
            return ""
        return _FALSE if self.expected is Verdict.REFUTED else self.no_formulas

    @property
    def unranged(self) -> str:
        """Why ``grokflow falsify`` has no other instances of it; empty where it has."""
        if self.for_every:
            return ""
        if self.expected is Verdict.REFUTED and self.no_range == NOT_YET_RANGED:
            return _SHOWN_FALSE
        return self.no_range
