"""The flow of diagonal nets against general solvers on (u, v), at equal error of the trajectory.

Forty times from λt = log α - 2 to log α + 6, through the transition. The error is the largest
``‖w - w*‖ / ‖w*‖`` over them, w* our own flow at rtol 1e-8, which the peers that converge confirm.
Every method runs at the loosest of its tolerances with an error below the goal. Seconds are those
of the processor, of one thread in a process of its own, so that other work on the machine does
not matter; imports, data and compilation are not timed. The floor is one read of X, as it is
stored, an evaluation.
"""

import time
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.child import Child
from benchmarks.equal_error import loosest, trajectory_error
from benchmarks.peers import PEERS, TOLERANCES, seconds_a_step
from benchmarks.tables import Table
from benchmarks.unreduced import DiagonalSystem

SIZES = ((16, 60), (64, 400), (128, 4000), (256, 100_000))
ALPHAS, LAM = (10.0, 1e6), 1e-3
GOAL, WRONG, EXACT = 1e-3, 0.1, 1e-8


def draw(n, d):
    from simulations.generators import sparse

    return sparse(n=n, d=d, n_test=1)


def times_for(alpha):
    return np.log(alpha) + np.linspace(-2, 6, 40)


def prepare_ours(n, d, alpha):
    from simulations.flow import DiagonalFlow
    from theory.features import Features
    from theory.losses import LOSSES

    def solve(rtol, problem):
        # Nothing that an earlier run has cached.
        inputs = Features(problem.inputs.blocks, problem.inputs.width)
        flow = DiagonalFlow(alpha=alpha, lam=LAM, loss=LOSSES["logistic"], rtol=rtol)
        found = flow.run(replace(problem, inputs=inputs), times_for(alpha))
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


def bandwidth():
    """Return bytes a second of one core reading memory."""
    block = np.ones(2**26)
    best = np.inf
    for _ in range(5):
        started = time.perf_counter()
        block.max()
        best = min(best, time.perf_counter() - started)
    return block.nbytes / best


def compare(table, size, alpha, limit, speed):
    """Add the rows of one size and scale."""
    arguments = (*size, alpha)
    label = {"n": size[0], "d": size[1], "α": alpha}
    with Child(prepare_ours, arguments, limit=10 * limit) as child:
        exact = child.run(EXACT).result[0]
    judge = partial(_error, exact)
    with Child(prepare_ours, arguments, limit=10 * limit) as child:
        mine = loosest(child, TOLERANCES[:5], judge, GOAL)
    evaluations = mine.run.result[1]
    floor = size[0] * size[1] / speed * evaluations
    note = f"peak {mine.run.peak / 2**20:.0f} MiB, floor {floor:.1e} s"
    show(table, label | {"method": "ours"}, mine, mine.run.cpu, note)
    limit = max(limit, 10 * mine.run.seconds)
    for name in PEERS:
        with Child(prepare_peer, (name, *arguments), limit=limit) as child:
            found = loosest(child, TOLERANCES, judge, GOAL)
        show(table, label | {"method": name}, found, mine.run.cpu)
    with Child(prepare_descent, arguments, limit=limit) as child:
        step, count, rate = child.run().result
    table.row(
        **label,
        method="gradient descent",
        seconds=step * count,
        ratio=step * count / mine.run.cpu,
        evaluations=count,
        note=f"extrapolated: {step:.1e} s a step of {rate:.1e}",
    )


def _error(exact, result):
    return trajectory_error(result[0], exact)


def show(table, label, found, reference, note=""):
    if found.run is None:
        table.row(**label, note=f"stopped: {found.note}")
        return
    if found.error > GOAL:
        verdict = "wrong curve" if found.error > WRONG else "misses the error"
        note = "; ".join(filter(None, (verdict, found.note)))
    table.row(
        **label,
        seconds=found.run.cpu,
        ratio=found.run.cpu / reference,
        error=found.error,
        rtol=found.rtol,
        evaluations=float(found.run.result[1]),
        note=note,
    )


def main(limit=20.0):
    speed = bandwidth()
    print(f"one core reads {speed / 1e9:.1f} GB/s; error at most {GOAL:g}, λ = {LAM:g}")
    table = Table(
        n="4d",
        d="7d",
        α="5.0e",
        method="<16s",
        seconds="9.3g",
        ratio="9.3g",
        error="7.1e",
        rtol="5.0e",
        evaluations="11.3g",
        note="<s",
    )
    for size in SIZES:
        for alpha in ALPHAS:
            compare(table, size, alpha, limit, speed)


if __name__ == "__main__":
    main()
