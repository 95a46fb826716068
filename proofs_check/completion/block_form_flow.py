"""The flow of UUᵀ - VVᵀ on a block form is that of the ordinary factorisation A = PQᵀ.

For ``W = [[0, A], [Aᵀ, 0]]`` the gradient G anticommutes with ``J = diag(I, -I)``, so that
``V = J U J`` solves the equation of V where U solves its own. From ``U = V = α I`` therefore
``W = UUᵀ - J UUᵀ J``: its diagonal blocks vanish, and its block is ``A = P Qᵀ`` with
``U = [P; Q] / √2``. Equal rates follow from those of U, and the penalty is
``‖U‖² + ‖V‖² = ‖P‖² + ‖Q‖²``.

How it is measured: W by the symmetric solver, which knows of no blocks, from entries off the
diagonal blocks; P and Q by an explicit Runge-Kutta method on their own equations,
``dP/ds = -∇L(PQᵀ) Q / λ - P``, ``dQ/ds = -∇L(PQᵀ)ᵀ P / λ - Q``.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.integrate import solve_ivp

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.completion.block_form_norm import block_form, samples_of
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.problem import CompletionProblem

_SHAPE, _SEEN, _ALPHA, _LAM, _RTOL = (3, 4), 8, 2.0, 0.05, 1e-8
_TIMES = np.linspace(0.1, 4.0, 14)

DERIVATION = (
    "twice the tolerance 1e-8 of the flow (which is that of W relative to the larger of W and the "
    "early predictor), and 1e-10 for the explicit method at a local tolerance of 1e-12"
)


@remembered
def ratings(laboratory: Laboratory) -> CompletionProblem:
    """Draw some entries of a 3×4 matrix of rank two, one of them observed twice."""
    rng, (u, i) = np.random.default_rng([laboratory.seed, 316]), _SHAPE
    truth = rng.standard_normal((u, 2)) @ rng.standard_normal((2, i))
    rows, columns = np.divmod(rng.choice(u * i, _SEEN, replace=False), i)
    rows, columns = np.append(rows, rows[0]), np.append(columns, columns[0])
    return make_entries_problem("ratings", _SHAPE, rows, columns, truth[rows, columns])


@remembered
def block_forms(laboratory: Laboratory) -> np.ndarray:
    """Follow the symmetric factorisation of the block form, shape (times, u + i, u + i)."""
    problem = block_form(ratings(laboratory))
    flow = CompletionFlow(lam=_LAM, rtol=_RTOL)
    return flow.run(CompletionStart(problem, _ALPHA), _TIMES).matrices


def products(laboratory: Laboratory, size: float, decay: float) -> np.ndarray:
    """Follow P and Q from `size` times [I, 0] and [0, I], with decay times λ, (times, u, i)."""
    block = ratings(laboratory)
    rows, columns, values = samples_of(block)
    u, i = block.space.shape

    def rate(_: float, packed: np.ndarray) -> np.ndarray:
        p, q = np.split(packed.reshape(u + i, u + i), [u])
        gradient = np.zeros((u, i))
        miss = 2 * ((p @ q.T)[rows, columns] - values) / len(values)
        np.add.at(gradient, (rows, columns), miss)
        pulls = np.concatenate([gradient @ q, gradient.T @ p])
        return np.asarray((-pulls / _LAM - decay * np.concatenate([p, q])).ravel())

    found, since = [(size * np.eye(u + i)).ravel()], 0.0
    for time in _TIMES:
        # From one time to the next: between its steps the method interpolates less exactly.
        run = solve_ivp(rate, (since, time), found[-1], "DOP853", rtol=1e-12, atol=1e-12 * size)
        found.append(run.y[:, -1])
        since = time
    factors = np.reshape(found[1:], (-1, u + i, u + i))
    return np.asarray(factors[:, :u] @ factors[:, u:].transpose(0, 2, 1))


def start_size(alpha: float) -> float:
    """Return the scale √2 α from which P and Q follow U and V from α."""
    return float(np.sqrt(2) * alpha)


def decay_of_factors() -> float:
    """Return the decay of P and Q in units of that of U and V, 1."""
    return 1.0


def check(laboratory: Laboratory, size: float | None = None, decay: float = 1.0) -> Evidence:
    """Compare W with the block form of PQᵀ, diagonal blocks included.

    P and Q start at this `size`, √2 α where none is given, and decay `decay` times as fast.
    """
    u = ratings(laboratory).space.shape[0]
    first = start_size(_ALPHA) if size is None else size
    whole, a = block_forms(laboratory), products(laboratory, first, decay * decay_of_factors())
    expected = np.zeros_like(whole)
    expected[:, :u, u:], expected[:, u:, :u] = a, a.transpose(0, 2, 1)
    scale = np.linalg.norm(whole, axis=(1, 2)).max()
    distance = np.linalg.norm(whole - expected, axis=(1, 2)).max() / scale
    return Evidence(float(distance), 2 * _RTOL + 1e-10, DERIVATION, resolution=1e-3)


CLAIM = Claim(
    label="block-form-flow",
    statement="on W = [[0, A], [Aᵀ, 0]] the flow of UUᵀ - VVᵀ from U = V = α I stays a block form, "
    "and A = PQᵀ follows the flow of P and Q from √2 α [I, 0] and √2 α [0, I]",
    hypotheses=(
        "square loss on entries of A, 9 samples of a 3×4 matrix, one of them repeated",
        "weight decay λ on (U, V) and on (P, Q), α = 2, λ = 0.05, λt from 0.1 to 4",
    ),
    source="grokflow: rectangular completion for the model of Lyu et al. 2024, section 3.3",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope((), "rectangular matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(start_size, decay_of_factors),
    broken=(
        Broken("P and Q from 1.4 α I, not √2 α I", partial(check, size=1.4 * _ALPHA)),
        Broken("a tenth less weight decay on P and Q", partial(check, decay=0.9)),
    ),
    for_every=(ForEvery(ratings, strategies.ratings),),
)
