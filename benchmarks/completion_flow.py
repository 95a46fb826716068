"""The flow of matrix completion, λt up to 100, against general solvers on (U, V), at equal error.

Errors of W are relative, in the Frobenius norm, the largest of 60 times around the transition and
one at the end of Figure 3's range; every method runs at the loosest of its tolerances that keeps
them below one percent (`benchmarks.equal_error`). The floor is the eight d×d products of one
application of Newton's matrix an evaluation.
"""

import time
from functools import partial

import numpy as np

from benchmarks.equal_error import Case, compare, table
from benchmarks.peers import PEERS, seconds_a_step
from benchmarks.unreduced import CompletionSystem

# d and the fraction of entries observed; the second is Figure 3's.
SIZES = ((20, 0.3), (97, 0.05))
ALPHAS, LAM = (10.0, 1e6), 1e-4
RATE = 0.1
GOAL = 1e-2


def draw(d, fraction):
    from grokflow.simulations.completion.data import completion

    return completion(d=d, fraction=fraction)


def times_for(alpha):
    return np.append(np.log(alpha) + np.linspace(-1, 8, 60), max(100.0, np.log(alpha) + 90))


def prepare_ours(d, fraction, alpha):
    from grokflow.simulations.completion.flow import CompletionFlow

    def solve(rtol, problem):
        flow = CompletionFlow(lam=LAM, rtol=rtol)
        found = flow.run(CompletionStart(problem, alpha), times_for(alpha))
        return found.matrices, found.work.rhs_evaluations

    solve(1e-2, draw(6, 0.5))
    return partial(solve, problem=draw(d, fraction))


def prepare_peer(name, d, fraction, alpha):
    return PEERS[name](CompletionSystem(draw(d, fraction), alpha, LAM), times_for(alpha))


def prepare_descent(d, fraction, alpha):
    """Time a step as the paper ran it: float32, its rate or the largest stable at the start."""
    import torch

    torch.set_num_threads(1)
    problem = draw(d, fraction)
    entries = problem.measurements
    rows, columns = torch.from_numpy(entries.rows), torch.from_numpy(entries.columns)
    values = torch.from_numpy(problem.values).float()
    weights = torch.from_numpy(problem.weights).float()
    sharpness = 16 * alpha**2 * float((problem.weights * entries.norms**2).max())
    rate = min(RATE, 2 / (sharpness + LAM))

    def loss(theta):
        w = theta[0] @ theta[0].T - theta[1] @ theta[1].T
        return (weights * (w[rows, columns] - values) ** 2).sum()

    def solve(_):
        theta = (alpha * torch.eye(d)).repeat(2, 1, 1).requires_grad_()
        return seconds_a_step(theta, loss, rate, LAM), times_for(alpha)[-1] / (LAM * rate), rate

    return solve


def eight_products(d):
    """Return the seconds of eight d×d products."""
    a = np.ones((d, d))
    best = np.inf
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(8):
            a @ a
        best = min(best, time.perf_counter() - started)
    return best


def main(limit=60.0):
    print(f"error at most {GOAL:g}, λ = {LAM:g}")
    rows = table(d="3d", α="5.0e")
    for d, fraction in SIZES:
        floor = eight_products(d)
        for alpha in ALPHAS:
            methods = (prepare_ours, prepare_peer, prepare_descent)
            label = {"d": d, "α": alpha}
            compare(rows, Case(label, *methods, (d, fraction, alpha), floor, GOAL), limit)


if __name__ == "__main__":
    main()
