"""grokflow: what your net is heading for early and late, when it jumps, and proof of each.

The names below are the public interface; everything is imported where it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("grokflow")

_HOMES = {
    "CompletionFlow": "simulations.completion_flow",
    "CompletionProblem": "theory.completion",
    "CompletionTrajectory": "simulations.completion_trajectory",
    "DiagonalFlow": "simulations.flow",
    "DiagonalTangent": "theory.tangent",
    "FactorisationTangent": "theory.tangent",
    "FlowInterrupted": "simulations.flow",
    "FlowStopped": "simulations.flow",
    "L1Penalised": "theory.l1",
    "L1PenalisedClassifier": "grokflow.estimators",
    "L1PenalisedRegressor": "grokflow.estimators",
    "L2Penalised": "theory.l2",
    "LOSSES": "theory.losses",
    "MaxKernelMargin": "theory.kernel_machine",
    "MaxL1Margin": "theory.l1",
    "MaxL1MarginClassifier": "grokflow.estimators",
    "MaxL2Margin": "theory.l2",
    "MaxL2MarginClassifier": "grokflow.estimators",
    "MinFrobeniusNorm": "theory.frobenius",
    "MinKernelNorm": "theory.kernel_machine",
    "MinL1Norm": "theory.l1",
    "MinL1NormRegressor": "grokflow.estimators",
    "MinL2Norm": "theory.l2",
    "MinL2NormRegressor": "grokflow.estimators",
    "MinNuclearNorm": "theory.nuclear",
    "ModuleOutputs": "theory.module_tangent",
    "NotSeparable": "theory.predictors",
    "NuclearPenalised": "theory.nuclear",
    "Problem": "theory.problems",
    "Scan": "simulations.scan",
    "ScanTable": "simulations.scan_table",
    "SlowManifold": "theory.slow_manifold",
    "Store": "simulations.scan_store",
    "Symmetrised": "theory.module_tangent",
    "Task": "theory.problems",
    "TestEntries": "theory.completion",
    "Trajectory": "simulations.trajectory",
    "completion": "simulations.completion_data",
    "data_family": "simulations.data_families",
    "find_misgrokking": "simulations.misgrok",
    "forecast": "theory.forecast",
    "forecast_completion": "theory.completion_forecast",
    "gaussian_margin": "simulations.generators",
    "load": "simulations.data_files",
    "load_entries": "simulations.completion_data",
    "make_entries_problem": "theory.completion",
    "make_measurement_problem": "theory.completion",
    "make_problem": "theory.problems",
    "max_l1_margin_error": "theory.bounds",
    "max_l2_margin_error": "theory.bounds",
    "module_tangent": "theory.module_tangent",
    "one_vs_rest": "theory.kernel_machine",
    "smallest_n": "theory.bounds",
    "phase_map": "simulations.phase_map",
    "plane_of": "simulations.phase_map",
    "sparse": "simulations.generators",
    "sparse_regression": "simulations.generators",
    "trace_completion": "theory.completion_path",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"grokflow has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
