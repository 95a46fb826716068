"""Stabilised explicit steps, and the flow of nets by them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from grokflow.simulations.nets.explicit import chebyshev_walk
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.explicit.chebyshev_steps import chebyshev_step, stages_for
from grokflow.simulations.nets.explicit.chebyshev_walk import sparse_rows_if_faster
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.catalogue import modular_addition
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem


def factor(count, z):
    """Return what a step does to 1 under ``y' = -y`` with ``z = hσ``, stage by stage."""
    older, newest = 0.0, 1.0
    for last, before, slope in chebyshev_step(count).stages:
        older, newest = newest, last * newest + before * older - slope * z * newest
    return newest


@given(count=st.integers(1, 200))
def test_a_step_is_stable_up_to_its_reach_and_consistent(count):
    reach = chebyshev_step(count).reach
    z = np.linspace(0, reach, 40 * count)
    values = factor(count, z)
    # The recursion multiplies rounding by at most count².
    assert np.abs(values).max() <= 1 + 100 * count**2 * np.finfo(float).eps
    assert abs(factor(count, 1.05 * reach)) > 1
    assert 1.8 * count**2 <= reach <= 2 * count**2
    # e^{-z} to second order: the step is of first order.
    small = 1e-4
    assert abs(factor(count, small) - np.exp(-small)) <= small**2


def test_modes_that_are_fast_are_damped():
    for count in (2, 5, 20):
        reach = chebyshev_step(count).reach
        fast = np.linspace(4.0, reach * (1 - 1e-9), 400)
        assert np.abs(factor(count, fast)).max() <= 0.95


@given(reach=st.floats(1e-6, 5e4))
def test_no_fewer_stages_would_do(reach):
    count = stages_for(reach)
    assert chebyshev_step(count).reach >= reach
    assert count == 1 or chebyshev_step(count - 1).reach < reach


def small_task(scale=1.0, **settings):
    chosen = {"p": 7, "width": 24, "fraction": 0.7, "loss": "cross-entropy", "activation": "relu"}
    return modular_addition(**chosen | settings, scale=scale)


def test_the_error_is_of_first_order_and_that_of_the_flow():
    task, times = small_task(activation="quadratic", zero_last=1), np.array([3.0, 5.0])
    exact = NetFlow(lam=1e-2, rtol=1e-5).run(replace(task, alpha=3.0), times)
    start = small_task(3.0, activation="quadratic", zero_last=1)

    def error(longest):
        run = ChebyshevFlow(lam=1e-2, longest=longest).run(start, times)
        return np.linalg.norm(run.theta[-1] - exact.theta[-1]) / np.linalg.norm(exact.theta[-1])

    errors = [error(longest) for longest in (8e-3, 2e-3)]
    slope = np.log(errors[0] / errors[1]) / np.log(4)
    assert 0.8 <= slope <= 1.2
    assert errors[1] <= 1e-2


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_difference_of_squared_norms_decays_exactly(scale):
    # ‖W1‖² + ‖b1‖² - ‖W2‖² = c e^{-2λt} along the flow.
    task, times = small_task(scale), np.array([0.5, 1.0])

    def missed(longest):
        run = ChebyshevFlow(lam=1e-3, longest=longest).run(task, times)
        return abs(_balance(run.net) / _balance(task.net) - np.exp(-2.0))

    errors = [missed(longest) for longest in (4e-3, 1e-3)]
    assert errors[1] <= 0.5 * errors[0]
    assert errors[1] <= 0.05 * np.exp(-2.0)


def _balance(net):
    first, last = net.weights
    return float((first.square().sum() + net.bias.square().sum() - last.square().sum()).detach())


def test_one_stage_agrees_with_descent_of_a_fixed_step():
    task = small_task()
    lam, step = 1e-2, 0.01
    fixed = Descent(lr=step, lam=lam).run(task, np.array([0, 2000]))
    found = ChebyshevFlow(lam=lam, longest=lam * step).run(task, fixed.lambda_t[-1:])
    assert found.lambda_t[-1] == fixed.lambda_t[-1]
    # Both are first order: errors of the order λη of the slow time.
    assert np.isclose(found.norms[-1], fixed.norms[-1], rtol=10 * lam * step)
    assert np.isclose(found.train_loss[-1], fixed.train_loss[-1], rtol=100 * lam * step)


class Line(nn.Module):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))

    def forward(self, x):
        return x @ self.w


def line_problem():
    x = torch.arange(1.0, 5.0, dtype=torch.float64)[:, None]
    return NetProblem("line", NET_LOSSES["square"], x, x**2, x, x**2)


def test_sharpness_decides_the_number_of_stages():
    # One weight, square loss: the sharpness is 2 mean(x²) + λ.
    lam, longest = 1e-3, 2e-2
    run = ChebyshevFlow(lam=lam, longest=longest).run(
        NetStart(Line(), line_problem()), np.array([0.5])
    )
    sharpness = 2 * 7.5 + lam
    stages = stages_for(2 * longest / lam * sharpness)
    early = run.steps[-1] - 0.5 / longest
    assert 0 < early < np.log(longest / 1e-6) / np.log1p(25 * longest)
    most = stages * run.steps[-1]
    assert stages * 0.5 / longest <= run.work.gradient_evaluations <= most
    # Descent takes a step of at most 2/σ.
    assert run.work.gradient_evaluations < 0.25 * 0.5 / (lam * 2 / sharpness)


class Cliff(nn.Module):
    """Its sharpness rises 1e4 times where w passes 1/2."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))

    def forward(self, x):
        return x @ (self.w + 50 * torch.relu(0.5 - self.w) ** 2)


def test_a_rise_of_the_loss_is_taken_again_with_more_stages():
    x = torch.ones(1, 1, dtype=torch.float64)
    y = 0.2 * x
    problem = NetProblem("cliff", NET_LOSSES["square"], x, y, x, y)
    run = ChebyshevFlow(lam=1e-3, longest=5e-2).run(
        NetStart(Cliff(), problem), np.linspace(0.1, 2, 9)
    )
    assert run.work.rejected > 0
    # Twice the loss is the most that is let pass in one stretch.
    assert (run.train_loss <= 2 * np.maximum(run.train_loss[0], 1e-3)).all()
    assert run.train_loss[-1] < 0.11


def test_too_few_steps_are_said_with_what_was_reached():
    task = small_task()
    with pytest.raises(Stopped, match="allow more") as stopped:
        ChebyshevFlow(lam=1e-3, max_steps=50).run(task, np.array([0.0, 5.0]))
    assert len(stopped.value.trajectory.steps) == 1


class Poisoned(nn.Module):
    """NaN once the weight has fallen below a half."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))

    def forward(self, x):
        return x @ torch.where(self.w < 0.5, torch.nan, self.w)


def test_nan_stops_with_the_last_good_state():
    x = torch.ones(1, 1, dtype=torch.float64)
    problem = NetProblem("poison", NET_LOSSES["square"], x, 0 * x, x, 0 * x)
    with pytest.raises(Stopped, match="however short") as stopped:
        ChebyshevFlow(lam=1e-3).run(NetStart(Poisoned(), problem), np.array([0.0, 1e-4, 5.0]))
    kept = stopped.value.trajectory
    assert kept.lambda_t.tolist() == [0.0, 1e-4]
    assert float(kept.net.w.detach()) >= 0.5


@pytest.mark.parametrize(("name", "value"), [("lam", 0.0), ("part", 2.0), ("longest", 1.0)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is"):
        ChebyshevFlow(**{"lam": 1e-3} | {name: value})


def stop_at(fraction, done):
    if done >= fraction:
        raise KeyboardInterrupt


def test_an_interrupted_run_resumes_bit_for_bit(tmp_path):
    task, flow = small_task(10.0), ChebyshevFlow(lam=1e-3, longest=1e-2)
    times = np.linspace(0.0, 2.0, 6)
    whole = flow.run(task, times)
    checkpoint = Checkpoint(tmp_path / "run.pt")
    for fraction in (0.1, 0.5):
        with pytest.raises(Interrupted) as caught:
            flow.run(
                task,
                times,
                checkpoint=checkpoint,
                progress=partial(stop_at, fraction),
            )
        kept = caught.value.trajectory
        assert np.array_equal(kept.train_loss, whole.train_loss[: len(kept.steps)])
    resumed = flow.run(task, times, checkpoint=checkpoint)
    assert np.array_equal(resumed.theta[-1], whole.theta[-1])
    assert resumed.work.gradient_evaluations == whole.work.gradient_evaluations
    for name, values in whole.curves().items():
        assert np.array_equal(resumed.curves()[name], values)
    with pytest.raises(ValueError, match="is at λt 2, expected at most 1"):
        flow.run(task, np.array([1.0]), checkpoint=checkpoint)


class Folded(nn.Module):
    """Looks at its rows in a shape that sparse rows cannot take."""

    def forward(self, x):
        return x.view(len(x), 2, -1).sum(dim=2)


def test_one_hot_rows_are_multiplied_as_sparse_ones_and_nothing_else_changes(monkeypatch):
    task, times = small_task(), np.array([0.5])
    x = task.problem.x
    big = torch.cat([x, torch.zeros(len(x), 10 * x.shape[1], dtype=x.dtype)], dim=1)
    assert (
        sparse_rows_if_faster(nn.Linear(big.shape[1], 2).double(), big).layout == torch.sparse_csr
    )
    assert sparse_rows_if_faster(nn.Linear(3, 2), torch.ones(4, 3)).layout == torch.strided
    # A net that cannot take sparse rows gets dense ones.
    assert sparse_rows_if_faster(Folded(), big).layout == torch.strided
    runs = []
    for share in (1.0, 0.0):
        monkeypatch.setattr(chebyshev_walk, "_SPARSE", share)
        runs.append(ChebyshevFlow(lam=1e-2, longest=1e-2).run(task, times))
    assert np.allclose(runs[0].theta[-1], runs[1].theta[-1], rtol=1e-6, atol=1e-9)
