"""Examples in docstrings: every public name has a short one, and all give what they show."""

import doctest
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import grokflow
from grokflow.public_names import homes

LINES_OF_CODE = range(2, 7)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def own_examples(name: str) -> list[doctest.DocTest]:
    """Return the examples of a public name: in its docstring, or in that of its home module."""
    value = getattr(grokflow, name)
    # Constants cannot have a docstring; what they inherit is that of their type.
    documented = value if isinstance(value, ModuleType | type) or callable(value) else None
    where = import_module(homes()[name]) if documented is None else documented
    return doctest.DocTestFinder(recurse=False, exclude_empty=True).find(where, name, globs={})


def modules_with_examples() -> list[str]:
    """Return the names of all modules that show examples, those behind links included."""
    specs = [
        item.module_finder.find_spec(item.name)
        for item in pkgutil.walk_packages(grokflow.__path__, "grokflow.")
    ]
    return [spec.name for spec in specs if ">>>" in Path(spec.origin).read_text(encoding="utf-8")]


def further_examples(module: ModuleType) -> Iterator[doctest.DocTest]:
    """Yield the examples of what a module defines: of methods, and of what is not public."""
    public = {name for name, home in homes().items() if home == module.__name__}
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}):
        if example.name.removeprefix(f"{module.__name__}.") not in public:
            yield example


def run(examples: list[doctest.DocTest]) -> str:
    """Run examples and return what doctest reports of those that fail."""
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for example in examples:
        runner.run(example, out=report.append)
    return "".join(report)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Let examples write files."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", grokflow.__all__)
def test_every_public_name_has_a_short_example_that_runs(name):
    found = [example for example in own_examples(name) if example.examples]
    assert found, f"the docstring of {name} has no example"
    code = [step.source for example in found for step in example.examples]
    assert sum(source.count("\n") for source in code) in LINES_OF_CODE
    report = run(found)
    assert not report, report


@pytest.mark.parametrize("name", modules_with_examples())
def test_all_other_examples_run(name):
    report = run(list(further_examples(import_module(name))))
    assert not report, report
