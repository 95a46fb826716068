"""Pruning curves of a net by rank-one terms against one forward pass for every neuron.

At p = 97, N = 500, all 500 neurons one after the other in three orders: low IPR first, high IPR
first, one random order; and the band of 50 random orders at 20 numbers of neurons. The forward
passes are timed at every twentieth number of neurons and multiplied.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.neuron_statistics import study_pruning
from grokflow.theory.modular.closed_form import PeriodicNeurons, periodic_solution
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.operations import OPERATIONS
from grokflow.theory.modular.participation import neuron_ipr
from grokflow.theory.modular.pruning import prune

P, WIDTH, EVERY = 97, 500, 20


def net():
    """Return periodic neurons, a third of them, among noise: pruning changes all accuracies."""
    rng = np.random.default_rng(0)
    phi, psi = rng.uniform(0, 2 * np.pi, (2, WIDTH))
    exact = periodic_solution(OPERATIONS["addition"], P, PeriodicNeurons.aligned(phi, psi))
    periodic = rng.permutation(WIDTH) < WIDTH // 3
    parts = []
    for part in (exact.u, exact.v, exact.w.T):
        noise = np.std(part) * rng.standard_normal(part.shape)
        parts.append(np.where(periodic[:, None], part, noise))
    return ModularWeights(parts[0], parts[1], parts[2].T)


def forward(weights, data, order):
    """Return the seconds that one forward pass for every number of neurons would take."""
    started = perf_counter()
    for count in range(0, WIDTH, EVERY):
        kept = order[count:]
        pruned = ModularWeights(weights.u[kept], weights.v[kept], weights.w[:, kept])
        right = pruned.outputs(data.first, data.second).argmax(axis=1) == data.labels
        [right[group].mean() for group in (data.test, data.corrupted, data.uncorrupted)]
    return EVERY * (perf_counter() - started)


def main(limit=60.0):
    """Run in this process; nothing here can take `limit` seconds without being broken."""
    weights, rng = net(), np.random.default_rng(1)
    data = CorruptedTask(p=P, corruption=0.35).draw()
    ipr = neuron_ipr(weights, OPERATIONS["addition"].basis(P))
    low = ipr.ascending()
    orders = {"low first": low, "high first": low[::-1], "random": rng.permutation(WIDTH)}
    total = [0.0, 0.0]
    for name, order in orders.items():
        started = perf_counter()
        prune(weights, data, order)
        once, each = perf_counter() - started, forward(weights, data, order)
        total[0] += once
        total[1] += each
        print(f"{name:12s} one pass {once:6.2f} s, forward passes {each:6.1f} s", flush=True)
    print(f"{'three orders':12s} one pass {total[0]:6.2f} s, forward passes {total[1]:6.1f} s")
    started = perf_counter()
    study_pruning(weights, data, ipr, rng)
    print(f"with the band of 50 random orders: {perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
