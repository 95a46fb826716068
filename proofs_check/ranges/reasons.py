"""Why claims range over nothing that a search could go through, where several share a reason."""

from __future__ import annotations

TRAINED = "it trains nets, for so long that a search would come to a few instances alone"
LAW = (
    "it is about a law that data are drawn from, and judged by many draws: no single instance "
    "refutes it"
)
NOISE = "it is about descent with random noise, and judged by many draws: no single one refutes it"
FIGURE = "it is about the data of one figure of a paper, not about every problem"
TEST_ERROR = (
    "it is about when the error on test data changes, and instances have no test data of their own"
)
