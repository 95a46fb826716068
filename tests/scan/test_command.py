"""What ``grokflow scan`` says of its cells, and how it exits."""

import pytest

from grokflow.cli import main
from grokflow.simulations.models import diagonal

SIZES = ["--set", "n=20", "d=50", "k=3", "n_test=100", "--lam", "1e-3", "--jobs", "1"]


def scanned(capsys, *arguments):
    """Return exit code, output and errors."""
    code = main(["scan", *arguments])
    return code, *capsys.readouterr()


def test_a_scan_without_any_result_has_failed(monkeypatch, capsys):
    def fail(*arguments, **settings):
        raise RuntimeError("no such data")

    monkeypatch.setattr(diagonal, "forecast", fail)
    code, out, error = scanned(capsys, "sparse", *SIZES, "--alpha", "10,100")
    assert code == 1 and "2 failed" in out
    assert error.startswith("grokflow: no cell has a result: ") and error.count("\n") == 1


def test_one_seed_tells_no_interval_in_words(capsys):
    code, out, _ = scanned(capsys, "sparse-regression", *SIZES, "--alpha", "1e3,1e4", "--direct")
    assert code == 0 and "nan" not in out
    assert (
        "one seed tells no interval" in out
        and "held at 0: the fitted cells have one value of λ" in out
    )


@pytest.mark.parametrize("alpha", ["0.001", "0.01"])
def test_a_start_beyond_the_transition_is_told(alpha, capsys):
    sizes = ["--set", "d=10", "fraction=0.5", "--lam", "1e-3", "--jobs", "1"]
    code, out, _ = scanned(capsys, "completion", *sizes, "--alpha", alpha)
    assert code == 0 and "starts late, as α is so small" in out
    assert "no transition in the record" not in out
