"""Nets with their start."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from grokflow.proofs_check.ranges.tables import Draw


@st.composite
def nets(
    draw: Draw, inputs: int = 3, outputs: int = 1, most_layers: int = 3, width: int = 5
) -> Any:
    """Return homogeneous multi-layer nets, some with dead or with equal neurons.

    Parameters
    ----------
    inputs, outputs : int
        How many the net has.
    most_layers : int
        The most layers of weights; there are two at least.
    width : int
        The most neurons of a hidden layer.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> import torch
    >>> import grokflow as gf
    >>> @settings(max_examples=10)
    ... @given(gf.strategies.nets(inputs=2))
    ... def check_that_zero_leads_to_zero(net):
    ...     assert not net(torch.zeros(4, 2, dtype=torch.float64)).any()
    >>> check_that_zero_leads_to_zero()
    """
    # Problems of other models must not wait for torch.
    import torch

    from grokflow.simulations.nets.modules import MLP, Activation, he_start

    hidden = draw(st.lists(st.integers(1, width), min_size=1, max_size=most_layers - 1))
    activation = draw(st.sampled_from([Activation.QUADRATIC, Activation.RELU]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    net = he_start(MLP((inputs, *hidden, outputs), activation, bias=False), rng)
    change = draw(st.sampled_from(["none", "dead", "equal"]))
    with torch.no_grad():
        first = next(net.parameters())
        if change == "dead":
            first[0] = 0.0
        if change == "equal":
            first[:] = first[0].clone()
    return net
