"""Why a column that should hold numbers may hold words, and what helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# Beyond so many words that hardly repeat, they are texts and no categories.
_MOST_WORDS = 20
_FORTRAN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[dD][+-]?\d+")
_INFINITE = re.compile(r"[+-]?inf(inity)?|[+-]?1\.#inf|[+-]?∞", re.IGNORECASE)
# A currency before the number, or a unit of one sign or a few letters behind.
_SIGNED = re.compile(r"([^\W\d_]{0,3}[$€£¥₹]\s*|)([+-]?[\d.,]*\d)(\s*[%‰°$€£¥₹][^\W\d_]?|)")
_UNCERTAIN = re.compile(r".*\d\s*(±|\+/-|\+-)\s*[\d.].*")


def likely_cause(words: Sequence[str], is_number: Callable[[str], bool]) -> str:
    """Return why words are no numbers, with what helps; nothing where they may be categories.

    Parameters
    ----------
    words : sequence of str
        The words of a column, one a row, without those that stand for no value.
    is_number : callable
        Whether a word is written as a number.

    Examples
    --------
    >>> from grokflow.simulations.tables.doubts.words import likely_cause
    >>> likely_cause(["4.2D-01", "1.0D+02"], lambda word: False)
    'exponents are written with D, as Fortran does: write E in their place'
    >>> likely_cause(["red", "blue", "red"], lambda word: False)
    ''
    """
    odd = [word for word in words if not is_number(word)]
    if odd and all(_FORTRAN.fullmatch(word) for word in odd):
        return "exponents are written with D, as Fortran does: write E in their place"
    if odd and all(_UNCERTAIN.fullmatch(word) for word in odd):
        return "numbers stand with their uncertainties: write these in a column of their own"
    if odd and all(_INFINITE.fullmatch(word) for word in odd):
        return (
            f"{len(odd)} of {len(words)} rows hold no finite number: mend them, or leave them out"
        )
    if signs := signs_of(odd):
        return f"numbers stand with a sign, {signs}: write them without"
    if len(words) > 2 and odd == [words[0]]:
        return "all other rows are numbers, so that the first may hold units: remove it"
    if len(set(words)) > max(_MOST_WORDS, len(words) / 2):
        return "its words hardly repeat, as those of texts do"
    return ""


def signs_of(words: Sequence[str]) -> str:
    """Return the signs of currency, per cent or degrees of words that are numbers but for them.

    Examples
    --------
    >>> from grokflow.simulations.tables.doubts.words import signs_of
    >>> signs_of(["$28.31", "$4"]), signs_of(["13.3%", "red"])
    ('$', '')
    """
    found = [_SIGNED.fullmatch(word.strip()) for word in words]
    signs = {(match[1] + match[3]).strip() for match in found if match}
    return ", ".join(sorted(signs)) if words and all(found) and "" not in signs else ""
