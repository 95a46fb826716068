"""Minimum nuclear norm at 97×97 against cvxpy, every answer judged by our certificate.

Peers run at the loosest tolerance of a list that our certificate finds good to the same gap. The
time is the median of three runs.
"""

from functools import partial

import numpy as np

from benchmarks.child import Child, Ended, Failed
from benchmarks.tables import Table
from grokflow.simulations.completion.data import completion
from grokflow.theory.completion.certificates import min_nuclear_norm
from grokflow.theory.completion.nuclear import MinNuclearNorm

GAP = 1e-6
RUNS = 3
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def ours(problem, _):
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


METHODS = {
    "grokflow": (ours, (None,)),
    "cvxpy, SCS": (with_scs, TOLERANCES),
    "cvxpy, Clarabel": (with_clarabel, TOLERANCES),
}


def prepare(method, fraction):
    method(completion(d=6, fraction=0.5), 1e-4)  # imports and compiles
    return partial(method, completion(fraction=fraction))


def gap(problem, w, multipliers):
    certificate = min_nuclear_norm(problem, (w + w.T) / 2, multipliers)
    return max(certificate.gap, certificate.infeasibility)


def measure(method, tolerances, fraction, limit):
    """Return seconds and gap at the loosest tolerance that is good enough; or why there is none."""
    problem, why = completion(fraction=fraction), f"no tolerance gives {GAP:g}"
    with Child(prepare, (method, fraction), limit=limit) as child:
        for tolerance in tolerances:
            try:
                first = child.run(tolerance)
                if (reached := gap(problem, *first.result)) <= GAP:
                    seconds = [child.run(tolerance).seconds for _ in range(RUNS - 1)]
                    return float(np.median([first.seconds, *seconds])), reached
            except Ended as ended:
                return str(ended)
            except Failed as failed:
                why = str(failed)
    return why


def main(limit=60.0):
    rows = Table(observed="8.0%", solver="<16s", seconds="8.3f", gap="8.1e", ratio="6.1f")
    for fraction in (0.05, 0.3):
        reference = np.nan
        for name, (method, tolerances) in METHODS.items():
            found = measure(method, tolerances, fraction, limit)
            if isinstance(found, str):
                rows.row(observed=fraction, solver=name, seconds=found)
                continue
            seconds, reached = found
            reference = seconds if method is ours else reference
            ratio = seconds / reference
            rows.row(observed=fraction, solver=name, seconds=seconds, gap=reached, ratio=ratio)


if __name__ == "__main__":
    main()
