"""The names by which the columns of observed entries of a matrix go.

Rows go by ``i``, ``row`` or ``user``, columns by ``j``, ``column``, ``col``, ``item`` or ``movie``,
both with or without ``id`` behind, and values by ``value`` or ``rating``. There may be a ``split``
with the words train and test; a ``timestamp`` is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from grokflow.simulations.tables.contents import SPLIT_NAME

ROLES = {
    "i": ("i", "row", "user"),
    "j": ("j", "column", "col", "item", "movie"),
    "value": ("value", "rating"),
}
LEFT_OUT = "timestamp"
# Tables of inputs lack a smaller share of their cells, ratings a larger one.
_MOST_CELLS = 0.5


def entry_roles(names: Iterable[str]) -> dict[str, str]:
    """Return which names stand for rows, columns and values; what is not found is left out."""
    found: dict[str, str] = {}
    for name in names:
        for role, stems in ROLES.items():
            if stem_of(name) in stems and role not in found:
                found[role] = name
    return found


def are_entries(names: Iterable[str], *, alone: bool) -> bool:
    """Whether these name observed entries, and nothing else where they must be `alone`."""
    names = tuple(names)
    roles = entry_roles(names)
    rest = {stem_of(name) for name in names if name not in roles.values()}
    return len(roles) == len(ROLES) and (not alone or rest <= {SPLIT_NAME, LEFT_OUT})


def stem_of(name: str) -> str:
    """Return a name in small letters, without ``id`` behind it."""
    plain = name.strip().casefold()
    for ending in ("_id", " id", "id"):
        if plain.endswith(ending):
            return plain.removesuffix(ending)
    return plain


def or_matrix(rows: int, columns: int, lacking: float) -> str:
    """Say how a table with gaps is written that may be a matrix: square, or with gaps for the most.

    Parameters
    ----------
    rows, columns : int
        Its size; one column more may name the rows.
    lacking : float
        Which share of its cells has no value.
    """
    if columns - rows in (0, 1):
        names, python = "i,j,value", " (in Python gf.make_matrix_problem takes the matrix)"
    elif lacking > _MOST_CELLS:
        names, python = "user,item,value", ""
    else:
        return ""
    return (
        "; if these are the observed entries of a matrix, write each as a row under "
        f"{names}{python}"
    )
