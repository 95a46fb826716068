"""The public names: one list, which the loader, the stub and the documentation share."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from mypy import api

import grokflow
from grokflow.public_names import homes

ROOT = Path(__file__).resolve().parents[2]
STUB = (ROOT / "grokflow" / "__init__.pyi").read_text(encoding="utf-8")
SCREEN = 60


def groups_of_the_stub():
    groups = {}
    for line in STUB.splitlines():
        if line.startswith("# "):
            groups[line.removeprefix("# ")] = names = []
        elif line.startswith("from "):
            names.append(line.rpartition(" as ")[2])
    return groups


def groups_of_the_documentation():
    _, *groups = inspect.getdoc(grokflow).split("\n\n")[1:]
    pairs = (group.split("\n", 1) for group in groups)
    return {title: names.split() for title, names in pairs}


def test_the_documentation_shows_the_names_of_the_stub_in_groups_on_one_screen():
    assert groups_of_the_documentation() == groups_of_the_stub()
    assert len(inspect.getdoc(grokflow).splitlines()) <= SCREEN


def test_the_loader_has_the_names_of_the_stub_and_no_others():
    names = [name for group in groups_of_the_stub().values() for name in group]
    assert sorted(names) == grokflow.__all__ == dir(grokflow)
    assert len(set(names)) == len(names)


def test_every_line_of_the_stub_says_that_a_name_is_public():
    imports = [node for node in ast.parse(STUB).body if isinstance(node, ast.ImportFrom)]
    assert all(alias.asname == alias.name for node in imports for alias in node.names)


@pytest.mark.parametrize("name", grokflow.__all__)
def test_names_resolve_to_what_their_home_defines(name):
    value = getattr(grokflow, name)
    if isinstance(value, ModuleType):
        assert value.__name__ == f"{homes()[name]}.{name}"
    else:
        assert value is getattr(import_module(homes()[name]), name)
        # Constants know no home; what does must not come from where it is merely imported.
        assert getattr(value, "__module__", homes()[name]) in (homes()[name], "builtins")


def test_unknown_names_say_what_is_spelled_like_them():
    with pytest.raises(AttributeError, match=r"no 'DiagonlFlow'.*perhaps DiagonalFlow"):
        _ = grokflow.DiagonlFlow
    with pytest.raises(AttributeError, match=r"dir\(grokflow\) lists them"):
        _ = grokflow.x


def test_the_readme_imports_from_grokflow_alone():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bgf\.(\w+)", text))
    assert named <= set(grokflow.__all__)
    python = text.split("## On the command line")[0]
    assert not re.findall(r"grokflow\.(?:theory|simulations|proofs_check)[\w.]*", python)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, grokflow, grokflow.cli; grokflow.cli.build_parser();"
        "print([m for m in ('numpy', 'torch', 'scipy', 'rich', 'ast') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_type_checkers_see_real_types(tmp_path, monkeypatch):
    file = tmp_path / "user.py"
    # mypy reveals a module as a module.
    public = [(name, getattr(grokflow, name)) for name in grokflow.__all__]
    names = [name for name, value in public if not isinstance(value, ModuleType)]
    lines = [f"reveal_type(gf.{name})" for name in ("__version__", *names)]
    file.write_text("\n".join(["import grokflow as gf", *lines]))
    monkeypatch.chdir(ROOT)
    seen, errors, status = api.run([str(file), "--config-file", str(ROOT / "pyproject.toml")])
    revealed = re.findall(r'Revealed type is "(.*)"', seen)
    assert status == 0 and not errors, seen
    assert len(revealed) == len(lines)
    assert not [line for line, kind in zip(lines, revealed, strict=True) if kind == "Any"]
    assert "-> grokflow.theory.diagonal.forecast.Forecast" in seen
