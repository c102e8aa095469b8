"""scikit-learn estimators that read sequences and say a value or a class at every step.

X of shape (N, n) is one sequence of N steps. X of shape (N, T, n) is N sequences of T steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_random_state, column_or_1d

from .model import Model


class _Recurrent(BaseEstimator):
    """What both estimators share.

    X of two dimensions, (N, n), is one sequence of N steps; of three, (N, T, n), it is N sequences of T steps.
    """

    model_: Model  # made by fit

    def __init__(self, cell: Any = "gru", units: int = 32, learner: Any = "tbptt", lr: float = 0.01,
                 optimiser: Any = "adam", epochs: int = 10, steps: int = 20, settings: dict[str, Any] | None = None,
                 random_state: Any = 1) -> None:
        self.cell, self.units, self.learner, self.lr = cell, units, learner, lr
        self.optimiser, self.epochs, self.steps, self.settings = optimiser, epochs, steps, settings
        self.random_state = random_state

    def _model(self, inputs: int, outputs: int, target: Any, loss: str) -> Model:
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = int(check_random_state(seed).randint(1, 2**31 - 1))
        optimiser: dict[str, Any] = {"name": self.optimiser} if isinstance(self.optimiser, str) else dict(self.optimiser)
        optimiser.setdefault("lr", self.lr)
        given: dict[str, Any] = {"cell": self.cell, "units": self.units, "learner": self.learner, "loss": loss,
                                 "optimiser": optimiser, **(self.settings or {})}
        return Model(inputs=inputs, outputs=outputs, target=target, seed=int(seed), steps=self.steps, **given)

    def _sequences(self, X: ArrayLike, reset: bool) -> NDArray[Any]:
        """X as (sequences, steps, inputs)."""
        rows = check_array(X, allow_nd=True, dtype="float32")
        if rows.ndim > 3:
            raise ValueError(f"X has {rows.ndim} dimensions, but must have 2 (steps, inputs) or 3 (sequences, steps, inputs)")
        if reset:
            self.n_features_in_ = rows.shape[-1]
        elif rows.shape[-1] != self.n_features_in_:
            raise ValueError(f"X has {rows.shape[-1]} features, but {type(self).__name__} is expecting "
                             f"{self.n_features_in_} features as input")
        self._is_one = rows.ndim == 2
        return rows[None] if self._is_one else rows

    def _learn(self, sequences: NDArray[Any], targets: NDArray[Any]) -> None:
        for x, y in zip(sequences, targets):
            self.model_.learn_many(x, y, ends=True)

    def _outputs(self, X: ArrayLike) -> NDArray[Any]:
        """(sequences, steps, outputs) of the network, or of the one sequence (steps, outputs); it does not learn."""
        check_is_fitted(self, "model_")
        rows = self._sequences(X, reset=False)
        outputs = np.stack([self.model_.predict_many(x) for x in rows])
        return outputs[0] if self._is_one else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class Regressor(RegressorMixin, _Recurrent):
    """Values at every step, by a recurrent network.

    Parameters
    ----------
    cell, learner, optimiser : str or mapping
        Settings by section, as in `hitherto.Model`.
    units : int
        Units of the network.
    lr : float
        Learning rate.
    epochs : int
        How many times `fit` goes over the sequences.
    steps : int
        Steps of a tape, K.
    settings : dict, optional
        Further settings by section.
    random_state : int, RandomState or None
        Seed of all random draws.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Regressor:
        """Learns from the sequences, beginning with a new network.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).
        y : array_like
            Values (N,) or (N, outputs) of one sequence; (N, T) or (N, T, outputs) of several.

        Returns
        -------
        Regressor
            The estimator itself.
        """
        if hasattr(self, "model_"):
            del self.model_
        sequences = self._sequences(X, reset=True)
        targets = self._targets(y, sequences)
        self.model_ = self._model(sequences.shape[-1], targets.shape[-1], "values", "mse")
        for _ in range(self.epochs):
            self._learn(sequences, targets)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Regressor:
        """Goes once over the sequences, and goes on with the network that is there.

        Parameters
        ----------
        X, y : array_like
            As in `fit`.

        Returns
        -------
        Regressor
            The estimator itself.
        """
        first = not hasattr(self, "model_")
        sequences = self._sequences(X, reset=first)
        targets = self._targets(y, sequences)
        if first:
            self.model_ = self._model(sequences.shape[-1], targets.shape[-1], "values", "mse")
        self._learn(sequences, targets)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Says the values of sequences, each from its start.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).

        Returns
        -------
        ndarray
            Values, float64, in the shape of the y that `fit` was given.
        """
        outputs = self._outputs(X).astype(np.float64)  # as scikit-learn has them
        return outputs[..., 0] if self._is_flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: ArrayLike, sequences: NDArray[Any]) -> NDArray[Any]:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        rows = check_array(y, allow_nd=True, ensure_2d=False, dtype="float32")
        shape = sequences.shape[:2]
        one = rows.shape[:1] == shape[1:] and sequences.shape[0] == 1 and rows.shape[:2] != shape
        rows = rows[None] if one else rows
        if rows.shape[:2] != shape or rows.ndim > 3:
            raise ValueError(f"y has the shape {np.shape(y)}, which does not fit the {shape[0]} sequences of {shape[1]} "
                             "steps of X")
        self._is_flat = rows.ndim == 2
        return rows[..., None] if self._is_flat else rows


def _labels(y: ArrayLike) -> NDArray[Any]:
    """Labels as an array; a lone column is made flat, with scikit-learn's warning."""
    labels = np.asarray(y)
    return column_or_1d(labels, warn=True) if labels.ndim == 2 and labels.shape[1] == 1 else labels


class Classifier(ClassifierMixin, _Recurrent):
    """A class for every step, or for every sequence, by a recurrent network.

    With X (N, T, n) and y (N,) each sequence has one class, and only its last step counts.

    Parameters
    ----------
    cell, learner, optimiser : str or mapping
        Settings by section, as in `hitherto.Model`.
    units : int
        Units of the network.
    lr : float
        Learning rate.
    epochs : int
        How many times `fit` goes over the sequences.
    steps : int
        Steps of a tape, K.
    settings : dict, optional
        Further settings by section.
    random_state : int, RandomState or None
        Seed of all random draws.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Classifier:
        """Learns from the sequences, beginning with a new network.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).
        y : array_like
            Classes: (N,) of the steps of one sequence, or of whole sequences; (N, T) of the steps of sequences.

        Returns
        -------
        Classifier
            The estimator itself.
        """
        if hasattr(self, "model_"):
            del self.model_
        sequences = self._sequences(X, reset=True)
        self._start(sequences, y, None)
        for _ in range(self.epochs):
            self._learn_classes(sequences, y)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Classifier:
        """Goes once over the sequences, and goes on with the network that is there.

        Parameters
        ----------
        X, y : array_like
            As in `fit`.
        classes : array_like, optional
            All classes. The first call must name them, or its y must hold them.

        Returns
        -------
        Classifier
            The estimator itself.
        """
        first = not hasattr(self, "model_")
        sequences = self._sequences(X, reset=first)
        if first:
            self._start(sequences, y, classes)
        self._learn_classes(sequences, y)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Computes the outputs before the softmax.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).

        Returns
        -------
        ndarray
            (..., classes); with two classes their difference, second less first, (...). The first axes are those of y.
        """
        outputs = self._outputs(X)
        if not self._is_one and self._is_whole:
            outputs = outputs[:, -1]
        return outputs[..., 1] - outputs[..., 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Computes the probabilities of the classes.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).

        Returns
        -------
        ndarray
            (..., classes), in the order of ``classes_``. The first axes are those of y.
        """
        scores = self.decision_function(X).astype(np.float64)
        if len(self.classes_) == 2:
            scores = np.stack([np.zeros_like(scores), scores], -1)
        grown = np.exp(scores - scores.max(-1, keepdims=True))
        return grown / grown.sum(-1, keepdims=True)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Says the most probable class of each step, or of each sequence if y named one for each.

        Parameters
        ----------
        X : array_like
            One sequence (N, n), or sequences (N, T, n).

        Returns
        -------
        ndarray
            Classes in the shape of y.
        """
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(-1)]

    def _start(self, sequences: NDArray[Any], y: ArrayLike, classes: ArrayLike | None) -> None:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        labels = _labels(y)
        if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
            raise ValueError("Unknown label type: continuous values; a classifier takes classes")
        self.classes_ = np.unique(labels if classes is None else np.asarray(classes))
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        self._is_whole = sequences.shape[0] > 1 and labels.shape == sequences.shape[:1]
        self.model_ = self._model(sequences.shape[-1], len(self.classes_), "classes", "softmax")

    def _learn_classes(self, sequences: NDArray[Any], y: ArrayLike) -> None:
        labels = _labels(y)
        steps = sequences.shape[1]
        if self._is_whole:
            labels = np.repeat(labels[:, None], steps, 1)
        elif labels.ndim == 1:
            labels = labels[None]
        if labels.shape != sequences.shape[:2]:
            raise ValueError(f"y has the shape {np.shape(y)}, which does not fit the {sequences.shape[0]} sequences of "
                             f"{steps} steps of X")
        if not np.isin(labels, self.classes_).all():
            raise ValueError("y has classes that the first call did not name")
        weights = None
        if self._is_whole:
            weights = np.zeros(steps, np.float32)
            weights[-1] = 1
        for x, row in zip(sequences, labels):
            self.model_.learn_many(x, np.searchsorted(self.classes_, row), weights=weights, ends=True)
