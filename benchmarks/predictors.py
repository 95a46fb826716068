"""Predictors at n=256, d=100 000, with their certified gaps, against cvxpy where it finishes."""

import time

import cvxpy
import numpy as np

from simulations.generators import sparse
from theory.l1 import L1Penalised, MaxL1Margin
from theory.l2 import MaxL2Margin
from theory.losses import LOSSES


def timed(function, *arguments):
    started = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - started, result


def peer(problem, predictor):
    """Solve the same problem with cvxpy, the way one would write it down."""
    z, w = problem.inputs.to_array(), cvxpy.Variable(problem.d)
    if isinstance(predictor, MaxL2Margin):
        goal, constraints, solver = cvxpy.sum_squares(w) / 2, [z @ w >= 1], cvxpy.CLARABEL
    elif isinstance(predictor, MaxL1Margin):
        goal, constraints, solver = cvxpy.norm1(w), [z @ w >= 1], cvxpy.HIGHS
    else:
        loss = cvxpy.sum(cvxpy.logistic(-(z @ w))) / problem.n
        goal, constraints, solver = loss + predictor.lam / 2 * cvxpy.norm1(w), [], cvxpy.CLARABEL
    cvxpy.Problem(cvxpy.Minimize(goal), constraints).solve(solver=solver)
    return np.asarray(w.value)


def main():
    print(
        f"{'predictor':>14} {'n':>5} {'d':>7} {'seconds':>8} {'gap':>8} {'cvxpy':>8} {'ratio':>7}"
    )
    for n, d, against in ((64, 2_000, True), (256, 100_000, False)):
        problem = sparse(n=n, d=d, n_test=1)
        predictors = (MaxL2Margin(), MaxL1Margin(), L1Penalised(LOSSES["logistic"], 1e-3))
        for predictor in predictors:
            runs = [timed(predictor.predict, problem) for _ in range(3)]
            seconds = float(np.median([run[0] for run in runs]))
            gap = runs[0][1].certificate.gap
            row = f"{predictor.name:>14} {n:5d} {d:7d} {seconds:8.3f} {gap:8.1e}"
            if against:
                other, _ = timed(peer, problem, predictor)
                row += f" {other:8.2f} {other / seconds:7.0f}"
            print(row, flush=True)
