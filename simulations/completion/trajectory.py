"""What the flow of matrix completion returns: matrices at output times and their curves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from grokflow.simulations.runs.files import jsonable, versions
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.completion.flow_equations import CompletionSystem
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Transition, crossing

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class CompletionTrajectory(Summarised):
    """The flow of matrix completion at m output times.

    Parameters
    ----------
    system : CompletionSystem
        Problem, scale and λ.
    lambda_t : ndarray, shape (m,)
        Slow times λt.
    matrices : ndarray, shape (m, d, d)
        The symmetric ``W = UUᵀ - VVᵀ``; A of shape (m, u, i) for rectangular ones.
    totals : ndarray, shape (m, d, d)
        ``UUᵀ + VVᵀ``.
    norms : ndarray, shape (m,)
        ``‖(U, V)‖_F``.
    drift : ndarray, shape (m,)
        ``‖UᵀV - e^{-2λt} U(0)ᵀV(0)‖_F / ‖(U, V)‖_F²``, zero but for the integrator's error.
    work : SolverWork
        What the solver took; its Jacobian evaluations are m×m Cholesky factors, for m distinct
        measurements.
    settings : mapping
        What reproduces the run.
    measured : mapping of str to ndarray, shape (m,)
        The measures that were asked for, see `grokflow.simulations.completion.measuring`.

    Examples
    --------
    The largest two eigenvalues, from the zero matrix over the kernel predictor to rank one:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.CompletionStart(gf.completion(d=5, fraction=0.6), alpha=10.0)
    >>> trajectory = gf.CompletionFlow(lam=1e-3).run(start, np.array([0.0, 2.0, 8.0]))
    >>> print(trajectory.spectrum(2).round(1) + 0.0)
    [[0.  0. ]
     [0.8 0.4]
     [1.2 0. ]]
    """

    system: CompletionSystem
    lambda_t: np.ndarray
    matrices: np.ndarray
    totals: np.ndarray
    norms: np.ndarray
    drift: np.ndarray
    work: SolverWork
    settings: Mapping[str, object] = field(default_factory=dict)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "problem": self.problem.name,
            "times": len(self.lambda_t),
            "lambda_t": ends(self.lambda_t),
            "norm": ends(self.norms),
        }

    @property
    def problem(self) -> CompletionProblem:
        """The measurements and the entries to predict."""
        return self.system.problem

    @cached_property
    def train_error(self) -> np.ndarray:
        """Mean squared error over the N samples, the training loss, shape (m,)."""
        return np.array([self.problem.loss(w) for w in self.matrices])

    def test_scores(self) -> Scores:
        """Return the mean squared error over the test entries at every output time."""
        return self.problem.score(self.matrices)

    def spectrum(self, count: int = 10) -> np.ndarray:
        """Return the eigenvalues of W of largest modulus, in that order, shape (m, count).

        Of rectangular matrices they are the singular values.
        """
        space = self.problem.space
        return np.array([space.spectrum(w)[:count] for w in self.matrices])

    def transition(self, early: float, late: float) -> Transition:
        """Return when, in slow time, the test error crosses from `early` to `late`."""
        return crossing(self.lambda_t, self.test_scores().error, early, late)

    def curves(self) -> dict[str, np.ndarray]:
        """Return every curve by its name in JSON and files, each of shape (m,)."""
        tested = self.test_scores().error
        return {
            "train_error": self.train_error,
            "test_error": tested,
            "train_loss": self.train_error,
            "test_loss": tested,
            "norms": self.norms,
            **self.measured,
        }

    def to_dataset(self, settings: Mapping[str, object] | None = None) -> xarray.Dataset:
        """Return curves, spectrum and matrices with labels, settings and versions."""
        import xarray

        curves = self.curves()
        variables: dict[str, object] = {k: ("lambda_t", v) for k, v in curves.items()}
        variables["spectrum"] = (("lambda_t", "index"), self.spectrum())
        variables["state"] = (("lambda_t", "row", "column"), self.matrices)
        shown = self.settings if settings is None else settings
        attributes = {"settings": json.dumps(jsonable(shown)), "versions": json.dumps(versions())}
        return xarray.Dataset(variables, {"lambda_t": self.lambda_t}, attributes)


class CompletionRecorder:
    """Turns states into matrices, norms and the drift of the invariant as they are reached.

    Parameters
    ----------
    system : CompletionSystem
        Problem, scale and λ.
    lambda_t : ndarray, shape (m,)
        Slow times λt of the states to come.
    start : ndarray
        The state at time 0.
    """

    def __init__(self, system: CompletionSystem, lambda_t: np.ndarray, start: np.ndarray) -> None:
        self.system = system
        self.lambda_t = lambda_t
        self.count = 0
        m, d = len(lambda_t), system.problem.d
        self._matrices = np.empty((m, *system.problem.space.shape))
        self._totals = np.empty((m, d, d))
        self._norms, self._drift = np.empty((2, m))
        u, v = system.factors(0.0, start)
        self._conserved = u.T @ v

    def add(self, y: np.ndarray) -> None:
        """Record the state at the next time."""
        i, s = self.count, float(self.lambda_t[self.count])
        u, v = self.system.factors(s, y)
        size = np.hypot(np.linalg.norm(u), np.linalg.norm(v))
        # Divided first: the squares of α² overflow.
        expected = np.exp(-2 * s) / size**2 * self._conserved
        self._matrices[i], self._totals[i] = self.system.matrix(y), u @ u.T + v @ v.T
        self._norms[i] = size
        self._drift[i] = np.linalg.norm((u / size).T @ (v / size) - expected)
        self.count += 1

    def trajectory(self, work: SolverWork, settings: Mapping[str, object]) -> CompletionTrajectory:
        """Return what was recorded."""
        done = slice(self.count)
        return CompletionTrajectory(
            self.system,
            self.lambda_t[done],
            self._matrices[done],
            self._totals[done],
            self._norms[done],
            self._drift[done],
            work,
            settings,
        )
