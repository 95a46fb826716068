"""The matrices of the claims about recovery have the size, rank and incoherence that they state."""

import numpy as np
import pytest

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.completion.recovery_experiments import Instance, errors, sampled
from grokflow.proofs_check.completion.thm_3_12_recovery import check_growth
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.theory.completion.nuclear import NuclearPenalised


@pytest.mark.parametrize(
    "instance", [Instance(16), Instance(32, rank=2), Instance(32, mu=1.2), Instance(32, 2, 1.2)]
)
def test_an_instance_is_what_it_says(instance):
    truth = instance.truth(np.random.default_rng(0))
    values, vectors = np.linalg.eigh(truth)
    kept = np.abs(values) > 1e-9
    assert kept.sum() == instance.rank
    assert np.abs(values[kept]) == pytest.approx(instance.d)
    # Eigenvectors of one sign are unique: their largest square is μ/d.
    assert instance.d * (vectors[:, kept] ** 2).max() == pytest.approx(instance.mu)


def test_the_minimiser_is_zero_from_the_largest_decay_on_and_its_residual_obeys_the_bound():
    truth, problem, largest = sampled(Instance(16), 120, 3)
    norm = problem.space.nuclear_norm
    for share in (1.001, 0.999, 0.3):
        w = NuclearPenalised(share * largest, gap=1e-10).predict(problem).matrix
        assert bool(np.abs(w).max() > 1e-9) is (share < 1)
        bound = share * largest / 4 * (norm(truth) - norm(w))
        assert problem.loss(w) <= (1 + 1e-4) * bound
        assert problem.loss(w) > 0.9 * bound


def test_errors_are_told_in_units_of_the_bound_with_d():
    # All entries: the penalty shrinks X* by the share, and the error is share · d.
    found = errors(Laboratory(), (Instance(16),), (256,), 1)
    expected = np.array([0.75, 0.1, 1e-3])
    assert found[0] == pytest.approx(np.sqrt(expected) / 2, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_no_power_of_log_d_holds_the_error(power):
    assert check_growth(Laboratory(seed=3), power).verdict is Verdict.REFUTED
