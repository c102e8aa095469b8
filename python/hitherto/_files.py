"""Reading the files that a run leaves."""

from __future__ import annotations

import json
import os
import pathlib
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Path = str | os.PathLike[str]

_DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "U64": "<u8", "U8": "u1", "I64": "<i8"}


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file by name.

    Raises
    ------
    OSError
        The file is damaged.
    """
    raw = pathlib.Path(path).read_bytes()
    try:
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:8 + length])
        body = raw[8 + length:]
        return {name: np.frombuffer(body[slice(*entry["data_offsets"])], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
                for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError) as fault:
        raise OSError(f"{os.fspath(path)} is not a safetensors file, or it is damaged") from fault


def settings_of(path: Path) -> dict[str, str]:
    """The settings of a run's settings.yaml as "section.name": text."""
    flat: dict[str, str] = {}
    section = ""
    for line in pathlib.Path(path).read_text().splitlines():
        if found := re.match(r"^(\w+):\s*(?:#.*)?$", line):
            section = found[1]
        elif found := re.match(r"^  ([\w.]+):\s*(.*?)\s*(?:#.*)?$", line):
            flat[f"{section}.{found[1]}"] = found[2].strip("\"'")
    return flat
