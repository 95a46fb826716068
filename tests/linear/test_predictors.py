"""Predictors: laws, oracles, certificates that reject perturbed answers, and refusals."""

from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_wine

from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.tables.door import as_problem
from grokflow.theory.linear import certificates
from grokflow.theory.linear import simplex as linear_program
from grokflow.theory.linear.certificates import missed_targets
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised, L2Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.linear.proximal_points import L1Program
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics import hard_margin as gram
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.hard_margin import (
    _proximal_pivoting,
    _square_root,
    least_distance,
)
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.predictor import NotResolved, NotSeparable
from grokflow.theory.samples import StoredTestSet
from tests.reference.normal_problems import interpolable, separable

# Certified relative gaps; two certified optima differ by at most the sum of both.
GAP = 1e-7
ORACLE = 1e-6


def classification(z):
    return make_problem(
        "z", Task.CLASSIFICATION, z, np.ones(len(z)), StoredTestSet(z, np.ones(len(z)))
    )


def regression(x, y):
    return make_problem("x", Task.REGRESSION, x, y, StoredTestSet(x, y))


def oracle(problem, norm, loss=None, lam=None):
    """Return the optimal value that cvxpy finds."""
    z, targets = problem.inputs.to_array(), problem.targets
    w = cvxpy.Variable(problem.d)
    if loss is None:
        q = z @ w
        constraint = q >= 1 if problem.is_classification else q == targets
        size = cvxpy.norm1(w) if norm == 1 else cvxpy.sum_squares(w) / 2
        return cvxpy.Problem(cvxpy.Minimize(size), [constraint]).solve(solver=cvxpy.CLARABEL)
    losses = {
        "logistic": lambda q: cvxpy.logistic(-q),
        "exponential": lambda q: cvxpy.exp(-q),
        "square": lambda q: cvxpy.square(q - targets),
    }
    mean = cvxpy.sum(losses[loss](z @ w)) / problem.n
    objective = cvxpy.Minimize(mean + lam / 2 * cvxpy.norm1(w))
    return cvxpy.Problem(objective).solve(solver=cvxpy.CLARABEL)


@given(separable())
def test_margins_are_certified_and_agree_with_cvxpy(problem):
    for predictor, order in ((MaxL2Margin(), 2), (MaxL1Margin(), 1)):
        found = predictor.predict(problem)
        assert 0 <= found.certificate.gap + 1e-12 <= GAP
        assert found.certificate.infeasibility <= 1e-9
        expected = oracle(problem, order)
        assert abs(found.certificate.upper - expected) <= (GAP + ORACLE) * expected
        assert np.isclose(found.margin, 1 / np.linalg.norm(found.w, order), rtol=1e-8)


@given(interpolable())
def test_interpolants_are_certified_and_agree_with_cvxpy(problem):
    for predictor, order in ((MinL2Norm(), 2), (MinL1Norm(), 1)):
        found = predictor.predict(problem)
        assert found.certificate.gap <= GAP
        expected = oracle(problem, order)
        assert abs(found.certificate.upper - expected) <= (GAP + ORACLE) * expected


@settings(max_examples=8)
@given(separable(max_n=6, max_d=20), st.sampled_from(["logistic", "exponential"]))
def test_penalised_classifiers_agree_with_cvxpy(problem, loss):
    found = L1Penalised(LOSSES[loss], 1e-2).predict(problem)
    assert found.certificate.gap <= GAP
    expected = oracle(problem, 1, loss, 1e-2)
    assert abs(found.certificate.upper - expected) <= (GAP + 1e-5) * expected


@settings(max_examples=8)
@given(interpolable(max_n=6, max_d=20))
def test_penalised_regression_agrees_with_cvxpy(problem):
    found = L1Penalised(LOSSES["square"], 1e-2).predict(problem)
    assert found.certificate.gap <= GAP
    expected = oracle(problem, 1, "square", 1e-2)
    assert abs(found.certificate.upper - expected) <= (GAP + ORACLE) * expected


@pytest.mark.parametrize("loss", ["logistic", "exponential", "square"])
@pytest.mark.parametrize("lam", [1e-1, 1e-4, 1e-8, 1e-12])
def test_penalised_predictors_are_certified_for_every_lambda(loss, lam):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((20, 100))
    problem = regression(x, x[:, 0]) if loss == "square" else classification(x)
    assert L1Penalised(LOSSES[loss], lam).predict(problem).certificate.gap <= GAP


def test_the_penalised_predictor_is_zero_where_the_penalty_outweighs_the_pull():
    rng = np.random.default_rng(5)
    problem = classification(rng.standard_normal((6, 20)))
    pull = np.full(6, 0.5) / 6
    threshold = 2 * np.abs(problem.inputs.correlate(pull)).max()
    assert not L1Penalised(LOSSES["logistic"], 1.001 * threshold).predict(problem).w.any()
    assert L1Penalised(LOSSES["logistic"], 0.9 * threshold).predict(problem).w.any()


@given(separable(), st.integers(0, 10_000))
def test_certificates_bound_the_optimum_for_any_answer(problem, seed):
    """Soundness: lower ≤ optimum ≤ upper, however bad the answer; and bad answers have a gap."""
    rng = np.random.default_rng(seed)
    for certify, predictor in (
        (certificates.max_l2_margin, MaxL2Margin()),
        (certificates.max_l1_margin, MaxL1Margin()),
    ):
        found = predictor.predict(problem)
        optimum = found.certificate.upper
        for spread in (1e-3, 1e-1, 10.0):
            w = found.w + spread * np.linalg.norm(found.w) * rng.standard_normal(problem.d)
            mu = found.multipliers * rng.uniform(0, 1 + spread, problem.n)
            bounds = certify(problem, w, mu)
            assert bounds.lower <= optimum * (1 + 1e-12)
            assert bounds.upper >= optimum * (1 - GAP)
            assert bounds.gap >= 1 - optimum / bounds.upper - 1e-12


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 1e2, 1e6])
@given(separable(), st.integers(0, 10_000))
@settings(max_examples=10)
def test_no_multipliers_prove_more_than_the_optimum(scale, problem, seed):
    """Whatever their signs and sizes: each bound from below is that of some feasible dual."""
    rng = np.random.default_rng(seed)
    values = regression(problem.inputs.to_array(), rng.standard_normal(problem.n))
    for data, predictor, certify in (
        (problem, MaxL2Margin(), certificates.max_l2_margin),
        (problem, MaxL1Margin(), certificates.max_l1_margin),
        (values, MinL2Norm(), certificates.min_l2_norm),
        (values, MinL1Norm(), certificates.min_l1_norm),
    ):
        found = predictor.predict(data)
        noise = scale * np.abs(found.multipliers).max() * rng.standard_normal(data.n)
        for mu in (noise, found.multipliers + noise):
            assert certify(data, found.w, mu).lower <= found.certificate.upper * (1 + 1e-12)


def test_multipliers_of_equalities_prove_nothing_of_margins():
    """Weights with outputs of exactly one are longer than needed, and their multipliers say so."""
    problem = classification(np.array([[1.0, 0.0, 1.0], [2.0, 1.0, 0.0], [3.0, 1.0, 1.5]]))
    equal = regression(problem.inputs.to_array(), np.ones(3))
    for margin, norm, certify in (
        (MaxL2Margin(), MinL2Norm(), certificates.max_l2_margin),
        (MaxL1Margin(), MinL1Norm(), certificates.max_l1_margin),
    ):
        optimum, longer = margin.predict(problem).certificate.upper, norm.predict(equal)
        assert longer.certificate.lower > 1.1 * optimum and longer.multipliers.min() < 0
        found = certify(problem, margin.predict(problem).w, longer.multipliers)
        assert found.lower <= optimum * (1 + 1e-12)


def test_certificates_reject_perturbed_answers():
    problem = classification(np.random.default_rng(11).standard_normal((10, 40)))
    early, late = MaxL2Margin().predict(problem), MaxL1Margin().predict(problem)
    for certify, found in ((certificates.max_l2_margin, early), (certificates.max_l1_margin, late)):
        worse = found.w.copy()
        worse[np.argmax(np.abs(worse))] *= 0.99
        assert certify(problem, worse, found.multipliers).gap > 1e-4
        assert certify(problem, -found.w, found.multipliers).gap == np.inf
    assert certificates.max_l1_margin(problem, late.w, 0.99 * late.multipliers).gap > 9e-3
    assert certificates.max_l1_margin(problem, late.w, 0 * late.multipliers).gap == 1.0
    assert certificates.max_l2_margin(problem, early.w, np.ones(10)).gap > 1e-3


def test_min_norm_certificates_charge_a_miss():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 30))
    problem = regression(x, rng.standard_normal(5))
    for predictor, certify in (
        (MinL2Norm(), certificates.min_l2_norm),
        (MinL1Norm(), certificates.min_l1_norm),
    ):
        found = predictor.predict(problem)
        assert certify(problem, 0.99 * found.w, found.multipliers).infeasibility > 1e-3
        worse = certify(problem, found.w + 0.01 * rng.standard_normal(30), found.multipliers)
        assert worse.gap > 1e-4


def test_non_separable_data_come_with_a_farkas_certificate():
    rng = np.random.default_rng(2)
    z = rng.standard_normal((40, 3))
    problem = classification(z)
    for predictor in (MaxL2Margin(), MaxL1Margin()):
        with pytest.raises(
            NotSeparable, match=r"not separable.*no weights classify all.*: add an intercept"
        ) as caught:
            predictor.predict(problem)
        proof = caught.value.certificate
        assert (proof.multipliers >= 0).all()
        assert np.isclose(proof.multipliers.sum(), 1)
        assert np.linalg.norm(z.T @ proof.multipliers) <= 1e-7 * np.linalg.norm(z)
    assert L1Penalised(LOSSES["logistic"], 0.1).predict(problem).certificate.gap <= GAP


def test_targets_that_no_weights_reach_are_refused():
    x = np.random.default_rng(3).standard_normal((10, 4))
    with pytest.raises(ValueError, match="no w interpolates"):
        MinL2Norm().predict(regression(x, np.arange(10.0)))


@given(separable(), st.sampled_from([1.0, 1e-2, 1e-6]))
def test_a_nearby_start_changes_no_margin(problem, lam):
    near = L1Penalised(LOSSES["logistic"], lam).predict(problem)
    cold, warm = MaxL1Margin().predict(problem), MaxL1Margin().predict(problem, near=near)
    assert warm.certificate.gap <= GAP
    assert np.isclose(warm.margin, cold.margin, rtol=2 * GAP)


@given(interpolable(), st.sampled_from([1.0, 1e-2, 1e-6]))
def test_a_nearby_start_changes_no_norm(problem, lam):
    near = L1Penalised(LOSSES["square"], lam).predict(problem)
    cold, warm = MinL1Norm().predict(problem), MinL1Norm().predict(problem, near=near)
    assert warm.certificate.gap <= GAP
    assert np.isclose(np.abs(warm.w).sum(), np.abs(cold.w).sum(), rtol=2 * GAP)


def highs(problem):
    """Return the optimal ``‖w‖₁`` of the linear program that HiGHS finds, with signs split."""
    z, d = problem.inputs.to_array(), problem.d
    rows = {"A_ub": -np.hstack([z, -z]), "b_ub": -problem.targets}
    if not problem.is_classification:
        rows = {"A_eq": np.hstack([z, -z]), "b_eq": problem.targets}
    return linprog(np.ones(2 * d), **rows).fun


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0]))
def test_working_sets_find_the_optimum_over_all_columns(seed, noise):
    """Six times as many columns as the first working set, few or many of them with weight."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 400))
    y = x[:, :3].sum(axis=1) + noise * rng.standard_normal(40) * 3
    for problem, predictor in (
        (classification(x * np.sign(y)[:, None]), MaxL1Margin()),
        (regression(x, y), MinL1Norm()),
    ):
        found = predictor.predict(problem).certificate
        assert found.gap <= GAP
        expected = highs(problem)
        assert abs(found.upper - expected) <= (GAP + ORACLE) * expected


@pytest.mark.parametrize("loss", ["logistic", "exponential", "square"])
@pytest.mark.parametrize("lam", [1e-1, 1e-4, 1e-7])
def test_penalised_predictors_with_many_weights_are_certified(loss, lam):
    """Noise spreads the weights over more columns than the first working set holds."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((100, 300))
    y = x[:, :3].sum(axis=1) + 3 * rng.standard_normal(100)
    problem = regression(x, y) if loss == "square" else classification(x * np.sign(y)[:, None])
    assert L1Penalised(LOSSES[loss], lam).predict(problem).certificate.gap <= GAP


@pytest.mark.parametrize(("n", "d"), [(40, 400), (60, 60), (200, 120), (300, 20), (30, 1)])
def test_block_pivoting_is_least_distance(n, d):
    """More samples or fewer than inputs: the same multipliers' weights as Lawson and Hanson's."""
    rng = np.random.default_rng(n)
    x = np.where(rng.random((n, d)) < 0.5, -1.0, 1.0)
    z = x * np.sign(x[:, :3].sum(axis=1))[:, None]
    gram = z @ z.T
    fast = _proximal_pivoting(gram, np.ones(n))
    slow = least_distance(_square_root(gram), np.ones(n))
    assert fast is not None
    # ‖w - w*‖² ≤ 2 gap ‖w*‖² for each, as ½‖w‖² is strongly convex; pivoting stops at 1e-10.
    distance = np.linalg.norm((fast - slow) @ z) / np.linalg.norm(slow @ z)
    assert distance <= np.sqrt(2 * 1e-10) + 1e-6


def test_block_pivoting_takes_few_factorisations(monkeypatch):
    """n = 400 with more than half of the samples support vectors, where nnls takes over 200."""
    counted = []
    factor = gram.cho_factor
    monkeypatch.setattr(gram, "cho_factor", lambda *a, **k: (counted.append(1), factor(*a, **k))[1])
    monkeypatch.setattr(gram, "nnls", None)
    problem = sparse(n=400, d=400, n_test=1)
    found = MaxL2Margin().predict(problem)
    assert found.certificate.gap <= 1e-9
    assert (found.multipliers > 0).sum() > 200
    assert len(counted) <= 20


@pytest.mark.parametrize("predictor", [MaxL2Margin(), MaxL1Margin()])
def test_rows_that_cancel_are_refused_with_a_proof(predictor):
    with pytest.raises(NotSeparable):
        predictor.predict(classification(np.array([[1.0], [-1.0], [1.0]])))


def test_the_paper_size_is_certified_in_a_few_passes_over_all_columns(monkeypatch):
    """n=256, d=100 000: relative gap 1e-6; the working sets are another, smaller matrix."""
    passes = []
    sweep = DataMatrix.sweep

    def counted(self, *how):
        if self.shape[1] == 100_000:
            passes.append(1)
        return sweep(self, *how)

    monkeypatch.setattr(DataMatrix, "sweep", counted)
    problem = sparse(n_test=1)
    for predictor, most in (
        (MaxL2Margin(), 10),
        (MaxL1Margin(), 20),
        (L1Penalised(LOSSES["logistic"], 1e-3), 10),
    ):
        passes.clear()
        assert predictor.predict(problem).certificate.gap <= 1e-6
        assert len(passes) <= most


@pytest.mark.parametrize("seed", range(6))
def test_linear_programs_with_columns_of_many_sizes_end_at_a_vertex(seed):
    """Columns over four decades, where proximal points crawl: half of these need the simplex."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((9, 12)) * 10.0 ** rng.uniform(-2, 2, 12)
    w = rng.standard_normal(12)
    for problem, predictor in (
        (regression(x, x @ w), MinL1Norm()),
        (classification(x * np.sign(x @ w)[:, None]), MaxL1Margin()),
    ):
        found = predictor.predict(problem)
        assert max(found.certificate.gap, found.certificate.infeasibility) <= GAP
        corner = linear_program.vertex(problem)
        # A vertex is solved for again on its support: exact up to rounding times its condition.
        assert np.isclose(np.abs(corner.w).sum(), np.abs(found.w).sum(), rtol=GAP)


@pytest.mark.parametrize("seed", range(3))
def test_a_vertex_with_fewer_weights_than_active_samples_keeps_its_multipliers(seed):
    """The simplex method leaves weights of -1e-17 among those that are zero there.

    Their signs are no side on which the multipliers are to be solved for.
    """
    problem = sparse(n=60, d=400, k=3, n_test=1, seed=seed)
    found = linear_program.vertex(problem)
    assert certificates.max_l1_margin(problem, found.w, found.mu).gap <= GAP


def test_too_large_a_linear_program_is_left_to_proximal_points(monkeypatch):
    monkeypatch.setattr(linear_program, "_MOST_ENTRIES", 10)
    problem = regression(np.eye(4), np.ones(4))
    with pytest.raises(NotConverged, match="expected at most 10"):
        linear_program.vertex(problem)


def test_a_penalty_below_rounding_is_refused():
    x = 1e8 * np.random.default_rng(0).standard_normal((4, 6))
    # No weights of double precision fit targets that are a third of an input.
    problem = regression(x, x[:, 0] / 3)
    # Rounding moves the residuals by 1e-7 and their squares by 1e-14: far below λ/2.
    assert L1Penalised(LOSSES["square"], 1e-4).predict(problem).certificate.gap <= GAP
    # And far above it.
    for predictor in (L1Penalised, L2Penalised):
        with pytest.raises(NotResolved, match=r"optimum is between .* expected a gap of 1\.0e-07"):
            predictor(LOSSES["square"], 1e-30).predict(problem)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_small_multipliers_are_judged_against_a_typical_one(scale):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((12, 40))
    z = x * np.sign(x[:, :3].sum(axis=1))[:, None]
    base = MaxL1Margin().predict(classification(z))
    scaled = MaxL1Margin().predict(classification(scale * z))
    assert scaled.certificate.gap <= GAP
    assert np.isclose(scaled.margin, scale * base.margin, rtol=2 * GAP)


def test_a_proof_that_no_weights_separate_is_told_in_plain_words():
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, -1.0])
    problem = make_problem("two", Task.CLASSIFICATION, x, y, StoredTestSet(x, y))
    with pytest.raises(NotSeparable) as found:
        MaxL1Margin().predict(problem)
    assert "no weights classify all of them right" in str(found.value)
    assert "Farkas" not in str(found.value)


@pytest.mark.parametrize("loss", ["logistic", "exponential", "square"])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_few_raw_columns_need_no_step_in_as_many_unknowns_as_samples(loss, load, monkeypatch):
    """Hundreds of rows of thirty inputs took a second or two by proximal points."""
    x, y = load(return_X_y=True)
    sides = np.where(y == 0, 1.0, -1.0)
    task = Task.REGRESSION if loss == "square" else Task.CLASSIFICATION
    problem = make_problem("raw", task, x, sides, StoredTestSet(x, sides))
    by_points, steps = L1Program.approach, []
    monkeypatch.setattr(L1Program, "approach", lambda *a: steps.append(1) or by_points(*a))
    found = L1Penalised(LOSSES[loss], 1e-3).predict(problem)
    assert 0 <= found.certificate.gap <= 1e-7
    assert not steps


def test_targets_beside_which_weight_decay_is_nothing_are_to_be_rescaled():
    x = np.random.default_rng(0).standard_normal((30, 60))
    problem = as_problem(x, 1e30 * (x[:, 0] + x[:, 1]), x, x[:, 0], regression=True)
    with pytest.raises(NotResolved, match="rescale the targets to sizes near 1, or standardise"):
        L1Penalised(LOSSES["square"], 1e-3).predict(problem)


def _exactly_missed(x, w, y):
    """Return the largest ``|<x_i, w> - y_i|`` over the largest target, nothing rounded."""
    outputs = (sum(Fraction(a) * Fraction(b) for a, b in zip(row, w, strict=True)) for row in x)
    missed = max(abs(q - Fraction(t)) for q, t in zip(outputs, y, strict=True))
    return missed / Fraction(np.abs(y).max())


@pytest.mark.parametrize("table", [np.asarray, csr_array])
@pytest.mark.parametrize("seed", range(20))
def test_what_weights_miss_is_never_more_than_is_said(seed, table, monkeypatch):
    """Rows over 16 decades, with weights that fit or not, in tables counted as small or as large.

    A small table is summed without rounding. Of a large one the bound of rounding is allowed, and
    above the limit only what is missed in fact counts.
    """
    rng = np.random.default_rng(seed)
    n, d = 1 + seed % 6, 1 + seed % 9
    x = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-8, 9, (n, 1))
    w = rng.standard_normal(d) * 10.0 ** rng.integers(-8, 9, d)
    y = x @ w + (seed % 2) * rng.standard_normal(n)
    problem, missed = regression(table(x), y), _exactly_missed(x, w, y)
    assert missed <= missed_targets(problem, w, 0.1) <= missed * Fraction(1002, 1000)
    monkeypatch.setattr("grokflow.theory.linear.certificates.MOST_EXACT", 0)
    terms = 1.01 * (d + 3) * 2.0**-53 * max(np.abs(x) @ np.abs(w) + np.abs(y)) / np.abs(y).max()
    assert missed <= missed_targets(problem, w, 0.1) <= missed + Fraction(terms)
    least = missed_targets(problem, w, 0.0)
    assert missed <= least <= missed * Fraction(1002, 1000)


@pytest.mark.parametrize("predictor", [MinL1Norm(), MinL2Norm()])
def test_interpolants_that_seem_to_fit_say_what_they_miss(predictor):
    """The products of these rows cancel in doubles, and by 8 % of a target not in fact."""
    x = np.array([[3, 1, -1, 1], [2, -1, 3, -3], [-3, 3, -2, 2], [-1, 1, -1, -1]])
    x = x * np.array([2.0**-30, 2.0**10, 2.0**14, 3 * 2.0**-38])[:, None]
    y = np.array([3.0, 2.0, 2.0, -2.0])
    found = predictor.predict(regression(x, y))
    assert _exactly_missed(x, found.w, y) > 1e-3
    assert _exactly_missed(x, found.w, y) <= found.certificate.missed


@pytest.mark.parametrize("predictor", [MinL1Norm(), MinL2Norm()])
def test_interpolants_say_by_how_much_rounding_misses_the_targets(predictor):
    # The second row asks for a weight of about 2⁵⁰, of which the outputs are small differences.
    x = np.array([[1 / 3, 1 / 7, 1 / 11], [1 / 3, 1 / 7 + 2.0**-50, 1 / 11]])
    y = np.array([1.0, 0.3])
    found = predictor.predict(regression(x, y))
    outputs = [
        sum(Fraction(a) * Fraction(b) for a, b in zip(row, found.w, strict=True)) for row in x
    ]
    missed = float(max(abs(q - Fraction(t)) for q, t in zip(outputs, y, strict=True)))
    assert found.certificate.infeasibility <= 1e-15
    # A table this small is summed without rounding: the next double above what is missed.
    assert missed <= found.certificate.missed <= missed * (1 + 2.0**-51)
    assert missed > 1e-3 and "missed" in str(found.certificate)
    well = predictor.predict(regression(np.eye(2), y)).certificate
    assert well.missed == 0.0 and "missed" not in str(well)
