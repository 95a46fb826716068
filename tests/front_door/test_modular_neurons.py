"""``grokflow modular prune | analyse | phases``, phase diagrams and their store."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from grokflow.cli import main
from grokflow.figures.modular import phase_diagram
from grokflow.simulations.modular.neuron_statistics import KINDS
from grokflow.simulations.modular.phase_diagram import PhaseDiagram, phase_store
from grokflow.simulations.modular.phase_table import PhaseOutcome, PhaseTable
from grokflow.simulations.modular.training import ModularTraining
from grokflow.simulations.scan.store import scan_store
from grokflow.theory.modular.phases import Phase
from tests.front_door.command_lines import replaced

NET = ["--p", "7", "--width", "20", "--steps", "20", "--corruption", "0.3"]
SMALL = {"training": ModularTraining(width=12), "steps": 6, "every": 3}


def test_prune_writes_three_orders_with_a_band(tmp_path, capsys):
    paths = {name: tmp_path / f"prune.{name}" for name in ("json", "png")}
    files = ["--json", str(paths["json"]), "--plot", str(paths["png"])]
    assert main(["modular", "prune", *NET, "--draws", "6", "--points", "5", *files]) == 0
    found = json.loads(paths["json"].read_text())
    for name, count in (("low_first", 21), ("high_first", 21), ("random", 6)):
        assert [len(found[name][kind]) for kind in ("fraction", *KINDS)] == [count] * 5
    for kind in KINDS:
        band = found["random"]["band"]
        low, high = (np.array(band[name][kind]) for name in ("low", "high"))
        mean = np.array(found["random"][kind])
        assert (low <= mean + 1e-12).all() and (mean <= high + 1e-12).all()
    # All orders begin with the whole net and end with none.
    assert len({found[name]["train"][0] for name in ("low_first", "high_first", "random")}) == 1
    assert found["low_first"]["train"][-1] == 0
    assert paths["png"].stat().st_size > 10_000
    assert "low first" in capsys.readouterr().out


def test_analyse_writes_both_conventions_groups_and_phases(tmp_path, capsys):
    paths = {name: tmp_path / f"analyse.{name}" for name in ("json", "png")}
    files = ["--json", str(paths["json"]), "--plot", str(paths["png"])]
    assert main(["modular", "analyse", *NET, "--norm", "batch", *files]) == 0
    found = json.loads(paths["json"].read_text())
    assert [len(found["ipr"][name]["values"]) for name in ("one-sided", "full")] == [20, 20]
    split = found["split"]
    assert split["memorising"] + split["periodic"] + found["collapsed"] == 20
    threshold = split["threshold"]
    assert threshold["low"] <= threshold["value"] <= threshold["high"]
    sizes = {len(found["periodic"][name]) for name in ("frequency", "phi", "psi", "chi")}
    assert len(sizes) == 1
    assert -1 <= found["gamma"]["spearman"]["value"] <= 1
    assert found["phase"] in {item.value for item in Phase}
    assert paths["png"].stat().st_size > 10_000
    assert "Spearman of |γ| and IPR" in capsys.readouterr().out


def test_phases_writes_the_grid_and_resumes(tmp_path, capsys):
    store, out, picture = (tmp_path / name for name in ("cells.sqlite", "p.json", "p.png"))
    grid = ["--p", "5,7", "--fraction", "0.5,0.8", "--corruption", "0,0.4", "--seeds", "2"]
    grid += ["--weight-decay", "0,2", "--width", "12", "--steps", "6", "--store", str(store)]
    assert main(["modular", "phases", *grid]) == 0
    assert main(["modular", "phases", *grid]) == 2
    assert "holds 32 cells" in capsys.readouterr().err
    files = ["--json", str(out), "--plot", str(picture)]
    assert main(["modular", "phases", *grid, "--resume", *files]) == 0
    found = json.loads(out.read_text())
    assert found["dimensions"] == ["p", "weight_decay", "dropout", "fraction", "corruption", "seed"]
    assert np.shape(found["phase"]) == (2, 2, 1, 2, 2, 2)
    assert np.shape(found["majority"]) == np.shape(found["agreement"]) == (2, 2, 1, 2, 2)
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fraction", "0"], "leaves 0 to train on"),
        (["--corruption", "0.1,1.5"], "corruption is 1.5, expected 0 to 1"),
        (["--dropout", "1"], "dropout is 1.0, expected 0 to below 1"),
        (["--p", "9", "--operation", "multiplication"], "p is 9 for multiplication"),
        (["--operation", "minus"], "operation 'minus' found"),
        (["--width", "0"], "width is 0, expected at least 1"),
        (["--p", "7.5"], "p is 7.5, expected a whole number"),
    ],
)
def test_phases_refuses_what_no_cell_could_be_trained_from(options, message, capsys):
    assert main(["modular", "phases", "--steps", "2", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("action", ["prune", "analyse"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--p", "9", "--operation", "division"], "p is 9 for division, expected a prime"),
        (["--corruption", "1.5"], "corruption is 1.5, expected 0 to 1"),
        (["--fraction", "1"], "leaves 49 to train on and 0 to test on"),
        (["--operation", "minus"], "operation 'minus' found"),
        (["--width", "0"], "width is 0, expected at least 1"),
    ],
)
def test_prune_and_analyse_refuse_in_one_line(action, options, message, capsys):
    assert main(["modular", action, *replaced(NET, options)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_too_few_neurons_to_split_are_refused_in_one_line(capsys):
    assert main(["modular", "analyse", *replaced(NET, ["--width", "3"])]) == 2
    error = capsys.readouterr().err
    assert "expected at least 4 positive ratios: use more neurons" in error
    assert error.count("\n") == 1


def test_a_diagram_is_the_same_in_any_order_and_after_an_interruption(tmp_path):
    diagram = PhaseDiagram(**SMALL, p=(5, 7), fraction=(0.5, 0.8), corruption=(0.0, 0.4), seeds=2)
    whole = diagram.run()
    half = PhaseDiagram(**SMALL, p=(5,), fraction=(0.8, 0.5), corruption=(0.4, 0.0), seeds=2)
    with phase_store(str(tmp_path / "cells.sqlite")) as store:
        half.run(store)
        seen = []
        with ThreadPoolExecutor(2) as executor:
            resumed = diagram.run(store, executor=executor, progress=seen.append)
        assert len(store) == len(diagram.cells()) == 16
    assert seen[-1] == 1 and min(seen) > 0.5
    for name in PhaseOutcome._fields:
        np.testing.assert_array_equal(whole.values(name), resumed.values(name))
    assert whole.values("train").shape == (2, 1, 1, 2, 2, 2)


def test_diagrams_and_scans_share_a_file(tmp_path):
    path = tmp_path / "both.sqlite"
    diagram = PhaseDiagram(**SMALL, p=(5,), fraction=(0.5,), corruption=(0.4,), seeds=1)
    with phase_store(str(path)) as store:
        diagram.run(store)
    with scan_store(path) as scans:
        assert len(scans) == 0
    with phase_store(str(path), resume=True) as store:
        assert len(store) == 1


def test_the_majority_of_the_seeds_decides_and_agreement_says_how_many():
    words = [
        "memorization",
        "confusion",
        "memorization",
        "",
        "",
        "",
        "coexistence",
        "confusion",
        "",
    ]
    outcomes = [PhaseOutcome(phase=word) for word in words]
    table = PhaseTable(
        {
            "p": (7,),
            "weight_decay": (0.0,),
            "dropout": (0.0,),
            "fraction": (0.3, 0.5, 0.7),
            "corruption": (0.2,),
            "seed": (0, 1, 2),
        },
        outcomes,
    )
    assert table.phases().ravel().tolist() == [Phase.MEMORIZATION, None, Phase.COEXISTENCE]
    assert table.agreement().ravel()[0] == pytest.approx(2 / 3)
    drawn = phase_diagram.data(table)
    assert len(drawn) == 1 and drawn[0].title == "p = 7"
    assert phase_diagram.data(table, "batch norm")[0].title == "p = 7, batch norm"
    assert len(phase_diagram.draw(drawn).axes) == 1
