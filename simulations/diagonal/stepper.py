"""The solver of SUNDIALS that follows a diagonal net, and what it took.

One step after the other is taken, so that each state can be looked at: for L ≥ 3 coordinates that
come near the pole of the mirror map get a new anchor, and the pulls of data that are not separable
cancel, from when on the implicit form of the flow is solved. Of partly separable classes the pulls
of the separable samples fall below the rounding of those that cancel, and are given coordinates of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.linalg import LinAlgError, solve

from grokflow.simulations.diagonal.axes import axes_of
from grokflow.simulations.diagonal.solvers import Equations, Evaluations, cvode, ida
from grokflow.simulations.diagonal.tolerance import (
    UNRESOLVED,
    fence,
    kept,
    state_tolerance,
    unfelt_from,
)
from grokflow.simulations.diagonal.verification import GAUSS, step_error
from grokflow.simulations.runs.reached import SolverState
from grokflow.simulations.runs.sundials import SolverFailure, advance, one_step
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.rest import Rest, decays_freely, rest_of
from grokflow.theory.numerics.solver_time import SolverMoment

if TYPE_CHECKING:
    from sksundae.cvode import CVODE
    from sksundae.ida import IDA

# Size of the pulls, in units of the rate that they add up to, from which on the implicit form is
# solved. Each is rounded by 2⁻⁵³ of its size, which moves p by 1e-12 in a unit of solver time:
# below the tolerance of `state_tolerance`, rtol/320 at κ = 40, for every rtol from 1e-9 on.
_CANCELLATION = 1e4
# Part of that tolerance by which rounding may move p. Larger pulls must cancel, as no rate is.
_ROUNDED = 0.1
# Fraction of such a pull from which on others are taken to cancel as well.
_APART = 0.1
# Steps between two that are verified: each costs two evaluations and a Jacobian.
_VERIFIED_EVERY = 64
# Factors by which the tolerance of a step is tightened, one after the other, when the states that
# it gives do not stand up to verification.
TIGHTENED = (1.0, 0.1, 0.01)
# Slow time from which on every step is: in less nothing changes by orders.
_VERIFIED_SPAN = 0.5
# Steps into the pole that are tried from one state, each a hundredth of the one before.
_ATTEMPTS = 8
# First step after a new anchor, of first order again, in units of the last one before.
_RESTART = 1e-3
# Steps from which on a solver that gives up is started anew. It keeps a Jacobian for up to 50, in
# which deep nets change it by orders, and takes what it has left unsolved for errors of any step.
_WORTH_RESTART = 20
# Newton steps that solve the implicit form there: from a tolerance of 1e-4 each squares the error.
_CONSISTENT = 2
# Unit of the coordinates that follow the scale from which on they are counted from an anchor: it
# tends to 1, where they no longer follow it.
_BENT = 0.5


class Unverified(SolverFailure):
    """What the solver returned is not a solution."""


class DiagonalStepper:
    """Drives CVODE or IDA over the reduced flow and counts its work.

    Parameters
    ----------
    flow : ReducedFlow
        The flow from its start on.
    rtol : float
        Wanted relative accuracy of the weights.
    end : float
        Slow time up to which it is wanted.
    max_steps : int
        Steps allowed between two output times.
    tightened : float
        Factor by which steps are taken more carefully than they should need.
    """

    def __init__(
        self, flow: ReducedFlow, rtol: float, end: float, max_steps: int, tightened: float = 1.0
    ) -> None:
        self.rtol, self.end, self.max_steps, self.tightened = rtol, end, max_steps, tightened
        self.implicit = not flow.loss.acts_on_margins
        self.flow, self.flows = flow, [flow]
        self.anchors: list[tuple[float, np.ndarray]] = []
        self.rest: Rest | None = None
        self.decays = flow.is_balanced
        self.evaluations = Evaluations()
        self.unverified = self.taken = 0
        # Pulls of a tail may cancel, where no weights fit all samples.
        may_cancel = not self.implicit and flow.problem.n > flow.space.rank
        self.watched = np.ones(flow.problem.n, dtype=bool) if may_cancel else None
        self.turn: np.ndarray | None = None
        self.axes = axes_of(flow)
        self.began, self.unfelt_from = 0.0, unfelt_from(flow)
        self.solver: CVODE | IDA | None = None
        rate = flow.start_rate() if self.implicit else np.empty(0)
        self.now = self.before = SolverState(0.0, np.zeros(flow.space.rank), rate)

    def afresh(self, tightened: float) -> DiagonalStepper:
        """Return a stepper at the start, which takes more care and goes on counting."""
        flow = self.flows[0]
        new = DiagonalStepper(flow, self.rtol, self.end, self.max_steps, tightened)
        new.evaluations = replace(self.evaluations, largest_pull=0.0)
        return new

    def resume(self, state: SolverState, anchors: Iterable[tuple[float, np.ndarray]]) -> None:
        """Go on from a state of an earlier run, and from the anchors that it had set."""
        for s, p in anchors:
            self._set_anchor(float(s), p)
        self.now, self.implicit = state, state.rate.size > 0

    def states(self, taus: np.ndarray) -> Iterator[SolverState]:
        """Yield the state at every solver time, until the net is at rest.

        The first may be 0, the start itself.
        """
        left = self.max_steps
        for tau in taus.tolist():
            while self.now.tau < tau and not self.decays:
                self._renew()
                if self.rest is not None:
                    return
                if left == 0:
                    raise SolverFailure(f"{self.max_steps} steps were not enough")
                self.step(tau)
                left -= 1
            if self.unverified and tau == taus[-1]:
                self.verify()
            left = self.max_steps
            yield self._turned_back(self.at(tau))

    def at(self, tau: float) -> SolverState:
        """Return the state at a time within the last step, or after the data have moved it last."""
        if self.decays and tau > self.now.tau:
            return self.now._replace(tau=tau, rate=np.zeros_like(self.now.rate))
        return self.now if tau == self.now.tau else self._back(advance(self._solver(), tau))

    def _solver(self) -> CVODE | IDA:
        if self.solver is None:
            self.begin(self.now)
        assert self.solver is not None
        return self.solver

    def _back(self, state: SolverState) -> SolverState:
        """Return a state of the solver in the coordinates of the flow."""
        if self.axes.turn is None:
            return state
        rate = self.axes.state(state.rate) if state.rate.size else state.rate
        return SolverState(state.tau, self.axes.state(state.y), rate)

    def _one_step(self, tau: float) -> SolverState:
        """Take one step, with a new solver where the old one gives up after some steps."""
        try:
            state = one_step(self._solver(), tau, self._fence())
        except SolverFailure:
            if self.taken < _WORTH_RESTART:
                raise
            self.begin(self.now, _RESTART * (self.now.tau - self.before.tau))
            state = one_step(self._solver(), tau, self._fence())
        self.taken += 1
        return self._back(state)

    def work(self, seconds: float) -> SolverWork:
        """Return what was spent."""
        name = "IDA (BDF)" if self.implicit else "CVODE (BDF)"
        return SolverWork(name, self.evaluations.rates, self.evaluations.jacobians, seconds)

    def begin(self, state: SolverState, first_step: float = 0.0) -> None:
        """Start the solver from a state."""
        self.now, self.before, self.taken = state, state, 0
        self.began, self.unfelt_from = state.tau, unfelt_from(self.flow)
        self.axes = axes_of(self.flow)
        rate = self.axes.along(state.rate) if self.implicit else state.rate
        turned = SolverState(state.tau, self.axes.along(state.y), rate)
        equations = Equations(self.flow, self.axes, self.evaluations, self.watched)
        make = ida if self.implicit else cvode
        self.solver = make(equations, turned, self._options(first_step))

    def step(self, tau: float) -> None:
        """Take one step towards a time.

        A step too far into the pole is taken again in smaller ones from the state before it.
        """
        before, self.now = self.now, self._one_step(tau)
        if self.now.tau == before.tau:
            return  # the solver repeats a state after others within its step were asked for
        self.before = before
        self.unverified += 1
        for attempt in range(1, _ATTEMPTS + 1):
            if self._left() >= UNRESOLVED * kept(self.flow):
                break
            if attempt == _ATTEMPTS:
                raise SolverFailure("a step into the pole of the mirror map was not resolved")
            size = 100.0**-attempt * (self.now.tau - self.before.tau)
            start = self._anchored(self.before)
            self.begin(start, size)
            self.now = self._one_step(tau)
        at = self.flow.clock.at
        far = at(self.now.tau).s - at(self.before.tau).s > _VERIFIED_SPAN
        if self.unverified >= _VERIFIED_EVERY or far:
            self.verify()

    def _renew(self) -> None:
        """Change coordinates or solver after a step that asks for it."""
        if self._left() < kept(self.flow) or self._is_bent():
            size = self.now.tau - self.before.tau
            self.begin(self._anchored(self.now), _RESTART * size)
            self.rest = self._rest()
        at = self.flow.clock.at
        if self.implicit and at(self.now.tau).s >= self.unfelt_from > at(self.began).s:
            self.begin(self.now, _RESTART * (self.now.tau - self.before.tau))
        if self.evaluations.largest_pull > _CANCELLATION:
            if not self.implicit:
                rate = self.flow.rate(at(self.now.tau), self.now.y)
                self.implicit = True
                self.begin(self.now._replace(rate=rate))
            self._set_apart()

    def _set_apart(self) -> None:
        """Take coordinates in most of which pulls that hide others are zero, and not rounded."""
        most = _ROUNDED * self._tolerance(implicit=False) / float(np.finfo(np.float64).eps / 2)
        most = max(_CANCELLATION, most)
        if self.watched is None or self.evaluations.largest_pull <= most:
            return
        state, self.evaluations.largest_pull = self.now, 0.0
        pulls = self.flow.pulls(self.flow.clock.at(state.tau), state.y)
        apart = self.flow.space.apart(~self.watched | (pulls > _APART * most))
        self.watched = None if apart is None or apart.inside.all() else ~apart.inside
        if apart is None or self.watched is None:
            return
        self.turn = apart.turn if self.turn is None else self.turn @ apart.turn
        self.flow = replace(self.flow, space=apart.space)
        self.begin(state._replace(y=state.y @ apart.turn, rate=state.rate @ apart.turn))

    def _turned_back(self, state: SolverState) -> SolverState:
        """Return a state in the coordinates in which the flow began."""
        if self.turn is None:
            return state
        rate = self.turn @ state.rate if state.rate.size else state.rate
        return SolverState(state.tau, self.turn @ state.y, rate)

    def verify(self) -> None:
        """Judge the last step, unless the solver has started anew since.

        One step may not err by what all of them may together.
        """
        before, after = self.before, self.now
        if before.tau == after.tau:
            return
        self.unverified = 0
        size = after.tau - before.tau
        inner = [self.at(before.tau + node * size) for node in GAUSS]
        error = step_error(self.flow, before, after, inner, implicit=self.implicit)
        s = self.flow.clock.at(after.tau).s
        if not error <= self.rtol:
            raise Unverified(
                f"a step before λt = {s:g} errs by {error:.1e} of the weights, expected "
                f"{self.rtol:g}"
            )
        if self.flow.anchor is not None:
            self.decays = decays_freely(self.flow, s, after.y, self.rtol)

    def _left(self) -> float:
        """Return how much of their distance to the pole coordinates keep since their anchor."""
        if self.flow.scale.depth == 2:
            return 1.0
        return self.flow.resolution(self.flow.clock.at(self.now.tau).s, self.now.y)

    def _is_bent(self) -> bool:
        """Whether coordinates that follow the scale are near those of an anchor at 0."""
        if self.flow.scale.depth == 2 or self.flow.anchor is not None:
            return False
        return self.flow.potential(self.flow.clock.at(self.now.tau).s).unit > _BENT

    def _anchored(self, state: SolverState) -> SolverState:
        """Return a state in coordinates that are counted from it, which are those from now on."""
        at = self.flow.clock.at(state.tau)
        before = self.flow.potential(at.s)
        self._set_anchor(at.s, state.y)
        rate = state.rate
        if rate.size:  # the rate of x = unit p in the new unit
            rate = (rate + at.pace * before.drift * state.y) * (
                before.unit / self.flow.potential(at.s).unit
            )
        return SolverState(state.tau, self._consistent(at, rate), rate)

    def _consistent(self, at: SolverMoment, rate: np.ndarray) -> np.ndarray:
        """Return the state at the anchor, in the implicit form solved anew.

        What the solver left unsolved in the old units may be large in the new ones. Directions that
        no weight feels stay as they are for steps longer than `_RESTART`.
        """
        p = np.zeros(self.flow.space.rank)
        try:
            for _ in range(_CONSISTENT if self.implicit else 0):
                defect = self.flow.defect(at, p, rate + p / _RESTART)
                p = p - solve(self.flow.defect_jacobian(at, p, 1 / _RESTART), defect)
        except LinAlgError:
            p[:] = np.nan
        if not self.flow.resolution(at.s, p) >= kept(self.flow):
            raise SolverFailure("the state at an anchor was not resolved")
        return p

    def _set_anchor(self, s: float, p: np.ndarray) -> None:
        self.flow = self.flow.anchored(s, p)
        self.flows.append(replace(self.flow, space=self.flows[0].space))
        self.anchors.append((s, p if self.turn is None else self.turn @ p))

    def _rest(self) -> Rest | None:
        """Return where the net is at rest at the anchor, if it is."""
        if len(self.anchors) < 2:
            return None
        last, s = self.flows[-2], self.anchors[-1][0]
        before = last.weights(self.anchors[-2][0], np.zeros(last.space.rank))
        return rest_of(self.flow, s, before, self.rtol)

    def _fence(self) -> float | None:
        """Return the solver time that the next step may not cross."""
        s = self.flow.clock.at(self.now.tau).s
        stop = fence(self.flow, s, implicit=self.implicit)
        return None if stop is None else float(self.flow.clock.of(np.array(stop)))

    def _tolerance(self, *, implicit: bool) -> float:
        """Return the tolerance of the state from now on."""
        s = self.flow.clock.at(self.now.tau).s
        end = max(s, self.end if self.flow.scale.depth == 2 else s)
        return self.tightened * state_tolerance(self.flow, self.rtol, s, end, implicit=implicit)

    def _options(self, first_step: float) -> dict[str, object]:
        tolerance = self._tolerance(implicit=self.implicit)
        least = 0.03 if self.flow.anchor is None else 0.1  # p starts at 0, in its own unit
        return {
            "rtol": tolerance,
            "atol": least * tolerance / self.axes.sizes,
            "max_num_steps": self.max_steps,
            "linsolver": "lapackdense",
            "first_step": first_step,
        }
