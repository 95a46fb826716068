"""The public names and their homes: read by type checkers, by editors, and by the loader itself."""

# Problems and losses
from grokflow.theory.linear.problem import Problem as Problem
from grokflow.theory.linear.problem import Task as Task
from grokflow.theory.linear.problem import make_problem as make_problem
from grokflow.theory.samples import StoredTestSet as StoredTestSet
from grokflow.theory.linear.classes.problem import ClassesProblem as ClassesProblem
from grokflow.theory.linear.classes.problem import make_classes_problem as make_classes_problem
from grokflow.theory.numerics.input_transform import InputTransform as InputTransform
from grokflow.theory.numerics.input_transform import AffineWeights as AffineWeights
from grokflow.simulations.tables.door import load as load
from grokflow.simulations.tables.door import as_problem as as_problem
from grokflow.simulations.linear.presets import sparse as sparse
from grokflow.simulations.linear.presets import sparse_regression as sparse_regression
from grokflow.simulations.linear.presets import gaussian_margin as gaussian_margin
from grokflow.theory.completion.problem import CompletionProblem as CompletionProblem
from grokflow.theory.completion.problem import TestEntries as TestEntries
from grokflow.theory.completion.problem import EntryNames as EntryNames
from grokflow.theory.completion.entries import make_entries_problem as make_entries_problem
from grokflow.theory.completion.entries import make_matrix_problem as make_matrix_problem
from grokflow.theory.completion.problem import make_measurement_problem as make_measurement_problem
from grokflow.simulations.completion.data import load_entries as load_entries
from grokflow.simulations.completion.data import completion as completion
from grokflow.theory.losses import Loss as Loss
from grokflow.theory.pull_ranges import PullRange as PullRange
from grokflow.theory.losses import TailedLoss as TailedLoss
from grokflow.theory.losses import ConcordantLoss as ConcordantLoss
from grokflow.theory.losses import LOSSES as LOSSES

# Forecasts: both predictors, and the kind and time of the transition between them
from grokflow.theory.diagonal.forecast import forecast as forecast
from grokflow.theory.diagonal.forecast import Forecast as Forecast
from grokflow.theory.diagonal.classes.one_vs_rest import forecast_classes as forecast_classes
from grokflow.theory.diagonal.classes.one_vs_rest import ClassesForecast as ClassesForecast
from grokflow.theory.diagonal.classes.softmax import forecast_softmax as forecast_softmax
from grokflow.theory.diagonal.classes.softmax import SoftmaxForecast as SoftmaxForecast
from grokflow.theory.diagonal.path import trace as trace
from grokflow.theory.completion.forecast import forecast_completion as forecast_completion
from grokflow.theory.completion.forecast import CompletionForecast as CompletionForecast
from grokflow.theory.completion.path import trace_completion as trace_completion
from grokflow.theory.completion.path import CompletionPath as CompletionPath
from grokflow.theory.transition.scores import Kind as Kind
from grokflow.theory.diagonal.regime import Regime as Regime
from grokflow.theory.transition.scores import Scores as Scores
from grokflow.theory.transition.times import Transition as Transition
from grokflow.theory.transition.times import Window as Window
from grokflow.theory.transition.times import window as window

# Predictors and their certificates
from grokflow.theory.linear.l1 import MaxL1Margin as MaxL1Margin
from grokflow.theory.linear.l1 import MinL1Norm as MinL1Norm
from grokflow.theory.linear.penalised import L1Penalised as L1Penalised
from grokflow.theory.linear.l2 import MaxL2Margin as MaxL2Margin
from grokflow.theory.linear.l2 import MinL2Norm as MinL2Norm
from grokflow.theory.linear.penalised import L2Penalised as L2Penalised
from grokflow.theory.linear.least_loss.predictor import MinLoss as MinLoss
from grokflow.theory.diagonal.quasi_norm import MaxQuasiMargin as MaxQuasiMargin
from grokflow.theory.diagonal.quasi_norm import MinQuasiNorm as MinQuasiNorm
from grokflow.theory.diagonal.quasi_norm import QuasiPenalised as QuasiPenalised
from grokflow.theory.completion.frobenius import MinFrobeniusNorm as MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm as MinNuclearNorm
from grokflow.theory.completion.nuclear import NuclearPenalised as NuclearPenalised
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin as MaxKernelMargin
from grokflow.theory.homogeneous.kernel_machine import MinKernelNorm as MinKernelNorm
from grokflow.theory.homogeneous.kernel_machine import one_vs_rest as one_vs_rest
from grokflow.theory.homogeneous.slow_manifold import SlowManifold as SlowManifold
from grokflow.theory.linear.prediction import Prediction as Prediction
from grokflow.theory.completion.frobenius import MatrixPrediction as MatrixPrediction
from grokflow.theory.homogeneous.kernel_machine import KernelPrediction as KernelPrediction
from grokflow.theory.certificate import Certificate as Certificate
from grokflow import exact as exact
from grokflow.certificates import write_certificate as write_certificate
from grokflow.certificates import check_certificate as check_certificate
from grokflow.theory.predictor import NoPredictor as NoPredictor
from grokflow.theory.predictor import NotSeparable as NotSeparable
from grokflow.theory.diagonal.partly.split import PartlySeparable as PartlySeparable
from grokflow.theory.predictor import NotInterpolable as NotInterpolable
from grokflow.theory.predictor import NotResolved as NotResolved
from grokflow.theory.numerics.newton import NotConverged as NotConverged

# Models linearised at their start
from grokflow.theory.diagonal.tangent import DiagonalTangent as DiagonalTangent
from grokflow.theory.completion.tangent import FactorisationTangent as FactorisationTangent
from grokflow.theory.nets.tangent import ModuleTangent as ModuleTangent
from grokflow.theory.nets.tangent import module_tangent as module_tangent
from grokflow.theory.nets.outputs import ModuleOutputs as ModuleOutputs
from grokflow.theory.nets.symmetrised import Symmetrised as Symmetrised

# How many samples are enough
from grokflow.theory.linear.bounds import Bound as Bound
from grokflow.theory.linear.bounds import max_l1_margin_error as max_l1_margin_error
from grokflow.theory.linear.bounds import max_l2_margin_error as max_l2_margin_error
from grokflow.theory.linear.bounds import smallest_n as smallest_n

# Estimators of scikit-learn
from grokflow.estimators import MaxL1MarginClassifier as MaxL1MarginClassifier
from grokflow.estimators import MaxL2MarginClassifier as MaxL2MarginClassifier
from grokflow.estimators import L1PenalisedClassifier as L1PenalisedClassifier
from grokflow.estimators import L1PenalisedRegressor as L1PenalisedRegressor
from grokflow.estimators import MinL1NormRegressor as MinL1NormRegressor
from grokflow.estimators import MinL2NormRegressor as MinL2NormRegressor

# Flows, steps, and the trajectories they lead to
from grokflow.simulations.runs.protocols import Start as Start
from grokflow.simulations.runs.protocols import Flow as Flow
from grokflow.simulations.runs.protocols import Trajectory as Trajectory
from grokflow.simulations.diagonal.flow import DiagonalFlow as DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart as DiagonalStart
from grokflow.simulations.diagonal.trajectory import DiagonalTrajectory as DiagonalTrajectory
from grokflow.simulations.diagonal.classes.one_vs_rest import follow_classes as follow_classes
from grokflow.simulations.diagonal.classes.one_vs_rest import ClassesTrajectory as ClassesTrajectory
from grokflow.simulations.diagonal.classes.softmax import SoftmaxFlow as SoftmaxFlow
from grokflow.simulations.diagonal.classes.softmax import SoftmaxTrajectory as SoftmaxTrajectory
from grokflow.simulations.completion.flow import CompletionFlow as CompletionFlow
from grokflow.simulations.completion.start import CompletionStart as CompletionStart
from grokflow.simulations.completion.trajectory import CompletionTrajectory as CompletionTrajectory
from grokflow.simulations.nets.implicit.flow import NetFlow as NetFlow
from grokflow.simulations.nets.implicit.flow import NetSolver as NetSolver
from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow as ChebyshevFlow
from grokflow.simulations.nets.explicit.chebyshev_rule import ChebyshevRule as ChebyshevRule
from grokflow.simulations.nets.explicit.descent import Descent as Descent
from grokflow.simulations.nets.explicit.step_rule import StepRule as StepRule
from grokflow.simulations.nets.explicit.step_rule import Optimizer as Optimizer
from grokflow.simulations.nets.start import NetStart as NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory as NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint as Checkpoint
from grokflow.simulations.runs.measure import Measure as Measure
from grokflow.simulations.runs.stopping import Stopped as Stopped
from grokflow.simulations.runs.stopping import Interrupted as Interrupted
from grokflow.simulations.runs.steps import record_steps as record_steps
from grokflow.simulations.runs.steps import every_steps as every_steps

# Nets and their tasks
from grokflow.theory.nets.problem import NetProblem as NetProblem
from grokflow.theory.nets.losses import NetLoss as NetLoss
from grokflow.theory.nets.losses import TargetForm as TargetForm
from grokflow.theory.nets.losses import CurvatureForm as CurvatureForm
from grokflow.theory.nets.losses import NET_LOSSES as NET_LOSSES
from grokflow.simulations.nets.modules import MLP as MLP
from grokflow.simulations.nets.modules import Activation as Activation
from grokflow.simulations.nets.modules import he_start as he_start
from grokflow.simulations.nets.tasks.classes import modular_addition as modular_addition
from grokflow.simulations.nets.tasks.classes import xor_clusters as xor_clusters
from grokflow.simulations.nets.tasks.classes import digits as digits
from grokflow.simulations.nets.tasks.regression import polynomial as polynomial
from grokflow.simulations.nets.tasks.regression import teacher_student as teacher_student

# Modular arithmetic with corrupted labels
from grokflow.simulations.modular.data import CorruptedTask as CorruptedTask
from grokflow.simulations.modular.data import CorruptedData as CorruptedData
from grokflow.simulations.modular.rule import ModularStart as ModularStart
from grokflow.simulations.modular.rule import ModularCell as ModularCell
from grokflow.simulations.modular.training import ModularTraining as ModularTraining
from grokflow.simulations.modular.rule import ModularRule as ModularRule
from grokflow.simulations.modular.rule import IprRecord as IprRecord
from grokflow.theory.modular.net import ModularActivation as ModularActivation
from grokflow.theory.modular.net import NormKind as NormKind
from grokflow.simulations.modular.tensor_program import ModularLoss as ModularLoss
from grokflow.simulations.modular.rule import ModularOptimizer as ModularOptimizer
from grokflow.simulations.modular.trajectory import ModularTrajectory as ModularTrajectory
from grokflow.simulations.modular.phase_diagram import PhaseDiagram as PhaseDiagram
from grokflow.simulations.modular.phase_diagram import phase_store as phase_store
from grokflow.theory.modular.phases import phase as phase
from grokflow.theory.modular.phases import Phase as Phase
from grokflow.theory.modular.participation import neuron_ipr as neuron_ipr
from grokflow.theory.modular.participation import NeuronIpr as NeuronIpr
from grokflow.theory.modular.participation import IprConvention as IprConvention
from grokflow.simulations.modular.neuron_analysis import analyse_neurons as analyse_neurons
from grokflow.simulations.modular.neuron_analysis import NeuronAnalysis as NeuronAnalysis
from grokflow.theory.modular.pruning import prune as prune
from grokflow.simulations.modular.neuron_statistics import study_pruning as study_pruning
from grokflow.simulations.modular.neuron_statistics import split_neurons as split_neurons
from grokflow.theory.modular.closed_form import periodic_solution as periodic_solution
from grokflow.theory.modular.closed_form import PeriodicNeurons as PeriodicNeurons
from grokflow.theory.modular.operations import operation as operation

# Scans, and the search for misgrokking
from grokflow.simulations.scan.runner import Scan as Scan
from grokflow.simulations.scan.table import ScanTable as ScanTable
from grokflow.simulations.scan.store import scan_store as scan_store
from grokflow.simulations.runs.executors import local_workers as local_workers
from grokflow.simulations.scan.law import fit_laws as fit_laws
from grokflow.simulations.misgrokking.finder import find_misgrokking as find_misgrokking
from grokflow.simulations.misgrokking.finder import Findings as Findings
from grokflow.simulations.misgrokking.comparison import NetSettings as NetSettings
from grokflow.simulations.misgrokking.data_families import data_family as data_family
from grokflow.simulations.misgrokking.phase_map import phase_map as phase_map
from grokflow.simulations.misgrokking.phase_map import PhaseMap as PhaseMap
from grokflow.simulations.misgrokking.phase_map import plane_of as plane_of

# Models of your own, which commands and scans ask once they are registered
from grokflow.simulations.models.protocol import Model as Model
from grokflow.simulations.models.exact import ExactModel as ExactModel
from grokflow.simulations.models.bound import BoundModel as BoundModel
from grokflow.simulations.models.results import Description as Description
from grokflow.simulations.models.results import ModelForecast as ModelForecast
from grokflow.simulations.models.results import PredictorResult as PredictorResult
from grokflow.simulations.models.registry import register_model as register_model
from grokflow.simulations.models.registry import unregister_model as unregister_model

# Claims
from grokflow.proofs_check.claim import Claim as Claim
from grokflow.proofs_check.claim import StatementKind as StatementKind
from grokflow.proofs_check.claim import Broken as Broken
from grokflow.proofs_check.claim import ForEvery as ForEvery
from grokflow.proofs_check.claim import Evidence as Evidence
from grokflow.proofs_check.claim import Verdict as Verdict
from grokflow.proofs_check.mutants.judging import Fate as Fate
from grokflow.proofs_check.mutants.judging import MutantOutcome as MutantOutcome
from grokflow.proofs_check.mutants.judging import judge_mutants as judge_mutants
from grokflow.proofs_check.outcome import ClaimOutcome as ClaimOutcome
from grokflow.proofs_check.registry import CLAIMS as CLAIMS
from grokflow.proofs_check.seeds.gathering import verdict_store as verdict_store
from grokflow.proofs_check.seeds.gathering import verify_seeds as verify_seeds
from grokflow.proofs_check.verify import verify as verify
from grokflow.proofs_check.laboratory import Laboratory as Laboratory
from grokflow.proofs_check.laboratory import remembered as remembered
from grokflow.proofs_check.falsification.search import falsify as falsify
from grokflow.proofs_check.falsification.search import Falsification as Falsification
from grokflow.proofs_check import strategies as strategies

__version__: str
