"""A scan of 15 × 9 × 8 cells of n = 64, d = 400, and what else would do the same work.

The plain loop simulates cells one by one, each with its forecast, as ``grokflow simulate`` does;
gradient descent is timed a step and extrapolated to the steps that reach the same λt*, at the
paper's step size and at the largest stable one where that is smaller. The fits of the note follow:
a, b and C for the diagonal net with three losses and for matrix completion.
"""

import tempfile
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np

from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.runs.code import code_version
from grokflow.simulations.runs.executors import local_workers
from grokflow.simulations.scan.cells import make_problem_of
from grokflow.simulations.scan.law import fit_laws
from grokflow.simulations.scan.outcome import measure
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.store import scan_store

JOBS = 2
FULL = {"alpha": "1e1:1e8:15", "lam": "1e-2:1e-6:9", "seeds": 8, "n": 64, "d": 400}
LOOPED, TIMED_STEPS = 12, 300
PAPER_STEP = 0.01
MODELS = (
    ("sparse", {**FULL, "loss": "logistic"}),
    ("sparse", {**FULL, "loss": "exponential"}),
    ("sparse-regression", FULL),
    (
        "completion",
        {"alpha": "1e1:1e8:8", "lam": "1e-3:1e-7:5", "seeds": 8, "d": 20, "fraction": 0.3},
    ),
)


class Timed(Executor):
    """Another executor, and the seconds that its workers were busy."""

    def __init__(self, pool):
        self.pool, self.busy = pool, 0.0

    def submit(self, function, /, *arguments):
        """Hand on a call with a clock around it."""
        outer, inner = Future(), self.pool.submit(timed, function, *arguments)
        inner.add_done_callback(lambda done: self._pass(outer, *done.result()))
        return outer

    def _pass(self, outer, result, seconds):
        self.busy += seconds
        outer.set_result(result)


def timed(function, *arguments):
    started = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - started


def scanned(problem, settings):
    """Run a scan into a file with two processes; return table, seconds, and share of overhead."""
    scan = Scan.over(problem, **settings)
    with tempfile.TemporaryDirectory() as folder, local_workers(JOBS) as pool:
        # Both workers import before the clock starts: seconds once a session, not a cell.
        list(pool.map(time.sleep, [1.0] * JOBS))
        list(pool.map(code_of, range(JOBS)))
        workers = Timed(pool)
        with scan_store(Path(folder) / "scan.db") as store:
            started = time.perf_counter()
            table = scan.run(store, executor=workers)
            seconds = time.perf_counter() - started
    return scan, table, seconds, 1 - workers.busy / (JOBS * seconds)


def code_of(_):
    return code_version()


def plain_loop(scan):
    """Seconds a cell, each simulated alone with its forecast and its data."""
    cells = [cell for cell in Scan.over(scan.problem, direct=True, **FULL).cells()]
    chosen = np.random.default_rng(0).choice(len(cells), LOOPED, replace=False)
    started = time.perf_counter()
    for i in chosen:
        make_problem_of.cache_clear()
        measure([cells[i]])
    return (time.perf_counter() - started) / LOOPED


def descent_step(problem):
    """Time one step of full-batch gradient descent with weight decay in torch, float32."""
    import torch

    torch.set_num_threads(1)
    z = torch.from_numpy(problem.inputs.to_array().astype(np.float32))
    theta = torch.full((2, problem.d), 1.0, requires_grad=True)
    optimiser = torch.optim.SGD([theta], lr=PAPER_STEP, weight_decay=1e-3)

    def step():
        optimiser.zero_grad()
        margins = z @ (theta[0] ** 2 - theta[1] ** 2)
        torch.nn.functional.softplus(-margins).mean().backward()
        optimiser.step()

    for _ in range(20):
        step()
    started = time.perf_counter()
    for _ in range(TIMED_STEPS):
        step()
    return (time.perf_counter() - started) / TIMED_STEPS


def descent_steps(table, problem):
    """Return the steps of all cells at the paper's step size, and at stable ones."""
    slow = table["lambda_t"] / table["lam"]
    top = np.linalg.eigvalsh(problem.inputs.gram)[-1] / problem.n
    # At the start the loss's curvature is 8 α² top l''(0), l'' = 1/4 for the logistic loss.
    stable = np.minimum(PAPER_STEP, 2 / (2 * table["alpha"] ** 2 * top))
    return np.nansum(slow / PAPER_STEP), np.nansum(slow / stable)


def main():
    for number, (problem, settings) in enumerate(MODELS):
        scan, table, seconds, overhead = scanned(problem, settings)
        audit = table.audit()
        print(
            f"{problem}, {table['loss'][0]}: {len(table)} cells in {seconds:.1f} s on {JOBS} "
            f"processes (goal 120 s), {len(table) / seconds:.1f} cells/s, {len(table.failed)} "
            f"errors, scheduler {100 * overhead:.1f} % (goal 5 %)"
        )
        print(
            f"  shift law: {int(table['simulated'].sum())} simulated; {audit.cells} beside the "
            f"law, off by at most {audit.largest:.1e}, stated {audit.stated:.1e}"
        )
        for fit in fit_laws(table):
            for name in ("a", "b", "C", "width"):
                found = getattr(fit, name)
                theory = "" if name == "width" else f", theory {getattr(fit.theory, name):.4f}, "
                path = "" if name == "width" else f"path {getattr(fit.path, name):.4f}"
                print(
                    f"  {name} = {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"
                    f"{theory}{path}"
                )
        if number == 0:
            compare(scan, table, seconds)


def compare(scan, table, seconds):
    loop = plain_loop(scan) * len(table)
    problem = sparse(n=FULL["n"], d=FULL["d"])
    step = descent_step(problem)
    paper, stable = descent_steps(table, problem)
    print(f"  plain loop of our flow, one process: {loop:.0f} s, {loop / seconds:.1f} times longer")
    print(
        f"  torch descent, one process: {1e6 * step:.0f} µs a step; {paper:.1e} steps at "
        f"{PAPER_STEP} ({paper * step / 86400:.0f} days, {paper * step / seconds:.1e} times "
        f"longer), {stable:.1e} at stable step sizes ({stable * step / seconds:.1e} times)"
    )
