"""A recurrent network of Hitherto as a torch module: any module below it, any loss above it, any learner inside it."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import _c
from ._library import Failure, Library, SettingError, Settings, library
from .model import _with_short_names
from .parameters import Parameters

_PRECISIONS = {torch.float32: "single", torch.float64: "double"}


class _Network:
    """The network and its compute handle; all tapes write with it."""

    def __init__(self, lib: Library, flat: dict[str, str], inputs: int, outputs: int, seed: int, threads: int) -> None:
        self.library, self.flat, self.failure = lib, flat, Failure()
        self.inputs, self.outputs, self.seed = inputs, outputs, seed
        self.settings = Settings(flat)
        self.compute, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        check, error = self.failure.check, self.failure.address
        check(lib.hth_compute_create(threads, None, ctypes.byref(self.compute), error))
        weakref.finalize(self, lib.hth_compute_destroy, self.compute)
        shape = _c.hth_shape(inputs=inputs, outputs=outputs, target=_c.HTH_TARGET_VALUES)
        check(lib.hth_network_create(ctypes.byref(self.settings.list), ctypes.byref(shape), seed, None,
                                     ctypes.byref(self.handle), error))
        weakref.finalize(self, lib.hth_network_destroy, self.handle)
        self.parameters = Parameters(self, lib, self.handle.value or 0)


class _Tape:
    """A tape of T steps of a batch, and a learner that reads it. Between forward and backward it belongs to one call."""

    def __init__(self, network: _Network, steps: int, batch: int) -> None:
        lib, error = network.library, network.failure.address
        self.network, self.steps, self.batch = network, steps, batch
        self.tape, self.learner, self.gradient = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        check = network.failure.check
        check(lib.hth_tape_create(network.handle, steps, batch, network.compute, None, ctypes.byref(self.tape), error))
        weakref.finalize(self, lib.hth_tape_destroy, self.tape)
        check(lib.hth_learner_create(ctypes.byref(network.settings.list), network.handle, steps, batch, network.seed,
                                     network.compute, None, ctypes.byref(self.learner), error))
        weakref.finalize(self, lib.hth_learner_destroy, self.learner)
        check(lib.hth_gradient_create(network.handle, None, ctypes.byref(self.gradient), error))
        weakref.finalize(self, lib.hth_gradient_destroy, self.gradient)
        count = lib.hth_network_parameter_count(network.handle)
        address = lib.hth_gradient_values(self.gradient)
        self.values = np.ctypeslib.as_array((lib.real * count).from_address(address))

    def write(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Runs a sequence from its start: x (T, batch, inputs) -> outputs (T, batch, outputs)."""
        network = self.network
        lib, error = network.library, network.failure.address
        lib.hth_network_parameters(network.handle)  # they may have changed
        lib.hth_tape_reset(self.tape)
        lib.hth_tape_begin(self.tape)
        inputs = _c.hth_inputs(steps=self.steps, batch=self.batch, x=x.ctypes.data, ends=True)
        network.failure.check(lib.hth_tape_write(self.tape, ctypes.byref(inputs), error))
        outputs = np.empty((self.steps, self.batch, network.outputs), x.dtype)
        network.failure.check(lib.hth_tape_read(self.tape, 0, self.steps, outputs.ctypes.data, error))
        return outputs

    def learn(self, errors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        """From dE/dy (T, batch, outputs): fills `values` with dE/dtheta, returns dE/dx or None where there is none."""
        network = self.network
        lib, error = network.library, network.failure.address
        verdict, report = _c.hth_verdict(steps=self.steps, errors=errors.ctypes.data), _c.hth_report()
        network.failure.check(lib.hth_tape_judge(self.tape, ctypes.byref(verdict), ctypes.byref(report), error))
        lib.hth_gradient_clear(self.gradient)
        network.failure.check(lib.hth_learn(self.learner, self.tape, self.gradient, error))
        lib.hth_gradient_values(self.gradient)
        view = _c.hth_view()
        if lib.hth_learner_inputs(self.learner, ctypes.byref(view), None) != _c.HTH_OK:
            return None
        size = ctypes.sizeof(lib.real)
        count = (view.steps - 1) * view.step_stride + (view.batch - 1) * view.item_stride + view.units
        flat = np.ctypeslib.as_array((lib.real * count).from_address(view.data))
        return np.lib.stride_tricks.as_strided(flat, (view.steps, view.batch, view.units),
                                               (view.step_stride * size, view.item_stride * size, size)).copy()


class _Run(torch.autograd.Function):
    """Outputs of a sequence; its backward is a learner."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, module: Recurrent, *parameters: Tensor) -> Tensor:
        ctx.save_for_backward(x, *parameters)
        ctx.module = module
        ctx.tape, y = _Run._write(module, x, parameters)
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Any, ...]:
        module, tape = ctx.module, ctx.tape
        x, *parameters = ctx.saved_tensors
        if tape is None:  # with retain_graph: a tape is learned from once, so it is written anew
            tape, _ = _Run._write(module, x, parameters)
        ctx.tape = None
        errors = np.ascontiguousarray(grad_outputs[0].detach().numpy(), module._network.library.dtype)
        inputs, values = tape.learn(errors), tape.values.copy()
        module._give_back(tape)
        of_x = None if inputs is None or not ctx.needs_input_grad[0] else torch.from_numpy(inputs)
        return (of_x, None, *module._split(values))

    @staticmethod
    def _write(module: Recurrent, x: Tensor, parameters: Sequence[Tensor]) -> tuple[_Tape, Tensor]:
        module._take(parameters)
        tape = module._borrow(x.shape[0], x.shape[1])
        return tape, torch.from_numpy(tape.write(np.ascontiguousarray(x.detach().numpy())))


class Recurrent(nn.Module):
    """A recurrent network with a readout, whose gradient is that of a learner of Hitherto.

    Parameters
    ----------
    inputs, outputs : int
        How many numbers the network reads and writes at each step.
    learner : str or mapping
        The learner that ``loss.backward()`` runs. "bptt" gives the gradient that torch would give; "rflo",
        "eprop1-symmetric" and others give the gradient of that rule. Each call sees whole sequences.
    batch_first : bool
        Whether x is (batch, T, inputs) instead of (T, batch, inputs).
    seed : int
        Seed of the initial parameters and of the learner's draws.
    threads : int
        Threads of the network; they never change a result. 0: one for each core.
    dtype : torch.float32 or torch.float64
        The type of inputs, parameters and outputs.
    **settings
        As in `hitherto.Model`: ``cell="alif"``, ``units=100``, ``network={"initial": "learned"}``.

    Raises
    ------
    SettingError
        A setting is unknown or has no meaning.

    Notes
    -----
    Parameters share memory with the network, so every optimiser of torch changes them in place. Some entries do not
    exist: a unit's weight to itself in spiking cells, columns that a gate of a GRU does not read. They are 0 and have
    gradient 0. They stay 0 under every optimiser that leaves a parameter alone where its gradient is 0.

    If the learner has no dE/dx (``learner.signal = none``), x gets no gradient.

    Examples
    --------
    >>> layer = Recurrent(3, 2, cell="lstm", units=8, learner="bptt")
    >>> y = layer(torch.zeros(10, 4, 3))
    >>> y.square().sum().backward()
    >>> layer.get_parameter("layer0_weight").grad.shape
    torch.Size([32, 12])
    """

    def __init__(self, inputs: int, outputs: int, *, learner: Any = "bptt", batch_first: bool = False, seed: int = 1,
                 threads: int = 1, dtype: torch.dtype = torch.float32, **settings: Any) -> None:
        super().__init__()
        if dtype not in _PRECISIONS:
            raise SettingError(f"dtype is {dtype}, but must be torch.float32 or torch.float64")
        flat = _with_short_names({**settings, "learner": learner})
        flat.setdefault("learner.inputs", "true")
        self.batch_first = batch_first
        self._dtype = dtype
        self._network = _Network(library(_PRECISIONS[dtype]), flat, inputs, outputs, seed, threads)
        self._idle: dict[tuple[int, int], list[_Tape]] = {}
        self._shared: list[np.ndarray[Any, Any]] = []
        self._names: list[str] = []
        for name, view in self._network.parameters.items():
            self._shared.append(view)
            self._names.append(name.replace(".", "_"))
            self.register_parameter(self._names[-1], nn.Parameter(torch.from_numpy(view)))

    def forward(self, x: Tensor) -> Tensor:
        """Computes the outputs of whole sequences, each from its start.

        Parameters
        ----------
        x : Tensor
            (T, batch, inputs), or (batch, T, inputs) with `batch_first`, of the module's dtype, on the CPU.

        Returns
        -------
        Tensor
            Outputs before any softmax or sigmoid, (T, batch, outputs) or (batch, T, outputs).

        Raises
        ------
        SettingError
            x has another shape or dtype, or lies on another device.
        """
        wanted = "(batch, T, inputs)" if self.batch_first else "(T, batch, inputs)"
        if x.dim() != 3 or x.shape[2] != self._network.inputs or 0 in x.shape:
            raise SettingError(f"x has the shape {tuple(x.shape)}, but must have {wanted} with inputs = "
                               f"{self._network.inputs}")
        if x.device.type != "cpu" or x.dtype != self._dtype:
            raise SettingError(f"x is {x.dtype} on {x.device}, but must be {self._dtype} on the CPU")
        y: Tensor = _Run.apply(x.transpose(0, 1) if self.batch_first else x, self,  # type: ignore[assignment]
                               *(getattr(self, name) for name in self._names))
        return y.transpose(0, 1) if self.batch_first else y

    def extra_repr(self) -> str:
        chosen = ", ".join(f"{key}={value}" for key, value in self._network.flat.items())
        return f"{self._network.inputs} -> {self._network.outputs}; {chosen}"

    # ---- What _Run asks for ---------------------------------------------------------------------------------

    def _take(self, parameters: Sequence[Tensor]) -> None:
        """Copies parameters that lie elsewhere: of torch.func, of gradcheck, of a module that was moved or loaded."""
        for shared, parameter in zip(self._shared, parameters):
            values = parameter.detach()
            if values.data_ptr() != shared.ctypes.data:
                shared[...] = values.numpy()

    def _borrow(self, steps: int, batch: int) -> _Tape:
        idle = self._idle.setdefault((steps, batch), [])
        return idle.pop() if idle else _Tape(self._network, steps, batch)

    def _give_back(self, tape: _Tape) -> None:
        self._idle[tape.steps, tape.batch].append(tape)

    def _split(self, values: np.ndarray[Any, Any]) -> list[Tensor]:
        parts, at = [], 0
        for shared in self._shared:
            parts.append(torch.from_numpy(values[at:at + shared.size].reshape(shared.shape)))
            at += shared.size
        return parts


# ---- Weights to and from torch ----------------------------------------------------------------------------------

#: Rows of torch's weight_ih and weight_hh, in its order, by our gates: lstm has i, f, o, g; gru has r, u, cx, ch.
_INPUT_ROWS = {"lstm": (0, 1, 3, 2), "gru": (0, 1, 2)}
_RECURRENT_ROWS = {"lstm": (0, 1, 3, 2), "gru": (0, 1, 3)}


def to_torch(weight: np.ndarray[Any, Any], cell: str, units: int) -> dict[str, Tensor]:
    """Turns the weights of a layer into those of ``torch.nn.LSTM`` or ``torch.nn.GRU``.

    Parameters
    ----------
    weight : ndarray
        ``layer0.weight``, (4 * units, units + inputs + 1).
    cell : {"lstm", "gru"}
        The cell of the layer, with ``cell.output = tanh``.
    units : int
        Units of the layer.

    Returns
    -------
    dict of Tensor
        weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, for ``load_state_dict``. torch's z of a GRU is our u.

    Raises
    ------
    SettingError
        torch has no such cell.
    """
    _check_cell(cell)
    gates = np.asarray(weight).reshape(4, units, -1)
    split = {"weight_ih_l0": [gates[k][:, units:-1] for k in _INPUT_ROWS[cell]],
             "weight_hh_l0": [gates[k][:, :units] for k in _RECURRENT_ROWS[cell]],
             "bias_ih_l0": [gates[k][:, -1] for k in _INPUT_ROWS[cell]],
             "bias_hh_l0": [np.zeros_like(gates[k][:, -1]) for k in _RECURRENT_ROWS[cell]]}
    if cell == "gru":
        split["bias_hh_l0"][2] = gates[3][:, -1]
    return {name: torch.from_numpy(np.concatenate(rows).copy()) for name, rows in split.items()}


def from_torch(module: nn.LSTM | nn.GRU) -> np.ndarray[Any, Any]:
    """Turns the weights of a ``torch.nn.LSTM`` or ``torch.nn.GRU`` into ``layer0.weight`` of the same network here.

    Parameters
    ----------
    module : torch.nn.LSTM or torch.nn.GRU
        One layer in one direction, without ``proj_size``.

    Returns
    -------
    ndarray
        (4 * units, units + inputs + 1), for ``model.parameters["layer0.weight"][...]``.

    Raises
    ------
    SettingError
        The module has more layers, both directions, or ``proj_size``.
    """
    cell = "lstm" if isinstance(module, nn.LSTM) else "gru"
    if module.num_layers != 1 or module.bidirectional or getattr(module, "proj_size", 0):
        raise SettingError("only a module of one layer in one direction, without proj_size, can be taken over")
    units, inputs = module.hidden_size, module.input_size
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    weight = np.zeros((4, units, units + inputs + 1), state["weight_ih_l0"].dtype)
    bias = module.bias
    for row, k in enumerate(_INPUT_ROWS[cell]):
        weight[k][:, units:-1] = state["weight_ih_l0"][row * units:(row + 1) * units]
        weight[k][:, -1] += state["bias_ih_l0"][row * units:(row + 1) * units] if bias else 0
    for row, k in enumerate(_RECURRENT_ROWS[cell]):
        weight[k][:, :units] = state["weight_hh_l0"][row * units:(row + 1) * units]
        weight[k][:, -1] += state["bias_hh_l0"][row * units:(row + 1) * units] if bias else 0
    return weight.reshape(4 * units, -1)


def _check_cell(cell: str) -> None:
    if cell not in _INPUT_ROWS:
        raise SettingError(f"cell is {cell!r}; torch has 'lstm' and 'gru' only")
