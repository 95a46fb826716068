"""Rules of modular arithmetic, ``(m, n) → F(f₁(m) + f₂(n))`` or ``F(f₁(m) · f₂(n))`` mod p.

Products become sums in the discrete logarithm, so that every such rule is an addition in
coordinates of its own (Gromov 2023, section 4.3). Polynomials like ``m² + mn + n²`` are neither,
and nets do not learn them (Doshi et al. 2024b): they have a table and no coordinates.

References
----------
Gromov, "Grokking modular arithmetic", arXiv 2301.02679.
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061.
Doshi, He, Das, Gromov, "Grokking modular polynomials", arXiv 2406.03495.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.theory.modular.polynomials import Terms, parse, separate

# Residues of an array of residues mod p.
Map = Callable[[np.ndarray, int], np.ndarray]


class Combination(Enum):
    """How f₁(m) and f₂(n) meet."""

    SUM = "sum"
    PRODUCT = "product"
    MIXED = "mixed"


class Coordinates(NamedTuple):
    """A rule as addition mod `modulus`: ``table[m, n] = outer[(first[m] + second[n]) % modulus]``.

    ``first`` and ``second`` have shape (p,), ``outer`` has shape (modulus,). Where a product has
    the factor zero, which has no logarithm, they are -1.
    """

    modulus: int
    first: np.ndarray
    second: np.ndarray
    outer: np.ndarray


class Basis(NamedTuple):
    """The raw indices in the order of the coordinates: ``u[:, first]`` is periodic after grokking.

    Zero is left out of products. ``outer`` names a class once for every sum that F takes to it. An
    f that is not one to one has no such order, nor has a mixed rule: indices then stay as they are,
    ``own`` is False, and rows that are read in them need not be periodic after grokking.
    """

    first: np.ndarray
    second: np.ndarray
    outer: np.ndarray
    own: bool = True


def _identity(x: np.ndarray, p: int) -> np.ndarray:
    return x


def _negative(x: np.ndarray, p: int) -> np.ndarray:
    return -x % p


def _inverse(x: np.ndarray, p: int) -> np.ndarray:
    return np.array([pow(int(value), -1, p) if value else -1 for value in x])


def _power(x: np.ndarray, p: int, *, degree: int) -> np.ndarray:
    return np.array([pow(int(value), degree, p) for value in x])


def _polynomial(x: np.ndarray, p: int, *, terms: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Return the sum of coefficients times powers, `terms` holding both."""
    zero = np.zeros(len(x), dtype=np.int64)
    return sum((c % p * _power(x, p, degree=degree) for degree, c in terms), zero) % p


@dataclass(frozen=True)
class Operation:
    """A rule that gives every pair of residues mod p a class.

    Parameters
    ----------
    name : str
        As the command line spells it.
    combination : Combination
        Sum or product of f₁(m) and f₂(n), or of neither form.
    first, second, outer : callable
        f₁, f₂ and F: residues and p to residues; -1 where f is not defined.
    terms : tuple of ((int, int), int)
        Of a mixed rule, powers of m and n and their coefficient.
    """

    name: str
    combination: Combination = Combination.SUM
    first: Map = field(default=_identity, repr=False)
    second: Map = field(default=_identity, repr=False)
    outer: Map = field(default=_identity, repr=False)
    terms: tuple[tuple[tuple[int, int], int], ...] = ()

    def table(self, p: int) -> np.ndarray:
        """Return the class of every pair, shape (p, p); -1 where the rule is not defined.

        Raises
        ------
        ValueError
            For p < 2, and for p that is not prime where the rule needs inverses.
        """
        _check_modulus(p)
        if _inverse in (self.first, self.second):
            _check_prime(p, self.name)
        m, n = self._operands(p)
        if self.combination is Combination.MIXED:
            return self._mixed_terms(m, n, p)
        met = m[:, None] + n if self.combination is Combination.SUM else m[:, None] * n
        classes = self.outer(np.arange(p), p)[met % p]
        return np.where((m[:, None] < 0) | (n < 0), -1, classes)

    def coordinates(self, p: int) -> Coordinates:
        """Return the rule as an addition of coordinates.

        Raises
        ------
        ValueError
            For products when p is not prime: there is no discrete logarithm. For mixed rules.
        """
        _check_modulus(p)
        if self.combination is Combination.MIXED:
            raise ValueError(
                f"{self.name} mixes m and n, expected F(f₁(m) + f₂(n)) or F(f₁(m)·f₂(n)), which "
                "have coordinates: choose another operation"
            )
        if self.combination is Combination.PRODUCT:
            _check_prime(p, self.name)
        m, n = self._operands(p)
        residues = np.arange(p)
        if self.combination is Combination.SUM:
            return Coordinates(p, m, n, self.outer(residues, p))
        powers = _powers(primitive_root(p), p)
        logarithm = np.full(p, -1)
        logarithm[powers] = residues[:-1]
        first, second = (np.where(side < 0, -1, logarithm[side]) for side in (m, n))
        return Coordinates(p - 1, first, second, self.outer(residues, p)[powers])

    def basis(self, p: int) -> Basis:
        """Return the orders of rows in which a net that groks is periodic.

        Raises
        ------
        ValueError
            For products when p is not prime.
        """
        if self.combination is Combination.MIXED:
            return Basis(np.arange(p), np.arange(p), np.arange(p), own=False)
        modulus, first, second, outer = self.coordinates(p)
        m, n = (_order(side, modulus) for side in (first, second))
        own = m is not None and n is not None
        raw = np.arange(p)
        return Basis(raw if m is None else m, raw if n is None else n, outer, own)

    def _operands(self, p: int) -> tuple[np.ndarray, np.ndarray]:
        residues = np.arange(p)
        return self.first(residues, p), self.second(residues, p)

    def _mixed_terms(self, m: np.ndarray, n: np.ndarray, p: int) -> np.ndarray:
        total = np.zeros((p, p), dtype=np.int64)
        for (a, b), c in self.terms:
            total += c % p * np.outer(_power(m, p, degree=a), _power(n, p, degree=b)) % p
        return total % p


_square = partial(_power, degree=2)
_cube = partial(_power, degree=3)

OPERATIONS: dict[str, Operation] = {
    rule.name: rule
    for rule in (
        Operation("addition"),
        Operation("subtraction", second=_negative),
        Operation("multiplication", Combination.PRODUCT),
        Operation("division", Combination.PRODUCT, second=_inverse),
        Operation("sum-of-squares", first=_square, second=_square),
        Operation("sum-of-cubes", first=_cube, second=_cube),
        Operation("first-plus-square", second=_square),
        Operation("square-of-sum", outer=_square),
        Operation("cube-of-sum", outer=_cube),
        Operation("product-of-squares", Combination.PRODUCT, first=_square, second=_square),
    )
}


def operation(name: str) -> Operation:
    """Return the rule of modular arithmetic of that name, or that polynomial in m and n.

    Parameters
    ----------
    name : str
        One of `grokflow.theory.modular.operations.OPERATIONS`, or a polynomial such as
        ``m^2+mn+n^2``.

    Raises
    ------
    ValueError
        For unknown names.

    Examples
    --------
    >>> import grokflow as gf
    >>> print(gf.operation("addition").table(3))
    [[0 1 2]
     [1 2 0]
     [2 0 1]]
    >>> print(gf.operation("m^2+n^2").table(3))
    [[0 1 1]
     [1 2 2]
     [1 2 2]]
    """
    if name in OPERATIONS:
        return OPERATIONS[name]
    if (terms := parse(name)) is None:
        raise ValueError(
            f"operation {name!r} found, expected one of {', '.join(OPERATIONS)} or a polynomial "
            "such as m^2+mn+n^2: choose one of them"
        )
    return _of_terms(name, terms)


def _of_terms(name: str, terms: Terms) -> Operation:
    """Return a polynomial as a sum or a product where it is one."""
    if (parts := separate(terms)) is not None:
        first = tuple((a, c) for (a, _), c in parts[0].items())
        second = tuple((b, c) for (_, b), c in parts[1].items())
        combination = Combination.SUM
    elif len(terms) == 1:
        ((a, b), c) = next(iter(terms.items()))
        first, second, combination = ((a, c),), ((b, 1),), Combination.PRODUCT
    else:
        return Operation(name, Combination.MIXED, terms=tuple(terms.items()))
    f1, f2 = (partial(_polynomial, terms=side) for side in (first, second))
    return Operation(name, combination, f1, f2)


def is_prime(p: int) -> bool:
    """Say whether p is prime, by trial division."""
    return p > 1 and all(p % d for d in range(2, int(p**0.5) + 1))


def primitive_root(p: int) -> int:
    """Return the least generator of the units mod p, p prime."""
    return next(g for g in range(1, p) if len(set(_powers(g, p).tolist())) == p - 1)


def _powers(g: int, p: int) -> np.ndarray:
    """Return ``g^0, …, g^(p-2)`` mod p."""
    powers = [1]
    for _ in range(p - 2):
        powers.append(powers[-1] * g % p)
    return np.array(powers)


def _order(coordinate: np.ndarray, modulus: int) -> np.ndarray | None:
    """Return the indices in the order of their coordinate, None when it is not one to one."""
    present = np.flatnonzero(coordinate >= 0)
    order = present[np.argsort(coordinate[present], kind="stable")]
    return order if np.array_equal(coordinate[order], np.arange(modulus)) else None


def _check_modulus(p: int) -> None:
    if p < 2:
        raise ValueError(f"p is {p}, expected at least 2: choose a larger modulus")


def _check_prime(p: int, name: str) -> None:
    if not is_prime(p):
        raise ValueError(
            f"p is {p} for {name}, expected a prime, mod which every unit has a logarithm and an "
            "inverse: choose another p"
        )
