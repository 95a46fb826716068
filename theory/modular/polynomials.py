"""Polynomials in m and n, read from text such as ``m^2+mn+n^2``."""

from __future__ import annotations

import re

# Coefficients by the powers of m and n.
Terms = dict[tuple[int, int], int]

_TERM = re.compile(r"([+-]?)(\d*)\*?(?:(m)(?:\^(\d+))?)?\*?(?:(n)(?:\^(\d+))?)?")


def parse(text: str) -> Terms | None:
    """Return the terms of a polynomial with integer coefficients, None for any other text.

    Powers are written ``m^2`` or ``m²``, products ``mn`` or ``m*n``.
    """
    rest = text.replace(" ", "").replace("²", "^2").replace("³", "^3")
    terms: Terms = {}
    while rest:
        found = _TERM.match(rest)
        if found is None or not (found[2] or found[3] or found[5]) or (terms and not found[1]):
            return None
        powers = _power(found[3], found[4]), _power(found[5], found[6])
        value = int(found[1] + (found[2] or "1"))
        terms[powers] = terms.get(powers, 0) + value
        rest = rest[found.end() :]
    return terms if any(sum(powers) for powers in terms) else None


def separate(terms: Terms) -> tuple[Terms, Terms] | None:
    """Return f₁ and f₂ of ``f₁(m) + f₂(n)``, None where a term has both."""
    if any(a and b for a, b in terms):
        return None
    return {key: c for key, c in terms.items() if not key[1]}, {
        key: c for key, c in terms.items() if key[1]
    }


def _power(letter: str | None, degree: str | None) -> int:
    return 0 if letter is None else int(degree or 1)
