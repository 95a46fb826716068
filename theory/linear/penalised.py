"""Predictors at finite λ: where gradient flow with weight decay ends.

A diagonal net of depth 2 ends at the minimiser of ``(1/n) Σ l + (λ/2)‖w‖₁``, because
``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; a linear model at that of ``(1/n) Σ l + (λ/2)‖w‖²``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from grokflow.theory.arguments import check_positive
from grokflow.theory.certificate import Certificate
from grokflow.theory.errors import either
from grokflow.theory.linear import certificates
from grokflow.theory.linear.checks import rescaling
from grokflow.theory.linear.dual import Dual, OfLoss
from grokflow.theory.linear.prediction import Certified, Prediction, PrimalDual, normalised_margin
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.linear.proximal_points import L1Program, reach
from grokflow.theory.linear.ties import of_most_entropy
from grokflow.theory.losses import LOSSES, Loss, Square, set_loss
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.numerics.newton import minimise
from grokflow.theory.numerics.penalised.active_set import ActiveSet
from grokflow.theory.numerics.penalised.ridge import ridge
from grokflow.theory.numerics.penalised.units import Units
from grokflow.theory.objective import Norm, Objective
from grokflow.theory.predictor import NotResolved

# Multiplications that are spent on columns one by one, some seconds of them.
_WORK = 1e10
# n d³ up to which all columns may enter one by one, in less time than proximal points take: each
# step of theirs has n unknowns.
_COLUMN_BY_COLUMN = 1e8
# Entries of X above which its orthogonal factors would take minutes.
_MOST_ENTRIES = 4_000_000
# Entries of X up to which a product with it in rational numbers takes about a second.
_MOST_EXACT = 300_000


@dataclass(frozen=True)
class L1Penalised:
    """The minimiser of ``(1/n) Σ l(q_i) + (λ/2) ‖w‖₁``: where the flow at weight decay λ ends.

    The penalty of the weights ``w = u² - v²`` of a diagonal net is that of ``(λ/2) ‖(u, v)‖²``.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ of the flow; the L1 strength is half of it.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> for lam in (1.0, 0.1):
    ...     found = gf.L1Penalised(gf.LOSSES["square"], lam).predict(problem)
    ...     print(found.w[:4].round(2) + 0.0)
    [0.84 0.88 0.   0.  ]
    [0.98 0.99 0.   0.  ]
    """

    loss: Loss
    lam: float
    gap: float = 1e-7
    name: str = "L1-penalised"

    def __post_init__(self) -> None:
        """Take a loss by its name, and refuse numbers that are out of range."""
        set_loss(self)
        check_positive("lam", self.lam, "for λ → 0 take gf.MaxL1Margin() or gf.MinL1Norm()")
        check_positive("gap", self.gap, "try 1e-7")

    @np.errstate(all="ignore")  # What overflows bounds nothing, and is not taken.
    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem; it has a solution for any data.

        Few columns, and fewer than samples, enter one after the other (`ActiveSet`), each by Newton
        steps in as many unknowns as have entered. Of others, proximal points find most. Where
        rounding keeps these from the wanted gap, such as on columns of very different size,
        `ActiveSet` goes on.

        Raises
        ------
        NotResolved
            When double precision does not reach the gap; the message says between which bounds
            the optimum is.
        """
        check_problem(problem, margins=self.loss.name if self.loss.acts_on_margins else None)
        units = Units.of(problem.inputs, problem.targets, self.loss, order=1)
        scaled, lam = _in_units(problem, units), units.strength(self.lam)

        def certified(w: np.ndarray, mu: np.ndarray) -> Certified:
            return self._certified(problem, units.weights(w), units.multipliers(mu))

        found = None
        if problem.d < problem.n and problem.n * problem.d**3 <= _COLUMN_BY_COLUMN:
            found = certified(*self._column_by_column(scaled, np.zeros(problem.d), lam))
        if found is None or not found.gap <= self.gap:
            found = certified(*self._solve(scaled, lam))
        return self._prediction(problem, _resolved(self, problem, found))

    @np.errstate(all="ignore")
    def end_of_flow(self, problem: Problem) -> Prediction:
        """Return what `predict` does, and of several minimisers that at which the flow ends."""
        found = self.predict(problem)
        w = of_most_entropy(problem, found.w, found.multipliers)
        if w is found.w:
            return found
        settled = self._certified(problem, w, found.multipliers)
        return self._prediction(problem, settled) if settled.gap <= self.gap else found

    def _certified(self, problem: Problem, w: np.ndarray, mu: np.ndarray) -> Certified:
        answer = problem, w, mu, self.loss, self.lam
        certificate = certificates.l1_penalised(*answer)
        if not certificate.gap <= self.gap:
            certificate = certificates.l1_penalised_by_curvature(*answer)
        return Certified(w, mu, certificate)

    def _prediction(self, problem: Problem, found: Certified) -> Prediction:
        w, mu, certificate = found
        objective = Objective(Norm.L1, self.loss, self.lam / 2)
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, mu, margin, certificate, objective=objective)

    def _solve(self, problem: Problem, lam: float) -> PrimalDual:
        tau = lam / 2
        start = np.zeros(problem.d)
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        largest = reach(problem, pull)
        if largest <= tau:
            return PrimalDual(start, pull)

        def certify(part: Problem, w: np.ndarray, mu: np.ndarray) -> Certificate:
            return certificates.l1_penalised(part, w, tau * mu, self.loss, lam)

        data = OfLoss(self.loss, problem.targets, tau)
        program = L1Program(data, certify, self.gap)
        point, gap = program.approach(problem, PrimalDual(start, pull / largest))
        if gap <= self.gap / 2:
            return PrimalDual(point.w, tau * point.mu)
        return self._column_by_column(problem, point.w, lam)

    def _column_by_column(self, problem: Problem, start: np.ndarray, lam: float) -> PrimalDual:
        exact = ActiveSet(problem.inputs, problem.targets, self.loss, lam / 2)
        return PrimalDual(*exact.solve(start, self.gap / 4, _WORK))


@dataclass(frozen=True)
class _HalfSquare:
    """The potential of ``½‖w‖²``: ``φ(ξ) = ξ²/2``, so that ``w = Xᵀμ``."""

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        return xi

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        return float(xi @ xi) / 2

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        return np.ones_like(xi)


@dataclass(frozen=True)
class L2Penalised:
    """The minimiser of ``(1/n) Σ l(q_i) + (λ/2) ‖w‖²``, for a linear model.

    It is where gradient flow with weight decay λ ends. Its limits for λ → 0 are the max-L2-margin
    direction and the min-L2-norm interpolant.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ.
    gap : float
        Certified relative duality gap that the answer must have.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> for lam in (1.0, 0.01):
    ...     found = gf.L2Penalised(gf.LOSSES["square"], lam).predict(problem)
    ...     print(f"norm {np.linalg.norm(found.w):.2f}")
    norm 0.91
    norm 1.13
    """

    loss: Loss
    lam: float
    gap: float = 1e-7
    name: str = "L2-penalised"

    def __post_init__(self) -> None:
        """Take a loss by its name, and refuse numbers that are out of range."""
        set_loss(self)
        check_positive("lam", self.lam, "for λ → 0 take gf.MaxL2Margin() or gf.MinL2Norm()")
        check_positive("gap", self.gap, "try 1e-7")

    @np.errstate(all="ignore")  # What overflows bounds nothing, and is not taken.
    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem; it has a solution for any data.

        Newton's method on the dual, in n unknowns, needs the Gram matrix alone. Where that loses
        the data in rounding, `ridge` works on the data themselves.

        Raises
        ------
        NotResolved
            When double precision does not reach the gap; the message says between which bounds
            the optimum is.
        """
        check_problem(problem, margins=self.loss.name if self.loss.acts_on_margins else None)
        units = Units.of(problem.inputs, problem.targets, self.loss, order=2)
        scaled, lam = _in_units(problem, units), units.strength(self.lam)

        def certified(w: np.ndarray, mu: np.ndarray) -> Certified:
            w, mu = units.weights(w), units.multipliers(mu)
            return Certified(w, mu, certificates.l2_penalised(problem, w, mu, self.loss, self.lam))

        found = certified(*self._by_dual(scaled, lam))
        if not found.gap <= self.gap and problem.n * problem.d <= _MOST_ENTRIES:
            found = certified(*ridge(scaled.inputs.to_array(), scaled.targets, self.loss, lam))
        w, mu, certificate = _resolved(self, problem, found)
        objective = Objective(Norm.L2, self.loss, self.lam)
        margin = normalised_margin(problem, w, 2)
        return Prediction(self.name, w, mu, margin, certificate, objective=objective)

    def _by_dual(self, problem: Problem, lam: float) -> PrimalDual:
        """Minimise the dual as far as rounding lets it."""
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        if not pull.any():
            return PrimalDual(np.zeros(problem.d), pull)
        # With μ = s · pull the outputs are s K pull: a step on which they stay of order one.
        size = float(np.abs(problem.inputs.gram @ pull).max())
        data = OfLoss(self.loss, problem.targets, lam)
        mu = minimise(
            Dual(problem, data, _HalfSquare()),
            pull / max(size, lam),
            tolerance=1e-9,
            lower=data.lower,
            upper=data.upper,
            strict=False,
        ).x
        return PrimalDual(problem.inputs.correlate(mu), lam * mu)


def _in_units(problem: Problem, units: Units) -> Problem:
    return replace(
        problem, inputs=units.of_inputs(problem.inputs), targets=problem.targets / units.targets
    )


def _resolved(
    predictor: L1Penalised | L2Penalised, problem: Problem, found: Certified
) -> Certified:
    """Return an answer to the wanted gap, in exact arithmetic if need be, or say what is known."""
    if not found.gap <= predictor.gap and problem.n * problem.d <= _MOST_EXACT:
        tried = [found, *_exact_answers(predictor, problem, found)]
        found = min(tried, key=lambda one: one.certificate.upper)
        lower = max(one.certificate.lower for one in tried)
        found = found._replace(certificate=replace(found.certificate, lower=lower))
    if not found.gap <= predictor.gap:
        certificate = found.certificate
        # λ is compared with the loss, whose size that of the targets decides.
        targets = rescaling(is_classification=problem.is_classification)
        inputs = standardising(problem.transform)
        helps = either(f"raise lam from {predictor.lam:.3g} (--lam)", targets, inputs)
        raise NotResolved(
            f"the {predictor.name} predictor is not resolved in double precision: the optimum is "
            f"between {certificate.lower:.6g} and {certificate.upper:.6g} (gap "
            f"{certificate.gap:.1e}), expected a gap of {predictor.gap:.1e}: {helps}"
        )
    return found


def _exact_answers(
    predictor: L1Penalised | L2Penalised, problem: Problem, found: Certified
) -> Iterator[Certified]:
    """Certify an answer with exact products, and solve the problem itself in many digits."""
    loss = predictor.loss
    if type(loss) not in map(type, LOSSES.values()):
        return
    if np.isfinite([*found.w, *found.mu]).all():
        yield found._replace(certificate=_exactly(predictor, problem, found.w, found.mu))
    solved = (_square if isinstance(loss, Square) else _in_many_digits)(predictor, problem, found.w)
    if solved is not None:
        yield solved


def _exactly(
    predictor: L1Penalised | L2Penalised, problem: Problem, w: np.ndarray, mu: np.ndarray
) -> Certificate:
    l1 = isinstance(predictor, L1Penalised)
    certify = certificates.l1_penalised if l1 else certificates.l2_penalised
    return certify(problem, w, mu, predictor.loss, predictor.lam, exactly=True)


# Rational arithmetic takes a while to import, and most data do without.
def _square(
    predictor: L1Penalised | L2Penalised, problem: Problem, w: np.ndarray
) -> Certified | None:
    """Solve least squares exactly, if the data are small."""
    from grokflow.theory.numerics.penalised.exact_square import exact_l1, exact_l2

    data, lam = (problem.inputs.to_array(), problem.targets), predictor.lam
    l1 = isinstance(predictor, L1Penalised)
    solved = exact_l1(*data, lam / 2, w) if l1 else exact_l2(*data, lam)
    return None if solved is None else Certified(*solved)


def _in_many_digits(
    predictor: L1Penalised | L2Penalised, problem: Problem, w: np.ndarray
) -> Certified | None:
    """Solve for a loss of margins, from weights that are near or from none."""
    from grokflow.theory.numerics.penalised.exact_bounds import ExactBounds
    from grokflow.theory.numerics.penalised.precise_newton import PreciseNewton

    x, loss, lam = problem.inputs, predictor.loss, predictor.lam
    l1 = isinstance(predictor, L1Penalised)
    strengths = {"tau": lam / 2} if l1 else {"lam": lam}
    newton = PreciseNewton(x.to_array(), loss, **strengths)
    solved = newton.refined(w) or newton.refined(np.zeros(problem.d))
    if solved is None or not np.isfinite(solved.w).all():
        return None
    bounds = ExactBounds(x, problem.targets, loss)
    lower = bounds.dual_below(solved.mu, lam / 2) if l1 else bounds.ridge_below(solved.mu, lam)
    certificate = _exactly(predictor, problem, solved.w, solved.multipliers)
    return Certified(solved.w, solved.multipliers, replace(certificate, lower=lower))
