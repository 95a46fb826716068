"""Figure 2b: modular addition from the He start times 1, 10 and 100."""

from dataclasses import replace

import numpy as np
import pytest

from grokflow.figures.nets import scales as figure_2
from grokflow.figures.nets import weight_decays
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.figure_2_experiments import (
    DECAYS,
    SCALES,
    Addition,
    modular_decays,
    modular_scales,
)

SMALL = Addition(p=5, width=24, fraction=0.8, until=2.0, longest=1e-2)


@pytest.fixture(scope="module")
def laboratory():
    return Laboratory()


def between(run, low, high):
    """Return the time from test accuracy `low` to `high`, interpolated on what stays above."""
    lowest = np.minimum.accumulate((1 - run.test_error)[::-1])[::-1]
    return float(np.diff(np.interp([low, high], lowest, run.lambda_t))[0])


@pytest.mark.slow
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
    scales = modular_scales(laboratory, SMALL)
    shown = figure_2.data(scales)
    plain, shifted = figure_2.draw(shown).axes
    labels = plain.get_legend_handles_labels()[1]
    assert [label for label in labels if "He start" in label] == [
        f"He start × {scale:g}, λt* = {time:.2f}"
        for scale, time in zip(SCALES, shown.times, strict=True)
    ]
    assert len(shifted.get_lines()) == len(SCALES)
    words = figure_2.caption(shown, scales)
    assert all(f"{time:.2f}" in words for time in shown.times)


def test_weight_decays_share_their_slow_time_as_far_as_they_are_small(laboratory):
    runs = modular_decays(laboratory, SMALL)
    shown = weight_decays.data(runs, "small")
    assert list(shown.times) == list(DECAYS)
    plain, slow = weight_decays.draw(shown).axes
    assert [line.get_label() for line in slow.get_lines() if "λ" in line.get_label()] == [
        f"λ = {lam:g}" for lam in DECAYS
    ]
    # The same states at the same slow time, at times that differ by the ratio of the decays.
    smallest, largest = min(DECAYS), max(DECAYS)
    assert np.array_equal(runs[smallest].lambda_t, runs[largest].lambda_t)
    last = [line.get_xdata()[-1] for line in plain.get_lines()]
    assert np.isclose(last[0] / last[-1], largest / smallest)
    never = replace(shown, times=shown.times | {largest: float("nan")})
    assert f"not by λt = 4.3 at λ = {largest:g}" in weight_decays.caption(never)
    assert len(weight_decays.draw(never).axes[1].get_lines()) <= len(slow.get_lines())


def test_the_command_line_has_help_and_refuses_what_it_does_not_know(capsys):
    asked = figure_2.parser().parse_args(["here", "p=97", "fraction=0.4"])
    assert asked.folder.name == "here" and dict(asked.settings) == {"p": 97, "fraction": 0.4}
    with pytest.raises(SystemExit) as helped:
        figure_2.parser().parse_args(["--help"])
    assert helped.value.code == 0 and "KEY=NUMBER" in capsys.readouterr().out
    for wrong in (["here", "q=3"], ["here", "p=many"], ["here", "p"], ["p=97"], ["--size"]):
        with pytest.raises(SystemExit) as refused:
            figure_2.parser().parse_args(wrong)
        assert refused.value.code == 2
        assert "error: " in capsys.readouterr().err.splitlines()[-1]
