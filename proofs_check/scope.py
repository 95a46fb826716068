"""What claims cover: the statements of the papers, and which claim is about which of them.

The statements are in ``statements.toml``. A claim says in its `Scope` which of them it tests and
for which nets; a statement that no claim tests has its reason there, and what would decide it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Scope:
    """What a claim covers.

    Parameters
    ----------
    statements : tuple of str
        Which statements of the papers it tests, by their labels in ``statements.toml``; none for
        what goes beyond them.
    model : str
        The nets.
    losses : tuple of str
        With which losses they are trained.
    depths : tuple of int
        Their degrees of homogeneity L.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.CLAIMS["thm-3.4"].scope.statements
    ('Theorem 3.4', 'Lemma C.9')
    """

    statements: tuple[str, ...] = ()
    model: str = ""
    losses: tuple[str, ...] = ()
    depths: tuple[int, ...] = ()


class Statement(NamedTuple):
    """A statement of a paper.

    Parameters
    ----------
    label : str
        As the paper numbers it.
    paper : str
        Which paper.
    says : str
        What is stated.
    undecided : str
        Why no claim decides it numerically, and what would; empty where claims do.
    """

    label: str
    paper: str
    says: str
    undecided: str = ""


@cache
def statements() -> dict[str, Statement]:
    """Return all statements by their labels, in the order of the papers."""
    text = (Path(__file__).parent / "statements.toml").read_text(encoding="utf-8")
    rows = [Statement(**row) for row in tomllib.loads(text)["statement"]]
    return {row.label: row for row in rows}
