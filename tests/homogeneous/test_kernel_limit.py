"""Theorem 3.4 as a claim: a wrong normaliser passes where it is the right one, and nowhere else."""

from __future__ import annotations

from itertools import islice

import numpy as np

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.homogeneous import thm_3_4_kernel_limit as thm_3_4
from grokflow.proofs_check.homogeneous.thm_3_4_kernel_limit import POWERS, instances
from grokflow.proofs_check.laboratory import WINDOWS, Laboratory

LABORATORY = Laboratory(seed=1)


def _verdicts_at_depth_two(log_z) -> list[Verdict]:
    """Return the verdicts at L = 2, for every power of α and every c."""
    count = len(POWERS) * len(WINDOWS)
    return [found.verdict for found in islice(instances(LABORATORY, log_z), count)]


def test_the_proved_normaliser_holds_at_every_c_and_lam():
    found = _verdicts_at_depth_two(thm_3_4.CORRECTED.check.keywords["log_z"])
    assert set(found) == {Verdict.SUPPORTED}


def test_a_normaliser_without_c_holds_at_one_half_alone():
    variant = next(broken for broken in thm_3_4.CORRECTED.broken if "L-1" in broken.name)
    found = np.reshape(_verdicts_at_depth_two(variant.check.keywords["log_z"]), (-1, len(WINDOWS)))
    assert (found[:, WINDOWS.index(0.5)] == Verdict.SUPPORTED).all()
    assert (found[:, [WINDOWS.index(0.25), WINDOWS.index(0.75)]] == Verdict.REFUTED).all()
