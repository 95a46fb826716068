"""Figure 1a's whole trajectory against gradient descent as the paper ran it.

A process of its own measures the peak memory of the flow and its test accuracies. The floor is
one read of the ±1 matrix in single precision, 100 MB, a pass; passes are counted where they
happen.
"""

import os
import time
from typing import NamedTuple

import numpy as np

from benchmarks.child import Child
from benchmarks.passes import counted
from benchmarks.peers import seconds_a_step

STEPS_OF_THE_PAPER = 2_000_000
RATE, LAM = 0.01, 1e-3


class Simulated(NamedTuple):
    """Work, passes over X, and seconds of the flow and of its test accuracies."""

    work: object
    passes: int
    seconds: float
    tested: float


def prepare():
    from grokflow.simulations.diagonal.flow import DiagonalFlow
    from grokflow.simulations.diagonal.start import DiagonalStart
    from grokflow.simulations.linear.presets import sparse
    from grokflow.theory.losses import LOSSES

    problem = sparse()
    times = np.concatenate([np.geomspace(1e-7, 0.1, 31), np.linspace(0.2, 20, 100)])
    flow = DiagonalFlow(lam=LAM, loss=LOSSES["logistic"])

    def solve(_):
        started = time.perf_counter()
        with counted() as passes:
            trajectory = flow.run(DiagonalStart(problem, 128 / np.sqrt(2e5)), times)
        seconds = time.perf_counter() - started
        trajectory.test_scores()
        tested = time.perf_counter() - started - seconds
        return Simulated(trajectory.work, len(passes), seconds, tested)

    return solve


def prepare_descent():
    """Time a step of full-batch gradient descent with coupled weight decay, float32."""
    import torch

    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-1, 1], dtype=np.float32), size=(256, 100_000))
    inputs, labels = torch.from_numpy(x), torch.from_numpy(np.sign(x[:, :3].sum(axis=1)))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def loss(theta):
        margins = labels * (inputs @ (theta[0] ** 2 - theta[1] ** 2))
        return torch.nn.functional.softplus(-margins).mean()

    def solve(_):
        start = torch.full((2, x.shape[1]), 128 / float(np.sqrt(2e5)), requires_grad=True)
        return seconds_a_step(start, loss, RATE, LAM, clock=time.perf_counter), floor(x)

    return solve


def floor(x):
    """Time one read of the matrix in single precision (a matrix-vector product)."""
    w = np.ones(x.shape[1], dtype=np.float32)
    best = np.inf
    for _ in range(10):
        started = time.perf_counter()
        x @ w
        best = min(best, time.perf_counter() - started)
    return best


def main(limit=600.0):
    threads = os.cpu_count() or 1
    with Child(prepare, limit=limit, threads=threads) as child:
        (work, passes, seconds, tested), _, _, peak = child.run()
    with Child(prepare_descent, limit=limit, threads=threads) as child:
        step, read = child.run().result
    descent = step * STEPS_OF_THE_PAPER
    print(
        f"flow to λt = 20: {seconds:.2f} s ({work.name}, {work.rhs_evaluations} evaluations, "
        f"{work.jacobian_evaluations} Jacobians, {passes} passes over X)"
    )
    print(f"131 test accuracies on 10 000 points {tested:.2f} s")
    print(f"gradient descent: {1e3 * step:.1f} ms a step, {descent / 3600:.1f} h for 2e6 steps")
    print(f"ratio: {descent / seconds:.0f} times faster (goal 3000)")
    print(
        f"floor: {passes} reads of X at {1e3 * read:.1f} ms, {passes * read:.2f} s; "
        f"the flow takes {seconds / (passes * read):.1f} times the floor"
    )
    print(f"peak memory, test accuracies included: {peak / 2**30:.2f} GiB (limit 1.5 GB)")


if __name__ == "__main__":
    main()
