"""Tensors, sparse matrices and frames: estimators, problems and test sets read them alike."""

import warnings

import numpy as np
import polars
import pytest
import torch
from scipy import sparse

import grokflow as gf

X = np.array([[1.0, 0.0, 2.0], [0.0, -2.0, 1.0]])
Y = np.array([1.0, -1.0])
# How numpy cannot have a tensor from torch as it is.
TENSORS = {
    "requires_grad": lambda a: torch.tensor(a, requires_grad=True),
    "negated view": lambda a: torch._neg_view(torch.tensor(-a)),
    "bfloat16": lambda a: torch.tensor(a, dtype=torch.bfloat16),
    "sparse": lambda a: torch.tensor(a).to_sparse(),
}


def broken():
    """Return a sparse matrix with an entry far outside of its shape."""
    matrix = sparse.csr_array(X)
    matrix.indices[0] = 10**6
    return matrix


def nested():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that these are a prototype
        return torch.nested.nested_tensor([torch.ones(3), torch.ones(2)])


def problem(x, y):
    return gf.make_problem("p", "regression", x, y, gf.StoredTestSet(x, y))


@pytest.mark.parametrize("kind", TENSORS)
def test_estimators_take_the_tensors_that_problems_take(kind):
    tensor = TENSORS[kind]
    expected = gf.MinL2NormRegressor().fit(X, Y)
    found = gf.MinL2NormRegressor().fit(tensor(X), tensor(Y))
    assert np.array_equal(found.coef_, expected.coef_)
    assert np.array_equal(found.predict(tensor(X)), expected.predict(X))
    with_tensors = problem(tensor(X), tensor(Y))
    assert np.array_equal(with_tensors.inputs.to_array(), X)
    classes = gf.MaxL2MarginClassifier().fit(tensor(X), tensor(Y))
    assert np.array_equal(classes.predict(X), Y)


def test_targets_may_be_sparse_columns():
    column = sparse.csr_array(Y[:, None])
    found = problem(X, column)
    assert np.array_equal(found.targets, Y)
    assert found.score(np.zeros((3, 1))).size == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken, "is a broken sparse matrix .* expected entries inside of its shape: make it"),
        (nested, r"nested tensor, expected rows of one length: torch\.stack\(tensor\.unbind\(\)\)"),
        (lambda: polars.DataFrame(X).lazy(), r"a LazyFrame, expected rows: .* collect\(\)"),
    ],
)
def test_what_holds_no_table_is_refused_in_one_line_everywhere(make, words):
    for use in (
        lambda: problem(make(), Y),
        lambda: problem(X, make()),
        lambda: gf.make_problem("p", "regression", X, Y, gf.StoredTestSet(make(), Y)),
        lambda: gf.MinL2NormRegressor().fit(make(), Y),
        lambda: gf.MaxL2MarginClassifier().fit(make(), Y),
    ):
        with pytest.raises(ValueError, match=words) as refused:
            use()
        assert "\n" not in str(refused.value)
