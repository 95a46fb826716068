"""What a predictor raises when there is nothing to predict."""

from __future__ import annotations

from grokflow.theory.certificate import Farkas
from grokflow.theory.errors import WholeError


class NoPredictor(WholeError, ValueError):
    """The predictor does not exist for these data; the flow does."""


class NotSeparable(NoPredictor):
    """No classifier linear in the features fits the labels; ``certificate`` proves it."""

    def __init__(self, certificate: Farkas, rows: str = "rows y_i x_i") -> None:
        support = int((certificate.multipliers > 1e-12).sum())
        super().__init__(
            f"the data are not separable: {support} of the {rows} combine to a vector of "
            f"norm {certificate.residual:.1e} (Farkas), expected none to: use the square "
            "loss, or the finite-lambda predictor"
        )
        self.certificate = certificate
