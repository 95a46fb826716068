"""Matrices of low rank that are recovered from some of their entries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.nuclear import NuclearPenalised
from grokflow.theory.completion.problem import CompletionProblem

ALPHA, SIGMA, RTOL = 10.0, 0.01, 1e-5
END, AFTER_TRANSITION = 60.0, 1.5 * float(np.log(ALPHA))
# Weight decays as shares of the least one at which the minimiser is zero.
SHARES = (0.75, 0.1, 1e-3)
# A smaller one is left out for the flow: there the integrator's error hides the residuals.
_FLOW_SHARES = SHARES[:2]

# Certified gap of minimisers, far below the errors that are counted.
_GAP = 1e-5


class Instance(NamedTuple):
    """Which matrix is drawn.

    Parameters
    ----------
    d, rank : int
        Its size, and its rank 1 or 2.
    mu : float
        Incoherence: the largest square of an entry of its factor, in units of the mean.
    rows : int
        How many rows of the factor have that square; the others share the rest.
    """

    d: int
    rank: int = 1
    mu: float = 1.0
    rows: int = 8

    @property
    def needed(self) -> int:
        """``μ⁴ d log² d``, the number of entries that the theorem asks for."""
        return round(self.mu**4 * self.d * float(np.log(self.d)) ** 2)

    def truth(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the signs of the factor and return ``X* = a aᵀ``, or ``a aᵀ - b bᵀ`` with a ⊥ b."""
        rest = (self.d - self.rows * self.mu) / (self.d - self.rows)
        sizes = np.sqrt(np.where(np.arange(self.d) < self.rows, self.mu, rest))
        a = sizes * rng.choice((-1.0, 1.0), self.d)
        if self.rank == 1:
            return np.outer(a, a)
        # Half of the signs turned, of those of either size: orthogonal to a.
        turned = np.append(_balanced(rng, self.rows), _balanced(rng, self.d - self.rows))
        return np.outer(a, a) - np.outer(a * turned, a * turned)


class Sampled(NamedTuple):
    """A matrix, some of its entries, and the least λ at which the minimiser is zero."""

    truth: np.ndarray
    problem: CompletionProblem
    largest_lam: float


class End(NamedTuple):
    """Where the flow is at some time."""

    sampled: Sampled
    lam: float
    matrix: np.ndarray


def sampled(instance: Instance, count: int, seed: int) -> Sampled:
    """Draw a matrix and `count` of its entries without replacement."""
    rng = np.random.default_rng(seed)
    truth = instance.truth(rng)
    rows, columns = np.divmod(rng.choice(instance.d**2, count, replace=False), instance.d)
    problem = make_entries_problem("signs", instance.d, rows, columns, truth[rows, columns])
    gradient = problem.gradient(np.zeros_like(truth))
    return Sampled(truth, problem, 2 * float(np.linalg.norm(gradient, 2)))


@remembered
def errors(
    laboratory: Laboratory, instances: tuple[Instance, ...], counts: tuple[int, ...], draws: int
) -> np.ndarray:
    """Return ``‖W - X*‖_F / (d √(λ‖X*‖_*))`` of minimisers, of the instances in turn.

    Their shape is (draws, shares of the largest λ).
    """
    found = np.zeros((draws, len(SHARES)))
    for i, seed in enumerate(laboratory.draws("entries of a matrix", draws)):
        laboratory.progress("matrix recovery", i / draws)
        instance = instances[i % len(instances)]
        given = sampled(instance, counts[i % len(instances)], seed)
        norm = given.problem.space.nuclear_norm(given.truth)
        for j, share in enumerate(SHARES):
            lam = share * given.largest_lam
            w = NuclearPenalised(lam, gap=_GAP).predict(given.problem).matrix
            error = float(np.linalg.norm(w - given.truth))
            found[i, j] = error / (instance.d * np.sqrt(lam * norm))
    return found


@remembered
def ends(
    laboratory: Laboratory, instances: tuple[Instance, ...], lambda_t: float = END
) -> list[End]:
    """Follow the flow of every instance, from an exact and from a perturbed start."""
    found = []
    seeds = laboratory.draws("flows of a matrix", 2 * len(instances))
    for i, seed in enumerate(seeds):
        laboratory.progress("matrix recovery: flows", i / len(seeds))
        instance = instances[i // 2]
        given = sampled(instance, instance.needed, seed)
        for share in _FLOW_SHARES:
            lam = share * given.largest_lam
            rng = np.random.default_rng((seed, 1))
            start = CompletionStart(given.problem, ALPHA, sigma=SIGMA * (i % 2), rng=rng)
            flow = CompletionFlow(lam=lam, rtol=RTOL)
            matrix = np.asarray(flow.run(start, np.array([lambda_t])).matrices[0])
            found.append(End(given, lam, matrix))
    return found


def _balanced(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return signs in random order, as many of either kind."""
    return rng.permutation(np.repeat((-1.0, 1.0), count // 2))
