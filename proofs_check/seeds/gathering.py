"""Evidence for claims over many seeds: what a store does not hold yet is checked by an executor.

The same seeds give the same table whoever checks, in which order, and however often it is
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.outcome import ClaimOutcome
from grokflow.proofs_check.own_claims import source_of
from grokflow.proofs_check.seeds.cells import ClaimCell, SeedRow, measure, outcome_of
from grokflow.proofs_check.seeds.combining import across_seeds
from grokflow.simulations.runs.executors import compute
from grokflow.simulations.runs.store import Store


def verdict_store(path: str | Path = ":memory:", *, resume: bool = False) -> Store:
    """Open the file that keeps claims checked at seeds, or by default a store in memory.

    Parameters
    ----------
    path : str or Path
        The file.
    resume : bool
        Whether the file may hold verdicts already, which are then not computed again.

    Returns
    -------
    Store
        It is closed at the end of a ``with`` block.

    Examples
    --------
    >>> import grokflow as gf
    >>> with gf.verdict_store("verdicts.db", resume=True) as store:
    ...     _ = gf.verify_seeds([gf.CLAIMS["path-early"]], range(2), store)
    ...     print(len(store), "verdicts")
    2 verdicts
    """
    return Store(path, resume=resume, row=SeedRow, table="verdicts")


def verify_seeds(
    claims: Sequence[Claim],
    seeds: Sequence[int],
    store: Store | None = None,
    *,
    executor: Executor | None = None,
    thorough: bool = False,
    cheap: float = float("inf"),
    progress: Callable[[str, float], None] = lambda name, fraction: None,
) -> list[ClaimOutcome]:
    """Check claims at several seeds, and put together what the seeds say.

    Parameters
    ----------
    claims : sequence of Claim
        What to check.
    seeds : sequence of int
        Seeds of the laboratories, at least one. They share nothing.
    store : Store, optional
        Keeps what is finished, so that it is not checked again; see `verdict_store`.
    executor : Executor, optional
        Who checks; by default this process.
    thorough : bool
        Whether limits are taken over more points.
    cheap : float
        Claims that take longer than this at the first seed, in seconds, are not checked at others.
        Experiments that they name count too, which may have been run before.
    progress : callable
        Called with the name of what goes on and its fraction done.

    Returns
    -------
    list of ClaimOutcome
        One for every claim, in order, with the seeds at which it was checked.

    Examples
    --------
    >>> import grokflow as gf
    >>> outcome = gf.verify_seeds([gf.CLAIMS["path-early"]], range(2))[0]
    >>> outcome.seeds, outcome.as_expected
    ((0, 1), True)
    """
    if not seeds:
        raise ValueError("seeds is empty, expected at least one seed: try range(3)")
    store = verdict_store() if store is None else store
    store.reserve()
    first = cells_of(claims, seeds[:1], thorough=thorough)
    _compute(first, claims, store, executor, progress)
    known = store.outcomes(cell.key() for cell in first)
    again = [
        claim
        for claim, cell in zip(claims, first, strict=True)
        if known[cell.key()].seconds + _beforehand(claim) <= cheap
    ]
    _compute(cells_of(again, seeds[1:], thorough=thorough), claims, store, executor, progress)
    return kept_outcomes(claims, seeds, store, thorough=thorough)


def kept_outcomes(
    claims: Sequence[Claim], seeds: Sequence[int], store: Store, *, thorough: bool = False
) -> list[ClaimOutcome]:
    """Return what a store holds of claims at these seeds; claims without a seed are left out."""
    found = []
    for claim in claims:
        cells = cells_of([claim], seeds, thorough=thorough)
        known = store.outcomes(cell.key() for cell in cells)
        outcomes = [
            outcome_of(claim, cell.seed, known[cell.key()]) for cell in cells if cell.key() in known
        ]
        if outcomes:
            found.append(across_seeds(outcomes))
    return found


def cells_of(
    claims: Sequence[Claim], seeds: Sequence[int], *, thorough: bool = False
) -> list[ClaimCell]:
    """Return the cells of claims, seed by seed."""
    sources = [source_of(claim) for claim in claims]
    return [
        ClaimCell(label=claim.label, source=source, seed=seed, thorough=thorough)
        for seed in seeds
        for claim, source in zip(claims, sources, strict=True)
    ]


def _beforehand(claim: Claim) -> float:
    """Return the seconds of what may have been run before a claim was checked."""
    return sum((item.seconds for item in claim.experiments), 0.0)


def missing_cells(cells: Sequence[ClaimCell], store: Store) -> list[ClaimCell]:
    """Return the cells that a store does not hold."""
    known = store.outcomes(cell.key() for cell in cells)
    return [cell for cell in cells if cell.key() not in known]


def _compute(
    cells: Sequence[ClaimCell],
    claims: Sequence[Claim],
    store: Store,
    executor: Executor | None,
    progress: Callable[[str, float], None],
) -> None:
    """Check the cells that the store does not hold."""
    missing = missing_cells(cells, store)
    done = len(cells) - len(missing)
    check = partial(measure, claims={claim.label: claim for claim in claims})
    for task, rows in compute(_tasks(missing, claims), check, executor):
        store.add(task, rows)
        done += len(task)
        progress(f"claims, seed {task[0].seed}", done / len(cells))


def _tasks(cells: Sequence[ClaimCell], claims: Sequence[Claim]) -> list[list[ClaimCell]]:
    """Return the cells of each seed in groups that share experiments."""
    group_of = _group_of(claims)
    groups: dict[tuple[int, int], list[ClaimCell]] = {}
    for cell in cells:
        groups.setdefault((cell.seed, group_of[cell.label]), []).append(cell)
    return list(groups.values())


def _group_of(claims: Sequence[Claim]) -> dict[str, int]:
    """Return a number for every claim, the same for claims that share an experiment or a module."""
    group = dict[str, int]()
    first_with = dict[object, int]()
    for number, claim in enumerate(claims):
        shared = [*claim.experiments, _module(claim)]
        joined = {first_with[item] for item in shared if item in first_with}
        mine = min(joined, default=number)
        group = {label: mine if old in joined else old for label, old in group.items()}
        first_with = {item: mine if old in joined else old for item, old in first_with.items()}
        first_with |= dict.fromkeys(shared, mine)
        group[claim.label] = mine
    return group


def _module(claim: Claim) -> str:
    """Return the module of a claim's check, which often remembers what its claims share."""
    check = claim.check
    return str(getattr(getattr(check, "func", check), "__module__", ""))
