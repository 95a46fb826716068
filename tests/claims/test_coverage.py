"""Coverage: every statement of the papers has a claim or a reason, and the page shows it."""

import importlib.util
import json
import re
import shlex
from dataclasses import replace

import pytest

from grokflow.cli import build_parser
from grokflow.coverage_table import Measured, main, markdown, measured_in
from grokflow.figures.report import write_page
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, SAMPLED
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.scope import statements
from grokflow.proofs_check.verify import verify
from tests.layout.modules import ROOT

PAGE = ROOT / "docs" / "coverage.md"
AUDIT = ROOT / "docs" / "claims-audit.md"
COVERED = {label for claim in CLAIMS.values() for label in claim.scope.statements}
REMEDY = "name it in the scope of a claim and leave `undecided` out, or say why it is not decided"


@pytest.mark.parametrize("item", statements().values(), ids=lambda item: item.label)
def test_a_statement_has_claims_or_a_reason_and_not_both(item):
    assert (item.label in COVERED) is not bool(item.undecided), REMEDY
    assert item.says


def test_claims_name_statements_that_exist():
    assert set(statements()) >= COVERED


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_names_its_nets_and_its_error_rate(claim):
    assert claim.scope.model
    assert claim.error_rate


def test_the_page_is_the_generated_one():
    text = PAGE.read_text(encoding="utf-8")
    assert markdown(measured_in(text)) == text, (
        "run python -m grokflow.coverage_table docs/coverage.md"
    )
    assert measured_in(text).keys() == CLAIMS.keys()


def test_the_page_takes_verdicts_from_files_and_keeps_the_others(tmp_path):
    page, file = tmp_path / "page.md", tmp_path / "verify.json"
    row = {"expected": "supported", "allowed": 0.5, "seeds": [0, 1]}
    found = {
        "corrupted-gamma": row | {"verdict": "refuted", "discrepancy": 1.0},
        "levi": row | {"verdict": "supported", "discrepancy": 0.125},
    }
    for label, values in found.items():
        file.write_text(json.dumps({"claims": [values | {"label": label}]}), encoding="utf-8")
        main(page, [file])
    known = measured_in(page.read_text(encoding="utf-8"))
    assert known["corrupted-gamma"] == Measured("refuted (not expected)", "-1", "2")
    assert known["levi"] == Measured("supported", "0.75", "2")
    assert known["thm-3.4"] == Measured()


def test_the_report_shows_error_rates_and_every_statement(tmp_path):
    outcome = verify(CLAIMS["thm-e.3"], Laboratory(seed=0))
    text = write_page(tmp_path, [outcome], []).read_text(encoding="utf-8")
    for item in statements().values():
        assert f"<td>{item.label}<" in text
    assert "not in this run" in text


def test_the_report_says_each_error_rate_once_and_every_row_points_at_its_own(tmp_path):
    outcome = verify(CLAIMS["thm-e.3"], Laboratory(seed=0))
    rates = ["none for <0.1", "one in 10^4", "none for <0.1", "", "one in 10^4"]
    claims = [replace(outcome.claim, error_rate=rate) for rate in rates]
    outcomes = [replace(outcome, claim=claim) for claim in claims]
    text = write_page(tmp_path, outcomes, []).read_text(encoding="utf-8")
    said = {"none for &lt;0.1.": "1", "one in 10<sup>4</sup>.": "2"}
    for sentence, place in said.items():
        assert text.count(sentence) == 1
        assert f'<li id="error-rate-{place}">{sentence}</li>' in text
    rows = text.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]
    named = [re.findall(r'href="#error-rate-(\d+)"', row) for row in rows]
    assert named == [["1"], ["2"], ["1"], [], ["2"]]


COMMANDS = {
    command: item.label
    for item in statements().values()
    for command in re.findall(r"`((?:grokflow|python -m) [^`]+)`", item.undecided)
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_would_decide_a_statement_exists(command):
    words = shlex.split(command)
    if words[0] == "grokflow":
        build_parser().parse_args(words[1:])
    else:
        assert importlib.util.find_spec(words[2]) is not None


def test_error_rates_name_what_judges():
    assert "99.9 %" in EXTRAPOLATED
    assert "0.0001" in SAMPLED


def test_the_audit_grades_claims_that_exist_once_each_with_a_reason_below_a():
    rows = [line for line in AUDIT.read_text().splitlines() if line.startswith("| ")][1:]
    labels = [label for row in rows for label in row.split("|")[1].strip().split(", ")]
    assert set(labels) <= set(CLAIMS) and len(set(labels)) == len(labels)
    grades = [row.split("|")[-2].strip() for row in rows]
    assert {grade[0] for grade in grades} <= {"A", "B"}
    assert all(grade == "A" or len(grade) > 4 for grade in grades)
