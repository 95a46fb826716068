"""The tree: packages come from this checkout, the README shows the real table."""

import importlib
import re
from pathlib import Path

import pytest

import grokflow as gf
from grokflow.claims_table import between_marks, markdown

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["theory", "simulations", "proofs_check", "figures"]


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_come_from_this_checkout_through_links_of_the_one_package(layer):
    assert Path(importlib.import_module(f"grokflow.{layer}").__file__).parent == (
        ROOT / "grokflow" / layer
    )
    assert (ROOT / "grokflow" / layer).readlink() == Path("..") / layer


def test_the_package_is_typed():
    assert (ROOT / "grokflow" / "py.typed").exists()


def test_the_readme_shows_the_generated_claims_table():
    assert between_marks((ROOT / "README.md").read_text(encoding="utf-8")) == markdown()


def test_the_readme_example_predicts_a_time_that_the_simulation_confirms_to_three_digits(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.strip().splitlines()) <= 12
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "grokking" in printed
    predicted, simulated = (float(line.split("=")[1]) for line in printed.splitlines())
    assert f"{predicted:.3g}" == f"{simulated:.3g}"
    assert abs(predicted / simulated - 1) <= 1e-4
    assert f"{simulated:.3f}" in text


@pytest.mark.slow
def test_the_scan_of_the_readme_says_how_far_it_is(monkeypatch, tmp_path, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"`(gf\.Scan\.over\(.*?)`", text)
    monkeypatch.chdir(tmp_path)
    table = eval(code, {"gf": gf})
    said = capsys.readouterr().out.splitlines()
    # Work of all 60 cells is that of 4 tasks of small problems, and each of them is told.
    assert table.sizes["alpha"] == 15 and len(said) == 5 and said[-1].startswith("Progress(done=60")
