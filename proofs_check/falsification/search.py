"""The worst instance of a claim: by hypothesis, then by small steps, and made as simple as it can.

hypothesis draws instances of the claim's strategies and steers towards a large discrepancy, in
units of what is allowed. From the worst of them an evolution strategy goes on with small relative
changes of all real numbers, whose size adapts. At last samples, inputs and digits are taken away as
long as the instance stays nearly as bad; a refuting one has to stay refuting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.proofs_check.claim import Check, Claim, Evidence, Verdict
from grokflow.proofs_check.falsification.judge import Judge, is_confirmed
from grokflow.proofs_check.falsification.moves import moved, simpler
from grokflow.theory.summary import Summarised

# Shares of the budget for hypothesis, and for what is done by the end of the small steps.
_DRAWN, _MOVED = 0.5, 0.75
_FIRST_STEP, _LEAST_STEP = 0.3, 1e-4
# What a simpler instance that refutes nothing may lose of the discrepancy.
_LOST = 0.1


@dataclass(frozen=True, repr=False)
class Falsification(Summarised):
    """The worst instance that a search has found.

    Parameters
    ----------
    label : str
        Label of the claim.
    variant : str
        Name of the broken variant that was searched, empty for the claim itself.
    instances : tuple
        The worst instance: one object for each `ForEvery` of the claim.
    evidence : Evidence
        What the check finds on it.
    confirmed : bool
        Whether it refutes the statement, also when the check is thorough.
    judged : int
        How many instances were judged.
    verdicts : mapping
        How often each verdict was reached.
    refused : mapping
        How often a check came to no number, by what it said.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.falsify(gf.CLAIMS["cor-3.7-global"], budget=10)
    >>> found.confirmed, found.judged
    (False, 10)
    """

    label: str
    variant: str
    instances: tuple[object, ...]
    evidence: Evidence
    confirmed: bool
    judged: int
    verdicts: Mapping[str, int]
    refused: Mapping[str, int]

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        named = {"label": self.label, **({"variant": self.variant} if self.variant else {})}
        ratio = self.evidence.ratio
        return {**named, "worst": ratio, "confirmed": self.confirmed, "judged": self.judged}


def falsify(
    claim: Claim,
    budget: int = 100,
    seed: int = 0,
    variant: str = "",
    progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> Falsification:
    """Search for the worst instance within the hypotheses of a claim.

    Parameters
    ----------
    claim : Claim
        One with `for_every`.
    budget : int
        How many instances are judged.
    seed : int
        Seed of the search.
    variant : str
        Name of a broken variant to search in place of the claim.
    progress : callable
        Called with what was found last and the fraction that is done.

    Returns
    -------
    Falsification
        The worst instance found, made as simple as it can be. After Ctrl-C, that found so far.

    Raises
    ------
    ValueError
        When the claim ranges over nothing that can be searched, has no such variant, or when no
        instance has led to a number.

    Examples
    --------
    >>> import grokflow as gf
    >>> claim = gf.CLAIMS["cor-3.7-global"]
    >>> gf.falsify(claim, budget=20, variant="the max-L2-margin instead").confirmed
    True
    """
    if not claim.for_every:
        raise ValueError(
            f"claim {claim.label} ranges over nothing that is searched ({claim.unranged}), "
            "expected one with for_every, such as cor-3.6: list(gf.CLAIMS) names all claims"
        )
    check = check_of(claim, variant)
    judge = Judge(check, claim.for_every, budget, seed, progress)
    try:
        _draw(judge, max(1, round(_DRAWN * budget)), str(seed))
        if judge.worst is None:
            # Steps need an instance to start from: what is left goes to others.
            _draw(judge, budget, f"{seed}, others")
        _move(judge, round(_MOVED * budget), np.random.default_rng(seed))
        _simplify(judge)
    except KeyboardInterrupt:
        pass  # what was found so far is told
    if judge.worst is None:
        said = next(iter(judge.refused), "the search was interrupted")
        raise ValueError(
            f"none of {judge.count} instances led to a number ({said}), expected some: "
            "give a larger budget"
        )
    return Falsification(
        claim.label,
        variant,
        judge.worst.instances,
        judge.worst.evidence,
        is_confirmed(check, claim.for_every, judge.worst, seed=seed),
        judge.count,
        dict(judge.verdicts),
        dict(judge.refused),
    )


def check_of(claim: Claim, variant: str) -> Check:
    """Return the check of a broken variant, or of the claim itself for an empty name.

    Raises
    ------
    ValueError
        When there is no such variant.
    """
    checks = {"": claim.check} | {item.name: item.check for item in claim.broken}
    if variant not in checks:
        names = "; ".join(repr(name) for name in checks if name)
        raise ValueError(
            f"variant is {variant!r}, expected one of {names} for claim {claim.label}: pick one"
        )
    return checks[variant]


def _draw(judge: Judge, until: int, seed: str) -> None:
    """Let hypothesis draw instances and steer towards the worst."""
    import hypothesis
    from hypothesis import strategies as st

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=until - judge.count,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.target),
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.tuples(*(every.strategy() for every in judge.for_every)))
    def look(instances: tuple[object, ...]) -> None:
        found = judge(instances) if judge.count < until else None
        if found is not None:
            hypothesis.target(found.score)

    look()


def _move(judge: Judge, until: int, rng: np.random.Generator) -> None:
    """Go on from the worst instance in steps that grow with success and shrink without."""
    step = _FIRST_STEP
    while judge.worst is not None and judge.count < until:
        before = judge.worst
        judge(moved(before.instances, step, rng))
        step *= 1.5 if judge.worst is not before else 0.8
        step = step if step > _LEAST_STEP else _FIRST_STEP


def _simplify(judge: Judge) -> None:
    """Replace the worst instance by simpler ones that are nearly as bad, until there are none."""
    if judge.worst is None:
        return
    score = judge.worst.score
    refutes = judge.worst.evidence.verdict is Verdict.REFUTED
    least = 1.0 if refutes else score - _LOST * abs(score)
    while _simplified(judge, least):
        pass


def _simplified(judge: Judge, least: float) -> bool:
    """Replace the worst instance by the first simpler one with a score above the least one."""
    assert judge.worst is not None
    for instances in simpler(judge.worst.instances):
        if judge.count >= judge.budget:
            return False
        found = judge(instances)
        if found is not None and found.score > least:
            judge.worst = found
            return True
    return False
