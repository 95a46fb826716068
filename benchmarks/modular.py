"""A training step on corrupted labels against straightforward loops in torch, and its products.

At p = 97, N = 500, half of the pairs, all of them in every step, as many threads as there are
cores. The loops gather nothing (one-hot products) or let automatic differentiation scatter
(indexed rows). Times are medians over rounds in which everything takes its turn.
"""

from __future__ import annotations

import os
from time import perf_counter

import numpy as np
import torch

from simulations.corrupted_data import CorruptedTask
from simulations.modular_run import ModularRun
from simulations.modular_training import ModularCell, ModularTraining

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


def main(limit=60.0):
    """Run in this process; nothing here can take `limit` seconds without being broken."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    data = CorruptedTask(p=P, corruption=XI).draw()
    cell = ModularCell(data=data, weight_decay=DECAY)
    run = ModularRun(ModularTraining(width=WIDTH, every=10**9), [cell], frozenset())
    candidates = {
        "three products": products(data),
        "grokflow": run.advance,
        "one-hot products": loop(data, one_hot=True),
        "indexed rows": loop(data, one_hot=False),
    }
    times = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, step in candidates.items():
            started = perf_counter()
            step()
            times[name].append(perf_counter() - started)
    ours = np.median(times["grokflow"])
    for name, values in times.items():
        median = np.median(values)
        print(
            f"  {name:18s} {1e3 * median:7.1f} ms a step, {median / ours:5.2f} of ours", flush=True
        )
    _inversion(cell)


def _inversion(cell):
    """Time the complete inversion, records included."""
    started = perf_counter()
    found = ModularTraining(width=WIDTH, steps=300).run(cell)
    seconds = perf_counter() - started
    print(
        f"  complete inversion: {found.steps[-1]} steps, train {found.train[-1]:.4f}, expected "
        f"{1 - XI + XI / P:.4f}, test {found.test[-1]:.4f}, {seconds:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
