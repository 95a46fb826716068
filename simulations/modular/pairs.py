"""Pairs of residues of many nets, and how they are cut into blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Block(NamedTuple):
    """Some pairs of some cells: rows into the stacked Uᵀ, Vᵀ of all cells, and labels."""

    cells: slice
    pairs: slice
    rows: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of every cell, of shape (B, m, 2) as flat rows, and their labels of shape (B, m)."""

    rows: Tensor
    labels: Tensor

    @classmethod
    def of(cls, first: Tensor, second: Tensor, labels: Tensor, p: int) -> Pairs:
        """Take residues and labels of shape (B, m)."""
        offset = 2 * p * torch.arange(len(first), device=first.device)[:, None]
        return cls(torch.stack([first + offset, second + offset + p], dim=2), labels)

    @property
    def count(self) -> int:
        """The number m of pairs of a cell."""
        return int(self.labels.shape[1])

    def blocks(self, size: int, *, whole: bool = False) -> list[Block]:
        """Cut into blocks of about `size` pairs: of a part of one cell, or of several cells.

        With `whole`, cells are not cut.
        """
        length = self.count if whole else min(size, self.count)
        together = max(1, size // self.count)
        return [
            self._block(slice(i, i + together), slice(k, k + length))
            for i in range(0, len(self.labels), together)
            for k in range(0, self.count, length)
        ]

    def _block(self, cells: slice, pairs: slice) -> Block:
        return Block(
            cells, pairs, self.rows[cells, pairs].reshape(-1, 2), self.labels[cells, pairs]
        )
