"""``grokflow modular train``: files, keys, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grokflow.cli import main
from tests.front_door.command_lines import replaced

NET = ["--p", "7", "--width", "20", "--steps", "25", "--corruption", "0.3", "--weight-decay", "1"]
SMALL = ["modular", "train", *NET]


def test_train_writes_curves_neurons_and_phase(tmp_path, capsys):
    paths = {name: tmp_path / f"run.{name}" for name in ("json", "png", "npz", "csv")}
    more = ["--json", str(paths["json"]), "--plot", str(paths["png"]), "--out", str(paths["npz"])]
    assert main([*SMALL, *more]) == 0
    found = json.loads(paths["json"].read_text())
    columns = ("step", "train", "test", "corrupted", "uncorrupted", "norm")
    assert [len(found[name]) for name in columns] == [4] * 6
    assert found["step"] == [0, 10, 20, 25]
    assert found["ipr"]["convention"] == "one-sided"
    assert len(found["ipr"]["values"]) == 20 and found["ipr"]["own_basis"] is True
    assert len(found["network_ipr"]) == 4
    assert found["network_ipr"][-1] == found["ipr"]["mean"]
    assert found["phase"] in ("memorization", "confusion")
    settings = found["settings"]
    assert settings["weight_decay"] == 1 and settings["data"]["corruption"] == 0.3
    kept = np.load(paths["npz"])
    assert kept["u"].shape == (20, 7) and kept["w"].shape == (7, 20)
    assert np.array_equal(kept["train_accuracy"], found["train"])
    assert paths["png"].stat().st_size > 10_000
    assert main([*SMALL, "--out", str(paths["csv"])]) == 0
    lines = paths["csv"].read_text().splitlines()
    assert len(lines) == 5 and lines[0].startswith(
        "steps,train_accuracy,test_accuracy,corrupted_accuracy"
    )
    assert f"phase: {found['phase']}" in capsys.readouterr().out


def test_a_checkpoint_is_continued(tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    keep = ["--checkpoint", str(tmp_path / "run.pt")]
    assert main([*SMALL, "--json", str(first)]) == 0
    assert main(["modular", "train", *replaced(NET, ["--steps", "10"]), *keep]) == 0
    assert main([*SMALL, *keep, "--json", str(second)]) == 0
    one, other = (json.loads(path.read_text()) for path in (first, second))
    assert one["ipr"] == other["ipr"] and one["test_loss"] == other["test_loss"]
    assert one["network_ipr"] == other["network_ipr"]


def test_a_rule_without_an_order_of_its_own_says_so(tmp_path, capsys):
    path = tmp_path / "run.json"
    arguments = ["--operation", "m^2+mn+n^2", "--ipr", "full", "--json", str(path)]
    assert main([*SMALL, *arguments]) == 0
    assert "m^2+mn+n^2 mod 7 has no order of m and n" in capsys.readouterr().out
    found = json.loads(path.read_text())
    assert found["ipr"]["own_basis"] is False and found["network_ipr"][-1] == found["ipr"]["mean"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--p", "12", "--operation", "multiplication"], "p is 12 for multiplication"),
        (["--p", "9", "--operation", "division"], "p is 9 for division, expected a prime"),
        (["--p", "1"], "p is 1, expected at least 2"),
        (["--fraction", "0"], "leaves 0 to train on and 49 to test on"),
        (["--corruption", "1.2"], "corruption is 1.2, expected 0 to 1"),
        (["--fraction", "-0.1"], "fraction is -0.1, expected 0 to 1"),
        (["--fraction", "1"], "leaves 49 to train on and 0 to test on"),
        (["--width", "0"], "width is 0, expected at least 1"),
        (["--operation", "minus"], "operation 'minus' found, expected one of addition"),
        (["--dropout", "1"], "dropout is 1.0, expected 0 to below 1"),
        (["--out", "run.txt"], "expected one of .npz, .csv, .nc"),
        (["--device", "tpu9"], "device is 'tpu9'"),
    ],
)
def test_bad_usage_is_one_line(options, message, capsys):
    assert main(["modular", "train", *replaced(NET, options)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_number_that_is_none_is_refused_where_the_options_are_read(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["modular", "train", *replaced(NET, ["--corruption", "nan"])])
    error = capsys.readouterr().err
    assert "nan found, expected a finite number" in error and error.count("\n") == 1
