"""How the cost of the flow grows with α, λ and d: evaluations, passes and seconds."""

from functools import partial

import numpy as np

from benchmarks.child import Child
from benchmarks.passes import counted
from benchmarks.tables import Table
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse
from grokflow.theory.losses import LOSSES

ALPHAS = (1e0, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e100)
LAMS = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
SIZES = (12_500, 25_000, 50_000, 100_000, 200_000)


def prepare(d):
    def solve(setting, problem):
        alpha, lam = setting
        flow = DiagonalFlow(lam=lam, loss=LOSSES["logistic"])
        with counted() as passes:
            work = flow.run(
                DiagonalStart(problem, alpha), max(np.log(alpha), 0) + np.array([5.0, 10.0])
            ).work
        return work.rhs_evaluations, len(passes)

    solve((1.0, 1e-3), sparse(n=8, d=100, n_test=1))
    return partial(solve, problem=sparse(n=64, d=d, n_test=1))


def rows(name, values, limit, case):
    """Print evaluations, passes and seconds from the start to ten past the scale."""
    first, table = (
        None,
        Table(
            **{name: "7.4g"},
            evaluations="11d",
            passes="7d",
            seconds="8.2f",
            ratio="6.2f",
            peak="8s",
        ),
    )
    for value in values:
        alpha, lam, d = case(value)
        with Child(prepare, (d,), limit=limit) as child:
            run = child.run((alpha, lam))
        first = first or run.seconds
        evaluations, passes = run.result
        table.row(
            **{name: value},
            evaluations=evaluations,
            passes=passes,
            seconds=run.seconds,
            ratio=run.seconds / first,
            peak=f"{run.peak / 2**20:.0f} MiB",
        )


def main(limit=60.0):
    rows("α", ALPHAS, limit, lambda alpha: (alpha, 1e-3, 10_000))
    rows("λ", LAMS, limit, lambda lam: (1e4, lam, 10_000))
    rows("d", SIZES, limit, lambda d: (1e4, 1e-3, d))


if __name__ == "__main__":
    main()
