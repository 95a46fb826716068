"""A training step on corrupted labels against straightforward loops in torch, and its products.

At p = 97, N = 500, half of the pairs, all of them in every step, as many threads as there are
cores. The loops gather nothing (one-hot products) or let automatic differentiation scatter
(indexed rows). Times are medians over rounds in which everything takes its turn.
"""

from __future__ import annotations

import os

import numpy as np
import torch

from benchmarks.child import Child
from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.rule import ModularCell
from grokflow.simulations.modular.run import ModularRun
from grokflow.simulations.modular.training import ModularTraining
from grokflow.simulations.runs.steps import every_steps

P, WIDTH, DECAY, XI = 97, 500, 15.0, 0.35
ROUNDS = 15


def loop(data, *, one_hot):
    """Return a function that takes one step with automatic differentiation."""
    deviation = (16 * WIDTH) ** (-1 / 3)
    u, v, w = (
        torch.nn.Parameter(deviation * torch.randn(shape))
        for shape in ((WIDTH, P), (WIDTH, P), (P, WIDTH))
    )
    optimizer = torch.optim.AdamW([u, v, w], lr=0.01, betas=(0.9, 0.98), weight_decay=DECAY)
    first, second, labels = (
        torch.from_numpy(x[data.train]) for x in (data.first, data.second, data.labels)
    )
    eye = torch.eye(P)
    target, left, right = eye[labels], eye[first], eye[second]

    def step():
        optimizer.zero_grad()
        x = left @ u.T + right @ v.T if one_hot else u.T[first] + v.T[second]
        torch.nn.functional.mse_loss(x**2 @ w.T, target).backward()
        optimizer.step()

    return step


def products(data):
    """Return a function that multiplies the three matrices of a step."""
    m = len(data.train)
    h, w, e = torch.randn(m, WIDTH), torch.randn(P, WIDTH), torch.randn(m, P)
    return lambda: (h @ w.T, e.T @ h, e @ w)


def prepare():
    """Return a function that takes a step in the way that it is told."""
    cell = ModularCell(data=CorruptedTask(p=P, corruption=XI).draw(), weight_decay=DECAY)
    run = ModularRun(ModularTraining(width=WIDTH), [cell], frozenset())
    steps = {
        "three products": products(cell.data),
        "grokflow": run.advance,
        "one-hot products": loop(cell.data, one_hot=True),
        "indexed rows": loop(cell.data, one_hot=False),
    }

    def solve(name):
        if name == "inversion":
            found = ModularTraining(width=WIDTH).run(cell, every_steps(300, 10))
            return int(found.steps[-1]), float(found.train[-1]), float(found.test[-1])
        steps[name]()

    return solve


def main(limit=60.0):
    threads = len(os.sched_getaffinity(0))
    names = ("three products", "grokflow", "one-hot products", "indexed rows")
    with Child(prepare, limit=limit, threads=threads) as child:
        rounds = [[child.run(name) for name in names] for _ in range(ROUNDS)]
        columns = dict(zip(names, zip(*rounds, strict=True), strict=True))
        clock = {name: np.median([run.seconds for run in runs]) for name, runs in columns.items()}
        cpu = {name: np.median([run.cpu for run in runs]) for name, runs in columns.items()}
        print(f"p = {P}, N = {WIDTH}, half of the pairs, {threads} threads")
        for name in names:
            print(
                f"  {name:18s} {1e3 * clock[name]:7.1f} ms a step, "
                f"{clock[name] / clock['grokflow']:5.2f} of ours "
                f"(of the processor {1e3 * cpu[name]:.1f} ms)",
                flush=True,
            )
        (steps, train, test), seconds, cpu_seconds, peak = child.run("inversion")
    print(
        f"  complete inversion: {steps} steps, train {train:.4f} (expected "
        f"{1 - XI + XI / P:.4f}), test {test:.4f}, {seconds:.1f} s, of the processor "
        f"{cpu_seconds:.1f} s; peak {peak / 2**30:.2f} GiB"
    )


if __name__ == "__main__":
    main()
