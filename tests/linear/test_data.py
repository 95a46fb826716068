"""Generators, data files and what is refused at the door."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from grokflow.estimators import MinL2NormRegressor
from grokflow.simulations.linear.presets import PRESETS, gaussian_margin, sparse, sparse_regression
from grokflow.simulations.runs.files import write_whole
from grokflow.simulations.tables.door import load
from grokflow.theory.linear.l2 import MinL2Norm
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.predictor import NotInterpolable
from grokflow.theory.samples import StoredTestSet

SMALL = {"n": 6, "d": 30, "n_test": 700}


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_seed_gives_the_same_problem_and_another_does_not(name):
    one, same, other = (PRESETS[name](**SMALL, seed=seed) for seed in (1, 1, 2))
    w = np.eye(30)[:, :2]
    assert np.array_equal(one.inputs.to_array(), same.inputs.to_array())
    assert np.array_equal(one.test.outputs(w).values, same.test.outputs(w).values)
    assert not np.array_equal(one.inputs.to_array(), other.inputs.to_array())
    assert not np.array_equal(one.test.outputs(w).values, other.test.outputs(w).values)


def test_the_number_of_test_points_changes_no_training_point():
    few, many = sparse(n=6, d=30, n_test=10), sparse(n=6, d=30, n_test=900)
    assert np.array_equal(few.inputs.to_array(), many.inputs.to_array())
    assert len(many.test.outputs(np.eye(30)).labels) == many.test.size == 900


def test_sparse_labels_are_signs_of_k_inputs():
    problem = sparse(n=40, d=30, k=5, n_test=500)
    z = problem.inputs.to_array()
    assert set(np.unique(z)) == {-1.0, 1.0}
    assert problem.inputs.blocks[0].dtype == np.int8
    assert (z[:, :5].sum(axis=1) > 0).all()
    values, labels = problem.test.outputs(np.eye(30))
    assert np.array_equal(np.sign(values[:, :5].sum(axis=1)), labels)


def test_gaussian_classes_are_gamma_apart_and_regression_is_clean_on_test():
    problem = gaussian_margin(n=20, d=50, gamma=3.0, n_test=400, sparsity=1)
    values, labels = problem.test.outputs(np.eye(50))
    assert (np.abs(values[:, 0]) >= 1.5 - 1e-5).all()
    assert np.abs(np.abs(values.mean(axis=0))[1:]).max() <= 5 / np.sqrt(400)
    noisy = sparse_regression(n=20, d=50, k=2, noise=0.5, n_test=300)
    values, labels = noisy.test.outputs(np.eye(50))
    assert np.allclose(labels, values[:, :2].sum(axis=1), atol=1e-5)
    residual = noisy.targets - noisy.inputs.to_array()[:, :2].sum(axis=1)
    assert 0.2 <= residual.std() <= 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparse(n=0), "n is 0, expected at least 1"),
        (lambda: sparse(k=2), "k is 2, expected an odd number"),
        (lambda: sparse(d=2, k=3), "k is 3, expected an odd number up to d = 2"),
        (lambda: sparse(n_test=0), "n_test is 0"),
        (lambda: gaussian_margin(gamma=-1.0), "gamma is -1,"),
        (lambda: gaussian_margin(d=5, sparsity=6), "sparsity is 6"),
        (lambda: sparse_regression(noise=float("nan")), "noise is nan"),
        (lambda: sparse_regression(d=2, k=3), "k is 3, expected at most d = 2"),
    ],
)
def test_generators_refuse_bad_sizes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0, 0, 0]), "y is 0 in all 3 rows, expected two classes at least"),
        (np.array([1, -1, 2]), "y has 3 distinct values, expected 2"),
        (np.array(list("abc")), r"y has 3 classes \(a, b, c\), expected 2"),
        (np.array([1, -1]), r"y has shape \(2,\), expected \(3,\)"),
    ],
)
def test_problems_refuse_labels_that_are_not_two_classes(y, message):
    with pytest.raises(ValueError, match=message):
        make_problem("p", Task.CLASSIFICATION, np.eye(3), y, StoredTestSet(np.eye(3), y))


def test_a_task_goes_by_its_name():
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([1.0, -1.0])
    for task in Task:
        assert make_problem("p", task.value, x, y, StoredTestSet(x, y)).task is task
    message = r"^task is 'sorting', expected classification, regression: pick one$"
    with pytest.raises(ValueError, match=message):
        make_problem("p", "sorting", x, y, StoredTestSet(x, y))


def test_test_inputs_are_as_many_as_those_that_are_learned_from():
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([1.0, -1.0])
    with pytest.raises(ValueError, match=r"^test inputs have shape \(2, 1\), expected \(m, 2\)"):
        make_problem("p", Task.REGRESSION, x, y, StoredTestSet(x[:, :1], y))


@pytest.mark.parametrize("make", [sparse, sparse_regression])
def test_one_vector_of_weights_is_scored_as_one_column(make):
    problem = make(n=8, d=20, n_test=50)
    w = np.linspace(-1, 1, 20)
    assert np.array_equal(problem.score(w).error, problem.score(w[:, None]).error)
    assert problem.score(w).error.shape == (1,)
    for wrong in (w[1:], w[None, :], w[:, None, None]):
        with pytest.raises(ValueError, match=r"^w has shape .*, expected \(20,\) or \(20, p\): "):
            problem.score(wrong)


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail(target):
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, lambda target: target.write_text("new"))
    assert path.read_text() == "new"


def save(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path


X = np.random.default_rng(0).standard_normal((12, 4))
Y = np.where(X[:, 0] > 0, 1, -1)


def test_npz_files_with_and_without_a_test_set(tmp_path):
    full = load(save(tmp_path, X=X, y=Y, X_test=X[:3], y_test=Y[:3]))
    assert full.n == 12
    assert full.test.size == 3
    assert full.notes[:2] == ("15 rows of 4 inputs", "y read as 2 classes: -1 (9 rows), 1 (3 rows)")
    assert full.notes[2].startswith("3 of 3 test rows are copies of training rows")
    split = load(save(tmp_path, X=X, y=Y), seed=4)
    assert (split.n, split.test.size) == (9, 3)
    assert split.notes[2] == (
        "no test set in the data: 3 of 12 rows held out, class by class (seed 4)"
    )
    again = load(save(tmp_path, X=X, y=Y), seed=4)
    assert np.array_equal(split.inputs.to_array(), again.inputs.to_array())


def test_two_valued_labels_are_mapped_with_a_note(tmp_path):
    problem = load(save(tmp_path, X=X, y=(Y + 1) // 2, X_test=X, y_test=(Y + 1) // 2))
    assert problem.task is Task.CLASSIFICATION
    assert problem.notes[1] == "y read as 2 classes: 0 as -1 (9 rows), 1 as +1 (3 rows)"
    assert np.array_equal(problem.inputs.to_array(), X * Y[:, None])


def test_csv_files(tmp_path):
    path = tmp_path / "data.csv"
    lines = ["a,b,y,split"] + [f"{x[0]},{x[1]},{y},train" for x, y in zip(X, Y, strict=True)]
    path.write_text("\n".join([*lines, "1,2,1,test"]) + "\n")
    problem = load(path)
    assert (problem.n, problem.d, problem.test.size) == (12, 2, 1)
    path.write_text("a,y\n" + "\n".join(f"{i},{i / 7}" for i in range(1, 9)) + "\n")
    assert load(path).task is Task.REGRESSION


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "holds one array, of shape .* expected labels too: gf.as_problem"),
        ({"X": X, "z": Y}, "has no y, expected inputs X and labels y"),
        ({"X": X, "y": Y[:5]}, r"y has shape \(5,\), expected \(12,\)"),
        ({"X": X[:, 0], "y": Y}, r"X has shape \(12,\), expected \(n, d\)"),
        ({"X": np.where(X == X[2, 1], np.nan, X), "y": Y}, r"X\[2, 1\] is nan"),
        ({"X": np.where(X == X[2, 1], np.inf, X), "y": Y}, r"X\[2, 1\] is inf"),
        ({"X": X * (np.arange(12) != 3)[:, None], "y": Y}, r"X\[3\] is 0 in all inputs"),
        ({"X": X, "y": np.ones(12)}, "y is 1 in all 12 training rows, expected two classes"),
        ({"X": X.astype(str), "y": Y}, "expected real numbers"),
        ({"X": X, "y": Y, "X_test": X[:, :2], "y_test": Y}, "X_test has 2 columns"),
        ({"X": X, "y": Y, "X_test": X, "y_test": Y * 3}, "y_test holds -3"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, arrays, message):
    arrays = dict(arrays)
    if "X_test" not in arrays and "y" in arrays and arrays["X"].ndim == 2:
        arrays |= {"X_test": X[:2], "y_test": np.array([-1, 1])}
    with pytest.raises(ValueError, match=message) as caught:
        load(save(tmp_path, **arrays))
    assert "\n" not in str(caught.value)


def test_classification_of_many_values_and_unreadable_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="y has 12 distinct values"):
        load(save(tmp_path, X=X, y=X[:, 0]), regression=False)
    for name, content in (("a.npz", "text"), ("a.csv", ""), ("b.txt", "x,y\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match="cannot read"):
            load(tmp_path / name)
    with pytest.raises(ValueError, match="cannot read"):
        load(tmp_path / "missing.npz")
    (tmp_path / "c.csv").write_text("x,y\n1,1\nred,1\n")
    with pytest.raises(ValueError, match="column 'x' holds 'red' in row 2, expected numbers"):
        load(tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"holdout is 1\.5"):
        load(save(tmp_path, X=X, y=Y), holdout=1.5)


STANDARD = np.random.default_rng(5).standard_normal((6, 10))


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e160, 1.7e308])
@pytest.mark.parametrize("stored", [np.asarray, csr_array])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_inputs_without_squares_are_refused_and_standardising_helps(size, stored, task):
    unit = STANDARD / np.abs(STANDARD).max()
    x, y = stored(unit * size), np.sign(STANDARD[:, 0])
    with pytest.raises(ValueError, match=r"column \d of X has entries.*standardise=True") as caught:
        make_problem("far", task, x, y, StoredTestSet(x, y))
    assert "\n" not in str(caught.value)
    changed = [
        make_problem("near", task, rows, y, StoredTestSet(rows, y), standardise=True)
        for rows in (x, stored(unit))
    ]
    far, near = (problem.inputs.to_array() for problem in changed)
    # Subnormal numbers have as few as 47 bits at 1e-310, fewer in smaller entries.
    assert np.allclose(far, near, rtol=0, atol=1e-10 if size < 1e-300 else 1e-14)


def test_a_column_without_weights_is_refused_beside_others_and_small_ones_are_not():
    y = np.sign(STANDARD[:, 0])
    for size, refused in ((1e-310, True), (1e-200, False), (0.0, False)):
        x = STANDARD * np.where(np.arange(10) == 3, size, 1.0)
        if refused:
            with pytest.raises(ValueError, match="column 3 of X has entries of size"):
                make_problem("far", "classification", x, y, StoredTestSet(x, y))
        else:
            make_problem("far", "classification", x, y, StoredTestSet(x, y))


def test_targets_without_squares_are_refused():
    y = np.ones(6)
    for size in (1e-200, 1e-160, 1e160, 1e200):
        with pytest.raises(ValueError, match=r"y\[0\] is 1e.*, the largest, .*rescale the targets"):
            make_problem("far", "regression", STANDARD, size * y, StoredTestSet(STANDARD, y))
    with pytest.raises(ValueError, match="column 0 of X"):
        MinL2NormRegressor().fit(STANDARD * 1e200, y)


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_predictors_work_where_squares_are_doubles(size):
    x, y = STANDARD * size, STANDARD[:, 0] + STANDARD[:, 1]
    problem = make_problem("far", "regression", x, y, StoredTestSet(x, y))
    near = make_problem("near", "regression", STANDARD, y, StoredTestSet(STANDARD, y))
    w = MinL2Norm().predict(near).w
    assert np.allclose(MinL2Norm().predict(problem).w * size, w, rtol=1e-12)


def test_a_weight_that_is_no_double_in_the_units_of_its_column_is_refused():
    x, y = STANDARD * np.where(np.arange(10) == 3, 1e-312, 1.0), STANDARD[:, 0]
    problem = make_problem("far", "regression", x, y, StoredTestSet(x, y), standardise=True)
    with pytest.raises(ValueError, match=r"weight of input 3 is .*rescale column 3"):
        problem.in_user_units(np.ones(10))


@pytest.mark.filterwarnings("error")
def test_targets_far_beyond_the_inputs_are_refused_without_a_warning():
    rng = np.random.default_rng(0)
    x, y = 1e-150 * rng.standard_normal((6, 3)), 1e6 * rng.standard_normal(6)
    problem = make_problem("far", "regression", x, y, StoredTestSet(x, y))
    with pytest.raises(NotInterpolable):
        MinL2Norm().predict(problem)
