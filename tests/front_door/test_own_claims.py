"""Claims of one's own: a file from the template, a package that is installed, and tests of both."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grokflow.cli import main
from grokflow.proofs_check import own_claims
from grokflow.proofs_check.registry import CLAIMS, select

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Path(__file__).parent / "sample_package"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The sample package, built and unpacked as an installer does it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=SAMPLE, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(*command, cwd, site=None):
    paths = [str(ROOT), *([str(site)] if site else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, env=environment, capture_output=True, text=True
    )


def pytest_run(*arguments, **options):
    # Named here, for it may run from a tree that is not the installed one.
    plugin = ("-p", "no:grokflow", "-p", "grokflow.pytest_plugin", "-p", "no:cacheprovider")
    return run("pytest", "-q", *plugin, *arguments, **options)


def test_a_new_claim_is_verified_at_seeds(tmp_path):
    made = run("grokflow", "new-claim", "my-claim", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "grokflow verify --claim my_claim:CLAIM" in made.stdout
    verify = ("grokflow", "verify", "--claim", "my_claim:CLAIM", "--seeds", "0:3", "--jobs", "2")
    done = run(*verify, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 claims have the expected verdict; 1 of 1 false variants" in done.stdout
    again = run("grokflow", "new-claim", "my-claim", cwd=tmp_path)
    assert again.returncode == 2
    assert "choose another name" in again.stderr


def test_claims_in_a_test_module_are_tests_and_so_are_their_variants(tmp_path):
    run("grokflow", "new-claim", "mine", cwd=tmp_path)
    (tmp_path / "test_mine.py").write_text(
        "import dataclasses\nfrom mine import CLAIM, check\n"
        "import grokflow as gf\n"
        "BAD = dataclasses.replace(CLAIM, label='bad', check=lambda lab: check(lab, 3.2))\n"
    )
    done = pytest_run("test_mine.py", "--claim-seed", "4", cwd=tmp_path)
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "refuted, expected supported: measured 0.2, allowed 1e-14" in done.stdout


def test_an_installed_package_is_verified_under_its_own_name(site, tmp_path):
    done = run(
        *("grokflow", "verify", "--jobs", "1"),
        *("--claim", "sample/window", "--claim", "sample/thm-3.4", "--claim", "path-early"),
        cwd=tmp_path,
        site=site,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 claims have the expected verdict" in done.stdout
    # Its label does not hide that of grokflow: this one is expected to be refuted.
    assert "3.3 times its beginning" in " ".join(done.stdout.split())


def test_an_installed_package_is_tested(site, tmp_path):
    (tmp_path / "test_sample.py").write_text("from sample_claims import MISPRINT, WINDOW\n")
    done = pytest_run("test_sample.py", cwd=tmp_path, site=site)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("thm-3.44", "thm-3.4"),
        ("no_such_module:CLAIM", "No module named"),
        ("math:pi", "holds float, expected claims: make them with gf.Claim"),
        ("math:tau2", "has no attribute"),
        ("grokflow.proofs_check.registry:CLAIMS", "expected one: name one of them"),
    ],
)
def test_what_is_no_claim_is_refused_in_one_line(label, words, capsys):
    assert main(["verify", "--claim", label]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_a_claim_is_named_by_its_place():
    (claim,) = select(["grokflow.proofs_check.diagonal.path_limits:EARLY"])
    assert claim.label == "grokflow.proofs_check.diagonal.path_limits:EARLY"
    assert claim.check is CLAIMS["path-early"].check


def test_verdicts_are_as_old_as_the_file_of_their_check(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "aging_claim.py"
    from grokflow.commands.new_claim import TEMPLATE

    file.write_text(TEMPLATE.format(name="aging"))
    claim = own_claims.claim_at("aging_claim:CLAIM")
    before = own_claims.source_of(claim)
    file.write_text(TEMPLATE.format(name="aging") + "# edited\n")
    assert own_claims.source_of(claim) != before


def test_a_bad_name_is_refused(capsys):
    assert main(["new-claim", "2 claims"]) == 2
    assert "for example my-claim" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["numpy", "json", "grokflow", "sys"])
def test_a_claim_that_would_hide_a_module_is_refused(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new-claim", name]) == 2
    assert f"expected another name: for example {name}-claim" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(["new-claim", f"{name}-claim"]) == 0
