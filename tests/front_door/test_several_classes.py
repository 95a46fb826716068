"""Tables of several classes from the command line: read, predicted, followed and scanned."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine

import grokflow as gf
from grokflow.cli import main


def written(path, x, y):
    """Write a table with a column y."""
    names = ["y", *(f"x{j}" for j in range(x.shape[1]))]
    rows = [",".join(map(str, [label, *row])) for label, row in zip(y, x, strict=True)]
    path.write_text("\n".join([",".join(names), *rows]) + "\n")
    return str(path)


@pytest.fixture
def iris(tmp_path):
    return written(tmp_path / "iris3.csv", *load_iris(return_X_y=True))


@pytest.fixture
def few(tmp_path):
    """Fewer samples than inputs, in words: every loss has a transition to look for."""
    x = np.random.default_rng(2).standard_normal((400, 60))
    names = np.array(["ant", "bee", "cat"])[x[:, :3].argmax(axis=1)]
    arrays = {"X": x[:30], "y": names[:30], "X_test": x[30:], "y_test": names[30:]}
    np.savez(tmp_path / "few.npz", **arrays)
    return str(tmp_path / "few.npz")


def output(capsys, *arguments):
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_three_classes_are_read_as_three_classes_unless_the_user_says_otherwise(iris, capsys):
    said = output(capsys, "predict", iris)
    assert "y read as 3 classes: 0 (50 rows), 1 (50 rows), 2 (50 rows)" in said
    assert "3 diagonal nets of depth 2, one against the rest" in said
    assert "test accuracy" in said and "of every class" in said
    said = output(capsys, "predict", iris, "--regression")
    assert "y read as real targets from 0 to 2" in said and "square loss" in said
    said = output(capsys, "predict", iris, "--positive", "2")
    assert "diagonal net of depth 2," in said and "2 (+1) against" in said


def test_outputs_that_grow_and_outputs_that_stay_are_compared_at_this_weight_decay(iris, capsys):
    said = output(capsys, "predict", iris)
    assert "separable from the rest: 1 of 3 classes, whose outputs grow like log(1/λ)" in said
    early, late, limit = (
        line.split("test accuracy ")[1].split(",")[0]
        for line in said.splitlines()
        if "of every class, test accuracy" in line
    )
    assert early == late == limit == "97.22 %"


@pytest.mark.parametrize(("load", "classes"), [(load_iris, 3), (load_wine, 3), (load_digits, 10)])
def test_data_of_scikit_learn_have_as_many_classes_as_they_have(load, classes, tmp_path):
    x, y = load(return_X_y=True)
    np.savez(tmp_path / "data.npz", X=x, y=y)
    problem = gf.load(tmp_path / "data.npz", standardise=True, intercept=1.0)
    assert isinstance(problem, gf.ClassesProblem)
    assert problem.classes == tuple(map(str, range(classes)))
    assert problem.d == x.shape[1] + 1 and problem.transform.intercept == 1.0
    assert isinstance(gf.load(tmp_path / "data.npz", regression=True), gf.Problem)


@pytest.mark.parametrize(
    ("loss", "early"),
    [
        ("logistic", "L2-penalised of every class"),
        ("one-hot", "min-L2-norm of every class"),
        ("cross-entropy", "max-L2-margin of Crammer and Singer"),
    ],
)
def test_every_loss_of_several_classes_is_predicted_and_followed(
    few, loss, early, tmp_path, capsys
):
    out = tmp_path / "out.json"
    said = output(capsys, "predict", few, "--loss", loss, "--json", str(out))
    assert f"early: {early}, test accuracy" in said
    found = json.loads(out.read_text())
    assert found["problem"]["classes"] == ["ant", "bee", "cat"]
    assert 0 <= found["diagnosis"]["early"] <= 1
    assert ("parts" in found) == (loss != "cross-entropy")
    if loss != "cross-entropy":
        assert list(found["parts"]) == ["ant", "bee", "cat"]
        assert found["parts"]["bee"]["kind"] in {kind.value for kind in gf.Kind}
        assert all(f"\n             {name} " in said for name in found["parts"])
    lines = ["--points", "30", "--until", "3", "--json", str(out), "--out", str(tmp_path / "o.nc")]
    output(capsys, "simulate", few, "--loss", loss, *lines)
    run = json.loads(out.read_text())
    assert run["train_accuracy"][-1] == 1 and len(run["test_accuracy"]) == 30
    assert (tmp_path / "o.nc").exists()


def test_scans_move_and_simulate_several_classes(few):
    for loss in ("logistic", "cross-entropy"):
        table = gf.Scan.over(few, alpha=[1e2, 1e4], lam=1e-3, loss=loss).run()
        assert not any(table["error"]), table["error"]
        assert table["simulated"].sum() == 1
        gap = table["lambda_t"][1] - table["lambda_t"][0]
        assert gap == pytest.approx(np.log(1e2), abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loss", "cross-entropy", "--depth", "3"], "depth is 3 with cross-entropy"),
        (["--loss", "square"], "--loss one-hot for least squares"),
    ],
)
def test_what_several_classes_do_not_have_is_refused_in_a_line(few, arguments, message, capsys):
    assert main(["predict", few, *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_classes_that_overlap_under_cross_entropy_have_the_remedies_that_are_named(iris, capsys):
    assert main(["predict", iris, "--loss", "cross-entropy"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "(--loss logistic)" in said and "or follow the flow" in said
    assert "test accuracy" in output(capsys, "predict", iris, "--loss", "logistic")
    few_points = ["--points", "3", "--until", "2"]
    said = output(capsys, "simulate", iris, "--loss", "cross-entropy", *few_points)
    assert "test accuracy" in said
    assert "test accuracy" in output(capsys, "predict", iris, "--loss", "logistic", "--depth", "3")


SHIFTED = np.array([[1.0, 0.1], [1.0, -0.1], [2.0, 0.1], [2.0, -0.1], [3.0, 0.1], [3.0, -0.1]])


@pytest.mark.parametrize("options", [[], ["--depth", "3"], ["--loss", "cross-entropy"]])
def test_classes_that_an_intercept_alone_separates_are_told_so(options, tmp_path, capsys):
    """Of classes in a row along one input the outer ones need an intercept, all of them two."""
    x = np.vstack([SHIFTED, 5 - SHIFTED[:, ::-1]])
    y = np.repeat(["low", "high", "side"], [4, 2, 6])
    path = tmp_path / "shifted.npz"
    np.savez(path, X=x, y=y, X_test=x, y_test=y)
    code = main(["predict", str(path), *options])
    told = "".join(capsys.readouterr())
    assert code in (0, 2) and "separates" in told and "intercept=1.0 (--intercept)" in told
    assert main(["predict", str(path), *options, "--intercept"]) == 0
    assert "(--intercept)" not in capsys.readouterr().out
    # With two samples of each other's class no intercept helps, and none is named.
    np.savez(path, X=x, y=np.roll(y, 1), X_test=x, y_test=y)
    main(["predict", str(path), *options])
    assert "an intercept" not in "".join(capsys.readouterr())


def test_a_change_that_the_test_set_does_not_show_has_no_time(iris, tmp_path, capsys):
    out = tmp_path / "out.json"
    said = output(capsys, "simulate", iris, "--points", "20", "--json", str(out))
    assert "transition at" not in said and "classes against the rest" not in said
    assert json.loads(out.read_text())["transition"]["lambda_t"] is None


def test_measures_that_cross_entropy_does_not_have_are_refused_before_anything_is_computed(
    few, capsys
):
    arguments = ["simulate", few, "--loss", "cross-entropy", "--measure", "all"]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert "expected none: take the logistic loss (--loss logistic)" in said.err
    assert main([*arguments[:2], "--loss", "logistic", *arguments[4:], "--points", "3"]) == 0


@pytest.mark.parametrize("loss", ["one-hot", "cross-entropy"])
def test_two_classes_have_one_net(tmp_path, loss, capsys):
    x, y = load_iris(return_X_y=True)
    path = written(tmp_path / "two.csv", x[:100], y[:100])
    assert main(["predict", path, "--loss", loss]) == 2
    assert f"loss is {loss} on two, expected data of three classes" in capsys.readouterr().err
