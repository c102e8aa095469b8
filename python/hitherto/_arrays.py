"""Arrays of the caller, and memory of the library, as numpy sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._library import SettingError


def as_array(values: ArrayLike, dtype: Any) -> NDArray[Any]:
    """The values as an array of that type in C order; copied only where they are not one already.

    Anything with ``__dlpack__`` on the CPU is taken without a copy.

    Raises
    ------
    SettingError
        The values lie on another device.
    """
    device = getattr(values, "__dlpack_device__", None)
    if device is not None and not isinstance(values, np.ndarray):
        if int(device()[0]) != 1:
            raise SettingError("the array lies on another device; bring it to the CPU first (for torch: x.cpu())")
        if getattr(values, "requires_grad", False):
            values = values.detach()  # type: ignore[union-attr]
        values = np.from_dlpack(values)  # type: ignore[arg-type]
    return np.ascontiguousarray(values, dtype=dtype)


def _put_with_care(name: str, room: NDArray[Any], values: ArrayLike) -> None:
    """What numpy did not take at once: from another library, or with a sentence on what is wrong."""
    rows = as_array(values, room.dtype)
    # Axes of one number may be missing; others must be there, in their order.
    if [n for n in rows.shape if n != 1] != [n for n in room.shape if n != 1] or rows.ndim > room.ndim:
        raise SettingError(f"{name} has the shape {rows.shape}, but must have {room.shape}")
    room[...] = rows.reshape(room.shape)


class _Memory:
    """Numbers of the library as numpy sees them; keeps their owner alive as long as a view of them lives."""

    def __init__(self, owner: object, address: int, shape: tuple[int, ...], dtype: str,
                 strides: tuple[int, ...] | None = None, writable: bool = True) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, not writable),
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "strides": strides,
        }
