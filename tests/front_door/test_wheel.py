"""The wheel: what it holds, and that it works where only its requirements are installed."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.front_door.installed import run_installed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "predict": "predict sparse --set n=16 d=40",
    "simulate": "simulate sparse --set n=16 d=40 --points 20 --plot run.png --out run.nc",
    "simulate-net": "simulate modular-addition --set p=5 width=16 --steps 5",
    "verify": "verify --claim thm-e.4 --report report",
    "scan": "scan sparse --set n=12 d=30 --alpha 1e1,1e2 --lam 1e-2 --jobs 2 --table scan.csv",
    "modular-train": "modular train --p 7 --width 20 --steps 25",
}
MAIN = "from grokflow.cli import main; sys.exit(main(sys.argv[1:]))"
IMPORT_ALL = """
import importlib, pkgutil, grokflow
assert grokflow.__file__.startswith(paths[0]), grokflow.__file__
modules = pkgutil.walk_packages(grokflow.__path__, "grokflow.")
modules = [found.name for found in modules if not found.name.endswith("__main__")]
for name in modules:
    try:
        importlib.import_module(name)
    except ImportError as error:
        if "pip install 'grokflow[" not in str(error):
            raise
for name in grokflow.__all__:
    try:
        getattr(grokflow, name)
    except ImportError as error:
        if "pip install 'grokflow[" not in str(error):
            raise
print(len(modules))
"""


def build(source: Path, into: Path) -> tuple[Path, Path]:
    """Build the distributions of a source tree, and return sdist and wheel."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(into.glob("*.tar.gz")), next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def site(distributions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(distributions[1]) as wheel:
        wheel.extractall(folder)
    return folder


def test_the_wheel_owns_nothing_but_grokflow(distributions):
    with zipfile.ZipFile(distributions[1]) as wheel:
        names = wheel.namelist()
    assert {Path(name).parts[0] for name in names} == {"grokflow", "grokflow-0.1.0.dist-info"}
    tree = {
        f"grokflow/{layer}/{path.relative_to(ROOT / layer).as_posix()}"
        for layer in ("theory", "simulations", "proofs_check", "figures")
        for path in (ROOT / layer).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert tree <= set(names)
    assert {"grokflow/py.typed", "grokflow/figures/template.html"} <= set(names)


def test_the_sdist_holds_files_instead_of_links_and_leads_to_the_same_wheel(
    distributions, tmp_path
):
    with tarfile.open(distributions[0]) as archive:
        assert all(member.isfile() for member in archive)
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("grokflow-*")
    _, wheel = build(source, tmp_path / "dist")
    with zipfile.ZipFile(wheel) as again, zipfile.ZipFile(distributions[1]) as first:
        contents = [{name: file.read(name) for name in file.namelist()} for file in (again, first)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_run_without_extras(name, site, tmp_path):
    done = run_installed(site, MAIN, *COMMANDS[name].split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_module_and_public_name_is_imported_or_names_its_extra(site, tmp_path):
    done = run_installed(site, IMPORT_ALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


def test_what_is_not_declared_is_not_importable(site, tmp_path):
    done = run_installed(site, "import pytest", cwd=tmp_path)
    assert "No module named 'pytest'" in done.stderr
