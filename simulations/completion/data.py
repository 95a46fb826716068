"""Matrix completion data: the paper's experiment, and files of observed entries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.simulations.completion.columns import read_entries
from grokflow.simulations.completion.holdout import hold_out_by_row, hold_out_pairs
from grokflow.simulations.completion.shapes import indexed, unobserved
from grokflow.simulations.tables.entry_names import are_entries
from grokflow.simulations.tables.formats import names_of
from grokflow.simulations.tables.reading import Missing
from grokflow.simulations.tables.splits import remark_on_seed
from grokflow.theory.arguments import (
    check_count,
    check_number,
    check_range,
    check_seed,
    check_whole,
    member_of,
)
from grokflow.theory.completion.checks import check_size
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem, TestEntries

# Share of the entries that is held out where nothing else is asked for.
_HOLDOUT = 0.25
# A matrix of more rows fits in no memory; one of fewer may still be refused for the work.
_LARGEST = 1e6


def completion(*, d: int = 97, fraction: float = 0.05, seed: int = 0) -> CompletionProblem:
    """Draw some entries of the multiplication table ``X*_ij = i j / d²``, a matrix of rank one.

    ``floor(fraction d²)`` entries are drawn uniformly without replacement from all d²; the test
    entries are those that were not drawn and whose mirror image was not either. With the defaults
    this is Figure 3 of Lyu et al. (2024).

    Parameters
    ----------
    d : int
        Number of rows; indices are 0 to d - 1.
    fraction : float
        Observed fraction of the entries.
    seed : int
        Seed of the draw.

    Raises
    ------
    ValueError
        When d is below 2 or does not fit, or the fraction leaves no entry observed or none to
        predict.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> problem
    CompletionProblem(name=completion, d=5, n=15, test entries=5)
    >>> gf.MinFrobeniusNorm().predict(problem).rank, gf.MinNuclearNorm().predict(problem).rank
    (4, 1)
    """
    check_seed(seed)
    check_number("fraction", fraction)
    check_count("d", d, 0)
    if d < 2:
        raise ValueError(
            f"d is {d}, expected at least 2, for an entry to learn and one to predict: choose d=97"
        )
    check_range("d", d, (2.0, _LARGEST))
    check_size((d, d))
    # A fraction such as 0.29 is a little below its decimal value: 0.29 * 100 entries are 29.
    count = int(np.floor(fraction * d**2 + 1e-9)) if 0 < fraction < 1 else 0
    if not 1 <= count < d * d:
        raise ValueError(
            f"fraction is {fraction}, expected above 0, below 1 and 1 of {d * d} entries at "
            "least: try 0.5"
        )
    rng = np.random.default_rng(seed)
    rows, columns = np.divmod(rng.choice(d * d, count, replace=False), d)
    truth = np.outer(np.arange(d), np.arange(d)) / d**2
    settings = {"n": count, "d": d, "fraction": fraction, "seed": seed}
    seen = TestEntries(rows, columns, truth[rows, columns])
    test = unobserved(truth, seen, mirrored=True)
    if not len(test.values):
        raise ValueError(
            f"fraction is {fraction}, expected to leave one of {d * d} entries to predict whose "
            "mirror is not drawn either: try 0.5"
        )
    return make_entries_problem("completion", d, *seen, test, settings)


def load_entries(
    path: Any,
    *,
    d: int | None = None,
    seed: int = 0,
    holdout: float = _HOLDOUT,
    rectangular: int | None = None,
    decimal: str | None = None,
    missing: Missing | str = "refuse",
) -> CompletionProblem:
    """Read observed entries of a symmetric or a rectangular matrix, from a file or from memory.

    A table has the columns ``i``, ``j`` and ``value``, or ``user``, ``item`` (or ``movie``) and
    ``rating``, and optionally ``split`` with the words train and test. Ids are whole numbers or
    words. An ``.npz`` file holds arrays of these names, optionally ``d`` or ``shape``, and either
    ``i_test``, ``j_test``, ``value_test`` or the whole matrix ``truth``.

    Parameters
    ----------
    path : str, Path, data frame or mapping
        The file; or a data frame of pandas, polars or pyarrow with these columns, or a dict of
        arrays as an ``.npz`` file holds them. `make_matrix_problem` takes a whole matrix.
    d : int, optional
        Number of rows of a symmetric matrix; by default the file's ``d``, or one more than the
        largest index.
    seed : int
        Seed of the split into observed and test entries, for files with nothing to test on.
    holdout : float
        Fraction of the distinct entries that such a split keeps for testing, the same for every
        row of a rectangular matrix; 0 for none.
    rectangular : bool or int, optional
        Whether rows and columns are different things. By default they are where their columns are
        called user and item, where most entries differ from their mirrors, or where they share
        fewer than half of their ids; a note of the problem says which.
    decimal : str, optional
        The decimal mark of the values, ``.`` or ``,``, where the file leaves it open.
    missing : str
        What becomes of rows of a table that lack an id or a value: ``refuse``, or ``drop`` them.

    Raises
    ------
    ValueError
        When the file cannot be read or holds something else; the message names what was expected.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> np.savez("entries.npz", i=[0, 0, 1], j=[0, 1, 2], value=[1.0, 2.0, 6.0])
    >>> gf.load_entries("entries.npz", holdout=0.0)
    CompletionProblem(name=entries, d=3, n=3, test entries=0)
    >>> ratings = {"user": ["ann", "bob", "bob"], "item": [7, 7, 9], "rating": [4.0, 5.0, 1.0]}
    >>> gf.load_entries(ratings, holdout=0.0)
    CompletionProblem(name=entries, shape=2×2, n=3, test entries=0)
    """
    drop = _checked(seed, holdout, rectangular, decimal, missing)
    entries = read_entries(path, decimal, drop=drop)
    found = indexed(entries, d, None if rectangular is None else bool(rectangular))
    train, test, notes = found.train, found.test, entries.notes + found.notes
    if test is None and holdout > 0:
        hold_out = hold_out_pairs if isinstance(found.size, int) else hold_out_by_row
        train, test = hold_out(train, seed, holdout)
        notes = (
            f"no test entries in the file: {len(test.values)} held out, {len(train.values)} left "
            f"(seed {seed})",
            *notes,
        )
    elif test is not None:
        if holdout not in (0, _HOLDOUT):
            raise ValueError(
                f"holdout is {holdout:g} and the data have test entries of their own, expected one "
                "of them: leave holdout out, or take the test entries out of the data"
            )
        notes = (*notes, *remark_on_seed(seed))
    size = {"d": found.size} if isinstance(found.size, int) else {"shape": list(found.size)}
    name, file = "entries", {}
    if isinstance(path, str | Path):
        name, file = Path(path).stem, {"file": str(path)}
    settings = {**file, "n": len(train.values), **size, "seed": seed}
    problem = make_entries_problem(name, found.size, *train, test, settings, notes)
    return replace(problem, names=found.names)


def _checked(
    seed: int, holdout: float, rectangular: int | None, decimal: str | None, missing: Missing | str
) -> bool:
    """Refuse settings that are none of the choices; say whether rows with gaps are left out."""
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal is {decimal!r}, expected '.' or ',': pick one")
    check_number("holdout", holdout)
    check_whole("seed", seed)
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected at least 0: choose another seed")
    if not 0 <= holdout < 1:
        raise ValueError(f"holdout is {holdout}, expected 0 <= holdout < 1: try 0.25")
    if rectangular not in (None, 0, 1):
        raise ValueError(
            f"rectangular is {rectangular}, expected 1 or 0: 1 where rows and columns are "
            "different things"
        )
    missing = member_of(Missing, "missing", missing)
    if missing is Missing.MEAN:
        raise ValueError(
            "missing is mean, expected refuse or drop: entries that are not observed are what is "
            "predicted, and a mean in their place would be learned"
        )
    return missing is Missing.DROP


def holds_entries(path: Path) -> bool:
    """Whether a file that exists is one of observed entries, from its header or names alone."""
    return are_entries(names_of(path), alone=path.suffix != ".npz")
