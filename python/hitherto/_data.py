"""Arrays of the caller as a file that the program reads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._files import Path
from ._library import SettingError


def as_arrays(data: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """The arrays as numpy has them.

    Raises
    ------
    SettingError
        One is not an array of numbers.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, values in data.items():
        try:
            arrays[name] = np.asarray(values)
        except ValueError:  # rows of several lengths
            arrays[name] = np.empty(0, object)
        if arrays[name].dtype.hasobject:
            raise SettingError(f"data: {name} is not an array of numbers; pad rows of several lengths to one, and give lengths")
    return arrays


def write(arrays: Mapping[str, Any], path: pathlib.Path) -> pathlib.Path:
    """Writes arrays to an .npz file, which is there whole or not at all."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(scratch, "wb") as file:
            np.savez(file, **arrays)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    return path


def _fingerprint(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Twelve hexadecimal digits that say which arrays these are."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()[:12]


def _is_named(path: pathlib.Path, results: pathlib.Path) -> bool:
    """Whether the file `results` of a run or a comparison names the file of data; of a database, its journal may."""
    return any(path.name.encode() in file.read_bytes() for file in results.parent.glob(results.name + "*"))


@contextlib.contextmanager
def beside(out: Path, data: Mapping[str, ArrayLike], results: str) -> Iterator[list[str]]:
    """Writes arrays to a file beside the folder `out`; yields the settings that name it.

    The file stays: runs are resumed and looked at with it. Its name follows from the arrays, so no call changes the data
    of another run. A refused call leaves no file: `results`, a file in `out`, does not name it then.
    """
    arrays, place = as_arrays(data), pathlib.Path(out).absolute()
    path = place.with_name(f"{place.name}.data-{_fingerprint(arrays)}.npz")
    is_new = not path.exists()
    if is_new:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(arrays, path)
    try:
        yield ["data=arrays", f"data.file={path}"]
    except BaseException:
        if is_new and not _is_named(path, place / results):
            path.unlink(missing_ok=True)
        raise


def are_arrays(data: Any) -> bool:
    """Whether `data` are arrays, and not settings such as a name or a file."""
    def is_array(values: Any) -> bool:
        try:
            return np.ndim(values) > (0 if isinstance(values, np.ndarray) else 1)  # a list may be one of names
        except ValueError:  # rows of several lengths
            return True

    return isinstance(data, Mapping) and any(is_array(values) for values in data.values())


def targets_of(file: pathlib.Path) -> NDArray[Any]:
    """The targets of a run's own data, an .npz file or a folder.

    Raises
    ------
    OSError
        They are not there.
    """
    try:
        if file.is_dir():
            return np.load(file / "targets.npy", "r")
        with np.load(file) as found:
            return found["targets"]
    except (OSError, ValueError, KeyError) as fault:
        raise OSError(f"the run's own data, {file}, cannot be read, but they say whether targets are classes; "
                      "data={'file': ...} names them where they are now") from fault
