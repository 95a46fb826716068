"""Results as labelled data on disk: one xarray data set, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray


def versions() -> dict[str, str]:
    """Return the versions of everything that computes."""
    names = ("grokflow", "numpy", "scipy", "scikit-sundae")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def write(path: Path, dataset: xarray.Dataset) -> None:
    """Write a data set as ``.npz``, ``.csv`` (curves only) or ``.nc``, by the file's suffix."""
    writers: dict[str, Callable[[Path], object]] = {
        ".npz": lambda target: _write_npz(target, dataset),
        ".csv": lambda target: _curves_of(dataset).to_dataframe().to_csv(target),
        ".nc": lambda target: dataset.to_netcdf(target, engine="scipy"),
    }
    check_suffix(path, writers)
    write_whole(path, writers[path.suffix])


def _write_npz(path: Path, dataset: xarray.Dataset) -> None:
    arrays: dict[str, Any] = {str(name): dataset[name].values for name in dataset.variables}
    np.savez_compressed(path, **arrays, **dataset.attrs)


def _curves_of(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return what has one number for each time."""
    coords = [(name,) for name in dataset.coords]
    return dataset[[name for name, item in dataset.items() if item.dims in coords]]


def check_path(name: str, value: object) -> None:
    """Refuse what names no file."""
    if not isinstance(value, str | os.PathLike):
        raise ValueError(
            f"{name} is a {type(value).__name__}, expected the name of a file: give one"
        )


def check_suffix(path: Path, allowed: Mapping[str, object] | tuple[str, ...]) -> None:
    """Refuse an output file that could not be written, before the work starts."""
    if path.suffix not in allowed:
        raise ValueError(
            f"{path} has suffix {path.suffix!r}, expected one of {', '.join(allowed)}: rename it"
        )
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder, expected one: create it first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected a file: choose another name")
    try:
        tempfile.TemporaryFile(dir=path.absolute().parent).close()
    except OSError as error:
        raise ValueError(
            f"{path.parent} takes no files ({error.strerror}), expected a folder that does: "
            "choose another"
        ) from None


def write_whole(path: Path, writer: Callable[[Path], object]) -> None:
    """Write to a temporary file beside `path` and move it into place when it is complete."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        writer(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_sealed(path: Path, content: bytes) -> None:
    """Write bytes, and behind them the digest by which `read_sealed` knows them."""
    sealed = content + hashlib.sha256(content).digest()
    write_whole(path, lambda target: target.write_bytes(sealed))


def read_sealed(path: Path) -> bytes | None:
    """Return the bytes that were written, or None when the file no longer holds just these."""
    sealed = path.read_bytes()
    content = sealed[: -hashlib.sha256().digest_size]
    return content if sealed == content + hashlib.sha256(content).digest() else None


def hold_alone(path: str) -> int | None:
    """Lock a file for this process until it ends; return its descriptor, or None without locks.

    `release` removes the file. There are no locks where the folder cannot be written to, nor on
    systems without them.

    Raises
    ------
    BlockingIOError
        When another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The last one who held it may have removed it in between.
            if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except (BlockingIOError, PermissionError) as error:
            os.close(descriptor)
            raise BlockingIOError(f"{path} is locked") from error
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def release(path: str, descriptor: int) -> None:
    """Give back what `hold_alone` holds."""
    with suppress(OSError):
        os.unlink(path)
    os.close(descriptor)


def write_json(path: Path, content: object) -> None:
    """Write JSON with null for every NaN and infinity."""
    text = json.dumps(jsonable(content), indent=1, allow_nan=False)
    write_whole(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))


def jsonable(value: object) -> object:
    """Turn mappings, arrays, numpy numbers, tuples and NaN into what JSON holds."""
    match value:
        case np.ndarray():
            return jsonable(value.tolist())
        case np.generic():
            return jsonable(value.item())
        case float() if not np.isfinite(value):
            return None
        case Mapping():
            return {str(key): jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [jsonable(item) for item in value]
        case _:
            return value
