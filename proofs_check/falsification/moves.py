"""Neighbours of an instance: those a little apart, and those that are simpler."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grokflow.proofs_check.falsification.instances import Arrays, Form, form_of

Instances = tuple[object, ...]

# Numbers of this many entries at most are set to zero one by one.
_FEW = 100


def moved(instances: Instances, step: float, rng: np.random.Generator) -> Instances:
    """Change the real numbers of instances by relative amounts of the size `step`.

    Either the units of samples or of inputs are changed, which keeps samples separable and targets
    fitted, or numbers one by one; some of them or all, for the worst instance may depend on many.
    """
    return tuple(_moved(instance, step, rng) for instance in instances)


def _moved(instance: object, step: float, rng: np.random.Generator) -> object:
    form = form_of(instance)
    arrays = form.arrays(instance)
    axis = rng.choice(["", *sorted({name for key in form.moved for name in form.axes[key]})])
    if axis:
        units = _factors((_length(form, arrays, axis),), step, rng)
        for name in form.moved:
            arrays[name] = _in_units(arrays[name], form.axes[name], axis, units)
    else:
        for name in form.moved:
            arrays[name] = arrays[name] * _factors(arrays[name].shape, step, rng)
    return form.make(**arrays)


def _factors(shape: tuple[int, ...], step: float, rng: np.random.Generator) -> np.ndarray:
    """Return factors near 1, or 1 itself for many of them."""
    share = rng.choice([1.0, 0.3, 1 / max(int(np.prod(shape)), 1)])
    return np.where(rng.random(shape) <= share, np.exp(step * rng.standard_normal(shape)), 1.0)


def _in_units(array: np.ndarray, axes: tuple[str, ...], axis: str, units: np.ndarray) -> np.ndarray:
    """Multiply an array along one of its axes, if it has it."""
    if axis not in axes:
        return array
    shape = [-1 if name == axis else 1 for name in axes]
    return np.asarray(array * units.reshape(shape))


def simpler(instances: Instances) -> Iterator[Instances]:
    """Yield simpler instances: without a sample or an input, with fewer digits, with zeros."""
    for position, instance in enumerate(instances):
        form = form_of(instance)
        for arrays in _simpler(form, form.arrays(instance)):
            try:
                made = form.make(**arrays)
            except ValueError:  # nothing is left of a class, or of all samples
                continue
            yield (*instances[:position], made, *instances[position + 1 :])


def _simpler(form: Form, arrays: Arrays) -> Iterator[Arrays]:
    for axis in dict.fromkeys(name for names in form.axes.values() for name in names):
        length = _length(form, arrays, axis)
        for index in reversed(range(length if length > 1 else 0)):
            yield {name: _without(form, name, array, axis, index) for name, array in arrays.items()}
    for name in form.moved:
        for digits in (1, 2, 3):
            rounded = _rounded(arrays[name], digits)
            if (rounded != arrays[name]).any():
                yield {**arrays, name: rounded}
        flat = arrays[name].ravel()
        for index in np.flatnonzero(flat)[:_FEW]:
            fewer = flat.copy()
            fewer[index] = 0.0
            yield {**arrays, name: fewer.reshape(arrays[name].shape)}


def _length(form: Form, arrays: Arrays, axis: str) -> int:
    """Return the length of an axis, which several arrays have."""
    name = next(name for name, axes in form.axes.items() if axis in axes)
    return int(arrays[name].shape[form.axes[name].index(axis)])


def _without(form: Form, name: str, array: np.ndarray, axis: str, index: int) -> np.ndarray:
    axes = form.axes[name]
    return np.delete(array, index, axes.index(axis)) if axis in axes else array


def _rounded(array: np.ndarray, digits: int) -> np.ndarray:
    """Round to so many significant digits."""
    rounded = [float(f"{value:.{digits - 1}e}") for value in array.ravel().tolist()]
    return np.array(rounded).reshape(array.shape)
