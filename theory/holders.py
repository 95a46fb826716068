"""What holds the numbers of users: what of it is no table of numbers is refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_no_name(what: str, value: object) -> None:
    """Refuse the name of a column or of a file.

    Parameters
    ----------
    what : str
        What messages call it.
    value : object
        What was given for an array.
    """
    if isinstance(value, str):
        raise ValueError(
            f"{what} is the word {value!r}, expected an array: give what it names, as "
            f"X[{value!r}] is a column of a data frame X, or gf.load reads a file"
        )


def check_unmasked(what: str, value: Any) -> None:
    """Refuse masked entries, also of arrays in a list, whose masks numpy would forget.

    Parameters
    ----------
    what : str
        What messages call them.
    value : object
        Whatever holds numbers.
    """
    if _holds_masked(value):
        raise ValueError(
            f"{what} has masked entries, expected numbers: fill them, as X.filled(np.nan) does, or "
            "drop them"
        )


def _holds_masked(value: Any) -> bool:
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.getmaskarray(value).any())
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return any(map(_holds_masked, value.flat))
    return isinstance(value, list | tuple) and any(map(_holds_masked, value))


def of_tensor(what: str, tensor: Any) -> Any:
    """Return a tensor of torch as an array, from whatever device and type it has.

    Parameters
    ----------
    what : str
        What messages call it.
    tensor : Tensor
        Numbers.
    """
    if getattr(tensor, "is_nested", False):
        raise ValueError(
            f"{what} is a nested tensor, expected rows of one length: torch.stack(tensor.unbind()) "
            "makes them a table"
        )
    if tensor.is_meta:
        raise ValueError(f"{what} is on the device meta, expected numbers: make it on cpu")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    tensor = tensor.detach().cpu()
    if tensor.layout.__repr__() != "torch.strided":
        tensor = tensor.to_dense()
    if tensor.is_floating_point():  # numpy has no type of bfloat16
        tensor = tensor.double()
    return tensor.resolve_conj().resolve_neg().numpy()


def check_sparse(what: str, matrix: Any) -> None:
    """Refuse a sparse matrix with entries outside of its shape, which scipy may write anywhere.

    Parameters
    ----------
    what : str
        What messages call it.
    matrix : sparse array or matrix of scipy
        In any format.
    """
    from scipy import sparse

    try:
        sparse.coo_array(matrix)
    except ValueError as error:
        raise ValueError(
            f"{what} is a broken sparse matrix ({error}), expected entries inside of its shape: "
            "make it from a table, or from rows, columns and values"
        ) from None
