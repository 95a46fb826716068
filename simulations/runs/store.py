"""Where the cells of a scan are kept: one SQLite file, written by the parent process alone.

Each cell has one row, filed under a hash of its full settings and the version of the code; errors
are rows too, with their message. A digest of the row goes with it, for SQLite notices no flipped
bit in a number. Rows are only ever added, a task's rows in one transaction of the
write-ahead log: a process that is killed leaves whole rows or none, and a power cut loses the last
moments at most. A file that this module did not write is refused before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from grokflow.simulations.runs.code import code_version
from grokflow.simulations.runs.files import check_path, hold_alone, release
from grokflow.theory.arguments import check_flag

# "grok": the mark of this application in the header of an SQLite file.
_APPLICATION = 0x67726F6B
_VERSION = 3
_MAGIC = b"SQLite format 3\0"
_TYPES = {float: "REAL", str: "TEXT NOT NULL", int: "INTEGER NOT NULL", bool: "INTEGER NOT NULL"}
_NAMES = "key, settings, code, digest"
_BATCH = 500


@runtime_checkable
class Filed(Protocol):
    """A cell, as a store files it."""

    def key(self) -> str:
        """Return its name: a hash of settings and code."""

    def settings(self) -> Mapping[str, object]:
        """Return what JSON holds of it."""


class Store:
    """Results of cells, in a file or, with ``:memory:``, for this process alone.

    Parameters
    ----------
    path : str or Path
        The file; created when there is none.
    resume : bool
        Whether a file that holds results may be added to.
    row : type
        The named tuple of an outcome, with a default for every field: float, str, int or bool.
    table : str
        Its table in the file; scans of other kinds have tables of their own.

    Raises
    ------
    ValueError
        When the file is not one of these, of another version, or holds results and `resume` is
        not set.
    OSError
        When it cannot be written.
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        resume: bool = False,
        row: type[Any],
        table: str,
    ) -> None:
        check_path("path", path)
        check_flag("resume", resume)
        self.path, self.row, self.table = str(path), row, table
        self._lock: int | None = None
        _refuse_foreign(self.path)
        with self._explained():
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            with self._explained():
                self._open()
                if not resume and len(self):
                    raise ValueError(
                        f"{self.path} holds {len(self)} cells, expected a new file: resume it "
                        "(--resume), or choose another name"
                    )
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Check whose file it is, and create the table in an empty one."""
        run = self._connection.execute
        application, version, tables = (
            run(query).fetchone()[0]
            for query in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_master",
            )
        )
        if tables and application != _APPLICATION:
            raise ValueError(
                f"{self.path} is an SQLite file of another program, expected a store of grokflow: "
                "choose another name"
            )
        if tables and version != _VERSION:
            raise ValueError(
                f"{self.path} has the layout {version} of another grokflow, expected {_VERSION}: "
                "read it with that version, or choose another name"
            )
        run("PRAGMA synchronous = NORMAL")
        mine = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        if run(mine, (self.table,)).fetchone()[0]:
            return
        # Files that are only looked at are not written to.
        with self._transaction():
            run(f"PRAGMA application_id = {_APPLICATION}")
            run(f"PRAGMA user_version = {_VERSION}")
            run(f"CREATE TABLE IF NOT EXISTS {self.table} ({_layout(self.row)})")
        run("PRAGMA journal_mode = WAL")

    def reserve(self) -> None:
        """Refuse to compute for a file that another process computes for, until this one is closed.

        The mark is a locked file beside it, which the end of the process frees however it comes.
        """
        if self.path == ":memory:" or self._lock is not None:
            return
        try:
            self._lock = hold_alone(self._lock_path)
        except BlockingIOError as error:
            raise ValueError(
                f"another process computes for {self.path}, expected one at a time: wait for it, "
                "and resume, or choose another name"
            ) from error

    @property
    def _lock_path(self) -> str:
        return f"{self.path}-lock"

    def add(self, cells: Sequence[Filed], outcomes: Sequence[Any]) -> None:
        """Write the rows of a task, all of them or none."""
        rows = []
        for cell, outcome in zip(cells, outcomes, strict=True):
            names = cell.key(), json.dumps(cell.settings(), sort_keys=True), code_version()
            kept = _outcome(self.row, outcome)
            rows.append((*names, _digest(*names, kept), *kept))
        marks = ", ".join("?" * len(rows[0]))
        with self._explained(), self._transaction():
            self._connection.executemany(f"INSERT INTO {self.table} VALUES ({marks})", rows)

    def outcomes(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return what is known of the cells with these keys."""
        wanted, found = list(keys), dict[str, Any]()
        columns = ", ".join(self.row._fields)
        for i in range(0, len(wanted), _BATCH):
            part = wanted[i : i + _BATCH]
            marks = ", ".join("?" * len(part))
            query = f"SELECT {_NAMES}, {columns} FROM {self.table} WHERE key IN ({marks})"
            with self._explained():
                rows = self._connection.execute(query, part).fetchall()
            found |= {row[0]: self._checked(*row) for row in rows}
        return found

    def _checked(self, key: str, settings: str, code: str, digest: str, *values: Any) -> Any:
        """Return the outcome in a row that is as it was written."""
        try:
            kept = _outcome(self.row, values)
            whole = digest == _digest(key, settings, code, kept)
        except (ValueError, TypeError, UnicodeError):
            whole = False
        if not whole:
            raise OSError(
                f"{self.path} is damaged: a row is not as it was written, expected its digest to "
                "agree: restore a copy, or choose another name"
            )
        return kept

    def forget(self, keys: Iterable[str]) -> None:
        """Remove rows, so that their cells are computed again."""
        with self._explained(), self._transaction():
            self._connection.executemany(
                f"DELETE FROM {self.table} WHERE key = ?", ((key,) for key in keys)
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._connection.execute(f"SELECT count(*) FROM {self.table}").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        if self._lock is not None:
            release(self._lock_path, self._lock)
            self._lock = None

    def __enter__(self) -> Store:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite says into what went wrong and what to do."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise ValueError(
                f"a cell is in {self.path} already, expected one scan at a time to write it: "
                "wait for the other one, and resume"
            ) from error
        except sqlite3.Error as error:
            raise OSError(_explain(self.path, str(error))) from error


def _layout(row: type[Any]) -> str:
    """Return the columns of the table: those of every cell, then the fields of an outcome."""
    defaults = row()._asdict()
    columns = [f"{name} {_TYPES[type(value)]}" for name, value in defaults.items()]
    return ", ".join(
        ["key TEXT PRIMARY KEY", "settings TEXT", "code TEXT", "digest TEXT", *columns]
    )


def _outcome(row: type[Any], values: Sequence[Any]) -> Any:
    """Return a row as it is written and read: SQLite keeps NaN as NULL and truth as 0 and 1."""
    defaults: tuple[Any, ...] = row()
    pairs = zip(values, defaults, strict=True)
    return row(
        *(
            default if value is None or value != value else type(default)(value)
            for value, default in pairs
        )
    )


def _digest(key: str, settings: str, code: str, outcome: Any) -> str:
    """Return a digest of a row, whose numbers Python writes so that no digit is lost."""
    return hashlib.sha256(repr((key, settings, code, tuple(outcome))).encode()).hexdigest()


def _refuse_foreign(path: str) -> None:
    """Refuse a file that is not SQLite's, without opening it as one."""
    if path == ":memory:":
        return
    file = Path(path)
    if not file.absolute().parent.is_dir():
        raise ValueError(f"{file.parent} is not a folder, expected one: create it first")
    if file.is_dir():
        raise ValueError(f"{path} is a folder, expected a file: choose another name")
    if file.exists():
        with file.open("rb") as raw:
            head = raw.read(len(_MAGIC))
        if head and head != _MAGIC:
            raise ValueError(
                f"{path} is not a store of grokflow (it begins with {head[:8]!r}), expected an "
                "SQLite file: choose another name"
            )


def _explain(path: str, words: str) -> str:
    remedies = {
        "full": "free some space and resume; every finished cell before this one is safe",
        "readonly": "make it writable, or choose another name",
        "unable to open": "choose a folder that can be written to",
        "locked": "another process writes it: wait, and resume",
        "malformed": "it is damaged: restore a copy, or choose another name",
    }
    remedy = next((text for word, text in remedies.items() if word in words), "choose another name")
    return f"cannot write {path} ({words}): {remedy}"
