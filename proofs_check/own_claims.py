"""Claims of other packages, and where they are found.

A package names its claims by an entry point of the group ``grokflow.claims`` in its pyproject.toml:

    [project.entry-points."grokflow.claims"]
    my-package = "my_package.claims:CLAIMS"

``CLAIMS`` is a claim, or a sequence or mapping of claims. Their labels get the name of the entry
point in front, ``my-package/label``, so that no package takes the label of another. A claim that is
not installed is named ``module:NAME``.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from grokflow.proofs_check.claim import Claim

GROUP = "grokflow.claims"


@cache
def installed_claims() -> dict[str, Claim]:
    """Return the claims of all packages that are installed, by their labels.

    Raises
    ------
    ValueError
        When an entry point does not lead to claims; it is named.
    """
    return {
        label: replace(claim, label=label)
        for entry in entry_points(group=GROUP)
        for claim in claims_of(_loaded(entry.value), f"the entry point {entry.name}")
        for label in [f"{entry.name}/{claim.label}"]
    }


def claim_at(name: str) -> Claim:
    """Return the claim named ``module:NAME``, which is its label.

    Raises
    ------
    ValueError
        When there is no such module or claim.
    """
    found = claims_of(_loaded(name), name)
    if len(found) != 1:
        raise ValueError(f"{name} holds {len(found)} claims, expected one: name one of them")
    return replace(found[0], label=name)


def look_here() -> None:
    """Let claims be named whose modules lie in the working directory."""
    sys.path.insert(0, str(Path.cwd()))


def claims_of(found: object, where: str) -> list[Claim]:
    """Return the claims in an object: one, or a sequence or mapping of them."""
    if isinstance(found, Claim):
        return [found]
    held = found.values() if isinstance(found, Mapping) else found
    claims: list[Claim] = []
    for item in held if isinstance(held, Iterable) and not isinstance(held, str) else [held]:
        if not isinstance(item, Claim):
            raise ValueError(
                f"{where} holds {type(item).__name__}, expected claims: make them with gf.Claim"
            )
        claims.append(item)
    return claims


def source_of(claim: Claim) -> str:
    """Return a digest of the file of a claim's check, so that verdicts are not older than it."""
    check = inspect.unwrap(getattr(claim.check, "func", claim.check))
    try:
        file = inspect.getsourcefile(check)
    except TypeError:
        file = None
    content = Path(file).read_bytes() if file and Path(file).is_file() else b""
    return hashlib.sha256(content).hexdigest()[:16]


def _loaded(name: str) -> object:
    """Import ``module:NAME``."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{name!r} cannot be imported ({error}), expected module:NAME of a claim: check both, "
            "and that the module is on Python's path"
        ) from error
