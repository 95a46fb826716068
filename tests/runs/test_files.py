"""Files are named by text or by paths, whatever is read or written."""

from functools import partial

import numpy as np
import pytest

import grokflow as gf


@pytest.mark.parametrize("named", [str, lambda path: path])
def test_files_are_named_by_text_or_by_paths(tmp_path, named):
    start, steps = gf.teacher_student(n=6, d=4, n_test=5), np.array([0, 5])
    file = gf.Checkpoint(named(tmp_path / "run.pt"))
    gf.Descent(lr=0.1).run(start, steps, checkpoint=file)
    assert file.file.exists()
    gf.Scan.over("sparse", alpha=10.0, lam=1e-2, n=8, d=16, n_test=50).run().write(
        named(tmp_path / "table.csv")
    )
    assert (tmp_path / "table.csv").exists()
    np.savez(tmp_path / "own.npz", X=np.eye(6), y=[-1, 1, -1, 1, -1, 1])
    assert gf.data_family(named(tmp_path / "own.npz")).name == "own"


def flipped(content):
    """Yield the content with one bit changed, in every seventh byte."""
    for i in range(0, len(content), 7):
        yield content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :]


def test_a_checkpoint_with_a_flipped_bit_is_refused(tmp_path):
    start = gf.DiagonalStart(gf.sparse_regression(n=4, d=6, k=1, n_test=4), 10.0)
    file = gf.Checkpoint(tmp_path / "run.pt")
    flow = gf.DiagonalFlow(lam=1e-2, loss=gf.LOSSES["square"])
    flow.run(start, np.array([0.0, 1.0]), checkpoint=file)
    for damaged in flipped(file.file.read_bytes()):
        file.file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.pt is damaged, .*: choose another file, or"):
            file.load({})


def test_a_remembered_experiment_with_a_flipped_bit_is_run_again(tmp_path):
    gf.Laboratory(folder=tmp_path).remember(("three",), lambda: 3.0)
    (kept,) = tmp_path.iterdir()
    for damaged in flipped(kept.read_bytes()):
        kept.write_bytes(damaged)
        assert gf.Laboratory(folder=tmp_path).remember(("three",), lambda: 4.0) == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run.pt", float("nan")), "seconds is nan, expected 0 to inf: choose a value in range"),
        (("run.pt", -1.0), "seconds is -1, expected 0 to inf: choose a value in range"),
    ],
)
def test_checkpoints_refuse_what_they_cannot_do(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        gf.Checkpoint(*arguments)


def runs():
    """Return a run of every exact flow, as a function of the times and a checkpoint."""
    real = gf.sparse_regression(n=8, d=16, k=2, n_test=10)
    square = gf.LOSSES["square"]
    flow, entries = gf.DiagonalFlow(lam=1e-2, loss=square), gf.CompletionFlow(lam=1e-2)
    start = gf.DiagonalStart(real, 100.0)
    matrix = gf.CompletionStart(gf.completion(d=5, fraction=0.6), 10.0)
    return {
        "diagonal": (partial(flow.run, start), lambda found: found.weights, flow.rtol),
        "completion": (partial(entries.run, matrix), lambda found: found.matrices, entries.rtol),
    }


@pytest.mark.parametrize("name", ["diagonal", "completion"])
def test_an_exact_flow_goes_on_to_within_its_tolerance(name, tmp_path):
    """The solver chooses its steps anew: what it did before the end is not what it does now."""
    run, states, rtol = runs()[name]
    times, file = np.linspace(0, 8, 9), gf.Checkpoint(tmp_path / "run.pt")
    whole = states(run(times))
    run(times[:5], checkpoint=file)
    resumed = states(run(times, checkpoint=file))
    assert 0 < np.abs(resumed - whole).max() <= rtol * np.abs(whole).max()
