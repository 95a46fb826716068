"""The parts of a result that every model shares, as JSON keys and as words."""

from __future__ import annotations

from typing import Any

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.transition.change import Change
from grokflow.theory.transition.times import Transition


def certificate_row(certificate: Certificate) -> dict[str, float]:
    """Return the JSON keys of a certificate."""
    return {
        "lower": certificate.lower,
        "upper": certificate.upper,
        "infeasibility": certificate.infeasibility,
        "gap": certificate.gap,
    }


def change_row(change: Change) -> dict[str, Any]:
    """Return the JSON keys of a change of quality, as a drop with its interval."""
    return {
        "kind": change.kind.value,
        "early": change.early,
        "late": change.late,
        "drop": change.drop,
        "low": change.low,
        "high": change.high,
        "n_test": change.size,
    }


def transition_row(when: Transition, leading_order: float, constant: float) -> dict[str, float]:
    """Return the JSON keys of a predicted transition; `constant` is C(data)."""
    return {
        "leading_order": leading_order,
        "predicted": when.lambda_t,
        "width": when.width,
        "constant": constant,
    }


def transition_lines(row: dict[str, Any]) -> list[str]:
    """Say a predicted transition in words, where there is one."""
    if not np.isfinite(row["predicted"]):
        return []
    return [
        f" transition: λt* = {row['predicted']:.3f}, width {row['width']:.3f} "
        f"(leading order log α = {row['leading_order']:.3f})"
    ]
