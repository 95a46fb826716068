"""All claims, in the order of the report."""

from __future__ import annotations

from proofs_check import (
    adamw_clock,
    completion_path_flow,
    cor_3_6,
    cor_3_7,
    cor_3_7_global,
    cor_3_11,
    corrupted_labels,
    f_1_to_3,
    figure_1,
    levi,
    modular_solution,
    net_shift,
    path_flow,
    path_limits,
    shift_law,
    slow_limit,
    thm_3_4,
    thm_3_12,
    thm_b_1,
    thm_e_4,
    thm_e_5,
    transition_law,
)
from proofs_check.claim import Claim

CLAIMS: dict[str, Claim] = {
    claim.label: claim
    for claim in (
        thm_3_4.CORRECTED,
        thm_3_4.PRINTED,
        cor_3_6.CLAIM,
        cor_3_7.CLAIM,
        cor_3_7_global.CLAIM,
        figure_1.GROKKING,
        figure_1.MISGROKKING,
        shift_law.CLAIM,
        path_limits.EARLY,
        path_limits.LATE,
        path_flow.CLAIM,
        transition_law.SQUARE,
        transition_law.TAILED,
        thm_e_4.CLAIM,
        thm_e_5.CLAIM,
        f_1_to_3.CLAIM,
        net_shift.CLAIM,
        slow_limit.CLAIM,
        cor_3_11.CLAIM,
        cor_3_11.PERTURBED,
        thm_3_12.CLAIM,
        completion_path_flow.CLAIM,
        thm_b_1.CLAIM,
        levi.CLAIM,
        modular_solution.SQUARE,
        modular_solution.ERRORS,
        *corrupted_labels.CLAIMS,
        adamw_clock.CLAIM,
    )
}


def select(labels: list[str] | None) -> list[Claim]:
    """Return the claims with the given labels, or all; ValueError for an unknown label."""
    for label in labels or []:
        if label not in CLAIMS:
            raise ValueError(f"claim is {label!r}, expected one of {', '.join(CLAIMS)}: pick one")
    return [CLAIMS[label] for label in labels or CLAIMS]
