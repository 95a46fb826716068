"""Descent: steps by hand, agreement with the exact flow, resumption bit for bit, refusals."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.explicit.step_rule import Optimizer
from grokflow.simulations.nets.modules import MLP, Activation
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.steps import record_steps
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.losses import LOSSES
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem
from tests.nets.example_modules import Diagonal, gradient, parameters, small_net, small_problem

STEPS = np.array([0, 1, 7, 250, 400])


@pytest.mark.parametrize("loss", ["square", "cross-entropy", "logistic", "exponential"])
def test_two_steps_of_gradient_descent_are_those_of_the_formula(loss):
    outputs = 4 if loss in ("square", "cross-entropy") else 1
    problem, net = small_problem(loss, outputs=outputs), small_net(outputs)
    before = parameters(net).clone()
    result = Descent(lr=0.01, lam=0.3).run(NetStart(net, problem), np.array([0, 1, 2]))
    theta = before.clone()
    for _ in range(2):
        nn.utils.vector_to_parameters(theta, net.parameters())
        theta = theta - 0.01 * (gradient(net, problem) + 0.3 * theta)
    assert torch.allclose(parameters(result.net), theta, rtol=0, atol=1e-13)
    assert np.allclose(result.lambda_t, [0, 0.003, 0.006], rtol=1e-14)
    assert result.norms[0] == pytest.approx(float(before.norm()), rel=1e-14)
    assert result.work.gradient_evaluations == 2


def test_the_net_that_is_given_is_not_changed():
    net = small_net()
    before = parameters(net).clone()
    Descent(lr=0.1).run(NetStart(net, small_problem()), np.array([3]))
    assert torch.equal(parameters(net), before)


def test_adam_couples_weight_decay_and_adamw_does_not():
    problem = small_problem()
    net = small_net()
    slope = gradient(net, problem)
    theta = parameters(net)
    lr, lam = 1e-3, 0.5
    for optimizer, expected in (
        (Optimizer.ADAM, theta - lr * torch.sign(slope + lam * theta)),
        (Optimizer.ADAMW, (1 - lr * lam) * theta - lr * torch.sign(slope)),
    ):
        method = Descent(lr=lr, lam=lam, optimizer=optimizer)
        after = parameters(method.run(NetStart(net, problem), np.array([1])).net)
        # The first step of Adam is the sign, up to eps = 1e-8 over the size of the gradient.
        clear = (slope.abs() > 1e-4) & ((slope + lam * theta).abs() > 1e-4)
        assert clear.sum() > 50
        assert torch.allclose(after[clear], expected[clear], rtol=0, atol=1.01e-4 * lr)


def curve(method, problem, flow_times):
    x = torch.from_numpy(np.asarray(problem.inputs.to_array(), dtype=np.float64))
    y = torch.ones(len(x), dtype=torch.float64)
    torch_problem = NetProblem("sparse", NET_LOSSES["logistic"], x, y, x[:1], y[:1])
    steps = np.rint(flow_times / (method.lam * method.lr)).astype(np.int64)
    assert np.allclose(steps * method.lam * method.lr, flow_times, rtol=1e-12)
    return method.run(NetStart(Diagonal(problem.d, 1.0), torch_problem), steps)


def test_the_papers_descent_approaches_the_flow_in_proportion_to_its_step():
    problem = sparse(n=32, d=200, n_test=1)
    times = np.linspace(0.1, 1.0, 10)
    lam = 0.05
    flow = DiagonalFlow(lam=lam, loss=LOSSES["logistic"], rtol=1e-8).run(
        DiagonalStart(problem, 1.0), times
    )
    distances = []
    for lr in (0.04, 0.02, 0.01):
        found = curve(Descent(lr=lr, lam=lam), problem, times)
        distances.append(np.abs(found.norms / flow.norms - 1).max())
        assert np.allclose(found.lambda_t, times, rtol=1e-12)
    # A first-order method: the ratio tends to 2 with a correction of the order of lr.
    assert np.array(distances[:-1]) / np.array(distances[1:]) == pytest.approx(2, abs=0.1)
    single = curve(Descent(lr=0.02, lam=lam, dtype=torch.float32), problem, times)
    assert np.array_equal(single.theta, single.theta.astype(np.float32))
    # Rounding of single precision adds at most half an ulp a step to each coordinate.
    rounding = np.finfo(np.float32).eps * single.steps[-1]
    assert np.abs(single.norms / flow.norms - 1).max() <= distances[1] + rounding


METHODS = [
    Descent(lr=0.02, lam=1e-2),
    Descent(lr=0.02, lam=1e-2, optimizer=Optimizer.SGD, batch=5, label_noise=0.2, seed=3),
    Descent(lr=0.01, lam=0.1, optimizer=Optimizer.ADAMW, batch=7, dtype=torch.float32),
    Descent(lr=0.01, lam=0.1, optimizer=Optimizer.ADAM),
    Descent(lr=0.02, log_loss=True),
]


def stop_at(fraction, done):
    if done >= fraction:
        raise KeyboardInterrupt


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_run_resumes_bit_for_bit(method, tmp_path):
    problem, net = small_problem(), small_net()
    whole = method.run(NetStart(net, problem), STEPS)
    checkpoint = Checkpoint(tmp_path / "run.pt")
    for fraction in (0.01, 0.3, 0.8):
        with pytest.raises(Interrupted) as caught:
            method.run(
                NetStart(net, problem),
                STEPS,
                checkpoint=checkpoint,
                progress=partial(stop_at, fraction),
            )
        kept = caught.value.trajectory
        assert np.array_equal(kept.train_loss, whole.train_loss[: len(kept.steps)])
    resumed = method.run(NetStart(net, problem), STEPS, checkpoint=checkpoint)
    assert torch.equal(parameters(resumed.net), parameters(whole.net))
    for name, values in whole.curves().items():
        assert np.array_equal(resumed.curves()[name], values)
    assert np.array_equal(resumed.log_t, whole.log_t)
    longer = np.append(STEPS, 450)
    more = method.run(NetStart(net, problem), longer, checkpoint=checkpoint)
    assert np.array_equal(more.train_loss, method.run(NetStart(net, problem), longer).train_loss)
    with pytest.raises(ValueError, match="is at step 450, expected at most 400"):
        method.run(NetStart(net, problem), STEPS, checkpoint=checkpoint)


KILLED = """
import sys
from pathlib import Path
import numpy as np
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.start import NetStart
from tests.nets.example_modules import small_net, small_problem
Descent(lr=1e-3).run(NetStart(small_net(), small_problem()), np.array([10**9]),
                     checkpoint=Checkpoint(Path(sys.argv[1]), seconds=0.0))
"""


def test_a_killed_run_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)])
    for _ in range(600):
        if path.exists():
            break
        time.sleep(0.1)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = int(torch.load(path, weights_only=True)["state"]["step"])
    method, problem = Descent(lr=1e-3), small_problem()
    resumed = method.run(
        NetStart(small_net(), problem), np.array([reached + 10]), checkpoint=Checkpoint(path)
    )
    anew = method.run(NetStart(small_net(), problem), np.array([reached + 10]))
    assert torch.equal(parameters(resumed.net), parameters(anew.net))


def test_checkpoints_of_other_runs_and_damaged_ones_are_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.pt")
    problem, method = small_problem(), Descent(lr=0.1)
    method.run(NetStart(small_net(), problem), np.array([3]), checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"with lr 0.1, expected 0.2"):
        Descent(lr=0.2).run(NetStart(small_net(), problem), np.array([3]), checkpoint=checkpoint)
    with pytest.raises(ValueError, match="with start"):
        method.run(NetStart(small_net(seed=1), problem), np.array([3]), checkpoint=checkpoint)
    with pytest.raises(ValueError, match="with start"):
        other = replace(problem, x=problem.x + 1)
        method.run(NetStart(small_net(), other), np.array([3]), checkpoint=checkpoint)
    content = checkpoint.path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"no checkpoint"):
        checkpoint.path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.pt is damaged, or not a checkpoint") as caught:
            method.run(NetStart(small_net(), problem), np.array([3]), checkpoint=checkpoint)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="create the folder first"):
        Checkpoint(tmp_path / "nowhere" / "run.pt")


def test_divergence_keeps_the_last_good_state(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.pt")
    method = Descent(lr=1.0)
    problem = small_problem("square")
    with pytest.raises(Stopped, match="lower lr") as caught:
        method.run(NetStart(small_net(), problem), np.array([0, 1, 1000]), checkpoint=checkpoint)
    kept = caught.value.trajectory
    assert kept.steps.tolist() == [0, 1]
    assert torch.isfinite(parameters(kept.net)).all()
    assert torch.load(checkpoint.path, weights_only=True)["state"]["step"] == 1


def test_the_step_over_the_loss_goes_on_where_the_loss_underflows():
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    y = torch.ones(2, dtype=torch.float64)
    problem = NetProblem("line", NET_LOSSES["exponential"], x, y, x, y)
    net = MLP((1, 1), Activation.RELU, bias=False)
    result = Descent(lr=1.0, log_loss=True).run(NetStart(net, problem), np.array([1, 10, 2000]))
    # d log L / dw is -1 as soon as the first sample dominates: w = number of steps + O(1).
    weight = float(parameters(result.net))
    assert 2000 <= weight <= 2002
    assert result.log_loss[-1] == pytest.approx(-weight - np.log(2), rel=1e-14)
    assert result.train_loss[-1] == 0
    # Time is the sum of η / L, of which the last step has the largest term.
    assert weight - 2 < result.log_t[-1] < weight + 2
    first = gradient(net, problem) / float(problem.loss.value(net(x).detach(), y).mean())
    start = Descent(lr=0.5, log_loss=True).run(NetStart(net, problem), np.array([1]))
    assert parameters(start.net)[0] == pytest.approx(float(-0.5 * first[0]), rel=1e-14)


def test_batches_are_fresh_and_seeded():
    problem, net = small_problem(), small_net()
    method = Descent(lr=0.01, optimizer=Optimizer.SGD, batch=3)
    first, same = (method.run(NetStart(net, problem), np.array([20])) for _ in range(2))
    other = replace(method, seed=1).run(NetStart(net, problem), np.array([20]))
    assert first.train_loss == same.train_loss != other.train_loss


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, "lr is 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": 1.0, "lam": -1.0}, "lam is -1"),
        ({"lr": 1.0, "label_noise": -0.1}, "label_noise"),
        ({"lr": 1.0, "batch": 4}, "none for gd"),
        ({"lr": 1.0, "optimizer": Optimizer.SGD}, "a size for sgd"),
        ({"lr": 1.0, "optimizer": Optimizer.SGD, "batch": 0}, "batch is 0"),
        ({"lr": 1.0, "log_loss": True, "lam": 0.1}, "expected lam 0"),
        ({"lr": 1.0, "log_loss": True, "optimizer": Optimizer.ADAM}, "gd or sgd"),
        ({"lr": 1.0, "dtype": torch.float16}, "float16"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Descent(**settings)


def test_bad_steps_nets_and_noise_are_refused():
    method, problem = Descent(lr=0.1), small_problem()
    for steps in ([], [1, 1], [-1, 2], [0.5]):
        with pytest.raises(ValueError, match="use record_steps"):
            method.run(NetStart(small_net(), problem), np.array(steps))
    with pytest.raises(ValueError, match="no trainable parameters"):
        method.run(NetStart(nn.Flatten(), problem), np.array([1]))
    with pytest.raises(ValueError, match="probability below 1"):
        Descent(lr=0.1, label_noise=1.0).run(NetStart(small_net(), problem), np.array([1]))
    with pytest.raises(ValueError, match="ask for more"):
        record_steps(0)


def test_recorded_steps_are_dense_at_both_ends():
    steps = record_steps(10_000, 100)
    assert steps[0] == 0 and steps[-1] == 10_000 and len(steps) <= 100
    assert {1, 2, 3} <= set(steps.tolist())
    assert np.diff(steps).max() <= 10_000 / 49 + 1


def test_a_checkpoint_is_refused_by_another_net_with_the_same_parameters(tmp_path):
    checkpoint, steps = Checkpoint(tmp_path / "run.pt"), np.array([0, 2])
    problem, method = small_problem("square", outputs=1), Descent(lr=0.01)
    inputs = problem.x.shape[1]
    first, other = (MLP([inputs, 5, 1], kind) for kind in (Activation.RELU, Activation.QUADRATIC))
    method.run(NetStart(first, problem), steps, checkpoint=checkpoint)
    method.run(NetStart(first.eval(), problem), steps, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"is of a run with start .*: ask for the same settings"):
        method.run(NetStart(other, problem), steps, checkpoint=checkpoint)


def test_unsigned_steps_that_decrease_are_refused():
    start = NetStart(small_net(), small_problem("square", outputs=2))
    with pytest.raises(ValueError, match="steps must be whole numbers that increase"):
        Descent(lr=0.01).run(start, np.array([5, 3], dtype=np.uint64))
