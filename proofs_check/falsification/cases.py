"""Worst instances as JSON files, which can be judged again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.proofs_check.claim import Claim, Evidence
from grokflow.proofs_check.falsification.instances import form_named, form_of
from grokflow.proofs_check.falsification.judge import evidence_of
from grokflow.proofs_check.falsification.search import Falsification, check_of
from grokflow.proofs_check.registry import select
from grokflow.simulations.runs.files import versions, write_json

_EXPECTED = "expected a file that `grokflow falsify` stores: name one, or search again"


def write_case(file: Path, found: Falsification, command: str, seed: int) -> None:
    """Write the worst instance with what was found on it, and the command that found it."""
    content = {
        "claim": found.label,
        "variant": found.variant,
        "instances": [_plain(instance) for instance in found.instances],
        "verdict": found.evidence.verdict.value,
        "discrepancy": found.evidence.discrepancy,
        "allowed": found.evidence.allowed,
        "confirmed": found.confirmed,
        "seed": seed,
        "command": command,
        "versions": versions(),
    }
    write_json(file, content)


def replay(file: Path) -> tuple[Claim, tuple[object, ...], Evidence]:
    """Judge the instance of a file again: return its claim, the instance, and the evidence.

    Raises
    ------
    ValueError
        When the file is none of `write_case`.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no JSON ({error}), {_EXPECTED}") from error
    try:
        (claim,) = select([str(content["claim"])])
        check = check_of(claim, content["variant"])
        instances = tuple(_instance(plain) for plain in content["instances"])
        seed = int(content["seed"])
    except KeyError as error:
        raise ValueError(f"{file} has no {error}, {_EXPECTED}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{file} holds something else ({error}), {_EXPECTED}") from error
    return claim, instances, evidence_of(check, claim.for_every, instances, seed=seed)


def shown(instances: Sequence[object]) -> str:
    """Return the arrays of instances as text that Python reads."""
    lines = []
    for instance in instances:
        form = form_of(instance)
        lines.append(f"{form.name}:")
        lines += [f"  {name} = {array.tolist()}" for name, array in form.arrays(instance).items()]
    return "\n".join(lines)


def _plain(instance: object) -> dict[str, Any]:
    form = form_of(instance)
    arrays = {name: array.tolist() for name, array in form.arrays(instance).items()}
    return {"form": form.name, "arrays": arrays}


def _instance(plain: dict[str, Any]) -> object:
    arrays = {name: np.array(values) for name, values in plain["arrays"].items()}
    return form_named(plain["form"]).make(**arrays)
