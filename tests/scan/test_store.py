"""The store of a scan: killed at any moment it loses nothing; it refuses what is not its own."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grokflow.simulations.runs.executors import dask, local_workers
from grokflow.simulations.scan.outcome import CellOutcome
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.store import scan_store

ROOT = Path(__file__).resolve().parents[2]
SCAN = Scan.over("sparse", alpha="1e2:1e6:5", lam="1e-2,1e-3", n=4, d=12, n_test=64, direct=True)
CELLS = SCAN.cells()


def fill(path, count=2, resume=False):
    """Write rows without computing them."""
    with scan_store(path, resume=resume) as store:
        store.add(CELLS[:count], [CellOutcome(lambda_t=float(i)) for i in range(count)])
    return Path(path)


@pytest.mark.slow
def test_killed_fifty_times_it_loses_nothing_repeats_nothing_and_ends_bit_for_bit(tmp_path):
    command = [sys.executable, "-m", "tests.scan.killed_worker", str(tmp_path), "50"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    report = json.loads(done.stdout)
    assert report["kills"] >= 50 and report["scans"] >= 1
    assert report["partial"] >= 10  # kills that found a scan half done
    assert report["lost"] == report["damaged"] == report["wrong"] == report["different"] == 0


def test_rows_come_back_as_they_were_written(tmp_path):
    outcome = CellOutcome(
        lambda_t=1 / 3, kind="grokking", simulated=True, evaluations=7, error="λ: no"
    )
    with scan_store(tmp_path / "scan.db") as store:
        store.add(CELLS[:1], [outcome])
        found = store.outcomes(cell.key() for cell in CELLS)
    assert repr(found) == repr({CELLS[0].key(): outcome})
    with scan_store(tmp_path / "scan.db", resume=True) as store:
        assert repr(store.outcomes([CELLS[0].key()])) == repr(found)
    raw = sqlite3.connect(tmp_path / "scan.db")
    settings, code = raw.execute("SELECT settings, code FROM cells").fetchone()
    raw.close()
    assert json.loads(settings) == CELLS[0].settings() and "source" in code


def test_a_cell_is_never_written_twice(tmp_path):
    fill(tmp_path / "scan.db")
    with pytest.raises(ValueError, match=r"in .* already"):
        fill(tmp_path / "scan.db", 3, resume=True)
    with scan_store(tmp_path / "scan.db", resume=True) as store:
        assert len(store) == 2


def test_results_are_only_added_to_when_asked(tmp_path):
    path = fill(tmp_path / "scan.db")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds 2 cells, expected a new file: resume it"):
        scan_store(path)
    assert path.read_bytes() == before


def test_results_of_older_code_stay_and_are_not_taken_for_new_ones(tmp_path, monkeypatch):
    path = fill(tmp_path / "scan.db")
    monkeypatch.setattr("grokflow.simulations.runs.code.code_version", lambda: "newer")
    with scan_store(path, resume=True) as store:
        assert len(SCAN.table(store)) == 0
        store.add(CELLS[:2], [CellOutcome(), CellOutcome()])
        assert len(store) == 4


def foreign(path, kind):
    """Make a file that is not a store of this version."""
    if kind == "text":
        path.write_text("alpha,lam\n1,2\n")
    elif kind == "short":
        path.write_bytes(b"SQL")
    elif kind == "other program":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE cells (key TEXT)")
        connection.close()
    else:
        fill(path)
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {0 if kind == 'older' else 9}")
        connection.close()


@pytest.mark.parametrize("kind", ["text", "short", "other program", "older", "newer"])
def test_a_foreign_or_older_file_is_refused_and_left_as_it_was(tmp_path, kind):
    path = tmp_path / "scan.db"
    foreign(path, kind)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"scan\.db .*expected .*: .*choose another name"):
        scan_store(path, resume=True)
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["scan.db"]


def test_a_damaged_file_is_refused(tmp_path):
    path = fill(tmp_path / "scan.db", len(CELLS))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    before = path.read_bytes()
    with (
        pytest.raises(OSError, match="damaged: restore a copy"),
        scan_store(path, resume=True) as store,
    ):
        SCAN.table(store)
    assert path.read_bytes() == before


@pytest.mark.parametrize("column", ["lambda_t", "settings", "kind"])
def test_a_row_that_is_not_as_it_was_written_is_refused(tmp_path, column):
    path = fill(tmp_path / "scan.db")
    # As a flipped bit: SQLite itself notices none inside a value.
    raw = sqlite3.connect(path)
    now = raw.execute(f"SELECT {column} FROM cells WHERE key = ?", (CELLS[1].key(),)).fetchone()[0]
    changed = now + 2.0**-52 if column == "lambda_t" else f"{now} "
    raw.execute(f"UPDATE cells SET {column} = ? WHERE key = ?", (changed, CELLS[1].key()))
    raw.commit()
    raw.close()
    with scan_store(path, resume=True) as store:
        assert store.outcomes([CELLS[0].key()])[CELLS[0].key()].lambda_t == 0.0
        with pytest.raises(OSError, match=r"scan\.db is damaged: a row is not as it was written"):
            SCAN.table(store)


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent/scan.db", "is not a folder, expected one"), ("", "is a folder, expected a file")],
)
def test_places_without_a_file_are_refused(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        scan_store(tmp_path / name)


def test_a_folder_that_cannot_be_written_is_said_so():
    # No process may create a file here, whoever runs the test.
    with pytest.raises(OSError, match=r"cannot write /proc/scan\.db .*folder that can be written"):
        scan_store("/proc/scan.db")


def test_a_file_that_cannot_be_written_is_said_so_and_kept(tmp_path):
    path = fill(tmp_path / "scan.db")
    before = path.read_bytes()
    with scan_store(path, resume=True) as store:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(OSError, match=r"readonly.*make it writable"):
            store.add(CELLS[2:4], [CellOutcome(), CellOutcome()])
    assert path.read_bytes() == before


def test_a_full_disk_is_said_so_and_what_was_stored_stays(tmp_path):
    with scan_store(tmp_path / "scan.db") as store:
        store.add(CELLS[:2], [CellOutcome(), CellOutcome()])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OSError, match=r"full.*free some space and resume"):
            store.add(CELLS[2:], [CellOutcome(error="x" * 10_000)] * len(CELLS[2:]))
        assert len(store) == 2
    with scan_store(tmp_path / "scan.db", resume=True) as store:
        store.add(CELLS[2:], [CellOutcome()] * len(CELLS[2:]))
        assert len(store) == len(CELLS)


def test_another_process_can_read_while_one_writes(tmp_path):
    with scan_store(tmp_path / "scan.db") as store:
        store.add(CELLS[:2], [CellOutcome(), CellOutcome()])
        reader = sqlite3.connect(tmp_path / "scan.db")
        assert reader.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert reader.execute("SELECT count(*) FROM cells").fetchone()[0] == 2
        reader.close()


COMPUTE = """
import sys, time
from grokflow.simulations.scan.store import scan_store
with scan_store(sys.argv[1], resume=True) as store:
    store.reserve()
    print("reserved", flush=True)
    time.sleep(600)
"""


def test_one_process_at_a_time_computes_for_a_file(tmp_path):
    """The second is told before it computes, and the first frees the file however it ends."""
    path = tmp_path / "scan.db"
    command = [sys.executable, "-c", COMPUTE, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        assert first.stdout.readline() == "reserved\n"
        with scan_store(path, resume=True) as store:
            begun = []
            with pytest.raises(ValueError, match=r"another process computes for .*scan\.db"):
                SCAN.run(store, progress=begun.append)
            assert not begun and len(store) == 0
        first.kill()
    with scan_store(path, resume=True) as store:
        store.reserve()
        store.reserve()
    assert [file.name for file in tmp_path.iterdir()] == ["scan.db"]


def stored(path):
    """Count the rows from outside."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        count = connection.execute("SELECT count(*) FROM cells").fetchone()[0]
        connection.close()
    except sqlite3.Error:
        return 0
    return count


PARENT = """
import sys
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.runs.executors import local_workers
from grokflow.simulations.scan.store import scan_store
if __name__ == "__main__":
    scan = Scan.over("sparse", alpha="1e2:1e6:40", lam="1e-2:1e-6:9", n=16, d=60, direct=True)
    with scan_store(sys.argv[1]) as store, local_workers(2) as pool:
        scan.run(store, executor=pool)
"""


def test_workers_leave_when_their_parent_is_killed(tmp_path):
    script, path = tmp_path / "parent.py", tmp_path / "scan.db"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MARK": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, script, path], env=environment)
    wait_until(lambda: stored(path) > 0)
    assert len(marked(tmp_path)) >= 3
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert 0 < stored(path) < 360
    wait_until(lambda: not marked(tmp_path))


def marked(folder):
    """Return the processes with this folder in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={folder}".encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def wait_until(condition, seconds=60.0):
    """Wait for another process."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


@pytest.mark.slow
def test_dask_with_a_worker_killed_on_the_way_gives_the_same_table(tmp_path):
    distributed = pytest.importorskip("distributed")
    scan = Scan.over(
        "sparse", alpha="1e2:1e6:10", lam="1e-2,1e-3", seeds=2, n=4, d=12, n_test=64, direct=True
    )
    killed = []

    def kill_one(progress):
        if progress.done >= 4 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=True, **options) as cluster:
        with dask(cluster.scheduler_address) as executor, scan_store(tmp_path / "scan.db") as store:
            table = scan.run(store, executor=executor, progress=kill_one)
            assert len(store) == len(scan.cells()) == 40
    assert killed and not table.failed
    with local_workers(2) as pool:
        undisturbed = scan.run(executor=pool)
    columns = [{k: v.tolist() for k, v in item.columns.items()} for item in (table, undisturbed)]
    assert repr(columns[0]) == repr(columns[1])


def test_nobody_at_the_address_is_said_so():
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        with dask("tcp://127.0.0.1:1"):
            pass


def test_a_worker_that_dies_is_said_so_and_finished_cells_stay(tmp_path):
    with scan_store(tmp_path / "scan.db") as store:
        store.add(CELLS[:4], [CellOutcome()] * 4)
        with (
            pytest.raises(RuntimeError, match=r"a worker process died.*resume"),
            local_workers(2) as pool,
        ):
            pool.submit(os._exit, 1).result()
        assert len(store) == 4
