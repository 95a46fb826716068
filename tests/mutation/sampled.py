"""Try a random sample of the mutants that mutmut makes of theory/, and say which survive.

``python -m tests.mutation.sampled FOLDER COUNT [SEED]``, where FOLDER is the one into which mutmut
has written its mutants and which tests reach which function; see docs/mutations.md.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# Seconds of tests, as they take on the code as it is, that are run against one mutant.
_BUDGET = 240.0


def names(folder: Path) -> list[str]:
    """Return the names of all mutants, in their order in the files."""
    tables = sorted(folder.rglob("*.meta"))
    return [name for path in tables for name in json.loads(path.read_text())["exit_code_by_key"]]


def tests_of(name: str, stats: dict[str, Any]) -> list[str]:
    """Return the tests that reach a mutant's function, the quick ones first, within the budget."""
    durations = stats["duration_by_test"]
    reached = stats["tests_by_mangled_function_name"].get(re.sub(r"__mutmut_\d+$", "", name), [])
    quick = sorted(reached, key=lambda test: durations.get(test, 1.0))
    passed = np.cumsum([durations.get(test, 1.0) for test in quick])
    return quick[: max(int(np.searchsorted(passed, _BUDGET)), 1)]


def fate(folder: Path, name: str, tests: list[str]) -> str:
    """Return whether one of the tests fails for a mutant, or the module does not even import."""
    if not tests:
        return "reached by no test"
    (folder / "chosen.txt").write_text("\n".join(tests), encoding="utf-8")
    try:
        code = _pytest(folder, name, "-x")
    except subprocess.TimeoutExpired:
        return "killed, as it does not end"
    # What pytest cannot even collect is killed, unless that is not for the mutant.
    is_killed = code == 1 or (code > 1 and _pytest(folder, "", "--collect-only") == 0)
    return "killed" if is_killed else "SURVIVES"


def _pytest(folder: Path, name: str, *options: str) -> int:
    """Run the chosen tests against a mutant and return how pytest ends."""
    always = ["-q", "-p", "no:cacheprovider", "-m", "not slow", "@chosen.txt"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *always],
        cwd=folder,
        env=os.environ | {"MUTANT_UNDER_TEST": name, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=2 * _BUDGET,
    ).returncode


def sample(folder: Path, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield a random choice of mutants with their fates."""
    everything = names(folder)
    stats = json.loads((folder / "mutmut-stats.json").read_text(encoding="utf-8"))
    generator = np.random.default_rng(seed)
    for index in generator.choice(len(everything), min(count, len(everything)), replace=False):
        name = everything[index]
        yield name, fate(folder, name, tests_of(name, stats))


def main(arguments: list[str]) -> None:
    """Print the fate of each mutant, and how many are killed."""
    folder, count, *seed = arguments
    fates = []
    for name, end in sample(Path(folder).resolve(), int(count), int(*seed or [0])):
        fates.append(end)
        print(f"{name}: {end}", flush=True)
    print(f"{sum(end.startswith('killed') for end in fates)} of {len(fates)} killed")


if __name__ == "__main__":
    main(sys.argv[1:])
