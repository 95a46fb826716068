"""All claims, by their labels and in the order of the report.

Examples
--------
>>> import grokflow as gf
>>> gf.CLAIMS["thm-3.9"].source
'Lyu et al. 2024, Theorem 3.9'
>>> [label for label in gf.CLAIMS if "thm-3.4" in label]
['thm-3.4', 'thm-3.4-printed']
"""

from __future__ import annotations

from difflib import get_close_matches

from grokflow.proofs_check.claim import Claim
from grokflow.proofs_check.completion import block_form_flow, block_form_norm
from grokflow.proofs_check.completion import cor_3_11_early_matrix as cor_3_11
from grokflow.proofs_check.completion import lem_f_1_to_3_minima as f_1_to_3
from grokflow.proofs_check.completion import notsawo_nuclear_delay as nuclear_delay
from grokflow.proofs_check.completion import path_flow as completion_path_flow
from grokflow.proofs_check.completion import thm_3_12_recovery as thm_3_12
from grokflow.proofs_check.completion import thm_f_5_stable_recovery as thm_f_5
from grokflow.proofs_check.diagonal import cor_3_6_early_direction as cor_3_6
from grokflow.proofs_check.diagonal import cor_3_7_global_optimum as cor_3_7_global
from grokflow.proofs_check.diagonal import cor_3_7_late_margin as cor_3_7
from grokflow.proofs_check.diagonal import (
    figure_1,
    path_flow,
    path_limits,
    shift_law,
    transition_law,
)
from grokflow.proofs_check.diagonal import lem_c_5_kernel_regime as lemma_c_5
from grokflow.proofs_check.diagonal import lem_c_11_d_8_late_norms as late_norms
from grokflow.proofs_check.diagonal import lem_d_2_kernel_regime as lemma_d_2
from grokflow.proofs_check.diagonal.classes import joint_law, softmax_limits
from grokflow.proofs_check.diagonal.kernel import eq_23_24_33_gradients as gradients
from grokflow.proofs_check.diagonal.kernel import lem_c_1_c_3_inequalities as inequalities
from grokflow.proofs_check.diagonal.kernel import lem_c_4_c_7_losses as kernel_losses
from grokflow.proofs_check.diagonal.kernel import lem_c_6_c_9_linearisation as linearisation
from grokflow.proofs_check.diagonal.kernel import lem_c_10_objective as objective
from grokflow.proofs_check.diagonal.kernel import lem_d_1_losses as lemma_d_1
from grokflow.proofs_check.diagonal.kernel import lem_d_4_d_5_orders as square_orders
from grokflow.proofs_check.diagonal.kernel import lem_d_6_d_7_limits as square_h
from grokflow.proofs_check.diagonal.regimes import (
    determined,
    least_loss_flow,
    least_loss_times,
    no_decay,
    partly_separable_flow,
)
from grokflow.proofs_check.homogeneous import boursier_two_phases as two_phases
from grokflow.proofs_check.homogeneous import liu_norm_times as omnigrok
from grokflow.proofs_check.homogeneous import musat_zero_loss_paths as musat
from grokflow.proofs_check.homogeneous import slow_limit
from grokflow.proofs_check.homogeneous import thm_3_4_kernel_limit as thm_3_4
from grokflow.proofs_check.homogeneous import thm_3_5_3_10_kkt_limits as kkt_limits
from grokflow.proofs_check.homogeneous import thm_3_9_kernel_limit as thm_3_9
from grokflow.proofs_check.linear import beck_one_label as one_label
from grokflow.proofs_check.linear import das_bias_delay as bias_delay
from grokflow.proofs_check.linear import notsawo_sparse_times as sparse_times
from grokflow.proofs_check.linear import thm_e_2_e_3_complexity as complexity
from grokflow.proofs_check.linear import thm_e_4_l1_margin_error as thm_e_4
from grokflow.proofs_check.linear import thm_e_5_l2_margin_error as thm_e_5
from grokflow.proofs_check.linear import xu_ridge_delay as ridge_delay
from grokflow.proofs_check.misgrokking import kinds_and_families as misgrokking
from grokflow.proofs_check.modular import (
    adamw_clock,
    corrupted_batches,
    corrupted_labels,
    corrupted_neurons,
    corrupted_variants,
)
from grokflow.proofs_check.modular import closed_form as modular_solution
from grokflow.proofs_check.modular import morwani_largest_margin as modular_margin
from grokflow.proofs_check.nets import label_noise_decay as noise_decay
from grokflow.proofs_check.nets import levi_linear_student as levi
from grokflow.proofs_check.nets import prieto_lost_gradient as lost_gradient
from grokflow.proofs_check.nets import shift_law as net_shift
from grokflow.proofs_check.nets import thm_b_1_label_noise as thm_b_1
from grokflow.proofs_check.own_claims import claim_at, installed_claims
from grokflow.proofs_check.scan import law as law_fit

CLAIMS: dict[str, Claim] = {
    claim.label: claim
    for claim in (
        thm_3_4.CORRECTED,
        thm_3_4.PRINTED,
        kkt_limits.MARGIN,
        cor_3_6.CLAIM,
        cor_3_7.CLAIM,
        cor_3_7_global.CLAIM,
        cor_3_7_global.PRINTED,
        figure_1.GROKKING,
        figure_1.MISGROKKING,
        shift_law.CLAIM,
        path_limits.EARLY,
        path_limits.LATE,
        path_flow.CLAIM,
        transition_law.SQUARE,
        transition_law.TAILED,
        least_loss_flow.INCONSISTENT,
        least_loss_flow.OVERLAPPING,
        least_loss_times.CLAIM,
        no_decay.CLAIM,
        determined.CLAIM,
        joint_law.SQUARE,
        joint_law.TAILED,
        joint_law.SOFTMAX,
        softmax_limits.EARLY,
        softmax_limits.LATE,
        partly_separable_flow.CLAIM,
        partly_separable_flow.PATH,
        inequalities.INVERSE,
        inequalities.ENTROPY,
        kernel_losses.UPPER,
        lemma_c_5.ORDER,
        lemma_c_5.ORDER_PRINTED,
        lemma_c_5.CLAIM,
        linearisation.ERRORS,
        kernel_losses.LOWER,
        linearisation.DIRECTION,
        objective.CLAIM,
        objective.PRINTED,
        late_norms.TAILED,
        late_norms.TAILED_PRINTED,
        kkt_limits.RATE,
        lemma_d_1.CLAIM,
        lemma_d_1.PRINTED,
        lemma_d_2.CLAIM,
        square_orders.OUTSIDE,
        square_orders.ERRORS,
        square_orders.ERRORS_PRINTED,
        square_h.LENGTHS,
        square_h.LENGTHS_PRINTED,
        square_h.LIMIT,
        gradients.CLAIM,
        gradients.PRINTED,
        late_norms.SQUARE,
        law_fit.SQUARE,
        law_fit.LOGISTIC,
        law_fit.EXPONENTIAL,
        law_fit.COMPLETION,
        complexity.MARGINS,
        complexity.BALLS,
        thm_e_4.CLAIM,
        thm_e_5.CLAIM,
        f_1_to_3.CLAIM,
        net_shift.CLAIM,
        slow_limit.CLAIM,
        two_phases.CLAIM,
        musat.CLAIM,
        omnigrok.CLAIM,
        thm_3_9.CLAIM,
        kkt_limits.INTERPOLATION,
        cor_3_11.CLAIM,
        cor_3_11.PERTURBED,
        thm_3_12.CORRECTED,
        thm_3_12.PRINTED,
        thm_f_5.CLAIM,
        completion_path_flow.CLAIM,
        block_form_flow.CLAIM,
        block_form_norm.CLAIM,
        thm_b_1.CLAIM,
        noise_decay.STEP,
        noise_decay.DECAY,
        levi.CLAIM,
        ridge_delay.CLAIM,
        sparse_times.L1_DELAY,
        nuclear_delay.CLAIM,
        sparse_times.DECAY,
        bias_delay.CLAIM,
        one_label.LIMIT,
        one_label.SIGNS,
        lost_gradient.CLAIM,
        modular_solution.SQUARE,
        modular_solution.SQUARE_PRINTED,
        modular_solution.ERRORS,
        modular_margin.CLAIM,
        *corrupted_labels.CLAIMS,
        *corrupted_neurons.CLAIMS,
        *corrupted_batches.CLAIMS,
        *corrupted_variants.CLAIMS,
        adamw_clock.CLAIM,
        misgrokking.KINDS,
        misgrokking.FAMILIES,
    )
}


def select(labels: list[str] | None) -> list[Claim]:
    """Return the claims with these labels, or all, those of installed packages included.

    A label that holds a colon is the place ``module:NAME`` of a claim of one's own.

    Raises
    ------
    ValueError
        For an unknown label; it names those that are spelled like it.
    """
    known = CLAIMS | installed_claims()
    return [_named(label, known) for label in labels] if labels else list(known.values())


def _named(label: str, known: dict[str, Claim]) -> Claim:
    if label in known:
        return known[label]
    if ":" in label:
        return claim_at(label)
    near = get_close_matches(label, known, n=5, cutoff=0.3) or list(known)
    raise ValueError(
        f"claim is {label!r}, expected one of {', '.join(near)} ({len(known)} in all), or "
        "module:NAME: pick one"
    )
