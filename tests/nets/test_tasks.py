"""Tasks: their data have the stated law, nets start as stated, they grok, bad sizes are refused."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from grokflow.cli import main
from grokflow.simulations.models.net_methods import DEFAULTS
from grokflow.simulations.models.nets import NetModel
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.explicit.step_rule import Optimizer
from grokflow.simulations.nets.modules import MLP, Activation, Committee, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.catalogue import (
    TASKS,
    digits,
    modular_addition,
    polynomial,
    teacher_student,
    xor_clusters,
)
from grokflow.theory.nets.linear_student import limit_losses, spectral_losses

pytestmark = pytest.mark.usefixtures("no_progress_lines")

SMALL = {
    "modular-addition": ["p=5", "width=8"],
    "xor": ["n=12", "d=30", "width=8", "n_test=20"],
    "digits": ["width=8"],
    "polynomial": ["n=20", "d=5", "width=8", "n_test=20"],
    "teacher-student": ["n=12", "d=6", "n_test=20"],
}


def outputs(task, x):
    with torch.no_grad():
        return task.net(x)


@pytest.mark.parametrize("name", TASKS)
def test_the_seed_decides_everything(name):
    make = TASKS[name]
    first, same, other = make(seed=3), make(seed=3), make(seed=4)
    assert torch.equal(first.problem.x, same.problem.x)
    assert torch.equal(first.problem.y_test, same.problem.y_test)
    for a, b in zip(first.net.parameters(), same.net.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.problem.x, other.problem.x)
    assert first.problem.settings["seed"] == 3


@pytest.mark.parametrize("loss", ["square", "cross-entropy"])
def test_modular_addition_holds_every_pair_once_and_starts_at_zero(loss):
    task = modular_addition(p=7, fraction=0.4, width=11, scale=10.0, loss=loss)
    problem = task.problem
    assert problem.m == round(0.4 * 49)
    x = torch.cat([problem.x, problem.x_test])
    y = torch.cat([problem.y, problem.y_test])
    assert torch.equal(x[:, :7].sum(dim=1), torch.ones(49, dtype=torch.float64))
    first, second = x[:, :7].argmax(dim=1), x[:, 7:].argmax(dim=1)
    assert len({(int(a), int(b)) for a, b in zip(first, second, strict=True)}) == 49
    classes = y.argmax(dim=1) if loss == "square" else y
    assert torch.equal(classes, (first + second) % 7)
    assert not outputs(task, x).any()
    free = modular_addition(p=7, width=11, zero_last=0)
    assert outputs(free, x).any()


def test_figure_2_can_be_asked_for():
    task = modular_addition(
        p=97, fraction=0.4, width=1024, scale=100.0, loss="cross-entropy", activation="relu"
    )
    assert task.problem.x.shape == (3764, 194)
    shapes = {tuple(p.shape) for p in task.net.parameters()}
    assert shapes == {(1024,), (1024, 194), (97, 1024)}
    spread = float(task.net.weights[0].detach().std())
    # Four standard errors of a standard deviation.
    assert spread == pytest.approx(100 * np.sqrt(2 / 194), rel=4 / np.sqrt(2 * 1024 * 194))


@pytest.mark.parametrize("activation", Activation)
def test_the_perceptron_is_the_formula_and_homogeneous(activation):
    net = he_start(MLP((3, 5, 4, 2), activation), np.random.default_rng(1))
    with torch.no_grad():
        net.bias.copy_(torch.linspace(-1, 1, 5))
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 3)))
    unit = {
        Activation.RELU: lambda h: np.maximum(h, 0),
        Activation.SQUARED_RELU: lambda h: np.maximum(h, 0) ** 2,
        Activation.QUADRATIC: np.square,
    }[activation]
    w1, w2, w3 = (w.detach().numpy() for w in net.weights)
    expected = unit(unit(x.numpy() @ w1.T + net.bias.detach().numpy()) @ w2.T) @ w3.T
    before = net(x).detach().numpy()
    assert np.allclose(before, expected, rtol=1e-13)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 3
    power = 3 if activation is Activation.RELU else 7
    assert np.allclose(net(x).detach().numpy(), 3.0**power * before, rtol=1e-12)


def test_xor_clusters_have_their_law():
    problem = xor_clusters(n=4000, d=6, mu=5.0, noise=0.2, n_test=10).problem
    x, y = problem.x.numpy(), problem.y.numpy()
    clean = np.where(np.abs(x[:, 0]) > np.abs(x[:, 1]), 1.0, -1.0)  # 5 / √2 deviations apart
    assert np.mean(clean != y) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 4000) + 1e-3)
    along = np.where(clean > 0, x[:, 0], x[:, 1])
    assert np.abs(along).mean() == pytest.approx(5, abs=4 / np.sqrt(4000) + 1e-2)
    assert x[:, 2:].std() == pytest.approx(1, abs=4 / np.sqrt(2 * 16000))
    assert abs(np.sign(along).mean()) < 4 / np.sqrt(4000)


def test_xor_overfits_in_one_step_at_chance_and_generalises_later():
    task = xor_clusters()
    steps = np.array([1, DEFAULTS["xor"].steps // 4])
    result = Descent(lr=DEFAULTS["xor"].lr, dtype=torch.float32).run(task, steps)
    assert result.train_error[0] <= 0.02
    assert 0.4 < result.test_error[0] < 0.65
    assert result.train_error[1] == 0
    assert result.test_error[1] < 0.15


def test_digits_are_images_of_every_class():
    task = digits(fraction=0.2, width=16, depth=3)
    problem = task.problem
    assert problem.m == round(0.2 * 1797) and problem.m + len(problem.x_test) == 1797
    assert problem.x.shape[1] == 64
    assert float(problem.x.min()) == 0 and float(problem.x.max()) == 1
    assert problem.y.shape[1] == 10 and problem.y.sum(dim=0).min() > 10
    assert len(task.net.weights) == 3


@pytest.mark.parametrize("optimizer", ["flow", "adamw"])
def test_a_small_convolutional_net_learns_the_digits(capsys, tmp_path, optimizer):
    task = digits(model="cnn", width=6, scale=2.0)
    assert task.problem.x.shape[1:] == (1, 8, 8) and task.problem.settings["depth"] == 3
    plain = digits(model="cnn", width=6, scale=1.0)
    for a, b in zip(task.net.parameters(), plain.net.parameters(), strict=True):
        assert torch.equal(a, 2 * b)
    path = tmp_path / "out.json"
    options = {
        "flow": ["--until", 0.3, "--alpha", 2, "--lam", 1e-2],
        "adamw": ["--steps", 600, "--alpha", 1],
    }[optimizer]
    small = ["digits", "--set", "model=cnn", "width=3", "fraction=0.015", "--points", 4]
    code, _, err = run(capsys, *small, "--optimizer", optimizer, *options, "--json", path)
    assert (code, err) == (0, "")
    record = json.loads(path.read_text())
    assert record["model"].endswith("SmallCNN")
    # Chance is a tenth.
    assert record["train_accuracy"][-1] > 0.9 and record["test_accuracy"][-1] > 0.2


def test_polynomials_are_squares_and_the_committee_starts_at_zero():
    task = polynomial(n=4000, d=5, width=7, alpha=3.0, epsilon=0.5)
    problem = task.problem
    assert not outputs(task, problem.x).any()
    assert float((problem.x**2).sum(dim=1).mean()) == pytest.approx(
        1, abs=4 * np.sqrt(2 / 5 / 4000)
    )
    # y = ½ <β, x>² is linear in the products x_i x_j, exactly.
    rows, columns = np.triu_indices(5)
    x = problem.x.numpy()
    products = x[:, rows] * x[:, columns]
    coefficients, residual, *_ = np.linalg.lstsq(products, problem.y.numpy()[:, 0])
    assert residual[0] < 1e-20
    diagonal = coefficients[rows == columns]
    assert diagonal.sum() == pytest.approx(5 / 2, rel=1e-10)  # ½ ‖β‖²
    net = Committee(5, 7, alpha=3.0, epsilon=0.5, seed=0)
    with torch.no_grad():
        net.weight += 0.1
    h, start = x[:3] @ net.weight.detach().numpy().T, x[:3] @ net.start.numpy().T
    expected = 3 * ((h + h**2 / 4) - (start + start**2 / 4)).mean(axis=1)
    assert np.allclose(net(problem.x[:3]).detach().numpy()[:, 0], expected, rtol=1e-12)


def test_gradient_descent_of_a_linear_student_is_the_closed_form_of_its_spectrum():
    task = teacher_student(n=20, d=30, outputs=2, n_test=90)
    problem = task.problem
    x = problem.x.numpy()
    values, vectors = np.linalg.eigh(x.T @ x / 20)
    start = task.net.weights[0].detach().numpy().T
    # The noiseless test set determines the teacher.
    teacher = np.linalg.lstsq(problem.x_test.numpy(), problem.y_test.numpy())[0]
    difference = vectors.T @ (start - teacher)
    steps = np.array([0, 1, 10, 400])
    closed = spectral_losses(values, (difference**2).sum(axis=1), 0.05, steps)
    result = Descent(lr=0.05).run(NetStart(task.net, problem), steps)
    assert np.allclose(result.train_loss, closed.train, rtol=1e-11)
    x_test = problem.x_test.numpy()
    for i, step in enumerate(steps):
        left = vectors @ ((1 - 0.1 * values) ** step * difference.T).T
        expected = ((x_test @ left) ** 2).sum(axis=1).mean()
        assert result.test_loss[i] == pytest.approx(expected, rel=1e-11)
        assert closed.test[i] == pytest.approx((left**2).sum(), rel=1e-11)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 3.0])
def test_the_limit_of_the_closed_form_has_the_moments_of_marchenko_and_pastur(ratio):
    start = limit_losses(ratio, 0.1, np.array([0, 1]))
    # E s = 1, E s² = 1 + ratio, E s³ = 1 + 3 ratio + ratio².
    assert start.test[0] == pytest.approx(1, abs=1e-3 if ratio == 1 else 1e-12)
    assert start.train[0] == pytest.approx(1, abs=1e-12)
    assert start.test[1] == pytest.approx(
        1 - 0.4 + 0.04 * (1 + ratio), abs=1e-3 if ratio == 1 else 1e-12
    )
    third = 1 + 3 * ratio + ratio**2
    assert start.train[1] == pytest.approx(1 - 0.4 * (1 + ratio) + 0.04 * third, abs=1e-12)


def test_a_net_groks_modular_addition_by_the_papers_gradient_descent():
    task = modular_addition(p=17, fraction=0.7)
    method = Descent(lr=0.4, lam=2e-3, dtype=torch.float32)
    result = method.run(task, np.arange(0, 4001, 100))
    fit = result.fitted()
    assert result.steps[fit] <= 500
    assert result.test_error[fit] > 0.9
    assert result.test_error[-1] < 0.1
    when = result.transition_step(float(result.test_error[fit]), float(result.test_error[-1]))
    assert when.step > 4 * result.steps[fit]


def test_adamw_groks_in_hundreds_of_steps():
    task = modular_addition(p=17, fraction=0.6)
    method = Descent(lr=1e-2, lam=1.0, optimizer=Optimizer.ADAMW, dtype=torch.float32)
    result = method.run(task, np.arange(0, 601, 20))
    fit = result.fitted()
    assert result.steps[fit] <= 60
    assert result.test_error[fit] > 0.9
    assert result.test_error[-1] < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(modular_addition, p=1), "p is 1, expected at least 2"),
        (partial(modular_addition, width=0), "width is 0"),
        (partial(modular_addition, fraction=0.0), "fraction is 0"),
        (partial(modular_addition, p=2, fraction=0.01), "leaves 0 to train on"),
        (partial(modular_addition, scale=-1.0), "scale is -1"),
        (partial(modular_addition, loss="logistic"), "expected cross-entropy or square"),
        (partial(modular_addition, activation="tanh"), "expected one of relu"),
        (partial(modular_addition, seed=-1), "seed is -1"),
        (partial(digits, depth=1), "depth is 1"),
        (partial(digits, fraction=1.0), "fraction is 1"),
        (partial(digits, model="cnn", depth=3), "cnn without a depth"),
        (partial(digits, model="vit"), "expected mlp, or cnn"),
        (partial(xor_clusters, noise=0.6), "noise is 0.6"),
        (partial(xor_clusters, d=1), "d is 1"),
        (partial(xor_clusters, mu=float("nan")), "mu is nan"),
        (partial(polynomial, n=0), "n is 0"),
        (partial(polynomial, epsilon=-1.0), "epsilon is -1"),
        (partial(teacher_student, outputs=0), "outputs is 0"),
        (partial(limit_losses, 0.0, 0.1, np.array([1])), "ratio is 0"),
    ],
)
def test_bad_sizes_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def run(capsys, *arguments):
    try:
        code = main(["simulate", *map(str, arguments)])
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", TASKS)
def test_simulate_writes_the_documented_keys(capsys, tmp_path, name):
    assert name in NetModel.names and name in DEFAULTS
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "npz", "csv", "nc", "png")}
    arguments = [name, "--set", *SMALL[name], "--steps", 30, "--points", 12]
    arguments += ["--lr", 0.01]
    code, _, err = run(
        capsys, *arguments, "--json", files["json"], "--plot", files["png"], "--out", files["npz"]
    )
    assert (code, err) == (0, "")
    record = json.loads(files["json"].read_text())
    kind = "error" if name in ("polynomial", "teacher-student") else "accuracy"
    curves = ["lambda_t", "steps", "train_loss", "test_loss", "norms", f"train_{kind}"]
    assert len({len(record[key]) for key in [*curves, f"test_{kind}"]}) == 1
    assert {"problem", "model", "alpha", "norm", "lam", "loss", "transition"} <= set(record)
    assert {"name", "gradient_evaluations", "seconds"} <= set(record["solver"])
    assert record["solver"]["gradient_evaluations"] == record["steps"][-1] == 30
    assert record["problem"]["name"] == name
    assert files["png"].read_bytes()[:4] == b"\x89PNG"
    with np.load(files["npz"]) as arrays:
        assert np.array_equal(arrays["steps"], record["steps"])
        assert json.loads(str(arrays["settings"]))["lam"] == record["lam"]
    for suffix in ("csv", "nc"):
        assert run(capsys, *arguments, "--out", files[suffix])[0] == 0
        assert files[suffix].stat().st_size > 100


def test_simulate_takes_every_option_of_training(capsys, tmp_path):
    small = ["modular-addition", "--set", *SMALL["modular-addition"], "--steps", 20]
    path = tmp_path / "out.json"
    options = ["--optimizer", "sgd", "--batch", 4, "--lr", 0.01, "--lam", 0.1, "--alpha", 2]
    code, *_ = run(capsys, *small, *options, "--label-noise", 0.1, "--double", "--json", path)
    assert code == 0
    record = json.loads(path.read_text())
    method = record["method"]
    assert (method["optimizer"], method["batch"], method["dtype"]) == ("sgd", 4, "float64")
    assert (record["alpha"], record["lam"], record["lambda_t"][-1]) == (2, 0.1, pytest.approx(0.02))
    assert run(capsys, *small, "--optimizer", "gd", "--log-loss", "--json", path)[0] == 0
    record = json.loads(path.read_text())
    assert record["lambda_t"] == [0] * len(record["steps"])
    assert record["method"]["dtype"] == "float32"
    assert record["log10_t"][-1] > record["log10_t"][1]
    assert run(capsys, *small, "--no-decay", "--json", path)[0] == 0
    record = json.loads(path.read_text())
    assert record["lam"] == record["lambda_t"][-1] == 0


def test_simulate_goes_on_from_its_checkpoint(capsys, tmp_path):
    small = ["modular-addition", "--set", *SMALL["modular-addition"]]
    state, path = tmp_path / "state.pt", tmp_path / "out.json"
    assert run(capsys, *small, "--steps", 20, "--checkpoint", state)[0] == 0
    assert run(capsys, *small, "--steps", 40, "--checkpoint", state, "--json", path)[0] == 0
    resumed = json.loads(path.read_text())
    assert run(capsys, *small, "--steps", 40, "--json", path)[0] == 0
    whole = json.loads(path.read_text())
    assert (resumed["norms"][-1], resumed["test_loss"][-1]) == (
        whole["norms"][-1], whole["test_loss"][-1],
    )  # fmt: skip
    code, _, err = run(capsys, *small, "--steps", 40, "--lr", 1, "--checkpoint", state)
    assert code == 2 and "with lr 0.01, expected 1.0" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xor", "--set", "q=1"], "no key 'q'"),
        (["xor", "--set", "n=1.5"], "expected a whole number"),
        (["xor", "--set", "mu=x"], "expected a number"),
        (["digits", "--set", "loss=logistic"], "cross-entropy or square"),
        (["digits", "--depth", "3"], "--depth 3 found"),
        (["digits", "--norm", "3"], "--norm 3.0 found"),
        (["polynomial", "--optimizer", "gd", "--batch", "3"], "none for gd"),
        (["teacher-student", "--alpha", "3"], "has no scale"),
        (["modular-addition", "--checkpoint", "/nowhere/x"], "create the folder first"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(capsys, arguments, message):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert message in err and len(err.strip().splitlines()) == 1


def test_what_was_reached_is_written_when_training_diverges(capsys, tmp_path):
    path = tmp_path / "out.json"
    code, _, err = run(
        capsys, "teacher-student", "--set", *SMALL["teacher-student"], "--lr", 50, "--json", path
    )
    assert code == 1 and "lower lr" in err
    assert json.loads(path.read_text())["steps"][0] == 0
