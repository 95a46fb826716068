"""Several classes: their problems one by one, and what they are worth together."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.multiclass import OneVsRestClassifier

import grokflow as gf
from grokflow.theory.linear.classes.problem import share_right
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.design_matrix import design_matrix

LOGISTIC, SQUARE = gf.LOSSES["logistic"], gf.LOSSES["square"]


def shuffled(load, count, seed=0):
    """Return `count` training samples and the others of a data set of scikit-learn."""
    x, y = load(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = x[order], y[order]
    return x[:count], y[:count], x[count:], y[count:]


def problem_of(load, count, **changes):
    return gf.make_classes_problem(load.__name__, *shuffled(load, count), **changes)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits])
def test_every_class_is_an_ordinary_problem_on_the_same_inputs(load):
    x, y, x_test, y_test = shuffled(load, 60)
    problem = gf.make_classes_problem("p", x, y, x_test, y_test)
    w = np.random.default_rng(1).standard_normal((problem.d, 3))
    for number, name in enumerate(problem.classes):
        signs, signs_test = (np.where(labels == int(name), 1.0, -1.0) for labels in (y, y_test))
        mine = gf.make_problem(
            "q", "classification", x, signs, gf.StoredTestSet(x_test, signs_test)
        )
        part = problem.against_rest(number)
        assert np.array_equal(part.inputs.to_array(), mine.inputs.to_array())
        assert part.inputs.blocks[0].dtype == mine.inputs.blocks[0].dtype
        assert np.array_equal(part.score(w).error, mine.score(w).error)
        target = problem.one_hot(number)
        assert target.inputs is problem.inputs and np.array_equal(target.targets, signs > 0)
        assert np.array_equal(target.test.outputs(w).labels, signs_test > 0)


@pytest.mark.parametrize("of", [design_matrix, lambda x: design_matrix(csr_array(x))])
def test_signs_of_rows_are_exact_in_every_type(of):
    for x in (np.array([[-128, 5], [1, 127]]), np.array([[0.1, 0.0], [3.0, -2.5]])):
        signed = of(x).with_signs(np.array([-1.0, 1.0]))
        assert np.array_equal(signed.to_array(), x * [[-1], [1]])


def test_signs_of_bits_take_no_more_memory():
    signed = DataMatrix.from_array(np.ones((4, 8))).with_signs(np.array([1.0, -1.0, 1.0, -1.0]))
    assert signed.blocks[0].dtype == np.int8


def test_the_largest_output_wins_and_equal_ones_are_a_guess():
    values = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [3.0, 1.0, 3.0]])
    labels = np.array([0, 2, 1, 2])
    assert share_right(values[:, :, None], labels)[:, 0] == pytest.approx([1 / 2, 0, 1 / 3, 1 / 2])
    problem = problem_of(load_iris, 100)
    scores = problem.score(np.zeros((3, 4)))
    assert scores.accuracy[0] == pytest.approx(1 / 3) and scores.zero == pytest.approx(2 / 3)
    # The best constant is the most frequent class of the training set.
    most = np.bincount(problem.labels).argmax()
    assert scores.baseline == pytest.approx(np.mean(problem.test.labels != most))


@pytest.mark.parametrize("estimator", [gf.MaxL1MarginClassifier, gf.MaxL2MarginClassifier])
@pytest.mark.parametrize(("load", "count"), [(load_wine, 25), (load_digits, 60)])
def test_one_vs_rest_of_scikit_learn_has_the_same_predictors(estimator, load, count):
    problem = problem_of(load, count, standardise=True)
    found = gf.forecast_classes(problem, alpha=100.0, lam=1e-3, loss=LOGISTIC)
    role = "limit" if estimator is gf.MaxL1MarginClassifier else "early_limit"
    x = problem.inputs.to_array()
    theirs = OneVsRestClassifier(estimator()).fit(x, problem.labels)
    for part, binary in zip(found.parts.values(), theirs.estimators_, strict=True):
        prediction = getattr(part, role)
        own = prediction.w
        # The same solver on the same data: least norms are unique in value, and to rounding here.
        gap = prediction.certificate.gap + binary.certificate_[0].gap
        order = 1 if estimator is gf.MaxL1MarginClassifier else 2
        sizes = [np.linalg.norm(w, order) for w in (own, binary.coef_[0])]
        assert abs(sizes[0] / sizes[1] - 1) <= 2 * gap + 1e-12
        assert np.allclose(own, binary.coef_[0], rtol=0, atol=1e-6 * np.abs(own).max())
    test = problem.test
    right = theirs.score(test.inputs, test.labels)
    together = problem.score(np.stack([getattr(p, role).w for p in found.parts.values()]))
    assert together.accuracy[0] == pytest.approx(right, abs=1.5 / test.size)


def test_min_norm_predictors_of_one_hot_targets_add_up():
    problem = problem_of(load_digits, 40)
    w = np.stack([gf.MinL2Norm().predict(problem.part(c, SQUARE)).w for c in range(10)])
    # Linear in the targets, whose sum over the classes is one for every sample.
    ones = gf.make_problem(
        "ones", "regression", problem.inputs.to_array(), np.ones(40), problem.test
    )
    total = gf.MinL2Norm().predict(ones).w
    condition = np.linalg.cond(problem.inputs.to_array())
    allowed = 100 * np.finfo(float).eps * condition**2 * np.abs(w).max()
    assert np.abs(w.sum(axis=0) - total).max() <= allowed


@pytest.mark.parametrize(
    ("y", "y_test", "message"),
    [
        ([0, 0, 0], [0, 0, 0], "y holds one class, 0, expected at least two"),
        ([0, 1, 2], [0, 1, 3], r"y_test holds 3, expected 0, 1, 2 as in y"),
        (["a", "b", "c"], ["a", "b"], r"y has shape \(2,\), expected \(3,\) to match .* X_test"),
    ],
)
def test_classes_that_do_not_fit_are_refused(y, y_test, message):
    with pytest.raises(ValueError, match=message):
        gf.make_classes_problem("p", np.eye(3), y, np.eye(3), y_test)


def test_other_inputs_for_testing_and_other_weights_are_refused():
    with pytest.raises(ValueError, match="X_test has 2 columns, expected 3"):
        gf.make_classes_problem("p", np.eye(3), [0, 1, 2], np.eye(3)[:, :2], [0, 1, 2])
    problem = gf.make_classes_problem("p", np.eye(3), [0, 1, 2], np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"w has shape \(2, 3\), expected \(3, 3\)"):
        problem.score(np.ones((2, 3)))


def test_weights_come_back_in_the_users_units():
    x, y, x_test, y_test = shuffled(load_wine, 100)
    problem = gf.make_classes_problem("p", x, y, x_test, y_test, standardise=True, intercept=1.0)
    w = np.random.default_rng(0).standard_normal((3, 14))
    weights, constant = problem.in_user_units(w.T)
    ours = problem.test.outputs(w.T).values
    assert np.abs(x_test @ weights + constant - ours).max() <= 1e-9
    assert problem.settings == {} and len(problem.notes) == 2
