"""Matrix completion: operators, predictors and certificates."""

from dataclasses import replace
from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.proofs_check.strategies import completions
from grokflow.simulations.completion.data import completion
from grokflow.theory.certificate import Certificate
from grokflow.theory.completion import certificates
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.completion.proximal_points import proximal_points
from grokflow.theory.completion.spaces.symmetric import Thresholded
from grokflow.theory.linear.l1 import MinL1Norm
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.samples import StoredTestSet

# Certified relative gaps; two certified optima differ by at most the sum of both.
GAP = 1e-7
# What SCS leaves at its eps of 1e-9 on the worst of these instances.
ORACLE = 1e-5


def array_of(measurements):
    """Return the A_i as one array of shape (m, d, d)."""
    return np.stack([measurements.adjoint(row) for row in np.eye(measurements.size)])


def general(problem):
    """Return the same problem with its measurements as matrices."""
    return replace(problem, measurements=Matrices(array_of(problem.measurements)))


def symmetric(rng, d):
    a = rng.standard_normal((d, d))
    return a + a.T


def oracle(problem, kind, lam=None):
    """Return the optimal value that cvxpy finds."""
    w = cvxpy.Variable((problem.d, problem.d), symmetric=True)
    a = array_of(problem.measurements).reshape(problem.measurements.size, -1)
    outputs = a @ cvxpy.vec(w, order="C")
    if lam is not None:
        squares = cvxpy.multiply(problem.weights, cvxpy.square(outputs - problem.values))
        goal, constraints = cvxpy.sum(squares) + lam / 2 * cvxpy.normNuc(w), []
    else:
        goal = cvxpy.sum_squares(w) / 2 if kind == 2 else cvxpy.normNuc(w)
        constraints = [outputs == problem.values]
    return cvxpy.Problem(cvxpy.Minimize(goal), constraints).solve(
        solver=cvxpy.SCS, eps_abs=1e-9, eps_rel=1e-9
    )


@given(completions(), st.integers(0, 1000))
def test_operators_are_adjoint_and_entries_are_matrices(problem, seed):
    rng = np.random.default_rng(seed)
    measurements = problem.measurements
    dense = Matrices(array_of(measurements))
    w, s = symmetric(rng, problem.d), symmetric(rng, problem.d)
    mu = rng.standard_normal(measurements.size)
    for other in (measurements, dense):
        assert np.allclose(other.apply(w) @ mu, np.sum(w * other.adjoint(mu)))
        assert np.allclose(other.norms, np.linalg.norm(array_of(measurements), axis=(1, 2)))
        gram = np.einsum("aij,bij->ab", array_of(other), array_of(other))
        shift = np.full(len(mu), 0.3)
        assert np.allclose((gram + np.diag(shift)) @ other.solve_gram(mu, shift), mu)
        columns = [other.apply(s @ a + a @ s) for a in array_of(other)]
        assert np.allclose(other.metric_gram(s), np.column_stack(columns))


def test_loss_counts_every_sample_and_the_gradient_is_its_derivative():
    rows, columns = np.array([0, 1, 0, 2]), np.array([1, 0, 0, 2])
    problem = make_entries_problem("x", 3, rows, columns, np.array([2.0, 2.0, 1.0, 5.0]))
    assert problem.n == 4
    assert problem.measurements.size == 3
    w = symmetric(np.random.default_rng(0), 3)
    wanted = np.mean((w[rows, columns] - np.array([2.0, 2.0, 1.0, 5.0])) ** 2)
    assert np.isclose(problem.loss(w), wanted)
    h, step = symmetric(np.random.default_rng(1), 3), 1e-5
    difference = (problem.loss(w + step * h) - problem.loss(w - step * h)) / (2 * step)
    # The loss is quadratic: a central difference is exact up to rounding.
    assert np.isclose(np.sum(problem.gradient(w) * h), difference, rtol=1e-9)


def test_the_derivative_of_thresholding_is_its_difference():
    rng = np.random.default_rng(4)
    y, h, step = symmetric(rng, 6), symmetric(rng, 6), 1e-6
    at = Thresholded.of(y, 1.0)
    assert 0 < len(at.active) < 6
    ends = [Thresholded.of(y + sign * step * h, 1.0).matrix for sign in (1, -1)]
    assert np.allclose(at.derivative(h), (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@settings(max_examples=10)
@given(completions(max_d=5))
def test_interpolants_are_certified_and_agree_with_cvxpy(problem):
    for predictor, kind in ((MinFrobeniusNorm(), 2), (MinNuclearNorm(), 1)):
        found = predictor.predict(problem)
        assert -1e-12 <= found.certificate.gap <= GAP
        assert found.certificate.infeasibility <= GAP
        expected = oracle(problem, kind)
        assert abs(found.certificate.upper - expected) <= (GAP + ORACLE) * expected


@settings(max_examples=8)
@given(completions(max_d=5), st.sampled_from([1.0, 1e-2]))
def test_penalised_predictors_agree_with_cvxpy(problem, lam):
    found = NuclearPenalised(lam).predict(problem)
    assert -1e-12 <= found.certificate.gap <= GAP
    expected = oracle(problem, 1, lam)
    assert abs(found.certificate.upper - expected) <= (GAP + ORACLE) * expected


@given(completions(), st.sampled_from([1e1, 1e-1, 1e-4, 1e-8, 1e-12]))
def test_penalised_predictors_are_certified_for_every_lambda(problem, lam):
    assert NuclearPenalised(lam).predict(problem).certificate.gap <= GAP


def test_the_early_predictor_fits_entries_and_mirrors_and_leaves_all_others_zero():
    problem = completion(d=20, fraction=0.2, seed=3)
    w = MinFrobeniusNorm().predict(problem).matrix
    rows, columns = problem.measurements.rows, problem.measurements.columns
    expected = np.zeros((20, 20))
    expected[rows, columns] = expected[columns, rows] = problem.values
    assert np.allclose(w, expected, rtol=1e-15)


@settings(max_examples=10)
@given(completions())
def test_scaling_values_scales_every_predictor(problem):
    factor, lam = 7.0, 0.1
    scaled = replace(problem, values=factor * problem.values)
    nuclear = [MinNuclearNorm().predict(p).certificate.upper for p in (problem, scaled)]
    assert np.isclose(nuclear[1], factor * nuclear[0], rtol=2 * GAP)
    early = [MinFrobeniusNorm().predict(p).matrix for p in (problem, scaled)]
    assert np.allclose(early[1], factor * early[0])
    first = NuclearPenalised(lam).predict(problem).certificate.upper
    second = NuclearPenalised(factor * lam).predict(scaled).certificate.upper
    assert np.isclose(second, factor**2 * first, rtol=2 * GAP)


@settings(max_examples=10)
@given(completions(), st.randoms())
def test_order_signs_indices_and_copies_change_no_value(problem, random):
    rng = np.random.default_rng(random.randrange(2**32))
    a, y = array_of(problem.measurements), problem.values
    order, basis = rng.permutation(len(y)), rng.permutation(problem.d)
    changed = {
        "measurements permuted": (a[order], y[order]),
        "sign flipped": (a, -y),
        "indices permuted": (a[:, basis][:, :, basis], y),
        "every measurement twice": (np.concatenate([a, a]), np.concatenate([y, y])),
    }
    predictors = (MinFrobeniusNorm(), MinNuclearNorm(), NuclearPenalised(0.1))
    values = [predictor.predict(problem).certificate.upper for predictor in predictors]
    for name, (matrices, targets) in changed.items():
        other = make_measurement_problem(name, matrices, targets)
        for predictor, value in zip(predictors, values, strict=True):
            found = predictor.predict(other).certificate.upper
            assert np.isclose(found, value, rtol=4 * GAP), (name, predictor.name)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_diagonal_measurements_give_the_l1_predictor(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((4, 9)), rng.standard_normal(4)
    matrices = make_measurement_problem("diagonal", np.stack([np.diag(row) for row in x]), y)
    vectors = make_problem("x", Task.REGRESSION, x, y, StoredTestSet(x, y))
    nuclear, l1 = MinNuclearNorm().predict(matrices), MinL1Norm().predict(vectors)
    assert np.isclose(nuclear.certificate.upper, l1.certificate.upper, rtol=2 * GAP)


def test_the_penalised_predictor_is_zero_where_the_penalty_outweighs_the_pull():
    problem = completion(d=12, fraction=0.3)
    zero = np.zeros((12, 12))
    threshold = 2 * problem.space.operator_norm(problem.gradient(zero))
    assert not NuclearPenalised(1.001 * threshold).predict(problem).matrix.any()
    assert NuclearPenalised(0.9 * threshold).predict(problem).matrix.any()


def test_the_penalised_norm_tends_to_the_smallest_one_linearly_in_lambda():
    problem = completion(d=12, fraction=0.3)
    limit = MinNuclearNorm(1e-9).predict(problem).certificate.upper
    lams = np.array([1e-2, 1e-3, 1e-4, 1e-5])
    short = [
        1 - problem.space.nuclear_norm(NuclearPenalised(x, 1e-9).predict(problem).matrix) / limit
        for x in lams
    ]
    slopes = np.diff(np.log(short)) / np.diff(np.log(lams))
    assert np.allclose(slopes[1:], 1, atol=0.02)


@settings(max_examples=10)
@given(completions(), st.sampled_from([1.0, 1e-3]))
def test_a_nearby_start_changes_no_norm(problem, lam):
    near = NuclearPenalised(lam).predict(problem)
    cold, warm = MinNuclearNorm().predict(problem), MinNuclearNorm().predict(problem, near=near)
    assert warm.certificate.gap <= GAP
    assert np.isclose(warm.certificate.upper, cold.certificate.upper, rtol=2 * GAP)


@given(completions(), st.integers(0, 10_000))
def test_certificates_bound_the_optimum_for_any_answer(problem, seed):
    """Soundness: lower ≤ optimum ≤ upper, however bad the answer."""
    rng, lam = np.random.default_rng(seed), 0.1
    cases = (
        (MinFrobeniusNorm(), certificates.min_frobenius_norm),
        (MinNuclearNorm(), certificates.min_nuclear_norm),
        (NuclearPenalised(lam), lambda p, w, mu: certificates.nuclear_penalised(p, w, mu, lam)),
    )
    for predictor, certify in cases:
        found = predictor.predict(problem)
        optimum = found.certificate.upper
        for spread in (1e-3, 1e-1, 10.0):
            noise = spread * rng.standard_normal(problem.measurements.size)
            mu = found.multipliers * (1 + noise)
            assert certify(problem, found.matrix, mu).lower <= optimum * (1 + 1e-12)
            w = found.matrix + spread * np.linalg.norm(found.matrix) * symmetric(rng, problem.d)
            if predictor.name == "nuclear-penalised":
                assert certify(problem, w, mu).upper >= optimum * (1 - GAP)


def test_certificates_reject_perturbed_answers():
    problem, rng = completion(d=12, fraction=0.3), np.random.default_rng(0)
    noise = 0.01 * symmetric(rng, 12)
    found = MinNuclearNorm().predict(problem)
    worse = certificates.min_nuclear_norm(problem, found.matrix + noise, found.multipliers)
    assert worse.gap > 1e-3
    assert worse.infeasibility > 1e-3
    half = certificates.min_nuclear_norm(problem, found.matrix, found.multipliers / 2)
    assert half.gap > 0.4
    late = NuclearPenalised(1e-2).predict(problem)
    for w, mu in ((late.matrix + noise, late.multipliers), (late.matrix, 0.9 * late.multipliers)):
        assert certificates.nuclear_penalised(problem, w, mu, 1e-2).gap > 1e-4


def split(w):
    values, vectors = np.linalg.eigh(w)
    return tuple(vectors * np.sqrt(np.maximum(sign * values, 0)) for sign in (1, -1))


def test_factors_of_the_minimiser_are_certified_and_others_are_not():
    problem, lam = completion(d=12, fraction=0.3), 1e-2
    late = NuclearPenalised(lam, gap=1e-9).predict(problem)
    u, v = split(late.matrix)
    found = certificates.factors(problem, u, v, lam)
    assert found.value.gap <= 1e-6
    assert max(found.excess, found.stationarity, abs(found.slackness)) <= 1e-3
    assert certificates.factors(problem, u, v, 2 * lam).stationarity > 0.1
    assert certificates.factors(problem, u, v, lam / 2).excess > 0.5
    assert certificates.factors(problem, 1.01 * u, v, lam).value.gap > 1e-5
    # A zero matrix is stationary, and no minimum.
    zero = np.zeros((12, 12))
    trivial = certificates.factors(problem, zero, zero, lam)
    assert trivial.stationarity == 0
    assert trivial.excess > 1
    assert trivial.curvature < 0


def test_the_factor_gradient_is_the_derivative_of_the_regularised_loss():
    problem, lam, rng = completion(d=6, fraction=0.5), 0.3, np.random.default_rng(2)
    u, v = rng.standard_normal((2, 6, 6))

    def value(scale):
        return certificates.factors(problem, scale * u, scale * v, lam).value.upper

    found = certificates.factors(problem, u, v, lam)
    size = np.sum(u**2) + np.sum(v**2)
    step = 1e-4
    radial = (value(1 + step) - value(1 - step)) / (2 * step)
    # <gradient, (U, V)> = λ‖(U, V)‖² + <M₁, W>; the quartic leaves an error of order step².
    assert np.isclose(found.slackness * lam * size, radial, rtol=1e-6)


@pytest.mark.parametrize("fraction", [0.05, 0.3])
def test_figure_3_size_is_certified_in_bounded_work(fraction):
    problem = completion(fraction=fraction)
    cases = ((MinNuclearNorm(1e-6), 80, 1000), (NuclearPenalised(1e-4, 1e-6), 80, 1000))
    for predictor, decompositions, products in cases:
        found = predictor.predict(problem)
        assert found.certificate.gap <= 1e-6
        assert found.rank == 1
        assert found.work.decompositions <= decompositions
        assert found.work.products <= products


def test_zero_values_are_predicted_by_zero():
    problem = make_entries_problem("x", 4, np.array([0, 1]), np.array([1, 2]), np.zeros(2))
    for predictor in (MinFrobeniusNorm(), MinNuclearNorm(), NuclearPenalised(0.1)):
        found = predictor.predict(problem)
        assert not found.matrix.any()
        assert found.certificate.gap == 0


def test_values_that_no_matrix_has_are_refused():
    a = np.stack([np.eye(3), np.diag([1.0, 0, 0]), np.diag([0, 1.0, 1.0])])
    problem = make_measurement_problem("x", a, np.array([1.0, 2.0, 3.0]))
    for predictor in (MinFrobeniusNorm(), MinNuclearNorm()):
        with pytest.raises(NoPredictor, match="no symmetric matrix has the values"):
            predictor.predict(problem)
    consistent = make_measurement_problem("x", a, np.array([5.0, 2.0, 3.0]))
    for predictor in (MinFrobeniusNorm(), MinNuclearNorm(), NuclearPenalised(0.1)):
        assert predictor.predict(consistent).certificate.gap <= GAP


def test_a_gap_below_rounding_is_not_reached_and_says_so():
    problem = completion(d=5, fraction=0.5)
    with pytest.raises(NotResolved, match=r"expected 1\.0e-20: ask for a larger gap"):
        NuclearPenalised(1e-2, gap=1e-20).predict(problem)


def test_a_bound_that_is_not_there_asks_for_no_larger_gap():
    problem = completion(d=5, fraction=0.5)
    with pytest.raises(NotConverged, match=r"relative gap inf .*: scale the measurements"):
        proximal_points(
            problem,
            np.full(len(problem.values), 1e-2),
            lambda matrix, mu: Certificate(0.0, np.inf, 0.0),
            near=None,
            gap=1e-6,
            interrupt=lambda: None,
        )


def test_a_solution_can_be_interrupted():
    class Enough(Exception):
        pass

    def stop():
        raise Enough

    for predictor in (MinNuclearNorm(), NuclearPenalised(0.1)):
        with pytest.raises(Enough):
            predictor.predict(completion(d=6, fraction=0.5), interrupt=stop)


def test_a_penalty_far_below_the_values_is_not_resolved_and_says_so():
    half = np.random.default_rng(0).standard_normal((5, 2))
    i, j = np.triu_indices(5)
    problem = make_entries_problem("far", 5, i, j, 1e20 * (half @ half.T)[i, j])
    with pytest.raises(NotResolved, match="larger beside the values"):
        NuclearPenalised(1e-8).predict(problem)


@pytest.mark.parametrize("unit", [2.0**-498, 2.0**-300, 2.0**498])
@pytest.mark.parametrize("kind", ["entries", "matrices"])
def test_values_and_lambda_in_other_units_give_the_same_matrix(kind, unit):
    """With values and λ s times as large the minimiser is too, and the minimum is s² times that."""
    problem = completion(d=4, fraction=0.7)
    problem = general(problem) if kind == "matrices" else problem
    scaled = replace(problem, values=unit * problem.values)
    expected = NuclearPenalised(1e-3).predict(problem)
    found = NuclearPenalised(1e-3 * unit).predict(scaled)
    assert np.array_equal(found.matrix / unit, expected.matrix)
    # Powers of two round nothing but the bounds.
    assert np.isclose(found.certificate.upper / unit / unit, expected.certificate.upper, 1e-14)


@pytest.mark.parametrize("apart", [1e-6, 1e-10, 1e-12])
def test_matrices_say_by_how_much_rounding_misses_the_values(apart, monkeypatch):
    """Two measurements that are nearly one ask for large entries, whose sums are small."""
    rng = np.random.default_rng(0)
    first, second = (half + half.T for half in rng.standard_normal((2, 3, 3)))
    measurements, values = np.array([first, first + apart * second]), np.array([1.0, 0.3])
    problem = make_measurement_problem("near", measurements, values)
    found = MinFrobeniusNorm().predict(problem)
    pairs = [zip(row.flat, found.matrix.flat, strict=True) for row in measurements]
    outputs = [sum(Fraction(a) * Fraction(b) for a, b in pair) for pair in pairs]
    missed = max(abs(q - Fraction(y)) for q, y in zip(outputs, values, strict=True))
    assert missed <= found.certificate.missed <= missed * (1 + Fraction(1, 2**50))
    monkeypatch.setattr(certificates, "MOST_EXACT", 0)
    assert missed <= certificates.missed_values(problem, found.matrix)


def test_entries_say_what_the_matrix_misses():
    problem = completion(d=5, fraction=0.6)
    found = MinNuclearNorm().predict(problem)
    missed = np.abs(problem.residuals(found.matrix)).max() / np.abs(problem.values).max()
    assert missed <= found.certificate.missed <= missed * (1 + 2.0**-50)
    assert MinFrobeniusNorm().predict(problem).certificate.missed == 0
