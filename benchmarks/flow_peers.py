"""The flow of diagonal nets against general solvers on (u, v), at equal error of the trajectory.

Forty times from λt = log α - 2 to log α + 6, through the transition. The error is the largest
``‖w - w*‖ / ‖w*‖`` over them, w* our own flow at rtol 1e-8, which the peers that converge confirm.
Every method runs at the loosest of its tolerances with an error below the goal
(`benchmarks.equal_error`). The floor is one read of X, as it is stored, an evaluation.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.equal_error import Case, compare, table
from benchmarks.peers import PEERS, bandwidth, seconds_a_step
from benchmarks.unreduced import DiagonalSystem

SIZES = ((16, 60), (64, 400), (128, 4000), (256, 100_000))
ALPHAS, LAM = (10.0, 1e6), 1e-3
GOAL = 1e-3


def draw(n, d):
    from grokflow.simulations.linear.presets import sparse

    return sparse(n=n, d=d, n_test=1)


def times_for(alpha):
    return np.log(alpha) + np.linspace(-2, 6, 40)


def prepare_ours(n, d, alpha):
    from grokflow.simulations.diagonal.flow import DiagonalFlow
    from grokflow.theory.losses import LOSSES
    from grokflow.theory.numerics.data_matrix import DataMatrix

    def solve(rtol, problem):
        # Nothing that an earlier run has cached.
        inputs = DataMatrix(problem.inputs.blocks, problem.inputs.width)
        flow = DiagonalFlow(lam=LAM, loss=LOSSES["logistic"], rtol=rtol)
        found = flow.run(DiagonalStart(replace(problem, inputs=inputs), alpha), times_for(alpha))
        return found.weights.T, found.work.rhs_evaluations

    solve(1e-2, draw(4, 8))
    return partial(solve, problem=draw(n, d))


def prepare_peer(name, n, d, alpha):
    return PEERS[name](DiagonalSystem(draw(n, d), alpha, LAM), times_for(alpha))


def prepare_descent(n, d, alpha):
    """Time a step of gradient descent at the largest step that is stable at the start."""
    import torch

    torch.set_num_threads(1)
    problem = draw(n, d)
    z = torch.from_numpy(problem.inputs.to_array())
    sharpness = 8 * alpha**2 / 4 * np.linalg.eigvalsh(problem.inputs.gram)[-1] / n
    rate = float(2 / (sharpness + LAM))

    def loss(theta):
        return torch.nn.functional.softplus(-(z @ (theta[0] ** 2 - theta[1] ** 2))).mean()

    def solve(_):
        theta = torch.full((2, d), alpha, dtype=z.dtype, requires_grad=True)
        return seconds_a_step(theta, loss, rate, LAM), times_for(alpha)[-1] / (LAM * rate), rate

    return solve


def main(limit=20.0):
    speed = bandwidth()
    print(f"one core reads {speed / 1e9:.1f} GB/s; error at most {GOAL:g}, λ = {LAM:g}")
    rows = table(n="4d", d="7d", α="5.0e")
    for n, d in SIZES:
        for alpha in ALPHAS:
            label = {"n": n, "d": d, "α": alpha}
            methods = (prepare_ours, prepare_peer, prepare_descent)
            compare(rows, Case(label, *methods, (n, d, alpha), n * d / speed, GOAL), limit)


if __name__ == "__main__":
    main()
