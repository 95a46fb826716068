"""Minimum nuclear norm at 97×97 against cvxpy, every answer judged by our certificate.

Peers run at the loosest tolerance of a list that our certificate finds good to the same gap.
"""

import time
from multiprocessing import get_context
from queue import Empty

import numpy as np

from simulations.completion_data import completion
from theory.completion_certificates import min_nuclear_norm
from theory.nuclear import MinNuclearNorm

GAP = 1e-6
RUNS = 3
LIMIT = 60
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def ours(problem):
    found = MinNuclearNorm(GAP).predict(problem)
    return found.matrix, found.multipliers


def with_scs(problem, tolerance):
    import cvxpy

    w = cvxpy.Variable((problem.d, problem.d), symmetric=True)
    options = {"eps_abs": tolerance, "eps_rel": tolerance, "max_iters": 100_000}
    return _solve(problem, w, cvxpy.normNuc(w), cvxpy.SCS, options)


def with_clarabel(problem, tolerance):
    """Split ``W = P - N`` with P, N ⪰ 0: for an interior point method cheaper than normNuc."""
    import cvxpy

    p, n = (cvxpy.Variable((problem.d, problem.d), PSD=True) for _ in range(2))
    options = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
    return _solve(problem, p - n, cvxpy.trace(p + n), cvxpy.CLARABEL, options)


def _solve(problem, w, norm, solver, options):
    import cvxpy

    entries = problem.measurements
    constraint = w[entries.rows, entries.columns] == problem.values
    cvxpy.Problem(cvxpy.Minimize(norm), [constraint]).solve(solver=solver, **options)
    dual = np.ravel(constraint.dual_value)
    return w.value, -dual if problem.values @ dual < 0 else dual


def _in_process(queue, solve, problem_settings, arguments, runs):
    problem = completion(**problem_settings)
    solve(completion(d=6, fraction=0.5), *arguments)  # imports and compiles
    for _ in range(runs):
        started = time.perf_counter()
        w, mu = solve(problem, *arguments)
        seconds = time.perf_counter() - started
        certificate = min_nuclear_norm(problem, (w + w.T) / 2, mu)
        queue.put((seconds, max(certificate.gap, certificate.infeasibility)))


def measure(solve, problem_settings, *arguments, runs=RUNS):
    """Return median seconds and largest gap, or None when one run takes longer than the limit."""
    context = get_context("spawn")
    queue = context.Queue()
    process = context.Process(
        target=_in_process, args=(queue, solve, problem_settings, arguments, runs), daemon=True
    )
    process.start()
    try:
        found = [queue.get(timeout=LIMIT) for _ in range(runs)]
    except Empty:
        return None
    finally:
        process.terminate()
        process.join()
    return float(np.median([seconds for seconds, _ in found])), max(gap for _, gap in found)


def peer(solve, problem_settings):
    """Measure at the loosest tolerance that is good enough."""
    for tolerance in TOLERANCES:
        found = measure(solve, problem_settings, tolerance, runs=1)
        if found is None:
            return None
        if found[1] <= GAP:
            return measure(solve, problem_settings, tolerance)
    return None


def main():
    print(f"{'observed':>8} {'solver':>16} {'seconds':>8} {'gap':>8} {'ratio':>6}")
    for fraction in (0.05, 0.3):
        settings = {"fraction": fraction}
        rows = {
            "grokflow": measure(ours, settings),
            "cvxpy, SCS": peer(with_scs, settings),
            "cvxpy, Clarabel": peer(with_clarabel, settings),
        }
        for name, row in rows.items():
            if row is None:
                print(f"{fraction:8.0%} {name:>16}   not within {LIMIT} s and {GAP:g}", flush=True)
                continue
            ratio = row[0] / rows["grokflow"][0]
            print(
                f"{fraction:8.0%} {name:>16} {row[0]:8.3f} {row[1]:8.1e} {ratio:6.1f}", flush=True
            )


if __name__ == "__main__":
    main()
