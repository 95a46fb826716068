"""All claims, in the order of the report."""

from __future__ import annotations

from proofs_check import (
    adamw_clock,
    completion_path_flow,
    cor_3_6,
    cor_3_7,
    cor_3_7_global,
    cor_3_11,
    corrupted_batches,
    corrupted_labels,
    corrupted_neurons,
    f_1_to_3,
    figure_1,
    kkt_limits,
    late_norms,
    law_fit,
    lemma_c_5,
    lemma_d_2,
    levi,
    misgrokking,
    modular_solution,
    net_shift,
    path_flow,
    path_limits,
    shift_law,
    slow_limit,
    thm_3_4,
    thm_3_9,
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
        kkt_limits.MARGIN,
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
        lemma_c_5.ORDER,
        lemma_c_5.ORDER_PRINTED,
        lemma_c_5.CLAIM,
        late_norms.TAILED,
        late_norms.TAILED_PRINTED,
        kkt_limits.RATE,
        lemma_d_2.CLAIM,
        late_norms.SQUARE,
        law_fit.SQUARE,
        law_fit.LOGISTIC,
        law_fit.EXPONENTIAL,
        law_fit.COMPLETION,
        thm_e_4.CLAIM,
        thm_e_5.CLAIM,
        f_1_to_3.CLAIM,
        net_shift.CLAIM,
        slow_limit.CLAIM,
        thm_3_9.CLAIM,
        kkt_limits.INTERPOLATION,
        cor_3_11.CLAIM,
        cor_3_11.PERTURBED,
        thm_3_12.CLAIM,
        completion_path_flow.CLAIM,
        thm_b_1.CLAIM,
        levi.CLAIM,
        modular_solution.SQUARE,
        modular_solution.ERRORS,
        *corrupted_labels.CLAIMS,
        *corrupted_neurons.CLAIMS,
        *corrupted_batches.CLAIMS,
        adamw_clock.CLAIM,
        misgrokking.KINDS,
        misgrokking.FAMILIES,
    )
}


def select(labels: list[str] | None) -> list[Claim]:
    """Return the claims with the given labels, or all; ValueError for an unknown label."""
    for label in labels or []:
        if label not in CLAIMS:
            raise ValueError(f"claim is {label!r}, expected one of {', '.join(CLAIMS)}: pick one")
    return [CLAIMS[label] for label in labels or CLAIMS]
