"""The parameters of a network, by name."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _c
from ._arrays import _Memory
from ._library import Library


class Parameters(Mapping[str, NDArray[Any]]):
    """The blocks of a network's parameters by name, as writable views.

    ``model.parameters`` is one. It is a mapping: ``parameters["layer0.weight"]``, ``parameters.items()``.

    Notes
    -----
    ``layer0.weight`` has the shape (gates * units, units + inputs + 1). Its row ``gate * units + unit`` has the
    recurrent weights, then the input weights, then the bias. Weights that a cell does not have are 0 and must stay 0.
    docs/files.md lists all blocks.

    A view keeps the model alive. Write to it before the next `Model.predict`, not between `Model.predict` and
    `Model.learn`.
    """

    def __init__(self, owner: object, library: Library, network: int) -> None:
        count = ctypes.c_size_t()
        start = library.hth_network_parameters(network)
        blocks = library.hth_network_blocks(network, ctypes.byref(count))
        size = ctypes.sizeof(library.real)
        self._views: dict[str, NDArray[Any]] = {}
        for block in (_c.hth_block * count.value).from_address(blocks):
            memory = _Memory(owner, start + block.offset * size, (block.rows, block.columns), library.dtype)
            self._views[block.name.decode()] = np.asarray(memory)
        total = library.hth_network_parameter_count(network)
        #: All parameters as one array, a view.
        self.flat: NDArray[Any] = np.asarray(_Memory(owner, start, (total,), library.dtype))

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return "\n".join(f"{name:24} {view.shape}" for name, view in self._views.items())
