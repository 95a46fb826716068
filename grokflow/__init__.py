"""grokflow: what your net is heading for early and late, when it jumps, and proof of each.

The public names, each imported from its home when it is first used:

Problems and losses
    Problem Task make_problem StoredTestSet ClassesProblem make_classes_problem InputTransform
    AffineWeights load as_problem sparse sparse_regression gaussian_margin CompletionProblem
    TestEntries EntryNames make_entries_problem make_matrix_problem make_measurement_problem
    load_entries completion Loss PullRange TailedLoss ConcordantLoss LOSSES

Forecasts: both predictors, and the kind and time of the transition between them
    forecast Forecast forecast_classes ClassesForecast forecast_softmax SoftmaxForecast trace
    forecast_completion CompletionForecast trace_completion CompletionPath Kind Regime Scores
    Transition Window window

Predictors and their certificates
    MaxL1Margin MinL1Norm L1Penalised MaxL2Margin MinL2Norm L2Penalised MinLoss MaxQuasiMargin
    MinQuasiNorm QuasiPenalised MinFrobeniusNorm MinNuclearNorm NuclearPenalised MaxKernelMargin
    MinKernelNorm one_vs_rest SlowManifold Prediction MatrixPrediction KernelPrediction Certificate
    exact write_certificate check_certificate NoPredictor NotSeparable PartlySeparable
    NotInterpolable NotResolved NotConverged

Models linearised at their start
    DiagonalTangent FactorisationTangent ModuleTangent module_tangent ModuleOutputs Symmetrised

How many samples are enough
    Bound max_l1_margin_error max_l2_margin_error smallest_n

Estimators of scikit-learn
    MaxL1MarginClassifier MaxL2MarginClassifier L1PenalisedClassifier L1PenalisedRegressor
    MinL1NormRegressor MinL2NormRegressor

Flows, steps, and the trajectories they lead to
    Start Flow Trajectory DiagonalFlow DiagonalStart DiagonalTrajectory follow_classes
    ClassesTrajectory SoftmaxFlow SoftmaxTrajectory CompletionFlow CompletionStart
    CompletionTrajectory NetFlow NetSolver ChebyshevFlow ChebyshevRule Descent StepRule Optimizer
    NetStart NetTrajectory Checkpoint Measure Stopped Interrupted record_steps every_steps

Nets and their tasks
    NetProblem NetLoss TargetForm CurvatureForm NET_LOSSES MLP Activation he_start modular_addition
    xor_clusters digits polynomial teacher_student

Modular arithmetic with corrupted labels
    CorruptedTask CorruptedData ModularStart ModularCell ModularTraining ModularRule IprRecord
    ModularActivation NormKind ModularLoss ModularOptimizer ModularTrajectory PhaseDiagram
    phase_store phase Phase neuron_ipr NeuronIpr IprConvention analyse_neurons NeuronAnalysis prune
    study_pruning split_neurons periodic_solution PeriodicNeurons operation

Scans, and the search for misgrokking
    Scan ScanTable scan_store local_workers fit_laws find_misgrokking Findings NetSettings
    data_family phase_map PhaseMap plane_of

Models of your own, which commands and scans ask once they are registered
    Model ExactModel BoundModel Description ModelForecast PredictorResult register_model
    unregister_model

Claims
    Claim StatementKind Broken ForEvery Evidence Verdict Fate MutantOutcome judge_mutants
    ClaimOutcome CLAIMS verdict_store verify_seeds verify Laboratory remembered falsify
    Falsification strategies
"""

from __future__ import annotations

from grokflow.public_names import homes as _homes
from grokflow.public_names import load as _load


def __getattr__(name: str) -> object:
    """Import a public name from its home; version and list of names are made on demand too."""
    if name == "__version__":
        from importlib.metadata import version

        return version("grokflow")
    return sorted(_homes()) if name == "__all__" else _load(name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(_homes())
