"""Early predictors of any homogeneous model: what its kernel regime converges to.

Theorem 3.4 of Lyu et al. (2024): for classification the output at ``T_c^-``, normalised, tends to
``⟨∇f(θ̄; x), h*⟩`` with h* along the solution of (K1), the hard-margin support vector machine
without bias on the features ``∇f(θ̄; x)``; Theorem 3.9: for regression with independent features
it tends to that of (K2), the min-norm interpolant.

Several outputs
---------------
The vector h ranges over all parameters of the model. A model with C outputs and targets of shape
(m, C) is one problem with the full (mC, mC) kernel. A model with one output and targets of shape
(m, C) stands for C copies of itself that share nothing: C problems with one kernel, whose squared
norms add up. Classes enter as ±1 targets, a column for each (`one_vs_rest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.certificate import Certificate
from grokflow.theory.conversion import as_array, as_labels
from grokflow.theory.homogeneous.certificates import total
from grokflow.theory.homogeneous.certified_multipliers import margin_multipliers, norm_multipliers
from grokflow.theory.homogeneous.tangent import ExactTangent, TangentKernel
from grokflow.theory.pairing import check_paired
from grokflow.theory.summary import Summarised

# Squared lengths of gradients at which no product that a bound takes overflows, or loses digits.
_SQUARED_LENGTHS = (1e-303, 1e303)


@dataclass(frozen=True, eq=False, repr=False)
class KernelPrediction(Summarised):
    """A predictor ``x → ⟨∇f(θ̄; x), h⟩`` in the span of the training features, with proof.

    Parameters
    ----------
    name : str
        Which predictor.
    tangent : TangentKernel
        The inner products of the features, which are the gradients ``∇f(θ̄; x)``.
    inputs : ndarray, shape (m, ...)
        Training inputs.
    coefficients, multipliers : ndarray, shape of the targets
        ``h = Σ coefficients · ∇f``; the dual unknowns are the same without the sign of the label.
    margin : float or None
        ``γ_ntk``, the least ``y_i ⟨∇f_i, h⟩ / ‖h‖``; None for regression.
    certificate : Certificate
        Bounds on ``½‖h‖²``, recomputed from the kernel, the targets and the multipliers.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0, 2.0], [2.0, -1.0]]), np.array([1.0, -1.0])
    >>> found = gf.MaxKernelMargin().predict(gf.DiagonalTangent(), x, y)
    >>> print(f"margin {found.margin:.2f}, at a new input {found.outputs(x[:1] - x[1:]).round(2)}")
    margin 4.47, at a new input [2.]
    """

    name: str
    tangent: TangentKernel
    inputs: np.ndarray
    coefficients: np.ndarray
    multipliers: np.ndarray
    margin: float | None
    certificate: Certificate

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "name": self.name,
            "coefficients": self.coefficients,
            "margin": self.margin,
            "gap": self.certificate.gap,
        }

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return ``⟨∇f(θ̄; x), h⟩`` at k inputs, shape (k,) or (k, C).

        For classification h has margin one on the training set, so that this is
        ``γ_ntk⁻¹ ⟨∇f(θ̄; x), h*⟩`` with the unit vector h* of Theorem 3.4.
        """
        cross = self.tangent.cross(x, self.inputs)
        if self.tangent.outputs == 1:
            return np.asarray(cross @ self.coefficients)
        return np.asarray(cross @ self.coefficients.ravel()).reshape(len(x), -1)

    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the class with the largest output at k inputs, shape (k,)."""
        return np.asarray(np.argmax(self.outputs(x), axis=1))


@dataclass(frozen=True)
class MaxKernelMargin:
    """The kernel classifier of largest margin: ``min ½‖h‖²`` with ``y_i ⟨∇f_i(θ̄), h⟩ ≥ 1``.

    This is problem (K1), whose solution any homogeneous model first tends to in classification
    (Lyu et al. 2024, Theorem 3.4). The features are the gradients of the model at θ̄.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0, 2.0], [2.0, -1.0]]), np.array([1.0, -1.0])
    >>> found = gf.MaxKernelMargin().predict(gf.DiagonalTangent(), x, y)
    >>> print(found.outputs(x).round(3), f"margin {found.margin:.2f}")
    [ 1. -1.] margin 4.47
    """

    name: str = "max-margin-ntk"

    def predict(self, tangent: TangentKernel, x: ArrayLike, y: ArrayLike) -> KernelPrediction:
        """Solve (K1) for labels ±1 of shape (m,) or (m, C).

        Raises
        ------
        NotSeparable
            With a Farkas certificate, when it is proved that no h has a positive margin.
        NotResolved
            When neither that nor a margin to a relative gap of 1e-6 is proved.
        """
        check_paired(x=x, y=y)
        x, y = as_array("x", x), as_array("y", y)
        if bad := sorted(set(np.unique(y).tolist()) - {-1, 1})[:3]:
            raise ValueError(
                f"labels {bad} found, expected -1 and +1: recode y, code classes by one_vs_rest, "
                "or use the min-norm predictor"
            )
        system = _System.of(tangent, x, y)
        system.check_features()
        found = [
            margin_multipliers(system.gram, labels, exact=system.exact)
            for labels in system.targets.T
        ]
        multipliers = np.column_stack([part.multipliers for part in found])
        certificate = total([part.certificate for part in found])
        return KernelPrediction(
            self.name,
            tangent,
            x,
            (system.targets * multipliers).reshape(y.shape),
            multipliers.reshape(y.shape),
            float(1 / np.sqrt(2) / np.sqrt(certificate.upper)),
            certificate,
        )


@dataclass(frozen=True)
class MinKernelNorm:
    """The kernel interpolant of least norm: ``min ½‖h‖²`` with ``⟨∇f_i(θ̄), h⟩ = y_i``.

    This is problem (K2), whose solution any homogeneous model first tends to in regression (Lyu et
    al. 2024, Theorem 3.9). The features are the gradients of the model at θ̄.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.array([[1.0, 2.0], [2.0, -1.0]]), np.array([3.0, 5.0])
    >>> found = gf.MinKernelNorm().predict(gf.DiagonalTangent(), x, y)
    >>> print(found.outputs(x).round(3), found.outputs(np.array([[1.0, 0.0]])).round(3))
    [3. 5.] [2.6]
    """

    name: str = "min-norm-ntk"

    def predict(self, tangent: TangentKernel, x: ArrayLike, y: ArrayLike) -> KernelPrediction:
        """Solve ``K μ = y`` for targets of shape (m,) or (m, C).

        Raises
        ------
        NotInterpolable
            When it is proved that no h reaches the targets, as may happen where features are
            linearly dependent (Assumption 3.8 of Lyu et al. 2024 excludes it).
        NotResolved
            When neither that nor the least norm to a relative gap of 1e-6 is proved.
        """
        check_paired(x=x, y=y)
        x, y = as_array("x", x), as_array("y", y)
        system = _System.of(tangent, x, y)
        kept = _first_copies(x, y) if tangent.outputs == 1 else np.arange(len(system.targets))
        gram = system.gram[np.ix_(kept, kept)]
        found = norm_multipliers(gram, system.targets[kept], exact=system.exact)
        multipliers = np.zeros_like(system.targets)
        multipliers[kept] = found.multipliers
        coefficients = multipliers.reshape(y.shape)
        return KernelPrediction(
            self.name, tangent, x, coefficients, coefficients, None, found.certificate
        )


def one_vs_rest(classes: ArrayLike) -> np.ndarray:
    """Code classes as one target per class, which is 1 for that class and -1 for the others.

    Parameters
    ----------
    classes : array-like, shape (m,)
        Numbers from 0 to C - 1, or words, which stand in the order of the alphabet.

    Returns
    -------
    ndarray, shape (m, C)
        Targets for `MaxKernelMargin` and `MinKernelNorm`.

    Raises
    ------
    ValueError
        For classes that are not integers from 0 on, or fewer than two.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> print(gf.one_vs_rest(np.array([0, 2, 1])))
    [[ 1. -1. -1.]
     [-1. -1.  1.]
     [-1.  1. -1.]]
    """
    classes = as_array("classes", classes)
    if classes.ndim == 1 and classes.dtype.kind in "bUSO":
        classes = np.unique(as_labels("classes", classes).astype(str), return_inverse=True)[1]
    found = np.unique(classes)
    if classes.ndim != 1 or classes.dtype.kind not in "iu" or len(found) < 2 or found[0] != 0:
        raise ValueError(
            f"classes {found[:5].tolist()} of type {classes.dtype} found, expected integers from 0 "
            "to C-1, C ≥ 2: number them"
        )
    return np.where(classes[:, None] == np.arange(found[-1] + 1), 1.0, -1.0)


def _first_copies(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the samples that differ from all before, target included: the others add nothing."""
    table = np.column_stack([x.reshape(len(x), -1), y.reshape(len(y), -1)])
    return np.sort(np.unique(table, axis=0, return_index=True)[1])


class _System(NamedTuple):
    """Kernel (n, n), targets (n, p) of p independent problems, and if the kernel is exact."""

    gram: np.ndarray
    targets: np.ndarray
    exact: bool

    @classmethod
    def of(cls, tangent: TangentKernel, x: np.ndarray, y: np.ndarray) -> _System:
        """Lay targets out for the kernel at x: all outputs of a sample are rows, copies columns."""
        _check_targets(y, len(x), tangent.outputs)
        gram = tangent.gram(x)
        if not np.isfinite(gram).all():
            raise ValueError(
                "the kernel holds NaN or infinity, expected finite inner products of gradients: "
                "check the inputs and their size, and that the model is differentiable at its start"
            )
        copies = y.shape[1] if tangent.outputs == 1 and y.ndim == 2 else 1
        exact = isinstance(tangent, ExactTangent) and tangent.is_exact(x)
        _check_sizes(gram, exact)
        return cls(gram, y.astype(np.float64).reshape(-1, copies), exact)

    def check_features(self) -> None:
        """Refuse outputs whose gradient is zero: no h gives them a margin."""
        if not (sizes := np.diagonal(self.gram)).all():
            raise ValueError(
                f"the gradient of output {int(np.argmin(sizes))}, counted over inputs and outputs, "
                "is zero, expected a nonzero one: its margin is 0 for every h, so drop that input"
            )


def _check_sizes(gram: np.ndarray, exact: bool) -> None:
    """Refuse gradients so long or short that their squared lengths leave no room in the doubles.

    Digits that an entry loses below the least normal number are no roundings of the lengths that
    it belongs to. An exact kernel has lost none.
    """
    lengths, (low, high) = np.diagonal(gram), _SQUARED_LENGTHS
    largest = float(lengths.max(initial=0.0))
    least = largest if exact else float(lengths.min(where=lengths > 0, initial=largest))
    for which, length in (("largest", largest), ("least nonzero", least)):
        if (length or not exact) and not low <= length <= high:
            raise ValueError(
                f"the {which} squared length of a gradient is {length:.3g}, expected {low:g} to "
                f"{high:g}: rescale the inputs"
            )


def _check_targets(y: np.ndarray, samples: int, outputs: int) -> None:
    """Refuse targets that do not fit samples and outputs, or that are no finite numbers."""
    expected = (samples,) if outputs == 1 else (samples, outputs)
    copies = outputs == 1 and y.ndim == 2 and y.shape[:1] == expected
    if not y.size or (y.shape != expected and not copies):
        raise ValueError(
            f"y has shape {y.shape}, expected {expected} to match the inputs and the outputs "
            "of the model, at least one: give one target for each"
        )
    if not (y.dtype.kind in "biuf" and np.isfinite(y).all()):
        raise ValueError(
            f"y of type {y.dtype} holds NaN, infinity or no numbers, expected finite numbers: "
            "drop those samples"
        )
