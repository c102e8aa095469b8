"""A progress bar for the program's lines, by tqdm where it is installed."""

from __future__ import annotations

import re
import sys
from typing import Any

from ._library import SettingError

_SCALE = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
_NUMBER = r"([\d.]+)(?: ([kMG]))?"
_COUNT = re.compile(rf"(step|epoch|runs) {_NUMBER}(?:/{_NUMBER})?$")


def _number(digits: str, scale: str | None) -> float:
    return float(digits) * _SCALE[scale or ""]


def read_line(line: str) -> tuple[str, float, float, str] | None:
    """A line of progress as what is counted, how far it is, of how many (0: not known), and the rest; None: another line.

    Of steps and epochs it takes what has an end.
    """
    parts = line.strip().split("  ")
    found = [(match[1], _number(match[2], match[3]), _number(match[4], match[5]) if match[4] else 0.0)
             for match in map(_COUNT.match, parts) if match]
    if not found:
        return None
    name, at, total = next((count for count in reversed(found) if count[2]), found[-1])
    return name, at, total, ", ".join(part for part in parts if not _COUNT.match(part) and not part.startswith("ETA"))


def wanted(progress: bool | None) -> bool:
    """Whether a bar is shown: None means where tqdm is installed and a person looks on.

    Raises
    ------
    SettingError
        It is asked for, and tqdm is not installed.
    """
    if progress is False or (progress is None and not (sys.stderr.isatty() or "ipykernel" in sys.modules)):
        return False
    try:
        import tqdm.auto  # type: ignore[import-not-found, import-untyped]  # noqa: F401
    except ImportError:
        if progress:
            raise SettingError("a progress bar needs tqdm (pip install tqdm); with show=True the program's own lines are "
                               "seen") from None
        return False
    return True


class Bar:
    """A bar that is made at the first line of progress."""

    def __init__(self) -> None:
        self.bar: Any = None

    def take(self, line: str) -> bool:
        """Shows a line of progress; False: it is another one."""
        seen = read_line(line)
        if seen is None:
            return False
        name, at, total, rest = seen
        if self.bar is None:
            from tqdm.auto import tqdm  # type: ignore[import-not-found, import-untyped]

            self.bar = tqdm(total=total or None, unit={"runs": "run"}.get(name, name), unit_scale=True)
        self.bar.set_postfix_str(rest, refresh=False)
        self.bar.update(at - self.bar.n)
        return True

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
