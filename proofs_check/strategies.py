"""Hypothesis strategies of what claims range over, public so that users can test their own.

They draw what random normal numbers never are: ties, samples and inputs that repeat, tables of
smaller rank, sizes twelve decades apart.

Examples
--------
>>> from hypothesis import given
>>> import grokflow as gf
>>> @given(gf.strategies.separable(max_n=4, max_d=12))
... def check_a_margin(problem):
...     assert (problem.inputs.combine(gf.MaxL1Margin().predict(problem).w) > 0).all()
>>> check_a_margin()
"""

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(
        "hypothesis is missing, expected it for strategies: pip install hypothesis"
    ) from error

from grokflow.proofs_check.ranges.matrices import completions as completions
from grokflow.proofs_check.ranges.matrices import entries as entries
from grokflow.proofs_check.ranges.matrices import factors as factors
from grokflow.proofs_check.ranges.matrices import ratings as ratings
from grokflow.proofs_check.ranges.modular_tasks import frequencies as frequencies
from grokflow.proofs_check.ranges.modular_tasks import modular_tasks as modular_tasks
from grokflow.proofs_check.ranges.modular_tasks import moduli as moduli
from grokflow.proofs_check.ranges.nets import nets as nets
from grokflow.proofs_check.ranges.problems import inconsistent as inconsistent
from grokflow.proofs_check.ranges.problems import interpolable as interpolable
from grokflow.proofs_check.ranges.problems import overlapping as overlapping
from grokflow.proofs_check.ranges.problems import partly_separable as partly_separable
from grokflow.proofs_check.ranges.problems import separable as separable
from grokflow.proofs_check.ranges.problems import several_classes as several_classes
from grokflow.proofs_check.ranges.scales import decays as decays
from grokflow.proofs_check.ranges.scales import scales as scales
from grokflow.proofs_check.ranges.scales import schedules as schedules
from grokflow.proofs_check.ranges.tables import tables as tables
