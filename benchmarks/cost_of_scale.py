"""How the cost of the flow grows with α, λ and d: evaluations, passes and seconds."""

import time

import numpy as np

from simulations.flow import DiagonalFlow
from simulations.generators import sparse
from theory.features import Features
from theory.losses import LOSSES


def measure(problem, alpha, lam):
    """Return evaluations, passes over X and seconds from the start to ten past the scale."""
    passes = []
    sweep = Features.sweep
    Features.sweep = lambda self, visit: (passes.append(1), sweep(self, visit))[1]
    try:
        flow = DiagonalFlow(alpha=alpha, lam=lam, loss=LOSSES["logistic"])
        started = time.perf_counter()
        work = flow.run(problem, max(np.log(alpha), 0) + np.array([5.0, 10.0])).work
        return work.rhs_evaluations, len(passes), time.perf_counter() - started
    finally:
        Features.sweep = sweep


def table(name, rows):
    print(f"{name:>14} {'evaluations':>12} {'passes':>8} {'seconds':>8} {'ratio':>6}")
    first = None
    for label, (evaluations, passes, seconds) in rows:
        first = first or seconds
        print(f"{label:>14} {evaluations:12d} {passes:8d} {seconds:8.2f} {seconds / first:6.2f}")


def main():
    small = sparse(n=64, d=10_000, n_test=1)
    measure(small, 1.0, 1e-3)
    alphas = (1e0, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e100)
    table("alpha", [(f"{a:.0e}", measure(small, a, 1e-3)) for a in alphas])
    lams = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    table("lambda", [(f"{x:.0e}", measure(small, 1e4, x)) for x in lams])
    sizes = (12_500, 25_000, 50_000, 100_000, 200_000)
    table("d", [(f"{d}", measure(sparse(n=64, d=d, n_test=1), 1e4, 1e-3)) for d in sizes])
