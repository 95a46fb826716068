"""The largest margin on modular addition, where a net is measured by the lengths of its neurons.

Small weight decay on cubic nets prefers the largest margin over ``Σ ‖θ_j‖³``, where θ_j are all
weights of neuron j, the L_{2,3} norm. On addition mod an odd p that margin is known [1]_: nets that
attain it have one frequency a neuron, all frequencies alike. The proof takes the mean over pairs
and wrong classes for the least margin. That is a sum over neurons, of trilinear forms
``2/(p(p-1)) Σ u_a v_b w_{a+b}``, and for weights of no constant part and lengths 1/√3 each is at
most √(p/2)/√27 times 2/(p(p-1)).

References
----------
.. [1] Morwani, Edelman, Oncescu, Zhao and Kakade 2023, arXiv 2311.07568.
"""

from __future__ import annotations

import numpy as np


def largest_margin(p: int) -> float:
    """Return the largest margin over ``Σ ‖θ_j‖³`` of quadratic nets on addition mod an odd p."""
    return float(np.sqrt(2 / 27) / (np.sqrt(p) * (p - 1)))
