"""Dropout of what enters neurons, drawn block by block from a stream of every cell and step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from grokflow.simulations.modular.pairs import Block


class Dropout:
    """Factors of one step: 0 with the probability of a cell, else ``1 / (1 - probability)``.

    The blocks of a cell must be asked for in order; the factors then do not depend on how pairs
    are cut into blocks, nor on the cells beside.

    Parameters
    ----------
    probabilities : sequence of float
        One a cell.
    seeds : sequence of SeedSequence
        One a cell, of its own for every step.
    width : int
        Neurons N.
    dtype, device : torch.dtype, str
        Of the factors.
    """

    def __init__(
        self,
        probabilities: Sequence[float],
        seeds: Sequence[np.random.SeedSequence],
        width: int,
        dtype: torch.dtype,
        device: str,
    ) -> None:
        self.probabilities, self.width, self.dtype = probabilities, width, dtype
        self.streams = [_Stream(seed, device) for seed in seeds]

    def factors(self, block: Block) -> Tensor:
        """Return the factors on the next block, shape (b, m, N)."""
        size = (block.labels.shape[1], self.width)
        chosen = zip(self.streams[block.cells], self.probabilities[block.cells], strict=True)
        kept = [
            (stream.uniform(size) >= rate).to(self.dtype).mul_(1 / (1 - rate))
            for stream, rate in chosen
        ]
        return torch.stack(kept)


class _Stream:
    """Uniform numbers, drawn where torch computes."""

    def __init__(self, seed: np.random.SeedSequence, device: str) -> None:
        self.device = device
        if device == "cpu":  # faster than torch's generator, which is half of a step
            self.rng = np.random.Generator(np.random.SFC64(seed))
        else:
            state = int(seed.generate_state(1, np.uint64)[0] >> 1)
            self.generator = torch.Generator(device).manual_seed(state)

    def uniform(self, size: tuple[int, int]) -> Tensor:
        """Return numbers in [0, 1)."""
        if self.device == "cpu":
            return torch.from_numpy(self.rng.random(size, dtype=np.float32))
        return torch.rand(size, generator=self.generator, device=self.device)
