"""A kind claims what is seen: not a transition before the start, nor what decay does by itself."""

import json

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.simulations.models.table import _UNTIMED
from grokflow.theory.transition.kinds_shown import LETTERS, MEANINGS, legend


def sparse_targets():
    return gf.sparse_regression(n=20, d=50, k=2, n_test=200)


def three_classes(scale=1.0):
    x = np.random.default_rng(0).standard_normal((400, 30))
    y = x[:, :3].argmax(axis=1)
    return gf.make_classes_problem("largest", scale * x[:25], y[:25], scale * x[25:], y[25:])


@pytest.mark.parametrize(("alpha", "kind"), [(1e-2, "starts late"), (1e2, "grokking")])
def test_a_flow_that_starts_beyond_the_transition_is_said_to_and_does(alpha, kind):
    problem, loss = sparse_targets(), gf.LOSSES["square"]
    found = gf.forecast(problem, alpha=alpha, lam=1e-3, loss=loss)
    assert found.kind.value == kind and (found.transition.lambda_t > 0) is (kind == "grokking")
    # The first fit takes λt of the order of λ; what it leaves is nearer to the late predictor.
    flow = gf.DiagonalFlow(lam=1e-3, loss=loss)
    early, late = found.scores.error[:2]
    fitted = flow.run(gf.DiagonalStart(problem, alpha), np.array([0.1])).test_scores().error[0]
    assert (abs(fitted - late) < abs(fitted - early)) == (kind == "starts late")


def test_a_matrix_and_classes_start_late_too():
    found = gf.forecast_completion(gf.completion(d=10, fraction=0.6), alpha=1e-3, lam=1e-4)
    assert found.kind is gf.Kind.STARTS_LATE
    problem, loss = three_classes(), gf.LOSSES["logistic"]
    kinds = {
        alpha: gf.forecast_classes(problem, alpha=alpha, lam=1e-4, loss=loss).kind
        for alpha in (1e-4, 1e2)
    }
    assert kinds == {1e-4: gf.Kind.STARTS_LATE, 1e2: gf.Kind.GROKKING}
    kinds = {
        alpha: gf.forecast_softmax(problem, alpha=alpha, lam=1e-4).kind for alpha in (1e-4, 1e2)
    }
    assert kinds == {1e-4: gf.Kind.STARTS_LATE, 1e2: gf.Kind.GROKKING}


def test_predict_simulate_and_scan_agree_on_a_late_start(tmp_path, capsys):
    data = ["sparse-regression", "--set", "n=20", "d=50", "k=2", "n_test=200", "--lam", "1e-3"]
    out = tmp_path / "out.json"
    assert main(["predict", *data, "--alpha", "0.01", "--json", str(out)]) == 0
    said, record = capsys.readouterr().out, json.loads(out.read_text())
    assert record["kind"] == record["diagnosis"]["kind"] == "starts late"
    assert "kind: starts late" in said and "before the start" in said and "grokking" not in said
    assert "train until" not in said and "times as large on" in said
    assert main(["simulate", *data, "--alpha", "0.01"]) == 0
    assert "no transition: this α is so small" in capsys.readouterr().out
    # The law of the scan is that of large α, and its cells say what their own α shows.
    scanned = ["scan", *data, "--alpha", "1e-2,1e3", "--jobs", "1", "--json", str(out)]
    assert main(scanned) == 0
    cells = json.loads(out.read_text())["cells"]
    assert [cell["kind"] for cell in cells] == ["starts late", "grokking"]
    assert cells[0]["transition"]["lambda_t"] is None


def test_every_kind_has_a_letter_and_words_and_a_reason_without_a_time():
    assert set(LETTERS) == set(MEANINGS) == set(gf.Kind)
    assert len(set(LETTERS.values())) == len(gf.Kind)
    assert set(_UNTIMED) == {kind for kind in gf.Kind if not kind.is_visible}
    assert legend([gf.Kind.SHRINKING, gf.Kind.GROKKING]) == "G grokking, d shrinking"


@pytest.mark.parametrize("lam", [1e-3, 1e-1, 100.0])
@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize(
    "problem",
    [
        sparse_targets(),
        gf.sparse(n=30, d=60, k=3, n_test=300),
        gf.sparse_regression(n=60, d=20, k=2, n_test=200),
        gf.completion(d=10, fraction=0.6),
    ],
    ids=["targets", "classes", "determined", "matrix"],
)
def test_the_change_that_is_searched_for_is_of_the_kind_that_is_forecast(problem, alpha, lam):
    settings = ModelSettings(lam=lam)
    model = exact_model_of(problem)
    change = model.bind(problem, settings).change(alpha)
    assert change.kind is model.bind(problem, settings).forecast(alpha).kind


@pytest.mark.parametrize(("lam", "kind"), [(1e-3, "grokking"), (100.0, "shrinking")])
def test_what_decay_does_by_itself_is_no_kind_of_the_theory(lam, kind):
    found = gf.forecast(sparse_targets(), alpha=10.0, lam=lam, loss=gf.LOSSES["square"])
    assert found.kind.value == kind
    assert ("large in the units" in found.remark) is (kind == "shrinking")


def test_a_fall_that_small_decay_makes_too_stays_misgrokking():
    """The late weights are pressed, and those of λ → 0 would be worse than the early ones too."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((420, 40))
    y = x @ np.ones(40)
    problem = gf.as_problem(x[:20], y[:20], x[20:], y[20:])
    found = gf.forecast(problem, alpha=10.0, lam=1e2, loss=gf.LOSSES["square"])
    assert found.remark and found.kind is gf.Kind.MISGROKKING


def test_a_decay_that_is_too_large_is_told_of_matrices_and_classes():
    entries = gf.completion(d=10, fraction=0.6)
    for lam, told in ((1e-4, False), (10.0, True)):
        found = gf.forecast_completion(entries, alpha=10.0, lam=lam)
        assert ("late weights to exactly 0" in found.shrinking) is told
    loss, problem = gf.LOSSES["logistic"], three_classes()
    for lam, told in ((1e-4, False), (10.0, True)):
        for found in (
            gf.forecast_classes(problem, alpha=1e2, lam=lam, loss=loss),
            gf.forecast_softmax(problem, alpha=1e2, lam=lam),
        ):
            assert ("presses the late weights" in found.remark) is told
            assert (found.kind in (gf.Kind.SHRINKING, gf.Kind.NEITHER)) is told


def test_the_note_of_a_matrix_is_printed(capsys):
    decay = ["completion", "--set", "d=10", "fraction=0.6", "--lam", "10"]
    assert main(["predict", *decay]) == 0
    assert "note: λ = 10 is large in the units" in capsys.readouterr().out
