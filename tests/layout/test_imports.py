"""Who imports whom: through the one namespace, in no circle.

The layers and what models may know of each other are contracts in pyproject.toml, which
``lint-imports`` checks.
"""

import ast

from tests.layout.modules import FLOORS, ROOT, cycles, import_graph, modules


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_layers_are_imported_through_grokflow_alone():
    folders = [*FLOORS, "grokflow", "tests", "benchmarks"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    bare = {
        path.relative_to(ROOT).as_posix(): name
        for path in files
        for name in imported(path)
        if name.startswith(".") or name.partition(".")[0] in FLOORS
    }
    assert not bare


def test_no_modules_import_each_other_in_a_circle():
    assert not cycles(import_graph())


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert cycles(graph) == [["b", "c"]]


def test_imports_inside_functions_and_for_type_checkers_count():
    (outcome,) = (m for m in modules() if m.name == "grokflow.simulations.runs.executors")
    assert {"loky.ProcessPoolExecutor", "distributed.Client"} <= set(outcome.imports())
    (table,) = (m for m in modules() if m.name == "grokflow.simulations.scan.table")
    assert "xarray" in set(table.imports())


def test_init_files_import_nothing():
    loud = [
        module.name
        for module in modules()
        if module.is_package and module.name != "grokflow" and [*module.imports()]
    ]
    assert not loud
