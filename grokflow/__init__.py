"""grokflow: what your net is heading for early and late, when it jumps, and proof of each.

The names below are the public interface; everything is imported where it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("grokflow")

_HOMES = {
    "CompletionFlow": "grokflow.simulations.completion.flow",
    "CompletionProblem": "grokflow.theory.completion.problem",
    "CompletionTrajectory": "grokflow.simulations.completion.trajectory",
    "DiagonalFlow": "grokflow.simulations.diagonal.flow",
    "DiagonalTangent": "grokflow.theory.diagonal.tangent",
    "FactorisationTangent": "grokflow.theory.completion.tangent",
    "FlowInterrupted": "grokflow.simulations.diagonal.flow",
    "FlowStopped": "grokflow.simulations.diagonal.flow",
    "L1Penalised": "grokflow.theory.linear.l1",
    "L1PenalisedClassifier": "grokflow.estimators",
    "L1PenalisedRegressor": "grokflow.estimators",
    "L2Penalised": "grokflow.theory.linear.l2",
    "LOSSES": "grokflow.theory.losses",
    "MaxKernelMargin": "grokflow.theory.homogeneous.kernel_machine",
    "MaxL1Margin": "grokflow.theory.linear.l1",
    "MaxL1MarginClassifier": "grokflow.estimators",
    "MaxL2Margin": "grokflow.theory.linear.l2",
    "MaxL2MarginClassifier": "grokflow.estimators",
    "MinFrobeniusNorm": "grokflow.theory.completion.frobenius",
    "MinKernelNorm": "grokflow.theory.homogeneous.kernel_machine",
    "MinL1Norm": "grokflow.theory.linear.l1",
    "MinL1NormRegressor": "grokflow.estimators",
    "MinL2Norm": "grokflow.theory.linear.l2",
    "MinL2NormRegressor": "grokflow.estimators",
    "MinNuclearNorm": "grokflow.theory.completion.nuclear",
    "ModuleOutputs": "grokflow.theory.nets.outputs",
    "NotSeparable": "grokflow.theory.predictor",
    "NuclearPenalised": "grokflow.theory.completion.nuclear",
    "Problem": "grokflow.theory.linear.problem",
    "Scan": "grokflow.simulations.scan.runner",
    "ScanTable": "grokflow.simulations.scan.table",
    "SlowManifold": "grokflow.theory.homogeneous.slow_manifold",
    "Store": "grokflow.simulations.runs.store",
    "Symmetrised": "grokflow.theory.nets.symmetrised",
    "Task": "grokflow.theory.linear.problem",
    "TestEntries": "grokflow.theory.completion.problem",
    "Trajectory": "grokflow.simulations.diagonal.trajectory",
    "completion": "grokflow.simulations.completion.data",
    "data_family": "grokflow.simulations.misgrokking.data_families",
    "find_misgrokking": "grokflow.simulations.misgrokking.finder",
    "forecast": "grokflow.theory.diagonal.forecast",
    "forecast_completion": "grokflow.theory.completion.forecast",
    "gaussian_margin": "grokflow.simulations.linear.presets",
    "load": "grokflow.simulations.linear.files",
    "load_entries": "grokflow.simulations.completion.data",
    "make_entries_problem": "grokflow.theory.completion.problem",
    "make_measurement_problem": "grokflow.theory.completion.problem",
    "make_problem": "grokflow.theory.linear.problem",
    "max_l1_margin_error": "grokflow.theory.linear.bounds",
    "max_l2_margin_error": "grokflow.theory.linear.bounds",
    "module_tangent": "grokflow.theory.nets.tangent",
    "one_vs_rest": "grokflow.theory.homogeneous.kernel_machine",
    "smallest_n": "grokflow.theory.linear.bounds",
    "phase_map": "grokflow.simulations.misgrokking.phase_map",
    "plane_of": "grokflow.simulations.misgrokking.phase_map",
    "sparse": "grokflow.simulations.linear.presets",
    "sparse_regression": "grokflow.simulations.linear.presets",
    "trace_completion": "grokflow.theory.completion.path",
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
