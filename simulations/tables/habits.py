"""Which arrays of a file are inputs and labels, under the names that people give them."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np

from grokflow.simulations.tables.contents import AnyArray, Arrays
from grokflow.simulations.tables.entry_names import are_entries
from grokflow.simulations.tables.reading import Reading, likely
from grokflow.theory.conversion import as_array, as_table, labels_and_gaps
from grokflow.theory.merged import rounded_inputs, rounded_vector
from grokflow.theory.numerics.sparse_matrix import is_sparse

_INPUTS = ("x", "data", "inputs", "features", "images", "xs")
_LABELS = ("y", "target", "targets", "label", "labels", "class", "classes", "ys")
_TRAIN, _TEST, _VALIDATION = ("", "train", "tr"), ("test", "te"), ("val", "valid", "validation")


class Samples(NamedTuple):
    """Inputs and labels of training and, where there are any, of test rows; notes.

    Which of all rows have no label is `unlabelled`, those of the test set last.
    """

    x: Any
    y: np.ndarray
    x_test: Any = None
    y_test: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    unlabelled: np.ndarray = np.empty(0, dtype=bool)


def samples_of(found: Arrays, reading: Reading) -> Samples:
    """Tell inputs, labels and test set among the arrays of a file.

    Raises
    ------
    ValueError
        Where one of them is missing, or there are two of them.
    """
    labels = _LABELS if reading.target is None else (_plain(reading.target),)
    names = {
        role: _named(found, bases, parts)
        for role, bases, parts in (
            ("X", _INPUTS, _TRAIN),
            ("y", labels, _TRAIN),
            ("X_test", _INPUTS, _TEST),
            ("y_test", labels, _TEST),
        )
    }
    missing = [role for role in ("X", "y") if names[role] is None]
    lone = [role for role in ("X_test", "y_test") if names[role] is not None]
    if missing:
        _refuse_missing(found, missing, reading.target)
    if len(lone) == 1:
        lacking = "X_test" if lone == ["y_test"] else f"{reading.target or 'y'}_test"
        raise ValueError(
            f"{found.source} has no {lacking}, expected inputs and labels of a test set together: "
            f"add it, or take {names[lone[0]]} out"
        )
    notes = [*found.notes, *_said(found, names)]
    arrays = {role: None if name is None else found.arrays[name] for role, name in names.items()}
    return samples(**{role.lower(): array for role, array in arrays.items()}, notes=tuple(notes))


def _refuse_missing(found: Arrays, missing: list[str], target: str | None) -> NoReturn:
    """Refuse arrays among which inputs or labels are not found, with what helps."""
    if target is None:
        _check_other_kinds(found, missing)
    held = ", ".join(list(found.arrays)[:12])
    if "y" in missing and target is not None:
        raise ValueError(
            f"{found.source} has no array {target!r} to learn, expected one of {held}: "
            f"{likely('target', target, found.arrays)}"
        )
    structs = [name for name, array in found.arrays.items() if array.dtype.names]
    remedies = [f"save the fields of {structs[0]} as variables"] if structs else []
    if "X" in missing:
        remedies.append("call the inputs X")
    if "y" in missing:
        remedies.append("name the labels with target='NAME' (--target NAME)")
    raise ValueError(
        f"{found.source} has no {' and no '.join(missing)}, expected inputs X and labels y among "
        f"its arrays, {held or 'of which there are none'}: {' and '.join(remedies)}"
    )


def _check_other_kinds(found: Arrays, missing: list[str]) -> None:
    """Refuse entries of a matrix, and inputs alone, with what takes them."""
    if are_entries(found.arrays, alone=False):
        raise ValueError(
            f"{found.source} holds observed entries of a matrix ({', '.join(found.arrays)}), "
            "expected inputs X and labels y: gf.load_entries reads them"
        )
    if len(found.arrays) == 1 and missing == ["y"]:
        lone = next(iter(found.arrays.values()))
        sparse = is_sparse(lone) and found.reader == "numpy.load"
        reader = "scipy.sparse.load_npz" if sparse else found.reader
        gaps = not is_sparse(lone) and lone.dtype.kind == "f" and np.isnan(lone).any()
        matrix = "; gf.make_matrix_problem takes a matrix with gaps" if gaps else ""
        raise ValueError(
            f"{found.source} holds one array, of shape {lone.shape}, expected labels too: "
            f"gf.as_problem(x, y) takes both, with x from {reader}{matrix}"
        )


def samples(
    x: Any, y: Any, x_test: Any = None, y_test: Any = None, notes: tuple[str, ...] = ()
) -> Samples:
    """Return arrays as inputs and labels; NaN among the inputs stands for what is missing.

    Raises
    ------
    ValueError
        For arrays that are no inputs or labels, and shapes that do not go together.
    """
    said = [*notes]
    flat = _flat("X", x, said)
    inputs = as_table("X", flat, missing=True)
    said += rounded_inputs("X", flat if is_sparse(flat) else as_array("X", flat))
    labels, gaps = _labels("y", y, inputs, "X", said)
    if (x_test is None) != (y_test is None):
        lacking = "y_test" if y_test is None else "X_test"
        raise ValueError(f"{lacking} is missing, expected X_test and y_test together: give both")
    if x_test is None:
        return Samples(inputs, labels, notes=tuple(said), unlabelled=gaps)
    test = as_table("X_test", _flat("X_test", x_test, []), missing=True)
    if test.shape[1] != inputs.shape[1]:
        raise ValueError(
            f"X_test has {test.shape[1]} columns, expected {inputs.shape[1]} as in X: give both "
            "the same inputs"
        )
    tested, test_gaps = _labels("y_test", y_test, test, "X_test", [])
    unlabelled = np.concatenate([gaps, test_gaps])
    return Samples(inputs, labels, test, tested, tuple(said), unlabelled)


def _named(found: Arrays, bases: tuple[str, ...], parts: tuple[str, ...]) -> str | None:
    """Return the name of the one array that is called so, with train or test before or behind."""
    for base in bases:
        wanted = {name for part in parts for name in (f"{base}{part}", f"{part}{base}")}
        # A struct of MATLAB is no array, whatever its name.
        numbers = (name for name, array in found.arrays.items() if not array.dtype.names)
        alike = [name for name in numbers if _plain(name) in wanted]
        if len(alike) > 1:
            raise ValueError(
                f"{found.source} has the arrays {' and '.join(alike)}, expected one of them: "
                "leave one out of the file"
            )
        if alike:
            return alike[0]
    return None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(".", "")


def _said(found: Arrays, names: dict[str, str | None]) -> list[str]:
    """Say which arrays are read under other names, and which are not read."""
    renamed = [f"{name} as {role}" for role, name in names.items() if name not in (role, None)]
    others = [name for name in found.arrays if name not in names.values()]
    notes = [f"arrays read: {', '.join(renamed)}"] if renamed else []
    return [*notes, f"left out: the arrays {', '.join(others[:10])}"] if others else notes


def _flat(what: str, value: AnyArray, notes: list[str]) -> AnyArray:
    """Return pictures, and whatever has more than two dimensions, as rows."""
    shape: tuple[int, ...] = tuple(getattr(value, "shape", ()))
    if len(shape) < 3 or 0 in shape:
        return value
    flat = value.reshape(shape[0], -1)
    notes.append(f"{what} has shape {tuple(shape)}: each sample is a row of {flat.shape[1]} inputs")
    return flat


def _labels(
    what: str, value: Any, x: Any, beside: str, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, one for each row of the inputs, and which of them are missing."""
    shape: tuple[int, ...] = tuple(getattr(value, "shape", ()))
    if len(shape) == 2 and shape[0] == 1 and shape[-1] == x.shape[0] > 1:
        value = value.reshape(-1)  # vectors of MATLAB are rows
    labels, gaps = labels_and_gaps(what, value)
    if labels.dtype.kind == "f":
        notes += rounded_vector(what, as_array(what, value).reshape(-1))
    if len(shape) == 2 and shape[0] == len(labels) and shape[-1] > 1:
        notes.append(f"{what} is one-hot: its {shape[-1]} columns are classes 0 to {shape[-1] - 1}")
    if len(labels) != x.shape[0]:
        hint = "transpose X" if len(labels) == x.shape[1] else "give one label for each row"
        raise ValueError(
            f"{what} has shape {labels.shape}, expected ({x.shape[0]},) to match the rows of "
            f"{beside}: {hint}"
        )
    return labels, gaps
