"""Standardised inputs and the column of ones: by the training rows alone, and back again."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.preprocessing import StandardScaler

import grokflow as gf
from grokflow.cli import main
from grokflow.theory.linear.prediction import not_resolved
from grokflow.theory.linear.row_space import row_space

RNG = np.random.default_rng(5)
X = RNG.standard_normal((30, 4)) * [1.0, 1e-6, 1e5, 1.0] + [0.0, 3.0, 1e6, -7.0]
X_TEST = RNG.standard_normal((20, 4)) * [1.0, 1e-6, 1e5, 1.0] + [0.0, 3.0, 1e6, -7.0]
ROUNDING = np.finfo(float).eps


def classes_of(x, offset):
    """Classes on both sides of a plane that is `offset` standard deviations from the mean."""
    direction = np.array([1.0, 1e6, 1e-5, -1.0])
    middle = x.mean(axis=0) @ direction
    return np.where(x @ direction - middle > offset, 1.0, -1.0)


def test_training_rows_alone_decide_the_change():
    transform = gf.InputTransform.fit(X, standardise=True)
    scaler = StandardScaler().fit(X)
    # The mean is known to eps times the largest entry; a rounding there moves an entry by that
    # over the standard deviation.
    allowed = 10 * ROUNDING * np.abs(X).max(axis=0) / X.std(axis=0)
    for rows in (X, X_TEST):
        assert (np.abs(transform.apply(rows) - scaler.transform(rows)) <= allowed).all()
    changed = transform.apply(X)
    assert (np.abs(changed.mean(axis=0)) <= allowed).all()
    assert np.allclose(changed.std(axis=0), 1.0, rtol=allowed.max())


def test_units_of_the_columns_do_not_matter_to_a_standardised_problem():
    y = classes_of(X, 0.3)
    units = np.array([1e-120, 1e100, 1.0, 2.0**-30])
    ours, others = (
        gf.make_problem(
            "p", "classification", x, y, gf.StoredTestSet(x, y), standardise=True, intercept=1.0
        )
        for x in (X, X * units)
    )
    w, again = (gf.MaxL2Margin().predict(problem).w for problem in (ours, others))
    # Both are optimal to a gap of 1e-6, and ½‖w‖² is strongly convex: ‖w - w'‖² ≤ 4 gap ‖w‖².
    assert np.linalg.norm(w - again) <= 2e-3 * np.linalg.norm(w)


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("intercept", [0.0, 0.25, 8.0])
def test_weights_in_user_units_give_the_same_outputs(standardise, intercept):
    y = X @ [1.0, 1e6, 1e-5, 0.5] + 3.0
    test = gf.StoredTestSet(X_TEST, np.ones(20))
    problem = gf.make_problem(
        "p", "regression", X, y, test, standardise=standardise, intercept=intercept
    )
    w = np.random.default_rng(0).standard_normal((problem.d, 2))
    weights, constant = problem.in_user_units(w)
    outputs = X_TEST @ weights + constant
    # Rounding of products as large as those of the largest entries with their weights.
    allowed = 100 * ROUNDING * (np.abs(X_TEST) @ np.abs(weights)).max()
    assert np.abs(problem.test.outputs(w).values - outputs).max() <= allowed
    one, number = problem.in_user_units(w[:, 0])
    assert one.shape == (4,) and np.ndim(number) == 0
    assert np.array_equal(one, weights[:, 0])


def test_constant_columns_vanish_and_are_named():
    x = np.column_stack([X, np.full(30, 0.1), np.full(30, -7e300)])
    transform = gf.InputTransform.fit(x, standardise=True)
    elsewhere = transform.apply(x + 1.0)
    assert (elsewhere[:, 4:] == 0).all() and (transform.apply(x)[:, 4:] == 0).all()
    assert "2 inputs are constant in training and left out (set to 0)" in transform.notes[1]
    weights, constant = transform.in_user_units(np.ones(6))
    assert (weights[4:] == 0).all() and np.isfinite(constant)


def test_sparse_inputs_stay_sparse_and_are_scaled_only():
    dense = np.where(RNG.random((40, 6)) < 0.2, RNG.standard_normal((40, 6)), 0.0)
    dense[:, 5] = 0.0
    dense[:, 4] *= 1e-200
    transform = gf.InputTransform.fit(csr_array(dense), standardise=True, intercept=2.0)
    changed = transform.apply(csr_array(dense))
    assert changed.format == "csr" and changed.nnz == np.count_nonzero(dense) + 40
    root = np.sqrt(np.mean((dense[:, :4]) ** 2, axis=0))
    table = changed.toarray()
    assert np.allclose(table[:, :4], dense[:, :4] / root, rtol=10 * ROUNDING, atol=0)
    assert np.allclose(np.mean(table[:, 4] ** 2), 1.0, rtol=100 * ROUNDING)
    assert (table[:, 5] == 0).all() and (table[:, 6] == 2.0).all()
    assert "not centred: they are sparse" in transform.notes[0]
    weights, constant = transform.in_user_units(np.arange(7.0))
    assert constant == 12.0 and np.allclose(weights[:4], np.arange(4) / root, rtol=10 * ROUNDING)


@pytest.mark.parametrize("size", [-1.0, float("nan"), 1e200])
def test_an_intercept_has_a_size(size):
    y = classes_of(X, 0.3)
    with pytest.raises(ValueError, match=r"intercept is .*, expected 1e-100 to 1e\+100"):
        gf.make_problem("p", "classification", X, y, gf.StoredTestSet(X, y), intercept=size)


def test_the_size_of_the_column_is_part_of_the_model():
    x, y = np.array([[1.0, 1.0], [3.0, 0.0]]), np.array([-1.0, 1.0])
    found = []
    for size in (0.1, 10.0):
        problem = gf.make_problem(
            "p", "classification", x, y, gf.StoredTestSet(x, y), intercept=size
        )
        found.append(problem.in_user_units(gf.MaxL1Margin().predict(problem).w))
    # By hand: with w on the first input alone, 3w + b = 1 and w + b = -1 give w = 1, b = -2; a
    # large column pays for it, a small one leaves the sign to the second input.
    assert found[1].weights == pytest.approx([1.0, 0.0], abs=1e-6)
    assert found[1].intercept == pytest.approx(-2.0, abs=1e-6)
    assert abs(found[0].intercept) < 1e-6


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.csv"
    x = np.random.default_rng(1).standard_normal((30, 4)) * [1, 2, 5, 0.5] + [0, 3, 2, -1]
    rows = np.column_stack([np.where(x[:, 0] - x[:, 1] > -2, 1, -1), x])
    lines = ["y,a,b,c,d", *(",".join(map(repr, map(float, row))) for row in rows)]
    path.write_text("\n".join(lines))
    return path


def test_load_and_the_commands_change_the_inputs_alike(table, capsys):
    problem = gf.load(table, intercept=0.5, standardise=True)
    assert problem.d == 5 and problem.settings["intercept"] == 0.5
    training = problem.inputs.to_array()
    assert set(np.abs(training[:, 4])) == {0.5} and set(problem.test.inputs[:, 4]) == {0.5}
    assert np.abs(training[:, :4].T @ np.sign(training[:, 4])).max() <= 1e-8 * len(training)
    assert main(["predict", str(table), "--standardise", "--intercept", "0.5"]) == 0
    said = capsys.readouterr().out
    for note in problem.notes:
        assert f"note: {note}\n" in said
    assert "(n = 22, d = 5)" in said
    assert main(["predict", str(table), "--intercept"]) == 0
    assert "a column of 1 is the last input" in capsys.readouterr().out
    assert main(["predict", "sparse", "--intercept"]) == 2
    assert "--intercept is for files" in capsys.readouterr().err


def test_a_scan_takes_several_sizes(table):
    scan = gf.Scan.over(
        str(table), alpha=100.0, lam=1e-2, intercept=[0.1, 10.0], standardise=1, direct=True
    )
    found = scan.run()
    assert list(found["intercept"]) == [0.1, 10.0] and not any(found["error"])
    # Other data take the solver other steps.
    assert found["evaluations"][0] != found["evaluations"][1]


def test_subsamples_of_a_family_are_changed_by_their_own_rows(table):
    family = gf.data_family(table, intercept=2.0, standardise=True)
    problem = family.problem({"n": 12, "d": 4, "depth": 2, "seed": 3})
    table_rows = problem.inputs.to_array()
    signs = np.sign(table_rows[:, 4])
    columns = table_rows[:, :4] * signs[:, None]
    assert np.allclose(columns.std(axis=0), 1.0, rtol=1e-8)
    assert problem.transform.intercept == 2.0
    with pytest.raises(ValueError, match="2e-101"):
        gf.data_family(table, intercept=2e-101).problem({"n": 12, "d": 4, "seed": 3})


SHIFTED = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 4.0], [4.0, 3.0]])
SIDES = np.array([-1.0, -1.0, 1.0, 1.0])


@pytest.mark.parametrize("of", [np.asarray, csr_array])
def test_an_error_names_the_intercept_where_it_separates(of):
    def problem(y, **changes):
        test = gf.StoredTestSet(of(SHIFTED), y)
        return gf.make_problem("p", "classification", of(SHIFTED), y, test, **changes)

    with pytest.raises(gf.NotSeparable, match=r"intercept, which separates them: intercept=1\.0"):
        gf.MaxL2Margin().predict(problem(SIDES))
    assert gf.MaxL2Margin().predict(problem(SIDES, intercept=1.0)).margin > 0
    # Where it would not help it is not named.
    for y in (np.array([-1.0, 1.0, 1.0, -1.0]), np.array([1.0, -1.0, -1.0, 1.0])):
        with pytest.raises(gf.NotSeparable) as refused:
            gf.MaxL2Margin().predict(problem(y))
        assert "intercept" not in str(refused.value)


def test_estimators_and_predict_name_it_too(tmp_path, capsys):
    with pytest.raises(gf.NotSeparable, match="append a column of ones to X, which helps"):
        gf.MaxL1MarginClassifier().fit(SHIFTED, ["low", "low", "high", "high"])
    path = tmp_path / "shifted.npz"
    np.savez(path, X=SHIFTED, y=SIDES, X_test=SHIFTED, y_test=SIDES)
    assert main(["predict", str(path)]) == 0
    assert "classes that overlap; an intercept separates them: intercept=1.0 (--intercept)" in (
        capsys.readouterr().out
    )
    assert main(["predict", str(path), "--intercept"]) == 0
    assert "separable classes\n" in capsys.readouterr().out


def test_partly_separable_classes_that_an_intercept_separates_are_told_so():
    """The second input tells one sample apart; the first one needs an intercept for the others."""
    x = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [1.5, 1.0]])
    y = np.array([-1.0, -1.0, 1.0, 1.0, -1.0])
    problem = gf.make_problem("p", "classification", x, y, gf.StoredTestSet(x, y))
    settings = {"alpha": 10.0, "lam": 1e-3, "loss": gf.LOSSES["logistic"], "depth": 3}
    with pytest.raises(gf.PartlySeparable, match="add an intercept, which separates them"):
        gf.forecast(problem, **settings)
    wide = np.vstack([x, [[2.5, 0.0], [2.6, 0.0]]])
    sides = np.append(y, [1.0, -1.0])
    problem = gf.make_problem("p", "classification", wide, sides, gf.StoredTestSet(wide, sides))
    with pytest.raises(gf.PartlySeparable) as refused:
        gf.forecast(problem, **settings)
    assert "intercept" not in str(refused.value)


def test_a_constant_input_that_standardising_leaves_out_leaves_no_transition_to_look_for():
    x = np.column_stack([np.random.default_rng(0).standard_normal((30, 2)), np.full(30, 5.0)])
    y = x[:, 0] + np.random.default_rng(1).standard_normal(30)
    problem = gf.make_problem("p", "regression", x, y, gf.StoredTestSet(x, y), standardise=True)
    found = gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["square"])
    assert found.kind is gf.Kind.NO_TRANSITION and found.early.w[2] == found.late.w[2] == 0


@pytest.mark.parametrize("mean", [1e4, 1e8])
def test_standardised_inputs_far_from_zero_have_no_direction_that_fits_a_mean(mean):
    rng = np.random.default_rng(7)
    x, y = mean + rng.standard_normal((40, 80)), 100 + rng.standard_normal(40)
    problem = gf.make_problem("far", "regression", x, y, gf.StoredTestSet(x, y), standardise=True)
    # Subtractions, sum and division of numbers of size ≤ 5 round by ≤ n + 3 units together.
    assert np.abs(problem.inputs.to_array().mean(axis=0)).max() <= 43 * 5 * ROUNDING
    assert row_space(problem.inputs).rank == 39


@pytest.mark.parametrize("predictor", [gf.MinL2Norm(), gf.MinL1Norm()])
def test_weights_that_fit_by_digits_of_the_size_of_rounding_are_refused(predictor):
    """Centred inputs fit no mean; what rounding leaves of one does, by weights of 1e16."""
    rng = np.random.default_rng(0)
    for n, d in ((12, 30), (30, 60)):
        x = gf.InputTransform.fit(z := rng.standard_normal((n, d)), standardise=True).apply(z)
        y = 3 + rng.standard_normal(n)
        problem = gf.make_problem("far", "regression", x, y, gf.StoredTestSet(x, y))
        with pytest.raises(gf.NoPredictor, match=r"no w interpolates|but for digits of"):
            predictor.predict(problem)


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e8])
@pytest.mark.parametrize("predictor", [gf.MinL2Norm(), gf.MinL1Norm()])
def test_inputs_centred_by_others_do_not_fit_the_mean_of_the_targets(predictor, mean):
    rng = np.random.default_rng(3)
    x = StandardScaler().fit_transform(mean + rng.standard_normal((12, 30)))
    y = 3 + rng.standard_normal(12)
    problem = gf.make_problem("far", "regression", x, y, gf.StoredTestSet(x, y))
    with pytest.raises(gf.NoPredictor, match="rounding leaves of centred inputs") as refused:
        predictor.predict(problem)
    assert "--standardise" not in str(refused.value)
    # Both remedies that the message names work, with weights of the size of the targets.
    with_one = gf.make_problem("one", "regression", x, y, gf.StoredTestSet(x, y), intercept=1.0)
    assert np.abs(predictor.predict(with_one).w).max() < 10


def test_inputs_that_are_not_centred_keep_their_answer():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((12, 30)), 3 + rng.standard_normal(12)
    problem = gf.make_problem("plain", "regression", x, y, gf.StoredTestSet(x, y))
    assert np.abs(gf.MinL2Norm().predict(problem).w).max() < 10


@pytest.mark.parametrize("predictor", [gf.MinL2Norm(), gf.MinL1Norm()])
def test_exactly_centred_inputs_fit_targets_without_a_mean(predictor):
    """Balanced ±1 designs, in any unit: there is no mean that roundings could make."""
    x = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    for unit in (1.0, 2.0**400, 2.0**-400):
        w = np.array([1.0, 2.0, 3.0]) * unit
        problem = gf.make_problem("balanced", "regression", x, x @ w, gf.StoredTestSet(x, x @ w))
        # The columns are orthogonal: only these weights interpolate.
        assert np.allclose(predictor.predict(problem).w / unit, w / unit, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("standardise", "intercept"), [(True, 0.0), (False, 1.0), (False, 0.0)])
def test_weights_of_several_classes_are_given_in_the_units_of_the_inputs(standardise, intercept):
    rng = np.random.default_rng(0)
    x, labels = 5.0 + 3.0 * rng.standard_normal((12, 4)), np.repeat([0, 1, 2], 4)
    problem = gf.make_classes_problem(
        "own", x, labels, x, labels, standardise=standardise, intercept=intercept
    )
    w = rng.standard_normal(problem.d)
    own = problem.in_user_units(w)
    allowed = 100 * ROUNDING * (np.abs(x) @ np.abs(own.weights)).max()
    outputs = x @ own.weights + own.intercept
    assert np.abs(problem.inputs.combine(w) - outputs).max() <= allowed


def test_an_optimum_that_is_not_resolved_is_said_with_what_is_known_of_it():
    said = str(not_resolved("the least norm", None, 1e-9))
    assert "the least norm is not bounded, expected a relative gap of 1.0e-09: scale" in said
