"""What recordings show: PCA, tuning curves, representational similarity, receptive fields over time.

Functions of arrays that `Run.record`, `Model.record` or ``hitherto record RUN --out FILE.npz`` give: numbers of shape
(trials, steps, units), and the lengths of the trials. They need numpy alone. What needs the network itself, lesions and
dynamics, is the program's: ``hitherto lesion`` and ``hitherto dynamics``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._library import SettingError

Numbers = NDArray[np.float64]


class Components(NamedTuple):
    """Principal components of recorded numbers."""

    mean: Numbers  #: (units)
    axes: Numbers  #: (components, units), of length 1, that of the largest variance first
    variance: Numbers  #: (components), along each
    share: Numbers  #: (components), of the whole variance
    projections: Numbers  #: (trials, steps, components); NaN after the end of a trial


class Curves(NamedTuple):
    """What units do on average where something else has one value or another."""

    values: NDArray[np.generic]  #: (values), or the middles of bins
    mean: Numbers  #: (values, units)
    error: Numbers  #: (values, units), standard error of the mean
    samples: NDArray[np.int64]  #: (values), their number


def _recorded(z: ArrayLike, name: str) -> Numbers:
    """Numbers of three axes; the numbers of one trial may have two."""
    array = np.asarray(z, dtype=np.float64)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or 0 in array.shape:
        raise SettingError(f"{name} has the shape {np.shape(z)}, but must be (trials, steps, units) or (steps, units)")
    return array


def _within(array: Numbers, lengths: ArrayLike | None) -> NDArray[np.bool_]:
    """Which steps of which trials there are, (trials, steps)."""
    trials, steps = array.shape[:2]
    if lengths is None:
        return np.ones((trials, steps), dtype=bool)
    ends = np.asarray(lengths, dtype=np.int64)
    if ends.shape != (trials,) or (ends < 1).any() or (ends > steps).any():
        raise SettingError(f"lengths must have a number from 1 to {steps} for each of the {trials} trials")
    return np.arange(steps) < ends[:, None]


def pca(z: ArrayLike, components: int | None = None, *, lengths: ArrayLike | None = None) -> Components:
    """Finds the directions in which recorded numbers vary most.

    Parameters
    ----------
    z : array_like
        (trials, steps, units), such as "z" of a recording; or (steps, units).
    components : int, optional
        How many; by default all that there are.
    lengths : array_like, optional
        Steps of each trial; by default all.

    Returns
    -------
    Components
        Mean, axes, variance (of the samples, divided by their number less one), share of it, and projections.

    Raises
    ------
    SettingError
        An array has another shape, or there are not so many components.

    Examples
    --------
    >>> import numpy as np
    >>> from hitherto.analysis import pca
    >>> time = np.arange(100) / 10
    >>> z = np.stack([np.sin(time), 2 * np.sin(time), np.cos(time)], axis=-1)
    >>> pca(z).share.round(2).tolist()
    [0.81, 0.19, 0.0]
    """
    array = _recorded(z, "z")
    there = _within(array, lengths)
    samples = array[there]
    most = min(array.shape[2], len(samples))
    count = most if components is None else components
    if not 1 <= count <= most:
        raise SettingError(f"components is {components}, but must be from 1 to {most}")
    mean = samples.mean(axis=0)
    _, sizes, axes = np.linalg.svd(samples - mean, full_matrices=False)
    # The largest number of each axis is above 0, so that one recording has one answer.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    axes = axes * np.where(signs == 0, 1, signs)[:, None]
    variance = sizes ** 2 / max(len(samples) - 1, 1)
    projections = np.where(there[..., None], (array - mean) @ axes[:count].T, np.nan)
    whole = variance.sum()
    return Components(mean, axes[:count], variance[:count], variance[:count] / (whole if whole > 0 else 1), projections)


def tuning(z: ArrayLike, by: ArrayLike, *, bins: int | None = None, lengths: ArrayLike | None = None) -> Curves:
    """Means of what units do over the value of something else: tuning curves.

    Parameters
    ----------
    z : array_like
        (trials, steps, units); or (steps, units).
    by : array_like
        That value: of each trial (trials), such as its class, or of each step (trials, steps), such as an input.
    bins : int, optional
        Into how many ranges of equal width values go; by default each value counts for itself.
    lengths : array_like, optional
        Steps of each trial; by default all.

    Returns
    -------
    Curves
        Values in increasing order, or middles of the bins, and mean, standard error and number of samples for each. The
        samples of a value of a trial are the means of trials. A bin without samples has NaN.

    Raises
    ------
    SettingError
        An array has another shape, or bins is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from hitherto.analysis import tuning
    >>> z = np.array([[[1.0], [3.0]], [[2.0], [2.0]], [[5.0], [7.0]]])
    >>> curves = tuning(z, [0, 0, 1])
    >>> curves.mean.ravel().tolist(), curves.samples.tolist()
    ([2.0, 6.0], [2, 1])
    """
    array = _recorded(z, "z")
    there = _within(array, lengths)
    value = np.asarray(by)
    if value.ndim and value.shape == array.shape[1:2] and np.ndim(z) == 2:
        value = value[None]
    if value.shape == array.shape[:1]:
        weights = there / there.sum(axis=1, keepdims=True)
        samples, value = np.einsum("tsu,ts->tu", array, weights), value
    elif value.shape == array.shape[:2]:
        samples, value = array[there], value[there]
    else:
        raise SettingError(f"by has the shape {value.shape}, but must be {array.shape[:1]} or {array.shape[:2]}")
    if bins is None:
        values, place = np.unique(value, return_inverse=True)
    else:
        if bins < 1:
            raise SettingError(f"bins is {bins}, but must be at least 1")
        edges = np.linspace(value.min(), value.max(), bins + 1)
        values, place = (edges[:-1] + edges[1:]) / 2, np.clip(np.searchsorted(edges, value, "right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=len(values))
    sums = np.zeros((len(values), array.shape[2]))
    np.add.at(sums, place, samples)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / count[:, None]
        squares = np.zeros_like(sums)
        np.add.at(squares, place, (samples - mean[place]) ** 2)
        error = np.sqrt(squares / (count - 1)[:, None] / count[:, None])
    return Curves(values, mean, np.where(count[:, None] > 1, error, np.nan), count)


def dissimilarity(patterns: ArrayLike) -> Numbers:
    """How unlike patterns of activity are: 1 less their correlation (Kriegeskorte et al. 2008).

    Parameters
    ----------
    patterns : array_like
        (conditions, units), such as `tuning(z, classes).mean`.

    Returns
    -------
    ndarray
        (conditions, conditions): 0 alike, 1 unrelated, 2 opposite; NaN where a pattern does not vary over the units.

    Raises
    ------
    SettingError
        The array has another shape.

    Examples
    --------
    >>> from hitherto.analysis import dissimilarity
    >>> dissimilarity([[1, 2, 3], [2, 4, 6], [3, 2, 1]]).round(6).tolist()
    [[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [2.0, 2.0, 0.0]]
    """
    array = np.asarray(patterns, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] < 2:
        raise SettingError(f"patterns have the shape {array.shape}, but must be (conditions, units), 2 units at least")
    centred = array - array.mean(axis=1, keepdims=True)
    length = np.sqrt((centred ** 2).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = centred / np.where(length > 1e-12 * np.abs(array).max(initial=0), length, np.nan)
    out = 1 - unit @ unit.T
    out[np.abs(out) < 1e-15] = 0
    return out


def rsa(a: ArrayLike, b: ArrayLike) -> float:
    """How alike two systems see the same conditions: representational similarity analysis (Kriegeskorte et al. 2008).

    Parameters
    ----------
    a, b : array_like
        (conditions, units) of each; they may have other units, and other numbers of them.

    Returns
    -------
    float
        Spearman's correlation of the two matrices of `dissimilarity`, over all pairs of conditions.

    Raises
    ------
    SettingError
        The arrays have not the same conditions, fewer than three, or a pattern that does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> from hitherto.analysis import rsa
    >>> a = np.random.default_rng(1).standard_normal((6, 20))
    >>> turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((20, 20)))
    >>> rsa(a, a[:, ::-1]), rsa(a, a @ turn) > 0.5
    (1.0, True)
    """
    one, other = dissimilarity(a), dissimilarity(b)
    if one.shape != other.shape or len(one) < 3:
        raise SettingError(f"a has {len(one)} conditions and b {len(other)}; both must have the same, 3 at least")
    pairs = np.triu_indices(len(one), 1)
    if np.isnan(one[pairs]).any() or np.isnan(other[pairs]).any():
        raise SettingError("a pattern is the same in all units, so it is like no other")
    return float(np.corrcoef(_ranks(one[pairs]), _ranks(other[pairs]))[0, 1].round(15))


def _ranks(x: Numbers) -> Numbers:
    """Ranks from 0; equals share theirs."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count + 1) / 2)[place]


def receptive_field(z: ArrayLike, inputs: ArrayLike, lags: int, *, lengths: ArrayLike | None = None) -> Numbers:
    """What came in before a unit was active: the spike-triggered, or activity-triggered, input over time.

    Parameters
    ----------
    z : array_like
        (trials, steps, units); or (steps, units).
    inputs : array_like
        (trials, steps, inputs) of the same trials; or (steps, inputs).
    lags : int
        Steps before, the step itself not counted.
    lengths : array_like, optional
        Steps of each trial; by default all.

    Returns
    -------
    ndarray
        (units, lags + 1, inputs): the mean of x_{t-k}, weighed by z_t, less the mean of x_{t-k} without weights; of a
        unit that spikes this is the spike-triggered average. Activity of either sign is taken from the unit's least,
        so that weights are at least 0. NaN for a unit that never changes.

    Raises
    ------
    SettingError
        An array has another shape, or the trials have no more steps than lags.

    Examples
    --------
    >>> import numpy as np
    >>> from hitherto.analysis import receptive_field
    >>> x = np.random.default_rng(1).integers(0, 2, (1, 4000, 2)).astype(float)
    >>> z = np.roll(x[..., :1], 3, axis=1)          # it repeats input 0 after 3 steps
    >>> receptive_field(z, x, 4)[0, :, 0].round(1).tolist()
    [0.0, 0.0, 0.0, 0.5, 0.0]
    """
    array, x = _recorded(z, "z"), _recorded(inputs, "inputs")
    if x.shape[:2] != array.shape[:2]:
        raise SettingError(f"z is of {array.shape[:2]} trials and steps, and inputs of {x.shape[:2]}")
    there = _within(array, lengths)
    steps = array.shape[1]
    if not 0 <= lags < steps:
        raise SettingError(f"lags is {lags}, but must be from 0 to {steps - 1}, one less than the steps")
    later = there[:, lags:]
    least = np.where(there[..., None], array, np.inf).min(axis=(0, 1))
    weights = array[:, lags:] - least
    weights[~later] = 0
    whole = weights.sum(axis=(0, 1))
    out = np.empty((array.shape[2], lags + 1, x.shape[2]))
    for k in range(lags + 1):
        before = x[:, lags - k:steps - k]
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, k] = np.einsum("tsu,tsi->ui", weights, before) / whole[:, None] - before[later].mean(axis=0)
    return out
