"""No bound of completion is false: checked against rational numbers, at any scale of the values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.theory.completion import certificates, exact, proximal_points
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.exact import ObservedEntries
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.completion.spaces.blocks import BlockMatrices
from grokflow.theory.predictor import NotInterpolable, NotResolved


def observed(problem, whole):
    """Return the entries in rational arithmetic; those of a block in its block form."""
    columns = problem.measurements.columns + (0 if whole else problem.space.rows)
    return ObservedEntries(problem.d, problem.measurements.rows, columns, problem.values)


def few_entries(rng, whole, u, i, spread):
    """Return entries of sizes that span twice so many decades, of a u × i or symmetric matrix."""
    shape = (u, i) if not whole else (i, i)
    seen = rng.random(shape) < 0.6
    seen[0, 0] = True
    rows, columns = np.nonzero(np.triu(seen) if whole else seen)
    values = rng.standard_normal(len(rows)) * 10.0 ** rng.integers(-spread, spread + 1, len(rows))
    return make_entries_problem("x", i if whole else shape, rows, columns, values)


@st.composite
def entries(draw):
    """Draw a few entries whose sizes span 24 decades, of a symmetric or a rectangular matrix."""
    whole, rng = draw(st.booleans()), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    u, i = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    return few_entries(rng, whole, u, i, draw(st.sampled_from([0, 3, 12]))), whole


@given(entries(), st.integers(0, 10_000))
def test_the_certified_interval_holds_the_optimum(drawn, seed):
    problem, whole = drawn
    rng, embed = np.random.default_rng(seed), problem.space.embed
    shape, m = problem.space.shape, problem.measurements.size
    try:
        best = MinNuclearNorm().predict(problem)
    except NotResolved:
        return  # no false answer; how often that is so is counted below
    noise = rng.standard_normal(shape)
    noise = noise + noise.T if whole else noise
    reference = exact.min_nuclear_norm(
        observed(problem, whole), embed(best.matrix), best.multipliers
    )
    answers = [
        (best.matrix, best.multipliers),
        (np.zeros(shape), np.zeros(m)),
        (best.matrix + 1e-9 * np.abs(best.matrix).max() * noise, 1.5 * best.multipliers),
        (best.matrix, best.multipliers + 1e-3 * rng.standard_normal(m)),
    ]
    for w, mu in answers:
        found = certificates.min_nuclear_norm(problem, w, mu)
        assert found.lower <= reference.upper
        assert found.upper >= reference.lower


@pytest.mark.parametrize("spread", [0, 3, 12])
def test_the_least_nuclear_norm_is_seldom_refused(spread):
    """At most one in a hundred, which is the goal of the package."""
    refused, count = 0, 100
    for seed in range(count):
        rng = np.random.default_rng([spread, seed])
        whole, u, i = bool(rng.random() < 0.5), int(rng.integers(1, 5)), int(rng.integers(2, 5))
        try:
            found = MinNuclearNorm().predict(few_entries(rng, whole, u, i, spread))
        except NotResolved:
            refused += 1
        else:
            assert found.certificate.gap <= MinNuclearNorm().gap
    assert refused <= count / 100


def test_an_answer_that_misses_its_entries_bounds_nothing():
    rows, values = np.array([0, 1]), np.array([1.0, 1e-8])
    for size in (2, (2, 2)):
        problem = make_entries_problem("x", size, rows, rows, values)
        factor = 1 if size == 2 else 2
        nothing = np.zeros((2, 2)), np.zeros(2)
        assert certificates.min_nuclear_norm(problem, *nothing).upper >= factor * (1 + 1e-8)
        assert certificates.min_frobenius_norm(problem, *nothing).upper >= factor / 2
        half = np.diag([1.0, 0.0]), np.array([1.0, 0.0])
        assert certificates.min_nuclear_norm(problem, *half).upper >= factor * (1 + 1e-8)
        assert certificates.min_nuclear_norm(problem, *half).infeasibility == 1e-8


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1.0, 1e12])
def test_norms_are_bounded_from_above(scale):
    rng = np.random.default_rng(0)
    for shape in ((3, 3), (5, 9)):
        a, space = scale * rng.standard_normal(shape), BlockMatrices(*shape)
        whole = exact.matrix(space.embed(a))
        norms = certificates.operator_norm_above, certificates.nuclear_norm_above
        above = exact.spectral_norm_above, exact.nuclear_norm_above
        for norm, rational in zip(norms, above, strict=True):
            # The rational bounds are above by the error of an eigendecomposition in doubles.
            bound = float(exact.fraction(rational(whole)))
            assert bound * (1 - 1e-13 * space.d) <= norm(space, a) <= bound * (1 + 1e-12)


@pytest.mark.parametrize("size", [2, (2, 3)])
@pytest.mark.parametrize("scale", [0.0, 1e-150, 1e-100, 1e100, 1e150])
def test_the_scale_of_all_values_changes_no_gap(size, scale):
    rows, columns, values = np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0])
    problem = make_entries_problem("x", size, rows, columns, scale * values)
    for predictor in (MinNuclearNorm(), MinFrobeniusNorm()):
        assert predictor.predict(problem).certificate.gap <= 1e-7


def general_measurements(rng, m=8, d=5):
    """Return symmetric matrices, and their inner products with a matrix of rank one."""
    a = rng.standard_normal((m, d, d))
    a = a + a.transpose(0, 2, 1)
    return a, a @ np.arange(d) @ np.arange(d)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
@pytest.mark.parametrize("unit", [1e-100, 1e-12, 1e12, 1e100])
def test_the_scale_of_measurements_and_values_changes_no_gap(scale, unit):
    a, y = general_measurements(np.random.default_rng(0))
    problem = make_measurement_problem("x", unit * a, scale * y)
    # This λ is as large beside the measurements and values as 0.01 is beside the unscaled ones.
    for predictor in (MinNuclearNorm(), NuclearPenalised(0.01 * scale * unit)):
        assert predictor.predict(problem).certificate.gap <= 1e-7


@pytest.mark.parametrize("seed", range(3))
def test_measurements_of_many_sizes_are_met_each_in_its_own_unit(seed):
    rng = np.random.default_rng(seed)
    a, y = general_measurements(rng)
    rows = 10.0 ** rng.uniform(-12, 12, len(y))
    problem = make_measurement_problem("x", a * rows[:, None, None], y * rows)
    plain = make_measurement_problem("x", a, y)
    for predictor in (MinNuclearNorm(), MinFrobeniusNorm()):
        found, expected = (predictor.predict(p).certificate for p in (problem, plain))
        assert found.gap <= 1e-7
        # The optimum is the same up to what rounding does to the products of rows, 1e-16.
        assert np.isclose(found.upper, expected.upper, rtol=3e-7)


def test_a_matrix_that_misses_general_measurements_bounds_no_optimum():
    """Values at 1e-6 of it are a hundred times nearer than what the multipliers charge for them.

    Two measurements that nearly agree take a matrix of size 1 to meet them.
    """
    apart = 1e-6
    a = np.stack([np.diag([1.0, 0.0]), np.diag([1.0, apart])])
    problem = make_measurement_problem("x", a, [0.0, apart])
    nothing = np.zeros((2, 2)), np.zeros(2)
    # diag(0, 1) is the optimum of both.
    assert certificates.min_nuclear_norm(problem, *nothing).upper >= 1
    assert certificates.min_frobenius_norm(problem, *nothing).upper >= 0.5


def test_that_no_matrix_has_the_values_is_proved_or_not_said():
    """The last measurement is the sum of the others up to rounding, and exactly for integers."""
    a = general_measurements(np.random.default_rng(1), m=3)[0]
    whole = np.round(10 * a)
    dependent = np.concatenate([whole, whole.sum(axis=0, keepdims=True)])
    consistent = make_measurement_problem("x", dependent, [1.0, 2.0, 3.0, 6.0])
    assert MinFrobeniusNorm().predict(consistent).certificate.gap <= 1e-7
    off = make_measurement_problem("x", dependent, [1.0, 2.0, 3.0, 6.0 + 1e-9])
    with pytest.raises(NotInterpolable, match="no symmetric matrix has the values"):
        MinFrobeniusNorm().predict(off)
    near = dependent.copy()
    near[-1, 0, 0] += 1e-9
    # One more multiple of the identity of the corner meets the last value: none is excluded.
    found = MinFrobeniusNorm().predict(make_measurement_problem("x", near, [1.0, 2.0, 3.0, 6.1]))
    assert found.certificate.gap <= 1e-7
    assert found.certificate.lower > 1e15


def test_what_is_not_converged_is_not_resolved(monkeypatch):
    monkeypatch.setattr(proximal_points, "_OUTER_STEPS", 1)
    problem = few_entries(np.random.default_rng(0), False, 4, 4, 0)
    with pytest.raises(NotResolved, match="not resolved in double precision: the nuclear-norm"):
        MinNuclearNorm(1e-12).predict(problem)
