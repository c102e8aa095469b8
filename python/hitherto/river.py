"""river estimators: a recurrent network on an endless stream, one sample at a time.

river calls ``predict_one(x)`` and then ``learn_one(x, y)`` with the same x. The network takes one step for both: at
``predict_one``, and ``learn_one`` gives that step its answer. A ``learn_one`` without a ``predict_one`` takes the step
itself.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from .model import Model


class _Recurrent:
    """What both estimators share. The features are those of the first sample; later ones may lack some, which count 0."""

    def __init__(self, cell: Any = "gru", units: int = 16, learner: Any = "rflo", lr: float = 0.01, optimiser: Any = "adam",
                 settings: dict[str, Any] | None = None, seed: int = 1) -> None:
        self.cell, self.units, self.learner, self.lr = cell, units, learner, lr
        self.optimiser, self.settings, self.seed = optimiser, settings, seed
        self._model: Model | None = None
        self._names: list[Hashable] = []
        self._waiting: dict[Hashable, Any] | None = None
        self._outputs: NDArray[Any] = np.zeros(0)

    def _make(self, x: dict[Any, Any], outputs: int, target: Any, loss: str) -> Model:
        self._names = list(x)
        given: dict[str, Any] = {"cell": self.cell, "units": self.units, "learner": self.learner, "loss": loss,
                                 "optimiser": {"name": self.optimiser, "lr": self.lr}, **(self.settings or {})}
        return Model(inputs=len(self._names), outputs=outputs, target=target, seed=self.seed, steps=1, **given)

    def _step(self, x: dict[Any, Any]) -> NDArray[Any]:
        """The outputs for x; the step waits for its answer. A step that got none is told that there is none."""
        assert self._model is not None
        if self._waiting is x or self._waiting == x:
            return self._outputs
        self._outputs = self._model.predict([float(x.get(name, 0)) for name in self._names])
        self._waiting = dict(x)
        return self._outputs


class Regressor(_Recurrent, base.Regressor):
    """A value at every step. The features are those of the first sample; a missing feature counts 0.

    Parameters
    ----------
    cell, learner, optimiser : str or mapping
        Settings by section, as in `hitherto.Model`.
    units : int
        Units of the network.
    lr : float
        Learning rate.
    settings : dict, optional
        Further settings by section.
    seed : int
        Seed of all random draws.

    Examples
    --------
    >>> from river import compose, datasets, evaluate, metrics, preprocessing
    >>> model = preprocessing.TargetStandardScaler(preprocessing.StandardScaler() | Regressor(units=8))
    >>> evaluate.progressive_val_score(datasets.TrumpApproval().take(200), model, metrics.MAE()).get() < 5
    True
    """

    def predict_one(self, x: dict[Any, Any]) -> float:
        """Says the value for x.

        Parameters
        ----------
        x : dict
            Numbers by the name of their feature.

        Returns
        -------
        float
            The value; 0 before the first `learn_one`.
        """
        return float(self._step(x)[0]) if self._model else 0.0

    def learn_one(self, x: dict[Any, Any], y: float) -> None:
        """Gives the step of x its answer, and learns.

        Parameters
        ----------
        x : dict
            The sample that `predict_one` was given, or the next one.
        y : float
            The right value.
        """
        if self._model is None:
            self._model = self._make(x, 1, "values", "mse")
        self._step(x)
        self._waiting = None
        self._model.learn([y])


class Classifier(_Recurrent, base.Classifier):
    """A class at every step. Classes get their outputs in the order in which they first come.

    Parameters
    ----------
    classes : int
        How many classes may come.
    cell, learner, optimiser : str or mapping
        Settings by section, as in `hitherto.Model`.
    units : int
        Units of the network.
    lr : float
        Learning rate.
    settings : dict, optional
        Further settings by section.
    seed : int
        Seed of all random draws.
    """

    def __init__(self, classes: int = 2, cell: Any = "gru", units: int = 16, learner: Any = "rflo", lr: float = 0.01,
                 optimiser: Any = "adam", settings: dict[str, Any] | None = None, seed: int = 1) -> None:
        super().__init__(cell, units, learner, lr, optimiser, settings, seed)
        self.classes = classes
        self._labels: list[Any] = []

    @property
    def _multiclass(self) -> bool:
        return True

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """Says how probable each class is that has come so far.

        Parameters
        ----------
        x : dict
            Numbers by the name of their feature.

        Returns
        -------
        dict
            Probability by class; empty before the first `learn_one`.
        """
        if not self._model:
            return {}
        outputs = self._step(x).astype(np.float64)[:len(self._labels)]
        grown = np.exp(outputs - outputs.max())
        return dict(zip(self._labels, (grown / grown.sum()).tolist()))

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Gives the step of x its answer, and learns.

        Parameters
        ----------
        x : dict
            The sample that `predict_one` was given, or the next one.
        y : hashable
            The right class.

        Raises
        ------
        ValueError
            More classes have come than `classes`.
        """
        if self._model is None:
            self._model = self._make(x, self.classes, "classes", "softmax")
        if y not in self._labels:
            if len(self._labels) == self.classes:
                raise ValueError(f"{y!r} is one class more than classes = {self.classes}")
            self._labels.append(y)
        self._step(x)
        self._waiting = None
        self._model.learn(self._labels.index(y))
