"""Matrix completion data: the paper's experiment, and files of observed entries."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem, TestEntries

_ENTRY = ("i", "j", "value")


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
        When a size is below 1, or the fraction leaves no entry observed or none to predict.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> problem
    CompletionProblem(name=completion, d=5, n=15, test entries=5)
    >>> gf.MinFrobeniusNorm().predict(problem).rank, gf.MinNuclearNorm().predict(problem).rank
    (4, 1)
    """
    if d < 1:
        raise ValueError(f"d is {d}, expected at least 1: choose a larger d")
    # A fraction such as 0.29 is a little below its decimal value: 0.29 * 100 entries are 29.
    count = int(np.floor(fraction * d**2 + 1e-9)) if 0 < fraction <= 1 else 0
    if count < 1:
        raise ValueError(
            f"fraction is {fraction}, expected above 0, at most 1 and 1 of {d * d} entries at "
            "least: try 0.05"
        )
    rng = np.random.default_rng(seed)
    rows, columns = np.divmod(rng.choice(d * d, count, replace=False), d)
    truth = np.outer(np.arange(d), np.arange(d)) / d**2
    settings = {"n": count, "d": d, "fraction": fraction, "seed": seed}
    test = unobserved(truth, rows, columns)
    return make_entries_problem(
        "completion", d, rows, columns, truth[rows, columns], test, settings
    )


def unobserved(truth: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> TestEntries:
    """Return the entries of `truth` that are not observed and whose mirror is not either."""
    seen = np.zeros(truth.shape, dtype=bool)
    seen[rows, columns] = True
    left = np.nonzero(~(seen | seen.T))
    return TestEntries(left[0], left[1], truth[left])


def load_entries(
    path: str | Path, *, d: int | None = None, seed: int = 0, holdout: float = 0.25
) -> CompletionProblem:
    """Read observed entries of a symmetric matrix from a file.

    A CSV file has the columns ``i``, ``j`` (from 0) and ``value``, and optionally ``split`` with
    the words train and test. An ``.npz`` file holds the arrays ``i``, ``j``, ``value``, optionally
    ``d``, and either ``i_test``, ``j_test``, ``value_test`` or the whole matrix ``truth``.

    Parameters
    ----------
    path : str or Path
        The file.
    d : int, optional
        Number of rows of the matrix; by default the file's ``d``, or one more than the largest
        index.
    seed : int
        Seed of the split into observed and test entries, for files with nothing to test on.
    holdout : float
        Fraction of the distinct entries that such a split keeps for testing; 0 for none.

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
    """
    path = Path(path)
    if not 0 <= holdout < 1:
        raise ValueError(f"holdout is {holdout}, expected 0 <= holdout < 1: try 0.25")
    arrays = _read(path)
    train = TestEntries(*(arrays[name] for name in _ENTRY))
    size = _size(arrays, d)
    notes: tuple[str, ...] = ()
    test = _test_entries(arrays, size, train)
    if test is None and holdout > 0:
        train, test = _hold_out(train, seed, holdout)
        notes = (
            f"no test entries in the file: {len(test.values)} held out, {len(train.values)} left "
            f"(seed {seed})",
        )
    settings = {"file": str(path), "n": len(train.values), "d": size, "seed": seed}
    return make_entries_problem(path.stem, size, *train, test, settings, notes)


def holds_entries(path: Path) -> bool:
    """Whether a file that exists is one of observed entries, from its header or names alone."""
    import zipfile

    try:
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return set(_ENTRY) <= set(file.files)
        with path.open(encoding="utf-8") as text:
            header = {name.strip().strip('"') for name in text.readline().split(",")}
        return header - {"split"} == set(_ENTRY)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the file by name."""
    import zipfile

    if path.suffix not in (".npz", ".csv"):
        raise ValueError(f"{path} has suffix {path.suffix!r}, expected .npz or .csv: convert it")
    try:
        arrays = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"cannot read {path} ({reason}), expected a readable {path.suffix} file: check it"
        ) from error
    if missing := [name for name in _ENTRY if name not in arrays]:
        raise ValueError(
            f"{path} has no {' and no '.join(missing)}, expected i, j and value: add them"
        )
    return arrays


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    import pandas

    table = pandas.read_csv(path, skipinitialspace=True)
    arrays = {str(name): table[name].to_numpy() for name in table.columns if name in _ENTRY}
    if "split" not in table.columns:
        return arrays
    words = set(table["split"].unique().tolist())
    if extra := sorted(str(word) for word in words - {"train", "test"}):
        raise ValueError(f"split holds {extra[0]!r}, expected train or test")
    test = (table["split"] == "test").to_numpy()
    tested = {f"{name}_test": values[test] for name, values in arrays.items()}
    return {name: values[~test] for name, values in arrays.items()} | tested


def _size(arrays: dict[str, np.ndarray], d: int | None) -> int:
    """Return the number of rows of the matrix."""
    if d is not None:
        return d
    if "truth" in arrays:
        return len(arrays["truth"])
    if "d" in arrays:
        return int(arrays["d"])
    names = [name for name in ("i", "j", "i_test", "j_test") if name in arrays]
    return 1 + max((int(np.max(arrays[name], initial=0)) for name in names), default=0)


def _test_entries(arrays: dict[str, np.ndarray], d: int, train: TestEntries) -> TestEntries | None:
    """Return the file's test entries; None where it has none."""
    names = [f"{name}_test" for name in _ENTRY]
    if all(name in arrays for name in names):
        return TestEntries(*(arrays[name] for name in names))
    if "truth" not in arrays:
        return None
    truth = arrays["truth"]
    if truth.shape != (d, d) or not np.array_equal(truth, truth.T):
        raise ValueError(
            f"truth has shape {truth.shape}, expected a symmetric ({d}, {d}) matrix: symmetrise it"
        )
    return unobserved(truth, train.rows, train.columns)


class _Split(NamedTuple):
    train: TestEntries
    test: TestEntries


def _hold_out(entries: TestEntries, seed: int, holdout: float) -> _Split:
    """Split by distinct entries, so that no test entry has its mirror among the others."""
    low, high = np.minimum(*entries[:2]), np.maximum(*entries[:2])
    pairs = np.unique(np.column_stack([low, high]), axis=0, return_inverse=True)[1].ravel()
    distinct = int(pairs.max(initial=-1)) + 1
    count = round(holdout * distinct)
    if not 1 <= count < distinct:
        raise ValueError(
            f"holding out {holdout} of {distinct} distinct entries leaves {distinct - count} to "
            f"train and {count} to test, expected one of each at least: add entries, or holdout=0"
        )
    held = np.isin(pairs, np.random.default_rng(seed).permutation(distinct)[:count])
    return _Split(
        TestEntries(*(part[~held] for part in entries)),
        TestEntries(*(part[held] for part in entries)),
    )
