"""Gradient flow with weight decay of any homogeneous torch module, by linearly implicit steps.

In slow time ``s = λt`` the flow is ``dθ/ds = -(1/(mλ)) Jᵀ l'(f) - θ``. With the multipliers
``μ = -l'(f) / (mλ)`` as unknowns of their own it reads, exactly,

    dθ/ds = Jᵀμ - θ,    0 = mλ μ + l'(f(θ)).

One step of a W-method solves a linear system a stage whose matrix is the NTK Gram matrix
(`grokflow.simulations.nets.implicit.stage_systems`): the derivative of the first equation but for
``Σ μ_i ∇²f_i``, which is of order one, and that of the second exactly. The step is then limited by
how the solution bends, whatever λ is. Without the multipliers, a stage that misses the data by h²
is pulled back by ``h²/λ`` along gradients that have turned by h, and the error grows like ``h³/λ``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import torch

from grokflow.simulations.nets.identity import identity
from grokflow.simulations.nets.implicit.cvode_walk import CvodeWalk
from grokflow.simulations.nets.implicit.memory import NetMemory
from grokflow.simulations.nets.implicit.rosenbrock_walk import WalkSettings, WMethodWalk
from grokflow.simulations.nets.implicit.run import FlowRun
from grokflow.simulations.nets.implicit.walk import Walk
from grokflow.simulations.nets.recorder import Probed, Recorder, on_device
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checks import check_effort, check_memory, check_ranges, checked_times
from grokflow.simulations.runs.measure import Measures, measures
from grokflow.simulations.runs.saved_run import SavedRun
from grokflow.theory.arguments import check_count, check_kind, set_members
from grokflow.theory.nets.homogeneity import degree_of_homogeneity
from grokflow.theory.nets.losses import TargetForm
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem

if TYPE_CHECKING:
    from grokflow.simulations.runs.checkpoint import Checkpoint


class NetSolver(Enum):
    """How the stages of the flow are solved; `NetFlow` takes it as ``solver``.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.modular_addition(p=5, fraction=0.8, width=16)
    >>> flow = gf.NetFlow(lam=1e-2, solver=gf.NetSolver.ITERATIVE)
    >>> print(flow.run(start, np.array([0.0, 0.1])).train_error.round(2))
    [0.75 0.  ]
    """

    AUTO = "the Gram matrix where it is small enough, else iterative"
    GRAM = "W-method, Cholesky factors of the NTK Gram matrix"
    ITERATIVE = "W-method, conjugate gradients with blocks of the Gram matrix"
    MULTISTEP = "CVODE, BDF with GMRES"


@dataclass(frozen=True, kw_only=True)
class NetFlow:
    """The gradient flow of a homogeneous net under weight decay λ, followed by implicit steps.

    Its steps are as long as the slow motion allows, whatever the sharpness of the loss.

    Parameters
    ----------
    lam : float
        Weight decay λ of the objective ``L + (λ/2) ‖θ‖²``.
    rtol : float
        Local error of one step: of θ relative to its norm, and of the outputs relative to their
        size (1 or that of the targets, if larger).
    solver : NetSolver
        What solves the stages. MULTISTEP is for smooth nets whose kernel is well conditioned.
    memory : int
        Bytes that the solver may take on top of the module and its samples: activations, vectors,
        and the Gram matrix (``16 (mC)²``) or blocks of it (``16 m²`` each, up to C of them).
    dense_rows : int
        Largest number mC of outputs for which AUTO takes the Gram matrix.
    thin : int
        Keep the parameters of every thin-th record; 0 keeps the last only.
    max_steps : int
        Steps, accepted and rejected, after which the flow is given up.
    device : str
        Where torch computes: "cpu" or "cuda".

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.modular_addition(p=5, fraction=0.8, width=16)
    >>> trajectory = gf.NetFlow(lam=1e-2).run(start, np.array([0.0, 0.1]))
    >>> print(trajectory.train_error.round(2))
    [0.75 0.  ]
    """

    lam: float
    rtol: float = 1e-3
    solver: NetSolver = NetSolver.AUTO
    memory: int = 2**31
    dense_rows: int = 1000
    thin: int = 1
    max_steps: int = 20_000
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        set_members(self, solver=NetSolver)
        check_ranges(self, lam=(1e-14, 1e2), rtol=(1e-8, 1e-1), thin=(0.0, math.inf))
        check_effort(self)
        check_count("dense_rows", self.dense_rows, 0)
        check_kind("device", self.device, str, "name one, as device='cpu'")
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"device is {self.device}, expected one that is there: use cpu")

    def run(
        self,
        start: NetStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Follow the flow and return its curves at the given times.

        Parameters
        ----------
        start : NetStart
            A net that is homogeneous in its parameters, what it learns, and its scale.
        times : ndarray, shape (k,)
            Increasing slow times ``λt ≥ 0`` to record. Steps end on them.
        measure : iterable of Measure or str
            What to measure at every record, see `grokflow.simulations.nets.measuring`.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run with the same settings is taken up again where
            it stopped, with a new solver: the states then agree with those of an uninterrupted
            run to within `rtol`. There may be more times than there were.
        progress : callable
            Called with the fraction of slow time done after every step.

        Raises
        ------
        ValueError
            For a net that is not homogeneous, random or without parameters; for a scale at
            which outputs are lost in rounding; for times that do not increase; for too little
            memory; for checkpoints of other runs.
        Stopped
            When gradients are NaN, or the step size is driven to nothing, or `max_steps` do not
            suffice.
        Interrupted
            On Ctrl-C. Both carry what was reached, the last state after all records.
        """
        check_kind("start", start, NetStart, "make one with gf.NetStart(net, problem)")
        times = checked_times(times)
        wanted = measures(measure)
        problem = on_device(start.problem, self.device)
        net = ModuleMap.of(start.net, self.device)
        degree = self._checked_degree(net, problem, start.alpha)
        walk = self._walk(net, problem, start.alpha)
        recorder = Recorder(net, problem, wanted, degree=degree, thin=self.thin, memory=self.memory)
        settings = self.settings(start)
        run = FlowRun(walk, recorder, start.alpha, self.lam, settings)
        # What a run may spend does not decide its course.
        decisive = {name: value for name, value in settings.items() if name != "max_steps"}
        data = identity(start, wanted) if checkpoint is not None else {}
        saved = SavedRun(checkpoint, decisive | data, run)
        saved.resume(float(times[-1]), "s")
        return run.follow(times, saved, progress)

    def settings(self, start: NetStart) -> dict[str, object]:
        """Return what reproduces a run from a start, as JSON holds it."""
        problem = start.problem
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return own | {
            "optimizer": "flow",
            "solver": self.solver.name.lower(),
            "alpha": start.alpha,
            "problem": {"name": problem.name, **problem.settings},
            "loss": problem.loss.name,
        }

    def _walk(self, net: ModuleMap, problem: NetProblem, alpha: float) -> Walk:
        """Choose the solver."""
        start = alpha * net.theta
        need = NetMemory.of(net, start, problem.x)
        check_memory(self.memory, need.products, "the activations of all inputs (or take fewer)")
        solver, whole = self.solver, need.products + need.layers + need.gram
        if solver is NetSolver.AUTO:
            rows = net.outputs(start, problem.x).numel()
            small = rows <= self.dense_rows and whole <= self.memory
            solver = NetSolver.GRAM if small else NetSolver.ITERATIVE
        if solver is NetSolver.MULTISTEP:
            return CvodeWalk(
                net, problem, start, lam=self.lam, rtol=self.rtol, max_steps=self.max_steps
            )
        dense = solver is NetSolver.GRAM
        if dense:
            check_memory(self.memory, whole, "the Gram matrix of all outputs (or another solver)")
        blocks = max(0, self.memory - need.products - need.layers) // need.block
        size = _output_scale(problem)
        settings = WalkSettings(self.lam, self.rtol, size, dense, blocks, self.max_steps)
        return WMethodWalk(settings, net, problem, start)

    def _checked_degree(self, net: ModuleMap, problem: NetProblem, alpha: float) -> float:
        """Measure the degree of homogeneity, and refuse outputs that rounding would swamp."""
        blocks, x = Probed.of(net, problem.x, self.memory)
        degree = degree_of_homogeneity(blocks, x)
        _check_targets(problem, blocks.outputs)
        reach = float(blocks.sensitivity(blocks.net.theta, x).reach.max())
        rounding = float(np.finfo(float).eps) * reach * alpha**degree
        if not rounding <= self.rtol * _output_scale(problem):
            raise ValueError(
                f"alpha is {alpha:g}, at which outputs are differences of numbers so large that "
                f"rounding errors reach {rounding:.0e}, expected at most rtol = {self.rtol:g} of "
                "their size: lower alpha, or use the reduced flows for diagonal nets"
            )
        return degree


def _output_scale(problem: NetProblem) -> float:
    """Return the size of outputs: 1 for margins and logits, the targets' for the square loss."""
    if problem.loss.target_form is not TargetForm.VALUES:
        return 1.0
    return float(problem.y.pow(2).mean().sqrt()) or 1.0


def _check_targets(problem: NetProblem, outputs: int) -> None:
    """Refuse targets that do not fit the loss and the outputs of the module."""
    y, form = problem.y, problem.loss.target_form
    if form is TargetForm.VALUES:
        fits, wanted = tuple(y.shape[1:]) == (outputs,), f"targets of shape (m, {outputs})"
    elif form is TargetForm.CLASSES:
        fits = not y.is_floating_point() and 0 <= int(y.min()) and int(y.max()) < outputs
        wanted = f"integer classes from 0 to {outputs - 1}"
    else:
        fits = outputs == 1 and y.ndim == 1 and bool((y.abs() == 1).all())
        wanted = "labels -1 and +1 of shape (m,) and one output"
    if not fits:
        raise ValueError(
            f"targets of shape {tuple(y.shape)} and type {y.dtype} for {outputs} outputs and the "
            f"{problem.loss.name} loss, expected {wanted}: recode y or change the module"
        )
