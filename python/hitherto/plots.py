"""Curves of runs and comparisons, by matplotlib where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._library import SettingError


def _axes(ax: Any) -> Any:
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt  # type: ignore[import-not-found, import-untyped]
    except ImportError:
        raise SettingError("plots need matplotlib (pip install matplotlib); `hitherto plot RUN --out curves.svg` draws "
                           "without it") from None
    return plt.subplots()[1]


def draw_run(metrics: NDArray[Any], quantity: str, title: str, ax: Any) -> Any:
    """Training and validation over time steps: see `Run.plot`."""
    if quantity not in ("loss", "metric"):
        raise SettingError(f"quantity is {quantity!r}, but must be 'loss' or 'metric'")
    drawn = {part: metrics[f"{part}_{quantity}"] for part in ("train", "validation")}
    if all(np.isnan(values).all() for values in drawn.values()):
        raise SettingError(f"there is no {quantity} to draw yet")
    ax = _axes(ax)
    for part, values in drawn.items():
        known = ~np.isnan(values)
        if known.any():
            ax.plot(metrics["step"][known], values[known], label=part, marker="o" if known.sum() < 12 else None)
    ax.set(xlabel="time step", ylabel=quantity, title=title)
    ax.legend()
    return ax


def draw_comparison(curves: NDArray[Any], ax: Any) -> Any:
    """A line and a band for each arm: see `Comparison.plot`."""
    ax = _axes(ax)
    for arm in dict.fromkeys(curves["arm"]):
        rows = curves[curves["arm"] == arm]
        line, = ax.plot(rows["step"], rows["smoothed"], label=arm)
        low, high = rows["smoothed"] - rows["smoothed_error"], rows["smoothed"] + rows["smoothed_error"]
        ax.fill_between(rows["step"], low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set(xlabel="time step", ylabel=list(curves.dtype.names or ())[3].replace("_", " "))
    ax.legend()
    return ax
