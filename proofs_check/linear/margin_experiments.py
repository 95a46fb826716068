"""Max-margin classifiers of random draws of sparse ±1 data, which the bounds are about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.linear.presets import sparse
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.data_matrix import DataMatrix

MarginPredictor = MaxL1Margin | MaxL2Margin


@remembered
def sparse_weights(
    laboratory: Laboratory, predictor: MarginPredictor, *, n: int, d: int, k: int, draws: int
) -> list[np.ndarray]:
    """Return the weights of max-margin classifiers on independent draws of sparse ±1 data."""
    seeds = np.random.SeedSequence((laboratory.seed, n, d, k)).generate_state(draws)
    found = []
    for done, seed in enumerate(seeds):
        laboratory.progress(f"{predictor.name} on {draws} draws, n = {n}", done / draws)
        problem = sparse(n=n, d=d, k=k, seed=int(seed), n_test=1)
        found.append(predictor.predict(_without_copies(problem)).w)
    return found


def _without_copies(problem: Problem) -> Problem:
    """Drop rows that occur before: they repeat a constraint of the max-margin problem."""
    rows = np.unique(problem.inputs.to_array(), axis=0)
    return replace(problem, inputs=DataMatrix.from_array(rows), targets=np.ones(len(rows)))
