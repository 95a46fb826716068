"""The flow of nets with kinks: explicit steps with as many stages as the sharpness asks for.

At a large start a step of gradient descent must be small enough for the first moments, when the
sharpness of the loss is proportional to α², and training then takes 1e8 steps. Once the data are
fitted, the sharpness of cross-entropy over λ is of the order of the size of the start, squared and
decaying. A Runge-Kutta-Chebyshev step (`grokflow.simulations.nets.explicit.chebyshev_steps`) of k
stages covers k² steps of descent. Kinks of ReLU units do not stop it: it chatters along them as
descent does, where an error estimate or a line search would drive the step to nothing. Where the
sharpness rises faster than it is looked at, a few steps are taken again with more stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from grokflow.simulations.nets.explicit.chebyshev_rule import ChebyshevRule
from grokflow.simulations.nets.explicit.chebyshev_walk import ChebyshevWalk
from grokflow.simulations.nets.identity import identity
from grokflow.simulations.nets.recorder import recorder_of
from grokflow.simulations.nets.saved_run import SavedNetRun
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.checks import checked_times
from grokflow.simulations.runs.measure import Measures, measures
from grokflow.theory.arguments import check_kind


@dataclass(frozen=True, kw_only=True)
class ChebyshevFlow(ChebyshevRule):
    """The flow ``dθ/dt = -∇(L + (λ/2) ‖θ‖²)`` of any net, kinks included, by explicit steps.

    The error is of first order in the step. A step of k stages covers k² steps of descent, see
    `grokflow.simulations.nets.explicit.chebyshev_flow`. Its settings are those of
    `gf.ChebyshevRule`: weight decay ``lam``, ``part`` and ``longest`` for the length of steps,
    ``dtype``, ``max_steps``, ``device`` and ``thin``.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.modular_addition(p=5, fraction=0.8, width=16, activation="relu")
    >>> trajectory = gf.ChebyshevFlow(lam=1e-2).run(start, np.array([0.0, 0.1]))
    >>> print(trajectory.train_error.round(2))
    [0.75 0.05]
    """

    def run(
        self,
        start: NetStart,
        times: np.ndarray,
        *,
        measure: Measures = frozenset(),
        checkpoint: Checkpoint | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> NetTrajectory:
        """Follow a copy of the net and record it at the given slow times.

        Parameters
        ----------
        start : NetStart
            The net, its scale at time 0, and what it learns.
        times : ndarray, shape (k,)
            Increasing slow times; steps end on them.
        measure : iterable of Measure or str
            What to measure at every record, see `grokflow.simulations.nets.measuring`; for
            homogeneous nets.
        checkpoint : Checkpoint or None
            Where the state is kept. An earlier run with the same settings is continued, bit for
            bit as if it had not been interrupted; there may be more times than there were.
        progress : callable
            Called with the fraction of slow time done.

        Raises
        ------
        Stopped
            When `max_steps` do not suffice, or numbers are not finite however short the steps.
        Interrupted
            On Ctrl-C. Both carry what was reached, and the checkpoint then holds it.
        ValueError
            For times that do not increase, checkpoints of other runs, and modules without
            parameters or with dropout or batch norm in training mode.
        """
        check_kind("start", start, NetStart, "make one with gf.NetStart(net, problem)")
        times = checked_times(times)
        wanted = measures(measure)
        recorder = recorder_of(start, wanted, self.device, thin=self.thin)
        walk = ChebyshevWalk(self, start, recorder)
        settings = self._settings() | identity(start, wanted)
        saved = SavedNetRun(checkpoint, settings, walk)
        saved.resume(float(times[-1]), "s")
        records, last = walk.recorder.records, float(times[-1])
        recorded = records[-1].lambda_t if records else -1.0
        pending = [float(s) for s in times if s >= walk.s and s > recorded]
        return saved.follow(
            pending,
            lambda: f"stopped at λt = {walk.s:.4g} of {last:g}: {walk.complaint()}",
            lambda s: progress(s / last if last else 1.0),
        )

    def _settings(self) -> dict[str, object]:
        """Return the method as JSON holds it; what it may spend does not decide its course."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        shown = {"optimizer": self.name, "dtype": str(self.dtype).removeprefix("torch.")}
        return {name: value for name, value in (own | shown).items() if name != "max_steps"}
