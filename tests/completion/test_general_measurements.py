"""Measurements in any units, and near-copies of each other, are no worse than orthonormal ones."""

from fractions import Fraction

import numpy as np
import pytest

from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.completion.spaces.equations import Equations
from grokflow.theory.numerics.verified import spanning_equations


def symmetric(rng, m, d):
    a = rng.standard_normal((m, d, d))
    return a + a.swapaxes(1, 2)


def near_copies(seed, decades):
    """Return measurements of which the last is another but for one part in so many decades."""
    rng = np.random.default_rng(seed)
    a = symmetric(rng, 4, 3)
    a[-1] = a[0] + 10.0**-decades * a[-1]
    return make_measurement_problem("copies", a, np.einsum("kij,ij->k", a, np.ones((3, 3))))


def any_units(seed, decades):
    """Return measurements with units that span so many decades."""
    rng = np.random.default_rng(seed)
    a = symmetric(rng, 4, 3) * 10.0 ** rng.uniform(-decades / 2, decades / 2, (4, 1, 1))
    return make_measurement_problem("units", a, np.einsum("kij,ij->k", a, np.ones((3, 3))))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("make", "decades"), [(near_copies, 2), (near_copies, 6), (any_units, 12)])
def test_the_least_nuclear_norm_of_general_measurements_is_resolved(make, decades, seed):
    problem = make(seed, decades)
    found = MinNuclearNorm().predict(problem)
    # The matrix of ones has the values; ½‖W‖_F² is at most ½‖W‖_*².
    assert found.certificate.lower <= 3 and found.certificate.gap <= 1e-7
    assert 2 * MinFrobeniusNorm().predict(problem).certificate.lower <= found.certificate.upper**2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lam", [1e-3, 1e-6])
def test_decay_that_heeds_some_measurements_alone_is_resolved(seed, lam):
    """Beside the largest measurements those of small units cost nothing to miss."""
    for problem in (near_copies(seed, 5), any_units(seed, 12)):
        found = NuclearPenalised(lam).predict(problem)
        assert found.certificate.gap <= 1e-7
        # The matrix of ones fits, and pays for its norm of 3.
        assert found.certificate.upper <= 1.5 * lam * (1 + 1e-7)


@pytest.mark.parametrize("soft", [False, True])
def test_equations_have_the_multipliers_and_the_cost_of_their_measurements(soft):
    rng = np.random.default_rng(0)
    problem = any_units(0, 6)
    compliance = rng.uniform(0.5, 2, 4) * problem.measurements.norms**2 if soft else np.zeros(4)
    found, nu = Equations.of(problem, compliance), rng.standard_normal(4)
    mu, solved = found.multipliers(nu), found.problem
    # Each of a few sums of products is rounded once in its largest term.
    pulled = solved.measurements.adjoint(nu)
    terms = np.abs(mu) @ problem.measurements.norms
    error = 100 * np.finfo(float).eps
    assert np.abs(problem.measurements.adjoint(mu) - pulled).max() <= error * terms
    size = np.abs(mu) @ np.abs(problem.values)
    assert abs(problem.values @ mu - solved.values @ nu) <= error * size
    costs = compliance @ mu**2, found.compliance @ nu**2
    assert abs(costs[0] - costs[1]) <= error * costs[0]
    again = found.of_multipliers(mu)
    assert np.abs(again - nu).max() <= error * terms / solved.measurements.norms.min()


def is_above(x, bound):
    """Whether all singular values of the rows exceed a bound: LDLᵀ of XXᵀ - s² I in rationals."""
    rows = [[Fraction(float(value)) for value in row] for row in x]
    gram = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in rows] for p in rows]
    for i in range(len(gram)):
        gram[i][i] -= Fraction(bound) ** 2
    for k in range(len(gram)):
        if gram[k][k] <= 0:
            return False
        for i in range(k + 1, len(gram)):
            share = gram[i][k] / gram[k][k]
            gram[i] = [a - share * b for a, b in zip(gram[i], gram[k], strict=True)]
    return True


@pytest.mark.parametrize("decades", [2, 6, 9, 12])
def test_the_least_singular_value_of_near_copies_is_bounded_from_below(decades):
    for seed in range(10):
        x = np.random.default_rng(seed).standard_normal((3, 5))
        x[2] = x[0] + 10.0**-decades * x[2]
        x /= 2 ** np.floor(np.log2(np.linalg.norm(x, axis=1)))[:, None]
        least = spanning_equations(x, np.zeros(3)).least
        assert 0 < least and is_above(x, least)
        # No more is lost than the number of rows and the fractions that are tried.
        assert not is_above(x, 100 * least)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-145, 1e-152, 1e-200, 2e-288])
@pytest.mark.parametrize("lam", [1e-3, 1.0, 1.7e11])
def test_zero_is_the_answer_where_decay_outweighs_values_however_small(size, lam):
    a = symmetric(np.random.default_rng(0), 2, 3)
    values = np.array([1.3, -0.7]) * size
    problem = make_measurement_problem("small", a, values)
    found = NuclearPenalised(lam).predict(problem)
    assert not found.matrix.any() and found.certificate.gap <= 1e-12
    lost = sum(Fraction(v) ** 2 for v in values) / 2
    assert found.certificate.lower <= lost <= found.certificate.upper


@pytest.mark.parametrize("off", [-1e-3, 1e-3])
def test_zero_is_the_answer_from_the_strength_that_holds_all_pulls(off):
    a = symmetric(np.random.default_rng(0), 2, 3)
    problem = make_measurement_problem("pulled", a, np.array([1.3, -0.7]))
    threshold = 2 * np.abs(np.linalg.eigvalsh(problem.gradient(np.zeros((3, 3))))).max()
    found = NuclearPenalised(threshold * (1 + off)).predict(problem)
    assert found.matrix.any() == (off < 0)
