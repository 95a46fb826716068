"""Figure 2b: modular addition from the He start times 1, 10 and 100."""

import numpy as np
import pytest
import torch
from torch import nn

from figures import figure_2
from proofs_check.laboratory import Laboratory
from proofs_check.modular_scales import SCALES, modular_scales
from simulations.descent import Descent, DescentStopped
from simulations.scaled_descent import ScaledDescent
from simulations.tasks import modular_addition


@pytest.fixture(scope="module")
def laboratory():
    return Laboratory()


def small_task(scale=1.0, **settings):
    chosen = {"p": 7, "width": 24, "fraction": 0.7, "loss": "cross-entropy", "activation": "relu"}
    return modular_addition(**chosen | settings, scale=scale)


def between(run, low, high):
    """Return the time from test accuracy `low` to `high`, interpolated on what stays above."""
    lowest = np.minimum.accumulate((1 - run.test_error)[::-1])[::-1]
    return float(np.diff(np.interp([low, high], lowest, run.lambda_t))[0])


def test_tenfold_scale_delays_the_transition_by_log_ten(laboratory):
    scales = modular_scales(laboratory)
    shown = figure_2.data(scales)
    first, second = scales.runs[10.0], scales.runs[100.0]
    # Half an accuracy is known to one standard error of the test pairs, in each run, and the
    # first moments turn W1 by a part of order scale^-2 (ten times that, as for claim net-shift).
    pairs = first.settings["problem"]["p"] ** 2 * (1 - scales.addition.fraction)
    error = 0.5 / np.sqrt(pairs)
    known = sum(between(run, 0.5 - error, 0.5 + error) / 2 for run in (first, second))
    allowed = known + 10 * 10.0**-2
    assert abs(shown.increments[1] - np.log(10)) <= allowed
    # Were it ln 10 over the degree 2, this would notice.
    assert allowed < np.log(10) / 2
    # A start of size one has no kernel regime to leave: it groks late for its scale.
    assert 0 < shown.increments[0] < np.log(10)
    assert shown.test[100.0].max() > 0.6
    assert np.allclose(shown.predicted, shown.times[-1] - np.log(100.0 / np.array(SCALES)))


def test_the_picture_names_every_scale(laboratory):
    shown = figure_2.data(modular_scales(laboratory))
    plain, shifted = figure_2.draw(shown).axes
    labels = plain.get_legend_handles_labels()[1]
    assert [label for label in labels if "He start" in label] == [
        f"He start × {scale:g}, λt* = {time:.2f}"
        for scale, time in zip(SCALES, shown.times, strict=True)
    ]
    assert len(shifted.get_lines()) == len(SCALES)
    assert all(f"{time:.2f}" in figure_2.caption(shown, 1.0) for time in shown.times)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_difference_of_squared_norms_decays_exactly(scale):
    # ‖W1‖² + ‖b1‖² - ‖W2‖² = c e^{-2λt} along the flow; a step of gradient g adds η² ‖g‖² terms.
    task, times = small_task(scale), np.array([0.5, 1.0])

    def missed(part):
        run = ScaledDescent(lam=1e-3, part=part, longest=2e-3).run(task.net, task.problem, times)
        return _balance(run.net) / _balance(task.net) - np.exp(-2.0)

    errors = [abs(missed(part)) for part in (0.8, 0.2)]
    assert errors[1] <= 0.5 * errors[0] + 1e-12
    assert errors[1] <= 0.05 * np.exp(-2.0)


def _balance(net):
    first, last = net.weights
    return float((first.square().sum() + net.bias.square().sum() - last.square().sum()).detach())


def test_small_steps_agree_with_descent_of_a_fixed_step():
    task = small_task()
    lam, step = 1e-2, 0.01
    fixed = Descent(lr=step, lam=lam).run(task.net, task.problem, np.array([0, 5000]))
    scaled = ScaledDescent(lam=lam, longest=lam * step).run(
        task.net, task.problem, fixed.lambda_t[-1:]
    )
    assert scaled.lambda_t[-1] == fixed.lambda_t[-1]
    # Both are first order: errors of the order λη of the slow time, over some ten units of λt.
    assert np.isclose(scaled.norms[-1], fixed.norms[-1], rtol=10 * lam * step)
    assert np.isclose(scaled.train_loss[-1], fixed.train_loss[-1], rtol=100 * lam * step)


def test_sharpness_decides_the_step():
    # One weight, square loss: the sharpness is 2 mean(x²) + λ, and the first steps are shorter.
    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))

        def forward(self, x):
            return x @ self.w

    task = small_task(loss="square")
    x = torch.arange(1.0, 5.0, dtype=torch.float64)[:, None]
    problem = type(task.problem)("line", task.problem.loss, x, x**2, x, x**2)
    run = ScaledDescent(lam=1e-3, longest=1e-1).run(Line(), problem, np.array([0.5]))
    step = 1 / (2 * 7.5 + 1e-3)
    assert np.isclose(run.steps[-1], 0.5 / (1e-3 * step), rtol=0.02)


def test_too_few_steps_are_said_with_what_was_reached():
    task = small_task()
    with pytest.raises(DescentStopped, match="allow more") as stopped:
        ScaledDescent(lam=1e-3, max_steps=50).run(task.net, task.problem, np.array([0.0, 5.0]))
    assert len(stopped.value.trajectory.steps) == 1


@pytest.mark.parametrize(("name", "value"), [("lam", 0.0), ("part", 2.0), ("longest", 1.0)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is"):
        ScaledDescent(**{"lam": 1e-3} | {name: value})
