"""Finds and loads the C library, and turns its errors into exceptions."""

from __future__ import annotations

import ctypes
import difflib
import functools
import os
import pathlib
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

from . import _c

PRECISIONS = ("single", "double")


class Error(Exception):
    """Something failed. The message is one sentence of the library: what was wrong, and what would be right."""


class SettingError(Error, ValueError):
    """A setting or an argument has no meaning, or two things that must fit do not."""


class NotFinite(Error, ArithmeticError):
    """A number is not finite: an input, a target, a loss or a gradient."""


_KINDS: dict[int, type[Exception]] = {
    _c.HTH_INVALID: SettingError,
    _c.HTH_MISMATCH: SettingError,
    _c.HTH_NOT_FINITE: NotFinite,
}


def _places(name: str) -> list[pathlib.Path]:
    """Where the library may lie: in the package, or in the build folder of the checkout that holds it."""
    package = pathlib.Path(__file__).resolve().parent
    folders = [package / "lib", package.parent.parent / "build"]
    if os.environ.get("HTH_LIBRARY_PATH"):
        folders.insert(0, pathlib.Path(os.environ["HTH_LIBRARY_PATH"]))
    endings = (".dylib",) if sys.platform == "darwin" else (".dll",) if sys.platform == "win32" else (".so",)
    return [folder / f"{name}{ending}" for folder in folders for ending in endings]


class Library:
    """The C library in one precision; its functions are attributes, with the names of the header.

    Parameters
    ----------
    precision : {"single", "double"}

    Raises
    ------
    OSError
        There is no library, or it has another interface than this package.
    """

    def __init__(self, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, but must be 'single' or 'double'")
        double = precision == "double"
        name = "libhitherto64" if double else "libhitherto"
        places = _places(name)
        path = next((place for place in places if place.exists()), None)
        if path is None:
            raise OSError(f"{name} is in none of {', '.join(str(place.parent) for place in places)}; "
                          "HTH_LIBRARY_PATH may name its folder")
        self.path = path
        self.real: Any = ctypes.c_double if double else ctypes.c_float
        self.dtype = "float64" if double else "float32"
        self._handle = ctypes.CDLL(str(path))
        for function, (result, arguments) in _c.FUNCTIONS.items():
            entry = getattr(self._handle, function)
            entry.restype, entry.argtypes = result, arguments
            setattr(self, function, entry)
        wanted = _c.INTERFACE * 100 + ctypes.sizeof(self.real)
        if self.hth_abi() != wanted:
            raise OSError(f"{path} has interface {self.hth_abi()}, but this package is made for {wanted}; "
                          "install both from one release")

    def bound(self, name: str, *addresses: int | None) -> Callable[[], int]:
        """A function of the header with these pointers for good: they are looked at once, not at every call.

        Parameters
        ----------
        name : str
            Of a function that takes pointers alone and returns a status.
        *addresses : int or None
            Of memory that the caller keeps.
        """
        entry = self._handle[name]  # another object than the attribute, without types to convert to
        entry.restype = ctypes.c_int
        # The form of a pointer that ctypes passes on as it is.
        return functools.partial(entry, *(a and ctypes.byref(ctypes.c_char.from_address(a)) for a in addresses))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the library has no function {name}")


_loaded: dict[str, Library] = {}


def library(precision: str = "single") -> Library:
    """The library in that precision, loaded at the first call."""
    if precision not in _loaded:
        _loaded[precision] = Library(precision)
    return _loaded[precision]


class Failure:
    """Room for the library's error; `check` raises it."""

    def __init__(self) -> None:
        self.error = _c.hth_error()
        self.address = ctypes.addressof(self.error)

    def check(self, status: int) -> None:
        """Raises the exception that fits the status; HTH_OK: does nothing."""
        if status == _c.HTH_OK:
            return
        sentence = self.error.message.decode("utf-8", "replace")
        if status == _c.HTH_NO_MEMORY:
            raise MemoryError(sentence)
        if status == _c.HTH_FILE:
            raise OSError(sentence)
        raise _KINDS.get(status, Error)(sentence)


def text_of(key: str, value: Any) -> str:
    """A setting's value as the program reads it: numbers with all their digits, lists with commas.

    Raises
    ------
    SettingError
        The value is an array of more than one axis.
    """
    if getattr(value, "ndim", 0) > 1:
        raise SettingError(f"{key} is an array of the shape {tuple(value.shape)}, but must be a number, a text or a list")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1:
        return ", ".join(text_of(key, item) for item in value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return repr(value)
    return str(value)


def flat_settings(given: Mapping[str, Any]) -> dict[str, str]:
    """Settings as "section.name": text.

    A section is a name (``cell="lstm"``), a mapping (``cell={"name": "lstm"}``) or one setting by its whole name
    (``{"cell.name": "lstm"}``). None stands for the default.

    Raises
    ------
    SettingError
        A word without a mapping is not the name of a section, or a setting has two values.
    """
    flat: dict[str, str] = {}

    def put(key: str, text: str) -> None:
        if flat.setdefault(key, text) != text:
            raise SettingError(f"{key} is given twice, as {flat[key]} and as {text}")

    for key, value in given.items():
        if isinstance(value, Mapping):
            for name, inner in value.items():
                if inner is not None:
                    put(f"{key}.{name}", text_of(f"{key}.{name}", inner))
        elif value is not None:
            if "." not in key:
                _check_section(key)
            put(key if "." in key else f"{key}.name", text_of(key, value))
    return flat


def _check_section(word: str) -> None:
    """Refuses a word that is no section; says which section has a setting of that name, or which word is near."""
    from ._settings import AllSettings  # 15 ms that a program with mappings alone does not need

    sections = AllSettings.__annotations__
    if word in sections:
        return
    owners = {section: f"{section}={{{word!r}: ...}}" for section, kind in typing.get_type_hints(AllSettings).items()
              if any(word in getattr(part, "__annotations__", ()) for part in (kind, *typing.get_args(kind)))}
    usual = [owners[section] for section in ("train", "network", "optimiser") if section in owners]
    near = [repr(name) for name in difflib.get_close_matches(word, sections, 1)]
    guesses = usual + near + list(owners.values())
    hint = f"; did you mean {guesses[0]}?" if guesses else ""
    raise SettingError(f"unknown keyword {word!r}: there is no such section of settings{hint}")


class Settings:
    """A list of settings in the form of the C interface; keeps the texts that it points at alive."""

    def __init__(self, flat: Mapping[str, str]) -> None:
        self._texts = [(key.encode(), value.encode()) for key, value in flat.items()]
        self._items = (_c.hth_setting * max(len(self._texts), 1))()
        for item, (key, value) in zip(self._items, self._texts):
            item.key, item.value = key, value
        self.list = _c.hth_settings(ctypes.addressof(self._items), len(self._texts))
