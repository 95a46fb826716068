"""What a predictor raises when it cannot be given: there is none, or rounding hides it.

`NotSeparable` and `NotInterpolable` carry a proof that there is no predictor. `NotResolved` says
that double precision does not decide, or does not reach the wanted accuracy; it proves nothing
but what its message states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

from numpy.linalg import LinAlgError

from grokflow.theory.certificate import Farkas
from grokflow.theory.errors import WholeError, either
from grokflow.theory.numerics.newton import NotConverged


class Remedy(Enum):
    """What helps where no weights separate the classes, in the words of commands and functions."""

    INTERCEPT = (
        "add an intercept, which separates them: intercept=1.0 (--intercept), or a column of 1"
    )
    PENALTY = (
        "leave out samples that contradict others, take the square loss with loss='square' (--loss "
        "square), or from Python a predictor at λ above 0, gf.L1Penalised or gf.L2Penalised"
    )


class NoPredictor(WholeError, ValueError):
    """No predictor can be given for these data, though the flow exists; what follows says why.

    Examples
    --------
    Two equal inputs with different targets:

    >>> import grokflow as gf
    >>> try:
    ...     gf.MinL1NormRegressor().fit([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
    ... except gf.NoPredictor as reason:
    ...     print(reason)
    no w interpolates the targets ... use fewer samples or more inputs
    """

    # What was found, without what helps those who want a predictor alone; empty where all does.
    finding: str = ""

    @property
    def in_short(self) -> str:
        """What was found, in one line, for those who go on without a predictor.

        Examples
        --------
        >>> import numpy as np
        >>> import grokflow as gf
        >>> print(gf.PartlySeparable(np.array([3]), n=20).in_short)
        1 of 20 samples can be classified ever better and the others overlap, ... at depth 2 only
        """
        return " ".join((self.finding or str(self)).split())


class NotInterpolable(NoPredictor):
    """No weights that are linear in the features fit the targets.

    Examples
    --------
    Two targets ask for twice the input, and for three times the input:

    >>> import grokflow as gf
    >>> try:
    ...     gf.MinL2NormRegressor().fit([[1.0], [2.0]], [2.0, 6.0])
    ... except gf.NotInterpolable as reason:
    ...     print(reason)
    no w interpolates the targets ...
    """


class NotResolved(NoPredictor):
    """Double precision does not decide, or does not reach the wanted gap.

    The message says what is known all the same, such as that every separating direction has a
    margin below some number, and what would help.

    Examples
    --------
    One `except` catches whatever keeps a predictor from being given:

    >>> import grokflow as gf
    >>> issubclass(gf.NotResolved, gf.NoPredictor)
    True
    """

    @classmethod
    def but_followed(cls, finding: str, helps: str = "") -> NotResolved:
        """Advise to follow the flow, which needs no predictor; `in_short` leaves this out.

        Parameters
        ----------
        finding : str
            What is not resolved, and what is expected.
        helps : str
            What may help beside; empty where nothing is known to.
        """
        flow = "gf.DiagonalFlow or gf.CompletionFlow, grokflow simulate"
        follow = f"follow the flow, which needs no predictor ({flow})"
        error = cls(f"{finding}: {either(helps, follow)}")
        error.finding = f"{finding}: {helps}" if helps else finding
        return error


@contextmanager
def resolving(what: str) -> Iterator[None]:
    """Raise `NotResolved` where a solver gives up, or rounding breaks it.

    Parameters
    ----------
    what : str
        What is not resolved then, such as "the forecast".
    """
    try:
        yield
    except (NotConverged, LinAlgError, ArithmeticError) as error:
        # What to change in one solver is no option of those who asked for the whole.
        found = " ".join(re.split(r", expected|: | \(", str(error))[0].split())
        said = f"{what} is not resolved ({found or type(error).__name__})"
        raise NotResolved.but_followed(f"{said}, expected solvers to converge") from error


class NotSeparable(NoPredictor):
    """No classifier that is linear in the features fits the labels.

    Parameters
    ----------
    certificate : Farkas
        The proof: a positive combination of the rows ``y_i x_i`` that vanishes.
    rows : str
        What the rows are called in the message.
    remedy : Remedy
        What helps.

    Examples
    --------
    Without an intercept no weight tells 1 from 2:

    >>> import grokflow as gf
    >>> try:
    ...     gf.MaxL1MarginClassifier().fit([[1.0], [2.0]], ["left", "right"])
    ... except gf.NotSeparable as reason:
    ...     print(reason)
    the data are not separable: 2 of the rows y_i x_i, each times a positive number, add up to ...
    """

    def __init__(
        self, certificate: Farkas, rows: str = "rows y_i x_i", remedy: Remedy = Remedy.PENALTY
    ) -> None:
        support = int((certificate.multipliers > 0).sum())
        self.finding = (
            f"the data are not separable: {support} of the {rows}, each times a positive number, "
            f"add up to a vector of norm {certificate.residual:.1e}, so that no weights classify "
            "all of them right, expected data that some weights do"
        )
        super().__init__(f"{self.finding}: {remedy.value}")
        self.certificate = certificate
        self.remedy = remedy

    def spell(self, words: Mapping[Remedy, str], who: str = "the data") -> None:
        """Say the remedy in the words of those who asked, such as users of scikit-learn.

        Parameters
        ----------
        words : mapping
            What each remedy is called there.
        who : str
            What is not separable, such as one class of several and the others.
        """
        self.finding = self.finding.replace("the data are", f"{who} are", 1)
        self.args = (f"{self.finding}: {words[self.remedy]}",)
