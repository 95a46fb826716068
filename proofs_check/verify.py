"""Checking claims and their broken variants, one after the other or in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from grokflow.proofs_check.claim import Check, Claim, Evidence
from grokflow.proofs_check.laboratory import Experiment, Laboratory
from grokflow.proofs_check.outcome import ClaimOutcome

# What a check may end with when it finds no answer.
_FAILURES = (ValueError, ArithmeticError, RuntimeError)


def verify(claim: Claim, laboratory: Laboratory) -> ClaimOutcome:
    """Check one claim and its broken variants.

    Parameters
    ----------
    claim : Claim
        One of `CLAIMS`, or one of your own.
    laboratory : Laboratory
        Runs the experiments; claims that share it share them.

    Returns
    -------
    ClaimOutcome
        The evidence. A check that ends in an error is inconclusive, and the outcome says why.

    Examples
    --------
    >>> import grokflow as gf
    >>> outcome = gf.verify(gf.CLAIMS["path-early"], gf.Laboratory(seed=0))
    >>> outcome.evidence.verdict, outcome.as_expected
    (<Verdict.SUPPORTED: 'supported'>, True)
    """
    started = perf_counter()
    error = ""
    results: list[Evidence] = []
    checks: list[Check] = [claim.check, *(variant.check for variant in claim.broken)]
    for check in checks:
        try:
            results.append(_evidence(check(laboratory)))
        except _FAILURES as failure:
            error = error or f"{type(failure).__name__}: {failure}"
            results.append(Evidence(float("nan"), float("nan"), "the check did not finish"))
    names = [variant.name for variant in claim.broken]
    pairs = tuple(zip(names, results[1:], strict=True))
    seconds, seed = perf_counter() - started, laboratory.seed
    outcome = ClaimOutcome(claim, results[0], pairs, seconds, error, seeds=(seed,), worst=seed)
    return outcome if outcome.as_expected else replace(outcome, unexpected=(seed,))


def _evidence(found: object) -> Evidence:
    """Refuse what a check of one's own returns in place of evidence."""
    if not isinstance(found, Evidence):
        raise ValueError(
            f"a check returned {found!r}, expected Evidence: return what was measured beside what "
            "is allowed"
        )
    return found


def verify_all(
    claims: Sequence[Claim],
    laboratory: Laboratory,
    pool: Executor | None = None,
    *,
    more: Sequence[Experiment] = (),
) -> Iterator[ClaimOutcome]:
    """Yield the outcome of every claim, as soon as it is known.

    Parameters
    ----------
    claims : sequence of Claim
        What to check.
    laboratory : Laboratory
        Where experiments are kept. With a pool it needs a folder, through which the processes
        share them.
    pool : Executor, optional
        The processes that check, this one when there is none. Experiments that claims name are run
        first, the longest before the others, and a claim is checked when its own are done.
    more : sequence of Experiment
        What is run in the pool beside the experiments of the claims: those of figures.
    """
    if pool is None:
        yield from (verify(claim, laboratory) for claim in claims)
    else:
        yield from _in_processes(claims, laboratory, pool, more)


def _in_processes(
    claims: Sequence[Claim], laboratory: Laboratory, pool: Executor, more: Sequence[Experiment]
) -> Iterator[ClaimOutcome]:
    if laboratory.folder is None:
        raise ValueError(
            "the laboratory has no folder, expected one through which processes share "
            "experiments: give folder="
        )
    settings = (laboratory.seed, laboratory.thorough, laboratory.folder)
    named = dict.fromkeys((*(item for claim in claims for item in claim.experiments), *more))
    experiments = sorted(named, key=lambda item: -item.seconds)
    running: dict[Future[ClaimOutcome | None], Experiment | Claim] = {
        pool.submit(_run_there, item, settings): item for item in experiments
    }
    waiting, done = list(claims), set[Experiment]()
    while running or waiting:
        ready = [claim for claim in waiting if done.issuperset(claim.experiments)]
        waiting = [claim for claim in waiting if not done.issuperset(claim.experiments)]
        running |= {pool.submit(_verify_there, claim, settings): claim for claim in ready}
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task, outcome = running.pop(future), future.result()
            if isinstance(task, Experiment):
                done.add(task)
                laboratory.progress("experiments", len(done) / len(experiments))
            elif outcome is not None:
                # With the claim of this process, not with the copy of it that came back.
                yield replace(outcome, claim=task)


_Settings = tuple[int, bool, Path]


def _laboratory_there(settings: _Settings) -> Laboratory:
    """Return a laboratory for one task: what others need is in the folder, not in memory."""
    seed, thorough, folder = settings
    return Laboratory(seed=seed, thorough=thorough, folder=folder)


def _run_there(experiment: Experiment, settings: _Settings) -> None:
    """Run an experiment beforehand; the claims that need it say what went wrong, if it fails."""
    with suppress(*_FAILURES):
        experiment(_laboratory_there(settings))


def _verify_there(claim: Claim, settings: _Settings) -> ClaimOutcome:
    return verify(claim, _laboratory_there(settings))
