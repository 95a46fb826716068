"""One form for all models: the same code follows, reads, interrupts and pickles every one."""

import pickle

import numpy as np
import pytest
import torch

import grokflow as gf
from grokflow.simulations.completion.data import completion
from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.protocols import Start, Trajectory, Work

TIMES, STEPS = np.linspace(0.0, 2.0, 6), np.arange(0, 51, 10)


def net():
    start = gf.teacher_student(n=6, d=4, n_test=5)
    plain = torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)
    return NetStart(plain, start.problem)


CASES = {
    "diagonal": lambda: (
        gf.DiagonalFlow(lam=1e-2, loss=gf.LOSSES["logistic"]),
        gf.DiagonalStart(gf.sparse(n=8, d=20, n_test=50), 2.0),
        TIMES,
    ),
    "completion": lambda: (
        gf.CompletionFlow(lam=1e-2),
        gf.CompletionStart(completion(d=6), 2.0, 0.1, np.random.default_rng(0)),
        TIMES,
    ),
    "net": lambda: (gf.NetFlow(lam=1e-2, rtol=1e-2), net(), TIMES),
    "chebyshev": lambda: (gf.ChebyshevFlow(lam=1e-1, longest=1e-1), net(), TIMES),
    "descent": lambda: (gf.Descent(lr=0.01, lam=0.1), net(), STEPS),
    "modular": lambda: (
        gf.ModularTraining(width=6),
        gf.ModularCell(data=CorruptedTask(p=5).draw(), weight_decay=1.0),
        STEPS,
    ),
}


def interrupt_halfway(fraction):
    if fraction >= 0.5:
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", CASES)
def test_every_flow_has_the_same_form(name):
    flow, start, times = CASES[name]()
    found = flow.run(start, times)
    assert isinstance(start, Start) and isinstance(found, Trajectory)
    assert isinstance(found.work, Work) and found.work.seconds >= 0
    assert found.lambda_t.shape == times.shape and (np.diff(found.lambda_t) > 0).all()
    assert all(curve.shape == times.shape for curve in found.curves().values())
    scores = found.test_scores()
    assert scores.error.shape == scores.spread.shape == times.shape and scores.baseline >= 0
    assert (scores.accuracy is None) == ("test_error" in found.curves())
    assert (scores.accuracy is None) != ("test_accuracy" in found.curves())
    assert {"train_loss", "test_loss", "norms"} <= set(found.curves())
    when = found.transition(float(scores.error[0]), float(scores.error[-1]))
    assert np.isnan(when.lambda_t) or 0 <= when.lambda_t <= found.lambda_t[-1]
    data = found.to_dataset()
    assert {*found.curves(), "lambda_t"} <= set(data.variables)
    assert {"settings", "versions"} <= set(data.attrs)
    with pytest.raises(gf.Interrupted) as caught:
        flow.run(start, times, progress=interrupt_halfway)
    part = pickle.loads(pickle.dumps(caught.value)).trajectory
    assert 0 < len(part.lambda_t) < len(times)
    assert repr(part).startswith(type(found).__name__) and part._repr_html_()
    for key, curve in pickle.loads(pickle.dumps(found)).curves().items():
        assert np.array_equal(curve, found.curves()[key], equal_nan=True)


@pytest.mark.parametrize("name", [name for name in CASES if name != "modular"])
def test_measures_are_given_as_members_or_by_name_in_any_collection(name):
    flow, start, times = CASES[name]()
    bound = gf.Measure.KKT_BOUND
    for wanted in ("kkt-bound", ["kkt-bound"], bound, [bound], {bound}):
        assert list(flow.run(start, times[:2], measure=wanted).measured) == ["kkt_bound"]
    for unknown in ("kkk", ["kkk"]):
        with pytest.raises(ValueError, match=r"^measure is 'kkk', expected kkt, .*: pick some$"):
            flow.run(start, times, measure=unknown)


def test_a_negative_thinning_is_refused():
    for flow in (gf.NetFlow, gf.ChebyshevFlow):
        with pytest.raises(ValueError, match="thin is -1, expected 0"):
            flow(lam=0.1, thin=-1)


def test_a_checkpoint_takes_numbers_of_numpy_and_says_first_what_a_reader_understands(tmp_path):
    file, digest = gf.Checkpoint(tmp_path / "run.pt"), "0" * 64
    file.save({"data": digest, "lam": np.float32(0.5), "depth": np.int64(2)}, {"step": 3})
    assert file.load({"data": digest, "lam": 0.5, "depth": 2}) == {"step": 3}
    with pytest.raises(ValueError, match=r"is of a run with lam 0\.5, expected 0\.25"):
        file.load({"data": "1" * 64, "lam": 0.25, "depth": 2})
