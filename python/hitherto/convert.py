"""Recordings of events as others keep them, turned into the arrays that ``data=events`` reads (docs/data.md).

    python -m hitherto.convert shd_train.h5 shd_train.npz

The arrays are ``times`` and ``units`` of all events, one recording after the other, ``starts``, the first event of each
recording, and ``labels``, the class of each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._library import SettingError

Path = str | os.PathLike[str]


def from_hdf5(path: Path, out: Path) -> None:
    """Converts a file in the layout of SHD and SSC (Cramer et al. 2020, https://zenkelab.org/datasets).

    Parameters
    ----------
    path : path
        HDF5 with ``spikes/times`` (seconds) and ``spikes/units``, a list for each recording, and ``labels``.
    out : path
        The .npz file, written whole or not at all; `data.dt` then counts seconds.

    Raises
    ------
    ImportError
        h5py is not installed.
    OSError
        The file is not HDF5.
    SettingError
        It lacks one of these, or two of them do not fit.
    """
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as fault:
        raise ImportError("h5py, which reads HDF5, is not installed: pip install 'hitherto[events]'") from fault
    with h5py.File(path, "r") as opened:
        file: Any = opened
        for name in ("spikes/times", "spikes/units", "labels"):
            if not isinstance(file.get(name), h5py.Dataset):
                raise SettingError(f"{os.fspath(path)} has no {name}; a file in the layout of SHD has spikes/times, "
                                   "spikes/units and labels")
        times, units, labels = (file[name][:] for name in ("spikes/times", "spikes/units", "labels"))
    if not len(times) == len(units) == len(labels):
        raise SettingError(f"{os.fspath(path)} has {len(times)} lists of times, {len(units)} of units and "
                           f"{len(labels)} labels, but must have as many of each")
    _write(out, times, units, labels)


def from_tonic(recordings: Iterable[tuple[NDArray[Any], int]], out: Path,
               sensor_size: Sequence[int] | None = None) -> None:
    """Converts a data set of tonic (https://tonic.readthedocs.io), or anything that gives recordings as it does.

    Parameters
    ----------
    recordings : iterable of (events, label)
        Events are a structured array with the fields ``t``, ``x`` and perhaps ``y`` and ``p``. The label is an int
        from 0.
    out : path
        As in `from_hdf5`; times stay as they are, in microseconds for most data sets of tonic, and so `data.dt` counts.
    sensor_size : (width, height, polarities), optional
        ``recordings.sensor_size`` if it is not given. An event comes from the unit (p height + y) width + x, where a
        sensor of one polarity has p = 0 for all.

    Raises
    ------
    SettingError
        The size is not known, a field is not there, or an event lies outside.
    """
    size = sensor_size if sensor_size is not None else getattr(recordings, "sensor_size", None)
    if size is None:
        raise SettingError("the data set has no sensor_size, so it must be given: (width, height, polarities)")
    width, height, polarities = (int(n) for n in size)
    times, units, labels = [], [], []
    for number, (events, label) in enumerate(recordings):
        fields = events.dtype.names or ()
        wanted = ["t", "x"] + ["y"] * (height > 1) + ["p"] * (polarities > 1)
        missing = [name for name in wanted if name not in fields]
        if missing:
            raise SettingError(f"recording {number} has events without {missing[0]!r}; a sensor of {tuple(size)} needs "
                               f"{', '.join(wanted)}")
        at: NDArray[Any] = np.zeros(len(events), np.int64)
        for name, length in (("p", polarities), ("y", height), ("x", width)):
            place = events[name].astype(np.int64) if name in wanted else np.int64(0)
            if np.any(place < 0) or np.any(place >= length):
                raise SettingError(f"recording {number} has an event whose {name} is outside 0..{length - 1}")
            at = at * length + place
        times.append(events["t"])
        units.append(at.astype(np.int32))
        labels.append(label)
    _write(out, times, units, labels)


def _write(out: Path, times: Sequence[NDArray[Any]], units: Sequence[NDArray[Any]], labels: Sequence[int]) -> None:
    """Checks the recordings and writes them."""
    counts = [len(row) for row in times]
    if not counts:
        raise SettingError("there are no recordings")
    for number, (count, row) in enumerate(zip(counts, units)):
        if count != len(row):
            raise SettingError(f"recording {number} has {count} times, but {len(row)} units")
    classes = np.asarray(labels)
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
        raise SettingError(f"labels are {classes.dtype}, but must be one integer for each recording, from 0")
    scratch = f"{os.fspath(out)}.partial"
    with open(scratch, "wb") as file:
        np.savez(file, times=np.concatenate(times), units=np.concatenate(units),
                 starts=np.cumsum([0, *counts], dtype=np.int64), labels=classes.astype(np.int32))
    os.replace(scratch, out)


def main() -> None:
    """Converts the HDF5 file that the command line names."""
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m hitherto.convert FILE.h5 FILE.npz")
    try:
        from_hdf5(sys.argv[1], sys.argv[2])
    except (ImportError, OSError, SettingError) as fault:
        sys.exit(f"hitherto.convert: {fault}")


if __name__ == "__main__":
    main()
