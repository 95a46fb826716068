"""Results show themselves in two lines, and as a table in a notebook."""

from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grokflow as gf
from grokflow.simulations.misgrokking.families import FAMILIES
from grokflow.theory.summary import Summarised, brief, ends

LOSS = gf.LOSSES["logistic"]


class Colour(Enum):
    RED = "red"


class Span(NamedTuple):
    start: float
    end: float


@dataclass(frozen=True, eq=False, repr=False)
class Result(Summarised):
    weights: np.ndarray
    note: str = "x < y"


@pytest.fixture(scope="module")
def problem():
    return gf.sparse(n=12, d=30)


@pytest.fixture(scope="module")
def forecast(problem):
    return gf.forecast(problem, alpha=10.0, lam=1e-2, loss=LOSS)


def check(result):
    text = repr(result)
    lines = text.splitlines()
    assert len(lines) <= 2 and max(len(line) for line in lines) <= 100
    assert text.startswith(f"{type(result).__name__}(") and text.endswith(")")
    table = ElementTree.fromstring(result._repr_html_())
    assert next(iter(table)).tag == "caption"
    assert all([cell.tag for cell in row] == ["th", "td"] for row in list(table)[1:])
    return text


def test_forecasts_say_kind_and_time(forecast):
    text = check(forecast)
    assert f"lambda_t={forecast.transition.lambda_t:.4g}" in text
    assert f"kind={forecast.kind.value}" in text and "late=L1-penalised" in text
    completion = gf.completion(d=6, fraction=0.7)
    matrices = gf.forecast_completion(completion, alpha=10.0, lam=1e-3)
    assert "early=min-Frobenius-norm" in check(matrices)
    for part in (matrices.early, matrices.path, matrices.scores, completion):
        check(part)


def test_predictions_and_certificates_say_how_good_they_are(problem, forecast):
    assert "name=sparse, task=classification, n=12, d=30" in check(problem)
    assert "w=array(30,)" in check(forecast.early)
    assert f"gap={forecast.early.certificate.gap:.4g}" in check(forecast.early.certificate)
    deep = gf.QuasiPenalised(lam=1e-2, loss=LOSS, depth=3)
    assert "stationarity=" in check(deep.predict(problem, near=forecast.early.w))
    inputs, labels = problem.inputs.to_array(), np.ones(problem.n)
    check(gf.MaxKernelMargin().predict(gf.DiagonalTangent(), inputs, labels))


def test_trajectories_say_how_far_they_go(problem):
    times = np.linspace(0, 1, 5)
    flow = gf.DiagonalFlow(lam=1e-2, loss=LOSS).run(gf.DiagonalStart(problem, 10.0), times)
    assert "problem=sparse, times=5, lambda_t=0 → 1" in check(flow)
    completion = gf.CompletionFlow(lam=1e-2).run(
        gf.CompletionStart(gf.completion(d=5), 10.0), times
    )
    assert "problem=completion, times=5" in check(completion)


def test_a_run_that_ended_before_its_first_record_says_so():
    assert ends(np.empty(0)) == "none" and ends(np.array([1.0, 2.0])) == "1 → 2"


def test_scans_say_how_many_cells_have_a_transition():
    scan = gf.Scan.over("sparse", n=8, d=20, alpha=[10.0, 100.0], lam=[1e-2])
    table = scan.run()
    assert "cells=2, axes=alpha (2), transitions=" in check(table)
    assert f"transitions={table.good.sum()}, failed=0" in check(table)


def test_findings_and_evidence_say_what_was_found():
    assert "families=none, tried=0" in check(gf.Findings())
    evidence = gf.Evidence(2.0, 1.0, "a sentence " * 40)
    assert "verdict=refuted" in check(evidence)
    outcome = gf.ClaimOutcome(gf.CLAIMS["thm-e.4"], evidence, (("broken", evidence),), 1 / 3)
    assert "label=thm-e.4, verdict=refuted, expected=supported" in check(outcome)
    assert "variants refuted=1 of 1" in repr(outcome)


def test_starts_and_bounds_and_claims_say_what_they_are():
    start = gf.teacher_student(n=20, d=10, n_test=50)
    assert "problem=teacher-student, alpha=1" in check(start)
    bound = gf.max_l1_margin_error(n=10_000, d=100_000, k=3, delta=0.05)
    assert "value=0.6336, vacuous=False" in check(bound)
    assert check(gf.CLAIMS["cor-3.6"]).startswith("Claim(label=cor-3.6, statement=w(T_c^-)")
    assert "name=gap" in check(FAMILIES["gap"])


def test_laws_and_cases_say_what_was_found():
    scan = gf.Scan.over("sparse-regression", alpha=[1e3, 1e4], lam=1e-4, n=20, d=50, k=2, seeds=2)
    (law,) = gf.fit_laws(scan.run())
    assert f"a={law.a.value:.3g} [" in check(law) and "cells=" in repr(law)
    case = gf.find_misgrokking(["gap"], budget=4, effort=0).cases[0]
    assert "family=gap" in check(case) and "simulated=" in repr(case)


def test_modular_results_say_what_they_hold():
    data = gf.CorruptedTask(p=7, corruption=0.25).draw()
    cell = gf.ModularCell(data=data)
    assert "p=7, training pairs=24, wrong labels=6" in check(cell)
    net = gf.ModularTraining(width=16).run(cell, np.array([5])).weights
    rng = np.random.default_rng(0)
    ipr = gf.neuron_ipr(net, gf.operation("addition").basis(7))
    assert "neurons=16" in check(ipr)
    assert "pruned=0 → 16" in check(gf.prune(net, data, ipr.ascending()))
    assert "neurons=16" in check(gf.study_pruning(net, data, ipr, rng, draws=2, points=2))
    diagram = gf.PhaseDiagram(training=gf.ModularTraining(width=16), p=(7,), steps=2, every=1)
    assert "cells=" in check(diagram.run(gf.phase_store()))


def test_operations_are_told_apart_without_addresses():
    shown = [repr(gf.operation(name)) for name in ("addition", "division", "m^2+mn+n^2")]
    assert len(set(shown)) == 3 and not any("0x" in text for text in shown)


@given(
    value=st.one_of(
        st.floats(), st.integers(), st.none(), st.text(), st.lists(st.integers()), st.booleans()
    )
)
def test_any_value_has_a_brief_form(value):
    assert isinstance(brief(value), str)


def test_values_are_brief():
    assert brief(1 / 3) == "0.3333" and brief(np.float64(1e-20)) == "1e-20"
    assert brief(np.int64(3)) == "3" and brief(True) == "True" and brief(None) == "None"
    assert brief(np.zeros((3, 4))) == "array(3, 4)"
    assert brief(Colour.RED) == "red"
    assert brief(Span(0.1, 1 / 3)) == "(start=0.1, end=0.3333)"
    assert brief({"a": 1}) == "1 entry" and brief(()) == "0 entries"
    assert brief(Result(np.zeros(2))) == "Result(weights=array(2,), note=x < y)"


def test_tables_escape_what_they_show():
    assert "x &lt; y" in Result(np.zeros(2))._repr_html_()


@pytest.mark.parametrize("name", gf.__all__)
def test_public_results_that_hold_arrays_show_a_summary(name):
    value = getattr(gf, name)
    if not (isinstance(value, type) and is_dataclass(value)):
        return
    arrays = [f for f in value.__dataclass_fields__.values() if "ndarray" in str(f.type)]
    assert not arrays or issubclass(value, Summarised)
