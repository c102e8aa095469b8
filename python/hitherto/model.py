"""A network that learns while it runs: one block of memory, predict and learn in a call each."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _c
from ._arrays import _Memory, _put_with_care, as_array
from ._library import Failure, Library, SettingError, Settings, flat_settings, library
from .parameters import Parameters

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._settings import ModelSettings

#: Short names for the settings that most programs give.
SHORT = {
    "units": "network.units",
    "lr": "optimiser.lr",
}


class Model:
    """A recurrent network, its learner and its optimiser, in one block of memory.

    Parameters
    ----------
    inputs : int
        How many numbers the network reads at each step; 0 if it reads tokens.
    outputs : int
        How many numbers the readout writes; with classes, how many classes there are.
    target : {"values", "classes"}
        What `learn` takes: numbers, or the index of the right class.
    vocabulary : int
        How many kinds of token there are; needs ``network={"embedding": width}``.
    seed : int
        Seed of all random draws. One seed gives one result, on every machine.
    batch : int
        How many sequences advance together.
    steps : int
        Steps of a tape, K. The model learns from K steps at once. 0: ``learner.steps``, or else 1.
    late : int
        How many steps after its input a label may still come.
    threads : int
        Threads of the model; they never change a result. 0: one for each core.
    precision : {"single", "double"}
        Whether numbers are float32 or float64.
    **settings
        Every setting of docs/settings.md. Give a section as a name, ``cell="lstm"``, or as a mapping,
        ``cell={"name": "alif", "tau_m": 20}``. `units` and `lr` stand for ``network={"units": ...}`` and
        ``optimiser={"lr": ...}``.

    Raises
    ------
    SettingError
        A setting is unknown or has no meaning. The message is one sentence, with "did you mean" for a similar name.
    MemoryError
        There is not enough memory.

    Examples
    --------
    >>> model = Model(inputs=1, outputs=1, cell="gru", units=8, learner="rflo", lr=0.05, seed=1)
    >>> for x in np.sin(np.arange(200) / 5):
    ...     y = model.predict([x])
    ...     _ = model.learn([x])
    >>> model.parameters["readout.weight"].shape
    (1, 8)
    """

    def __init__(self, *, inputs: int, outputs: int, target: Literal["values", "classes"] = "values",
                 vocabulary: int = 0, seed: int = 1, batch: int = 1, steps: int = 0, late: int = 0, threads: int = 1,
                 precision: Literal["single", "double"] = "single", **settings: Unpack[ModelSettings]) -> None:
        if target not in ("values", "classes"):
            raise SettingError(f"target is {target!r}, but must be 'values' or 'classes'")
        for name, number in dict(inputs=inputs, outputs=outputs, vocabulary=vocabulary, batch=batch, steps=steps, late=late,
                                 threads=threads).items():
            _check_whole(name, number)
        _check_whole("seed", seed, 2**64 - 1)
        self._how: dict[str, Any] = dict(inputs=inputs, outputs=outputs, target=target, vocabulary=vocabulary, seed=seed,
                                         batch=batch, steps=steps, late=late, threads=threads, precision=precision)
        self._flat = _with_short_names(settings)
        self._library = library(precision)
        self._failure = Failure()
        self._handle = self._create()
        self._owner = _Owner(self._library, self._handle)
        self._prepare()

    # ---- Making ------------------------------------------------------------------------------------------

    def _plan(self, settings: Settings) -> _c.hth_model_plan:
        how, plan = self._how, _c.hth_model_plan()
        plan.abi = self._library.hth_abi()
        plan.settings = settings.list
        plan.shape.inputs, plan.shape.vocabulary, plan.shape.outputs = how["inputs"], how["vocabulary"], how["outputs"]
        plan.shape.target = _c.HTH_TARGET_CLASSES if how["target"] == "classes" else _c.HTH_TARGET_VALUES
        plan.seed, plan.steps, plan.batch = how["seed"], how["steps"], how["batch"]
        plan.late, plan.threads = how["late"], how["threads"]
        return plan

    def _create(self) -> ctypes.c_void_p:
        settings, handle = Settings(self._flat), ctypes.c_void_p()
        plan = self._plan(settings)
        self._failure.check(self._library.hth_model_create(ctypes.byref(plan), None, ctypes.byref(handle),
                                                           self._failure.address))
        return handle

    def _prepare(self) -> None:
        """Room for one step, whose addresses never change: asking numpy for one costs more than a step."""
        how, dtype = self._how, self._library.dtype
        batch = how["batch"]
        self._x = np.zeros((batch, max(how["inputs"], 1)), dtype)
        self._tokens = np.zeros(batch, np.int32)
        self._y = np.zeros((batch, how["outputs"]), dtype)
        self._targets = np.zeros((batch, how["outputs"]), dtype)
        self._classes = np.zeros(batch, np.int32)
        self._single = batch == 1
        self._report = _c.hth_report()
        self._answer, plain = _c.hth_answer(), _c.hth_answer()
        model, report, failure = self._handle.value, ctypes.addressof(self._report), self._failure.address
        reads_tokens = how["vocabulary"] > 0
        x, tokens = (None, self._tokens.ctypes.data) if reads_tokens else (self._x.ctypes.data, None)
        self._advance = self._library.bound("hth_model_predict", model, x, tokens, self._y.ctypes.data, failure)
        self._say, self._say_plainly = (
            self._library.bound("hth_model_learn", model, ctypes.addressof(answer), report, failure)
            for answer in (self._answer, plain))
        self._input = self._tokens if reads_tokens else self._x[0] if self._single else self._x
        self._output = self._y[0] if self._single else self._y
        self._has_classes = how["target"] == "classes"
        self._target = self._classes if self._has_classes else self._targets[0] if self._single else self._targets
        self._target_address = self._target.ctypes.data
        # What len() must say of an input and a target, lest numpy spread one number over all; 0: of one number alone.
        # Numpy would also spread one row or one column over a batch: -1 sends these to be looked at with care.
        self._input_length, self._target_length = (
            0 if room.size == 1 else len(room) if room.ndim == 1 else -1 for room in (self._input, self._target))
        if self._has_classes:  # the answer of most steps: what was right, at once, and no more
            plain.classes = self._target_address
        else:
            plain.targets = self._target_address
        chunk = _c.hth_chunk()
        chunk.steps, chunk.batch, chunk.x, chunk.tokens = 1, batch, x, tokens
        chunk.classes, chunk.targets = plain.classes, plain.targets
        self._run_one = self._library.bound("hth_model_run", model, ctypes.addressof(chunk), self._y.ctypes.data,
                                            report, failure)
        self._kept = plain, chunk  # the calls have their addresses alone
        parts = _c.hth_model_parts.from_address(self._library.hth_model_parts_of(self._handle))
        self._parts = parts
        self._parameters: Parameters | None = None

    # ---- Step by step ------------------------------------------------------------------------------------

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Runs the network one step further.

        Parameters
        ----------
        x : array_like
            Numbers of shape (inputs,), or (batch, inputs) if the batch is larger than 1. With a vocabulary: a token
            (int), or (batch,) of them.

        Returns
        -------
        ndarray
            Outputs before any softmax or sigmoid, of shape (outputs,) or (batch, outputs). The array is the caller's.

        Raises
        ------
        NotFinite
            An input is not finite. The state is as it was before the call.
        SettingError
            A token is not below `vocabulary`.
        """
        try:
            if self._input_length and len(x) != self._input_length:  # type: ignore[arg-type]
                raise ValueError
            self._input[...] = x
        except (TypeError, ValueError, RuntimeError):
            _put_with_care("x", self._input, x)
        status = self._advance()
        if status:
            self._failure.check(status)
        return self._output.copy()

    def learn(self, y: ArrayLike | None = None, *, late: int = 0, weight: ArrayLike | None = None,
              ends: bool = False) -> float:
        """Gives a step its target. The model learns as soon as all steps of a tape have theirs.

        Parameters
        ----------
        y : array_like or None
            Values of shape (outputs,) or (batch, outputs); with classes: an int, or (batch,) of them. None: no target,
            only the end of the sequence.
        late : int
            Which step: 0 is the newest, k the k-th before it.
        weight : float or array_like, optional
            Weight of the step's loss, one number or (batch,); 1 if it is not given.
        ends : bool
            Whether the newest step ends its sequence. The model then learns from the rest of the tape and begins the
            next sequence.

        Returns
        -------
        float
            The loss of the step, summed over the batch, in the unit of the loss; 0 without a target.

        Raises
        ------
        NotFinite
            A target, the loss or the gradient is not finite.
        SettingError
            The step is no longer on the tape, or has a target already, or the class is out of range.
        """
        answer, report = self._answer, self._report
        report.loss = 0.0
        if y is not None:
            try:
                if self._target_length and len(y) != self._target_length:  # type: ignore[arg-type]
                    raise ValueError
                self._target[...] = y
            except (TypeError, ValueError, RuntimeError):
                _put_with_care("y", self._target, y)
            if weight is None and not late and not ends:  # the common case, whose arguments lie ready
                status = self._say_plainly()
                if status:
                    self._failure.check(status)
                return report.loss
        if late:
            _check_whole("late", late)
        answer.late, answer.ends, answer.errors, answer.weights = late, ends, None, None
        answer.targets = answer.classes = None
        if y is not None:
            if self._has_classes:
                answer.classes = self._target_address
            else:
                answer.targets = self._target_address
        if weight is not None:
            weights = np.ascontiguousarray(np.broadcast_to(np.asarray(weight, self._library.dtype),
                                                           (self._how["batch"],)))
            answer.weights = weights.ctypes.data
        self._failure.check(self._say())
        return report.loss

    def step(self, x: ArrayLike, y: ArrayLike) -> NDArray[Any]:
        """Does `predict` and `learn` of one step in one call into C, with the same bits, for an answer known already.

        Parameters
        ----------
        x, y : array_like
            As in `predict` and `learn`.

        Returns
        -------
        ndarray
            Outputs from before the step was learned from; `loss` has the loss.
        """
        try:
            if self._input_length and len(x) != self._input_length:  # type: ignore[arg-type]
                raise ValueError
            self._input[...] = x
        except (TypeError, ValueError, RuntimeError):
            _put_with_care("x", self._input, x)
        try:
            if self._target_length and len(y) != self._target_length:  # type: ignore[arg-type]
                raise ValueError
            self._target[...] = y
        except (TypeError, ValueError, RuntimeError):
            _put_with_care("y", self._target, y)
        self._report.loss = 0.0
        status = self._run_one()
        if status:
            self._failure.check(status)
        return self._output.copy()

    def backward(self, errors: ArrayLike, *, late: int = 0, ends: bool = False) -> NDArray[Any] | None:
        """Gives a step the derivative of your own loss, in place of a target.

        Parameters
        ----------
        errors : array_like
            dE/dy of shape (outputs,) or (batch, outputs), with y as `predict` returned it.
        late : int
            Which step, as in `learn`.
        ends : bool
            Whether the newest step ends its sequence, as in `learn`.

        Returns
        -------
        ndarray or None
            dE/dx of the steps that the model has just learned from, of shape (steps, inputs) or (steps, batch, inputs).
            None unless ``learner={"inputs": True}`` is set and a tape was complete.

        Raises
        ------
        NotFinite
            An error or the gradient is not finite.
        SettingError
            The step is no longer on the tape, or has a target already.
        """
        rows = np.ascontiguousarray(np.broadcast_to(as_array(errors, self._library.dtype), self._y.shape))
        _check_whole("late", late)
        answer = self._answer
        answer.late, answer.ends, answer.weights = late, ends, None
        answer.targets, answer.classes, answer.errors = None, None, rows.ctypes.data
        self._failure.check(self._say())
        return self._input_gradient()

    def _input_gradient(self) -> NDArray[Any] | None:
        view = _c.hth_view()
        status = self._library.hth_learner_inputs(self._parts.learner, ctypes.byref(view), None)
        if status != _c.HTH_OK or view.steps == 0:
            return None
        rows = self._seen(view)
        return rows[:, 0].copy() if self._single else rows.copy()

    def _seen(self, view: _c.hth_view) -> NDArray[Any]:
        size = ctypes.sizeof(self._library.real)
        return np.asarray(_Memory(self._owner, view.data, (view.steps, view.batch, view.units), self._library.dtype,
                                  (view.step_stride * size, view.item_stride * size, size), writable=False))

    def reset(self) -> None:
        """Begins a sequence. The model forgets the steps that it has not learned from yet."""
        self._library.hth_model_reset(self._handle)

    # ---- Many steps --------------------------------------------------------------------------------------

    def learn_many(self, x: ArrayLike, y: ArrayLike | None = None, *, weights: ArrayLike | None = None,
                   ends: bool = False) -> NDArray[Any]:
        """Runs `predict` and `learn` for many steps, in one call into C and with the same bits.

        Parameters
        ----------
        x : array_like
            (T, inputs) or (batch, T, inputs); tokens: (T,) or (batch, T). With a batch of 1, an array of the model's
            precision in C order is not copied.
        y : array_like or None
            Values (T, outputs) or (batch, T, outputs), or classes (T,) or (batch, T). None: no step has a target.
        weights : array_like, optional
            Weight of each step's loss, (T,) or (batch, T); 1 if they are not given.
        ends : bool
            Whether the last step ends its sequence.

        Returns
        -------
        ndarray
            Outputs of shape (T, outputs) or (batch, T, outputs), each computed before the model learns from its step.

        Raises
        ------
        NotFinite
            An input, a target, the loss or the gradient is not finite. The model has learned from the tapes before.
        SettingError
            An array has another shape, lies on another device, or a class or token is out of range.
        """
        chunk, keep = _c.hth_chunk(), []
        steps = self._put(chunk, keep, x, y, weights)
        chunk.steps, chunk.batch, chunk.ends = steps, self._how["batch"], ends
        outputs = np.empty((steps, self._how["batch"], self._how["outputs"]), self._library.dtype)
        self._report.loss = 0.0
        self._failure.check(self._library.hth_model_run(self._handle, ctypes.byref(chunk), outputs.ctypes.data,
                                                        ctypes.byref(self._report), self._failure.address))
        return outputs[:, 0] if self._single else outputs.swapaxes(0, 1)

    def predict_many(self, x: ArrayLike) -> NDArray[Any]:
        """Computes the outputs for a sequence from its start. The model does not learn, and its state stays as it is.

        Parameters
        ----------
        x : array_like
            (T, inputs) or (batch, T, inputs), or tokens, as in `learn_many`.

        Returns
        -------
        ndarray
            Outputs of shape (T, outputs) or (batch, T, outputs).

        Raises
        ------
        NotFinite
            An input is not finite.
        SettingError
            The array has another shape, or a token is out of range.
        """
        return self._twin().learn_many(x)

    def _put(self, chunk: _c.hth_chunk, keep: list[Any], x: ArrayLike, y: ArrayLike | None,
             weights: ArrayLike | None) -> int:
        """Fills the chunk's pointers; `keep` holds what they point at. Returns the steps."""
        how, dtype = self._how, self._library.dtype

        def put(name: str, values: ArrayLike, kind: Any, columns: int | None, steps: int | None) -> int:
            rows = as_array(values, kind)
            if columns is not None and rows.ndim == (1 if self._single else 2) and columns == 1:
                rows = rows[..., None]
            shape = ("T",) if self._single else (how["batch"], "T")
            wanted = shape if columns is None else (*shape, columns)
            fits = rows.ndim == len(wanted) and (columns is None or rows.shape[-1] == columns)
            fits = fits and (self._single or rows.shape[0] == how["batch"])
            length = rows.shape[0 if self._single else 1] if rows.ndim else 0
            if not fits or length == 0 or (steps is not None and length != steps):
                raise SettingError(f"{name} has the shape {rows.shape}, but must have "
                                   f"({', '.join(str(steps if w == 'T' and steps else w) for w in wanted)})")
            if not self._single:
                rows = np.ascontiguousarray(rows.swapaxes(0, 1))
            keep.append(rows)
            return length

        if how["vocabulary"]:
            steps = put("x", x, np.int32, None, None)
            chunk.tokens = keep[-1].ctypes.data
        else:
            steps = put("x", x, dtype, how["inputs"], None)
            chunk.x = keep[-1].ctypes.data
        if y is not None and self._has_classes:
            put("y", y, np.int32, None, steps)
            chunk.classes = keep[-1].ctypes.data
        elif y is not None:
            put("y", y, dtype, how["outputs"], steps)
            chunk.targets = keep[-1].ctypes.data
        if weights is not None:
            put("weights", weights, dtype, None, steps)
            chunk.weights = keep[-1].ctypes.data
        return steps

    @property
    def loss(self) -> float:
        """The loss of the last `learn`, `step` or `learn_many`, summed over steps and batch, in the unit of the loss."""
        return float(self._report.loss)

    # ---- Looking inside ----------------------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """All parameters by name (`Parameters`), as writable views that keep the model alive."""
        if self._parameters is None:
            self._parameters = Parameters(self._owner, self._library, self._parts.network)
        else:
            self._library.hth_network_parameters(self._parts.network)  # a view may be written to: copies are stale
        return self._parameters

    def record(self, x: ArrayLike, what: list[str], layer: int = 0) -> dict[str, NDArray[Any]]:
        """Shows what units do while the network reads a sequence from its start. The model stays as it is.

        Parameters
        ----------
        x : array_like
            (T, inputs) or (batch, T, inputs), or tokens, as in `learn_many`.
        what : list of str
            "outputs", "z" (the output that other units read; "spikes" means the same), and states of the cell by name:
            "v" of lif, "v" and "a" of alif, "c" of lstm. ``hitherto list cell`` lists them.
        layer : int
            Which layer; 0 is the lowest.

        Returns
        -------
        dict of ndarray
            For each name an array of shape (T, units) or (batch, T, units).

        Raises
        ------
        SettingError
            There is no such layer or name, or the array has another shape.
        """
        twin = self._twin()
        chunk, keep = _c.hth_chunk(), []
        steps = twin._put(chunk, keep, x, None, None)
        rows: dict[str, list[NDArray[Any]]] = {name: [] for name in what}
        for t in range(steps):
            twin._input[...] = keep[0][t, 0] if self._single and keep[0].ndim > 2 else keep[0][t]
            twin._failure.check(twin._advance())
            for name in what:
                rows[name].append(twin._y.copy() if name == "outputs" else twin._newest(layer, name))
        series = {name: np.stack(values) for name, values in rows.items()}
        return {name: (v[:, 0] if self._single else v.swapaxes(0, 1)) for name, v in series.items()}

    def _newest(self, layer: int, name: str) -> NDArray[Any]:
        view = _c.hth_view()
        self._failure.check(self._library.hth_tape_view(self._parts.tape, layer,
                                                        b"z" if name == "spikes" else name.encode(),
                                                        ctypes.byref(view), self._failure.address))
        return self._seen(view)[-1].copy()

    def _twin(self) -> Model:
        """A frozen model with the same parameters."""
        twin = Model.__new__(Model)
        Model.__init__(twin, **self._how, **self._flat)  # type: ignore[arg-type]
        twin.parameters.flat[...] = self.parameters.flat
        twin._library.hth_model_freeze(twin._handle, True)
        return twin

    @property
    def bytes(self) -> int:
        """Memory of the model in bytes. It never takes more."""
        sizes = self._library.hth_model_sizes_of(self._handle)
        return int(_c.hth_model_sizes.from_address(sizes).total)

    @property
    def sizes(self) -> dict[str, int]:
        """The same in bytes for each part: network, tape, learner and so on."""
        sizes = _c.hth_model_sizes.from_address(self._library.hth_model_sizes_of(self._handle))
        return {name: int(getattr(sizes, name)) for name, *_ in _c.hth_model_sizes._fields_}

    # ---- Keeping -----------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {"how": self._how, "settings": self._flat, "state": self._state()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        Model.__init__(self, **kept["how"], **kept["settings"])
        self._take(kept["state"])

    def _state(self) -> NDArray[np.uint8]:
        room = np.empty(self._library.hth_model_save_bytes(self._handle), np.uint8)
        self._failure.check(self._library.hth_model_save(self._handle, room.ctypes.data, room.size,
                                                         self._failure.address))
        return room

    def _take(self, state: NDArray[np.uint8]) -> None:
        state = np.ascontiguousarray(state, np.uint8)
        self._failure.check(self._library.hth_model_load(self._handle, state.ctypes.data, state.size,
                                                         self._failure.address))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the complete state of the model to a .npz file. `hitherto.load` goes on from there with the same bits.

        Parameters
        ----------
        path : str or path-like
            The file. It is written whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        keys, values = list(self._flat), list(self._flat.values())
        scratch = f"{os.fspath(path)}.partial"
        with open(scratch, "wb") as file:
            np.savez(file, format=np.int64(1), state=self._state(), keys=np.array(keys, dtype=str),
                     values=np.array(values, dtype=str), plan_keys=np.array(list(self._how), dtype=str),
                     plan=np.array([str(value) for value in self._how.values()], dtype=str))
        os.replace(scratch, path)

    def __repr__(self) -> str:
        chosen = ", ".join(f"{key}={value}" for key, value in self._flat.items())
        return f"Model({self._how['inputs']} -> {self._how['outputs']}; {chosen}; {self.bytes} bytes)"


def _check_whole(name: str, number: Any, most: int = 2**31 - 1) -> None:
    """ctypes would hand on -1 as 18446744073709551615."""
    if not isinstance(number, (int, np.integer)) or not 0 <= number <= most:
        raise SettingError(f"{name} is {number!r}, but must be a whole number from 0 to {most}")


class _Owner:
    """What a model and its views hold on to: the memory, given back after the last of them. It knows neither of them,
    for Python's collector cannot see through an array, and a circle through one would stay for ever."""

    def __init__(self, library: Library, handle: ctypes.c_void_p) -> None:
        weakref.finalize(self, library.hth_model_destroy, handle)


def _with_short_names(settings: Mapping[str, Any]) -> dict[str, str]:
    whole = {SHORT.get(key, key): value for key, value in settings.items()}
    return flat_settings(whole)


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` wrote. It goes on with the same bits.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Model

    Raises
    ------
    OSError
        The file cannot be read, is damaged, or was not written by `Model.save`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ("state", "keys", "values", "plan_keys", "plan")}
    except (OSError, MemoryError):
        raise
    except Exception as fault:  # numpy and zipfile have many for damaged files
        raise OSError(f"{os.fspath(path)} was not written by Model.save, or it is damaged") from fault
    texts = dict(zip(found["plan_keys"].tolist(), found["plan"].tolist()))
    how: dict[str, Any] = {key: value if key in ("target", "precision") else int(value) for key, value in texts.items()}
    model = Model(**how, **dict(zip(found["keys"].tolist(), found["values"].tolist())))
    model._take(found["state"])
    return model
