"""Rectangular matrices: stored blocks agree with their block forms in everything."""

import cvxpy
import numpy as np
import pytest
from scipy.sparse import csr_array

from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion.entries import make_entries_problem, make_matrix_problem
from grokflow.theory.completion.frobenius import MatrixPrediction, MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.path import trace_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.problem import TestEntries as Targets
from grokflow.theory.completion.spaces.blocks import BlockMatrices
from grokflow.theory.completion.spaces.symmetric import SymmetricMatrices

SHAPES = [(3, 5), (5, 3), (4, 4), (1, 6)]


def pair(shape, seed=0, share=0.6):
    """Return a rectangular problem, and the symmetric one of its block form."""
    rng, (u, i) = np.random.default_rng(seed), shape
    truth = rng.standard_normal((u, 2)) @ rng.standard_normal((2, i))
    truth += 0.1 * rng.standard_normal(shape)
    seen = rng.random(shape) < share
    seen[0, 0] = True
    rows, columns = np.nonzero(seen)
    test = Targets(*np.nonzero(~seen), truth[~seen])
    moved = Targets(test.rows, test.columns + u, test.values)
    block = make_entries_problem("block", shape, rows, columns, truth[seen], test)
    whole = make_entries_problem("whole", u + i, rows, columns + u, truth[seen], moved)
    return block, whole


@pytest.mark.parametrize("shape", SHAPES)
def test_a_block_has_the_norms_and_the_metric_of_its_block_form(shape):
    rng = np.random.default_rng(0)
    a, h = rng.standard_normal((2, *shape))
    block, whole = BlockMatrices(*shape), SymmetricMatrices(sum(shape))
    w = block.embed(a)
    assert np.array_equal(w, w.T)
    assert np.array_equal(block.stored(w), a)
    for norm in ("squared_norm", "nuclear_norm", "operator_norm"):
        assert getattr(block, norm)(a) == pytest.approx(getattr(whole, norm)(w), rel=1e-13)
    s = block.metric(a, 0.1)
    assert np.allclose(s, whole.metric(w, 0.1), rtol=1e-13, atol=1e-13)
    spread = block.embed(block.spread(s, h))
    assert np.allclose(spread, whole.spread(s, block.embed(h)), rtol=1e-13, atol=1e-13)
    assert np.array_equal(block.unpack(block.pack(a)), a)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.0, 0.5, 100.0])
def test_shrinking_a_block_shrinks_its_block_form(shape, sigma):
    rng = np.random.default_rng(1)
    a, h = rng.standard_normal((2, *shape))
    space, whole = BlockMatrices(*shape), SymmetricMatrices(sum(shape))
    block, full = space.shrunk(a, sigma), whole.shrunk(space.embed(a), sigma)
    assert np.allclose(space.embed(block.matrix), full.matrix, rtol=1e-12, atol=1e-12)
    if sigma > 0:
        assert block.value == pytest.approx(full.value, rel=1e-12)
    # Without a threshold the eigenvalue 0 of an oblong matrix is a kink: no derivative there.
    if sigma > 0 or shape[0] == shape[1]:
        change, expected = block.derivative(h), full.derivative(space.embed(h))
        assert np.allclose(space.embed(change), expected, rtol=1e-12, atol=1e-12)


def test_the_derivative_of_a_shrunk_block_is_its_difference():
    rng, step = np.random.default_rng(2), 1e-6
    for shape in SHAPES:
        a, h = rng.standard_normal((2, *shape))
        space = BlockMatrices(*shape)
        ends = [space.shrunk(a + sign * step * h, 0.5).matrix for sign in (1, -1)]
        # A central difference is off by step² and by rounding over the step.
        difference = (ends[0] - ends[1]) / (2 * step)
        assert np.allclose(space.shrunk(a, 0.5).derivative(h), difference, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_measurements_of_a_block_are_those_of_its_block_form(shape):
    block, whole = pair(shape)
    rng = np.random.default_rng(3)
    a, mu = rng.standard_normal(shape), rng.standard_normal(len(block.values))
    space, s = block.space, rng.standard_normal((sum(shape),) * 2)
    u = shape[0]
    s = s @ s.T
    s[:u, u:], s[u:, :u] = 0, 0
    one, other = block.measurements, whole.measurements
    assert np.array_equal(one.apply(a), other.apply(space.embed(a)))
    assert np.allclose(space.embed(one.adjoint(mu)), other.adjoint(mu), rtol=1e-15, atol=1e-15)
    assert np.allclose(one.norms, other.norms, rtol=1e-15)
    assert np.allclose(one.metric_gram(s), other.metric_gram(s), rtol=1e-14, atol=1e-14)
    assert np.allclose(one.solve_gram(mu, mu**2), other.solve_gram(mu, mu**2), rtol=1e-15)


@pytest.mark.parametrize("shape", [(3, 5), (4, 4)])
def test_predictors_and_path_are_those_of_the_block_form(shape):
    block, whole = pair(shape)
    for predictor in (MinFrobeniusNorm(), MinNuclearNorm(1e-9), NuclearPenalised(1e-2, 1e-9)):
        one, other = predictor.predict(block), predictor.predict(whole)
        # Both intervals hold the same optimum, and each is narrower than a billionth of it.
        assert one.certificate.upper == pytest.approx(other.certificate.upper, rel=2e-9)
        assert one.certificate.lower == pytest.approx(other.certificate.lower, rel=2e-9)
        assert 2 * one.rank == other.rank
    scales = np.array([4.0, 0.0, -6.0])
    one, other = trace_completion(block, scales), trace_completion(whole, scales)
    # Ten times the local error of the integrator, for two paths of some twenty steps.
    size = block.space.operator_norm(MinFrobeniusNorm().predict(block).matrix)
    for a, w in zip(one.matrices, other.matrices, strict=True):
        assert np.abs(block.space.embed(a) - w).max() <= 1e-6 * size
    errors = block.score(one.matrices).error
    assert np.allclose(errors, whole.score(other.matrices).error, rtol=1e-5)


def test_entries_observed_again_count_with_their_mean():
    rows, columns = np.array([0, 0, 1, 0]), np.array([1, 1, 0, 1])
    values = np.array([1.0, 2.0, 7.0, 6.0])
    problem = make_entries_problem("x", (2, 2), rows, columns, values)
    assert isinstance(problem, CompletionProblem)
    assert problem.values.tolist() == [3.0, 7.0]
    assert problem.counts.tolist() == [3, 1]
    assert problem.notes == (
        "2 of 4 entries are observed again: each counts with the mean of its values, from which "
        "they differ by up to 3",
    )
    # The loss over all samples differs from that of the means by a constant.
    a, b = np.random.default_rng(0).standard_normal((2, 2, 2))
    spread = [np.mean((w[rows, columns] - values) ** 2) - problem.loss(w) for w in (a, b)]
    assert spread[0] == pytest.approx(spread[1], rel=1e-12)


def test_mirrors_that_differ_by_rounding_are_one_measurement():
    rows, columns = np.array([0, 1]), np.array([1, 0])
    values = np.array([1.0, np.nextafter(1.0, 2.0)])
    problem = make_entries_problem("x", 2, rows, columns, values)
    assert problem.counts.tolist() == [2]
    values[1] = 1 + 1e-9
    with pytest.raises(ValueError, match=r"\(0, 1\) is 1.0 but \(1, 0\) is 1.000000001, expected"):
        make_entries_problem("x", 2, rows, columns, values)


def test_a_matrix_with_nan_is_a_problem():
    nan = np.nan
    square = np.array([[1.0, 2.0], [nan, 3.0]])
    assert make_matrix_problem("x", square).space == SymmetricMatrices(2)
    assert make_matrix_problem("x", square, rectangular=True).space == BlockMatrices(2, 2)
    assert make_matrix_problem("x", np.array([[1, 2], [3, 4]])).space == BlockMatrices(2, 2)
    stored = csr_array((np.array([0.0, 5.0]), ([0, 1], [2, 0])), shape=(2, 3))
    problem = make_matrix_problem("x", stored)
    assert problem.space == BlockMatrices(2, 3)
    assert problem.values.tolist() == [0.0, 5.0]
    problem = make_matrix_problem("x", np.array([[1.0, nan, 2.0]]))
    assert problem.space == BlockMatrices(1, 3)
    assert problem.values.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"\(0, 1\) is 2.0 but \(1, 0\) is 3.0"):
        make_matrix_problem("x", np.array([[1.0, 2.0], [3.0, 4.0]]), rectangular=False)
    with pytest.raises(ValueError, match="value has shape"):
        make_matrix_problem("x", np.full((2, 2), nan))
    with pytest.raises(ValueError, match=r"shape \(2,\) and holds float64, expected two"):
        make_matrix_problem("x", np.ones(2))


def test_the_flow_is_that_of_the_block_form():
    block, whole = pair((3, 5))
    times, flow = np.array([0.0, 1.0, 3.0, 6.0]), CompletionFlow(lam=1e-3, rtol=1e-6)
    everything = ["kkt", "kkt-bound", "drift", "rank"]
    one = flow.run(CompletionStart(block, 10.0), times, measure=everything)
    other = flow.run(CompletionStart(whole, 10.0), times, measure=everything)
    sizes = np.linalg.norm(other.matrices, axis=(1, 2))
    embedded = np.stack([block.space.embed(a) for a in one.matrices])
    # Each is within 1e-6 of the flow, relative to the larger of W and the early predictor.
    assert np.linalg.norm(embedded - other.matrices, axis=(1, 2)).max() <= 2e-6 * sizes.max()
    assert np.allclose(one.totals, other.totals, rtol=1e-5, atol=1e-5)
    assert np.allclose(one.spectrum(2), np.abs(other.spectrum(4)[:, ::2]), atol=1e-5)
    for name in set(one.measured) - {"effective_rank"}:
        assert np.allclose(one.measured[name], other.measured[name], rtol=1e-3, atol=1e-5), name
    # Every singular value is two eigenvalues, so that the entropy grows by log 2.
    ranks = one.measured["effective_rank"][1:]
    assert np.allclose(2 * ranks, other.measured["effective_rank"][1:], rtol=1e-3)


@pytest.mark.parametrize("lam", [None, 0.1])
@pytest.mark.parametrize("shape", [(3, 5), (4, 4)])
def test_late_predictors_have_the_least_nuclear_norm_of_the_rectangle(shape, lam):
    block, _ = pair(shape)
    a = cvxpy.Variable(shape)
    seen = block.measurements
    outputs = cvxpy.hstack([a[k, m] for k, m in zip(seen.rows, seen.columns, strict=True)])
    if lam is None:
        goal, constraints = 2 * cvxpy.normNuc(a), [outputs == block.values]
    else:
        squares = cvxpy.multiply(block.weights, cvxpy.square(outputs - block.values))
        goal, constraints = cvxpy.sum(squares) + lam * cvxpy.normNuc(a), []
    problem = cvxpy.Problem(cvxpy.Minimize(goal), constraints)
    value = problem.solve(solver=cvxpy.SCS, eps_abs=1e-9, eps_rel=1e-9)
    predictor = MinNuclearNorm() if lam is None else NuclearPenalised(lam)
    # What SCS leaves at its eps of 1e-9 on instances of this kind, as in test_predictors.
    assert predictor.predict(block).certificate.upper == pytest.approx(value, rel=1e-5)


def test_the_certificate_of_a_rectangular_matrix_is_that_of_its_block_form():
    """As `MatrixPrediction` says: twice the nuclear norm of the matrix that it holds."""
    i, j, values = np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([1.0, 2.0, 3.0])
    problem = make_entries_problem("block", (2, 3), i, j, values)
    found = MinNuclearNorm().predict(problem)
    norm = 2 * np.linalg.svd(found.matrix, compute_uv=False).sum()
    bounds = found.certificate
    assert bounds.lower * (1 - 1e-12) <= norm <= bounds.upper * (1 + bounds.gap + 1e-12)
    assert "2 ‖A‖_*" in (MatrixPrediction.__doc__ or "")
