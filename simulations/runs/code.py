"""Under which key a result is filed: a hash of its settings and of the code that computes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from grokflow.simulations.runs.files import versions

# Packages whose source decides what a cell comes out as.
_COMPUTING = ("grokflow.theory", "grokflow.simulations")


def key_of(settings: Mapping[str, object]) -> str:
    """Return the hash of settings and code under which a store files what they lead to."""
    text = json.dumps([settings, code_version()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_version() -> str:
    """Return the versions of what computes, and a digest of the source of it.

    The digest changes with every edit, so that results of older code are never mistaken for those
    of the present one.
    """
    named = [f"{name} {version}" for name, version in versions().items()]
    return ", ".join([*named, f"source {source_digest(*_COMPUTING)}"])


@cache
def source_digest(*packages: str) -> str:
    """Return a digest of the source of packages, which changes with every edit."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(import_module(package).__path__[0])
        for file in sorted(folder.rglob("*.py")):
            place = file.relative_to(folder).as_posix()
            digest.update(f"{package}/{place}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
