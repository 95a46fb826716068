"""Why a column that should hold numbers or classes may hold other words, and what helps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from grokflow.simulations.tables.reading import one_line, spelled
from grokflow.theory.labels import name_of

# Beyond so many words that hardly repeat, they are texts and no categories.
_MOST_WORDS = 20
_FORTRAN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[dD][+-]?\d+")
_INFINITE = re.compile(r"[+-]?inf(inity)?|[+-]?1\.#inf|[+-]?∞", re.IGNORECASE)
# Words that a message proposes to read as no value.
_MOST_MARKERS = 3
AS_NO_VALUE = "reads them as no value"
# A currency before the number, or a unit of one sign or a few letters behind.
_SIGNED = re.compile(r"([^\W\d_]{0,3}[$€£¥₹]\s*|)([+\u2212-]?[\d.,]*\d)(\s*[%‰°$€£¥₹][^\W\d_]?|)")
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
        return (
            "all other rows are numbers, so that the first may hold units: remove it, or, if it "
            f"stands for no value, {spelled('na', odd[0])} says so"
        )
    if 0 < 2 * len(odd) < len(words):
        return _no_values(odd, len(words))
    if len(set(words)) > max(_MOST_WORDS, len(words) / 2):
        return "its words hardly repeat, as those of texts do"
    return ""


def _no_values(odd: Sequence[str], count: int) -> str:
    """Say which few words stand among numbers, and how they are read as no value."""
    distinct = sorted(set(odd))
    said = f"{len(odd)} of {count} entries are no numbers"
    if len(distinct) > _MOST_MARKERS:
        return f"{said} ({', '.join(map(repr, distinct[:_MOST_MARKERS]))}, ...): mend them"
    return f"{said}, and {spelled('na', ','.join(distinct))} {AS_NO_VALUE}"


def are_mostly_numbers(words: Sequence[str], is_number: Callable[[str], bool]) -> bool:
    """Whether most words are numbers, and these so many that they are no names of categories."""
    numbers = [word for word in words if is_number(word)]
    return 2 * len(numbers) > len(words) and len(set(numbers)) > _MOST_WORDS


def check_repeats(labels: Sequence[object], classes: Sequence[float], what: str) -> None:
    """Refuse labels most of which are the only one of their class: these cannot be tested on.

    Parameters
    ----------
    labels : sequence
        Numbers or words, one a row.
    classes : sequence of float
        The class that each of them became.
    what : str
        What messages call the labels.

    Raises
    ------
    ValueError
        With the first labels and what helps.
    """
    alone = sum(count == 1 for count in Counter(classes).values())
    if 2 * alone <= len(labels):
        return
    remedy = "regression=True (--regression) reads them as numbers, or add rows"
    if all(isinstance(label, str) for label in labels):
        signs = signs_of([str(label) for label in labels])
        remedy = "learn another column, target='NAME' (--target NAME), or add rows"
        if signs:
            remedy = f"numbers stand with a sign, {signs}: write them without"
    listed = ", ".join(repr(name_of(label)) for label in labels[:3])
    raise ValueError(
        f"{what} is read as classes ({listed}{', ...' if len(labels) > 3 else ''}), and {alone} of "
        f"{len(labels)} rows are alone in theirs, expected classes of two rows or more, of which "
        f"one is tested on: {remedy}"
    )


def remarks_on_spelling(labels: np.ndarray, what: str) -> Iterator[str]:
    """Say which words differ in capitals and white space alone, and are classes of their own.

    Parameters
    ----------
    labels : ndarray, shape (n,)
        Numbers or words.
    what : str
        What messages call the labels.
    """
    if labels.dtype.kind != "O":
        return
    alike: dict[str, list[str]] = {}
    for word in sorted(set(map(str, labels.tolist()))):
        alike.setdefault(one_line(word).casefold(), []).append(word)
    told = [", ".join(map(repr, words)) for words in alike.values() if len(words) > 1]
    if told:
        more = f" and {len(told) - _MOST_MARKERS} more" if len(told) > _MOST_MARKERS else ""
        yield (
            f"{what} has words that differ in capitals or blanks alone, and are read as different: "
            f"{'; '.join(told[:_MOST_MARKERS])}{more}; write them alike if they mean the same"
        )


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
