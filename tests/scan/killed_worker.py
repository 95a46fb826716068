"""Run a scan, kill it at random moments, run it again: ``python -m tests.scan.killed_worker``.

Children are forked from this process, which has imported everything, and write the store as a
user's process does. Prints as JSON what `tests.scan.test_store` asserts.
"""

import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np

from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.store import scan_store

SETTINGS = {"n": 4, "d": 12, "n_test": 64, "seeds": 4}
SCAN = Scan.over("sparse", alpha="1e2:1e6:6", lam="1e-2,1e-3", direct=True, **SETTINGS)


def rows(path):
    """Return all rows, sorted, and what SQLite says of the file."""
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    found = connection.execute("SELECT * FROM cells ORDER BY key").fetchall() if tables else []
    health = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return found, health


def run(path):
    """Compute what is missing in this process."""
    with scan_store(path, resume=True) as store:
        return SCAN.run(store)


def killed(path, seconds):
    """Run in a child that is killed after so many seconds; return whether it was cut short."""
    child = os.fork()
    if child == 0:
        run(path)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def main(folder, wanted):
    """Kill until `wanted` children were cut short and the last scan is whole."""
    rng = np.random.default_rng(5)
    started = time.perf_counter()
    undisturbed = run(folder / "undisturbed.db")
    longest = 6 * (time.perf_counter() - started) / len(SCAN.cells())
    expected, _ = rows(folder / "undisturbed.db")
    undisturbed.write(folder / "undisturbed.csv")
    report = {"kills": 0, "scans": 0, "cells": len(expected), "lost": 0, "damaged": 0, "wrong": 0}
    report |= {"different": 0, "partial": 0}
    while report["kills"] < wanted:
        path = folder / f"killed-{report['scans']}.db"
        before = 0
        while report["kills"] < wanted and before < len(expected):
            if not killed(path, rng.uniform(0, longest)):
                break
            report["kills"] += 1
            found, health = rows(path)
            report["lost"] += len(found) < before
            report["damaged"] += health != "ok"
            report["wrong"] += not set(found) <= set(expected)
            report["partial"] += 0 < len(found) < len(expected)
            before = len(found)
        table = run(path)
        table.write(folder / "killed.csv")
        same_bytes = (folder / "killed.csv").read_bytes() == (
            folder / "undisturbed.csv"
        ).read_bytes()
        report["different"] += not (same_bytes and rows(path)[0] == expected)
        report["scans"] += 1
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
