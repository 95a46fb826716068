"""Sparse arrays and matrices of scipy are read as what they stand for, and never stored in full."""

import numpy as np
import pytest
from scipy import sparse

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.linear import simplex
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised, L2Penalised
from grokflow.theory.linear.problem import make_problem
from grokflow.theory.linear.proximal_points import L1Program
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.numerics.sparse_matrix import SparseMatrix
from grokflow.theory.samples import StoredTestSet

TASKS = [("classification", "logistic"), ("regression", "square")]


def words(task, form, seed=0):
    """Return a small bag of words as a problem, with inputs in the form wanted."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((24, 60)) * (rng.random((24, 60)) < 0.2)
    x[:, 0] += 1.0
    y = x[:, 0] + x[:, 1]
    if task == "classification":
        y = np.where(y > 0, 1, -1)
    return make_problem("words", task, form(x[:16]), y[:16], StoredTestSet(form(x[16:]), y[16:]))


@pytest.fixture
def never_full(monkeypatch):
    """Fail where a sparse matrix is written out."""

    def refuse(self):
        raise AssertionError("the matrix is written out")

    monkeypatch.setattr(SparseMatrix, "to_array", refuse)


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize(
    ("task", "predictor"),
    [
        ("classification", MaxL1Margin()),
        ("classification", MaxL2Margin()),
        ("classification", L1Penalised(LOSSES["logistic"], 1e-3)),
        ("classification", L2Penalised(LOSSES["exponential"], 1e-3)),
        ("regression", MinL1Norm()),
        ("regression", MinL2Norm()),
        ("regression", L1Penalised(LOSSES["square"], 1e-3)),
        ("regression", L2Penalised(LOSSES["square"], 1e-3)),
    ],
)
def test_predictors_of_sparse_inputs_are_those_of_full_ones(task, predictor, form, never_full):
    found, expected = (predictor.predict(words(task, kind)) for kind in (form, np.array))
    # Two answers of relative gap 1e-7 to problems whose curvature is of order one.
    assert np.allclose(found.w, expected.w, atol=1e-3 * np.abs(expected.w).max())
    assert np.isclose(found.certificate.upper, expected.certificate.upper, rtol=2e-7)


def test_sparse_text_is_solved_at_an_interior_point(monkeypatch):
    """Of 16 s at 900 documents it leaves one: proximal points and the simplex method are slow."""
    methods, solve = [], simplex.linprog

    def linprog(*args, method, **kwargs):
        methods.append(method)
        return solve(*args, method=method, **kwargs)

    def refuse(self, *args):
        raise AssertionError("proximal points are asked")

    monkeypatch.setattr(simplex, "linprog", linprog)
    monkeypatch.setattr(L1Program, "solve", refuse)
    rng = np.random.default_rng(0)
    chance = 1 / (1.0 + np.arange(20_000))
    counts = rng.multinomial(120, chance / chance.sum(), size=400)
    words = sparse.csr_array(counts * np.log(400 / (1 + np.count_nonzero(counts, axis=0))))
    y = rng.choice([-1, 1], 400)
    found = MaxL1Margin().predict(
        make_problem("text", "classification", words, y, StoredTestSet(words[:1], y[:1]))
    )
    assert found.certificate.gap <= 1e-7
    assert methods == ["highs-ipm"]


@pytest.mark.parametrize(("task", "loss"), TASKS)
def test_forecast_and_flow_of_sparse_inputs_are_those_of_full_ones(task, loss, never_full):
    times, found = np.array([1.0, 5.0, 15.0]), []
    for form in (sparse.csr_array, np.array):
        problem = words(task, form)
        expected = forecast(problem, alpha=100.0, lam=1e-4, loss=LOSSES[loss])
        flow = DiagonalFlow(lam=1e-4, loss=LOSSES[loss])
        found.append((expected, flow.run(DiagonalStart(problem, alpha=100.0), times)))
    (one, run), (other, full_run) = found
    assert one.kind is other.kind
    assert np.allclose(one.scores.error, other.scores.error)
    # The flow promises 1e-4 of the weights at every time.
    assert np.allclose(run.outputs, full_run.outputs, atol=1e-3 * np.abs(full_run.outputs).max())


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            sparse.csr_array([[1.0, 0.0], [0.0, np.nan]]),
            [1, -1],
            r"X\[1, 1\] is nan",
        ),
        (sparse.coo_array([[1.0, 0.0], [0.0, 0.0]]), [1, -1], "row 1 of X is all zeros"),
        (sparse.csr_array([[1.0, 2.0], [1.0, 3.0]]), [1, -1, 1], r"y has shape \(3,\)"),
        (sparse.csr_array([[1.0j, 2.0], [1.0, 3.0]]), [1, -1], "X holds complex128"),
    ],
)
def test_sparse_inputs_are_checked_as_full_ones_are(x, y, message):
    y = np.array(y)
    with pytest.raises(ValueError, match=message):
        make_problem("p", "classification", x, y, StoredTestSet(x, y))


def test_sparse_test_inputs_are_compared_with_the_training_inputs():
    x, y = sparse.csr_array(np.eye(3)), np.array([1, -1, 1])
    with pytest.raises(ValueError, match=r"test inputs have shape \(3, 2\), expected \(m, 3\)"):
        make_problem("p", "classification", x, y, StoredTestSet(x[:, :2], y))


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_inputs_without_a_sign_keep_their_labels(dtype):
    x, y = np.array([[1, 0], [0, 1]], dtype=dtype), np.array([1, -1])
    problem = make_problem("p", "classification", x, y, StoredTestSet(x, y))
    assert np.array_equal(problem.inputs.to_array(), [[1.0, 0.0], [0.0, -1.0]])


@pytest.fixture
def tall():
    """A sparse table of dependent rows whose zeros would take 4 GiB, and its Gram matrix 7 GiB."""
    n, d = 30_000, 20_000
    rows, columns = np.arange(2 * n) % n, np.arange(2 * n) // 2 % d
    x = sparse.csr_array((np.ones(2 * n), (rows, columns)), shape=(n, d))
    y = np.where(np.arange(n) % 2, 1, -1)
    return make_problem("tall", "classification", x, y, StoredTestSet(x[:2], y[:2]))


def test_arrays_of_too_many_zeros_are_refused_before_memory_is_asked_for(tall, monkeypatch):
    monkeypatch.setattr(sparse.csc_array, "toarray", lambda self: pytest.fail("memory is asked"))
    with pytest.raises(MemoryError, match=r"30000 rows and 20000 inputs takes 4.47 GiB stored"):
        _ = tall.row_space
    with pytest.raises(MemoryError, match=r"takes 6.71 GiB multiplied by its transpose, expected"):
        MaxL2Margin().predict(tall)


def test_the_size_of_a_typical_weight_takes_no_gram_matrix(tall):
    assert np.isclose(tall.scale, np.sqrt(30_000 / tall.inputs.to_sparse().power(2).sum()))


@pytest.mark.parametrize("form", [sparse.csr_array, np.asarray])
def test_squares_of_rows_are_those_of_the_table(form):
    x = np.random.default_rng(0).standard_normal((5, 2000))
    assert np.allclose(design_matrix(form(x)).row_squares, (x**2).sum(axis=1), rtol=1e-14)


@pytest.mark.parametrize(("filled", "is_determined"), [(3, True), (4, False)])
def test_inputs_that_hold_nothing_leave_sparse_weights_determined(filled, is_determined):
    x = np.zeros((3, 6))
    x[:, :filled] = np.random.default_rng(0).standard_normal((3, filled))
    test = StoredTestSet(sparse.csr_array(x), np.arange(3.0))
    problem = make_problem("few", "regression", sparse.csr_array(x), np.arange(3.0), test)
    assert problem.row_space.fills_inputs is is_determined
