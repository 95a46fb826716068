"""Run Python with an installed wheel, its declared requirements and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

# Only the standard library is on the path of the new process (-I -S): it appends the wheel and the
# folder of everything installed, and does not find there what no declared requirement brings.
_ISOLATE = """
import json, sys
from importlib.machinery import PathFinder
undeclared, paths = json.loads(sys.argv.pop(1))
class DeclaredFinder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        declared = name.partition(".")[0] not in undeclared
        return super().find_spec(name, path, target) if declared else None
sys.meta_path[sys.meta_path.index(PathFinder)] = DeclaredFinder
sys.path += paths
"""


def requirements(names: list[str]) -> set[str]:
    """Return the distributions that the requirements bring, theirs included, without extras."""
    found: set[tuple[str, str]] = set()
    todo = [(requirement, "") for requirement in names]
    while todo:
        text, extra = todo.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            key = (_normal(requirement.name), wanted)
            if key not in found:
                found.add(key)
                brought = distribution(requirement.name).requires or []
                todo.extend((line, wanted) for line in brought)
    return {name for name, _ in found}


def undeclared(names: list[str]) -> list[str]:
    """Return the installed top-level modules that the requirements do not bring."""
    brought = requirements(names)
    return [
        module
        for module, homes in packages_distributions().items()
        if module != "grokflow" and brought.isdisjoint(map(_normal, homes))
    ]


def run_installed(
    site: Path, code: str, *arguments: str, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run the code where `site`, which holds the wheel, comes before what it requires."""
    (information,) = site.glob("grokflow-*.dist-info")
    declared = [
        line.removeprefix("Requires-Dist: ")
        for line in (information / "METADATA").read_text(encoding="utf-8").splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    paths = [str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    isolation = json.dumps([undeclared(declared), paths])
    command = [sys.executable, "-I", "-S", "-c", _ISOLATE + code, isolation, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
