"""NIR graphs (Pedersen et al. 2024) of networks of LIF and CubaLIF units, to and from `hitherto.Model`.

NIR's equations are continuous in time. `to_nir` chooses their parameters so that this scheme does exactly what the
network does: forward Euler with the given dt, the current before the voltage, and a step of delay in every cycle. The
graph's metadata hold dt and the scheme. A network that NIR cannot describe is refused, with the reason.
"""

from __future__ import annotations

import functools
import json
import subprocess
from typing import Any, Literal

import nir
import numpy as np
from numpy.typing import NDArray

from ._library import SettingError
from ._program import program
from .model import Model

_SCHEME = "forward Euler, the current before the voltage, a step of delay in every cycle"


@functools.cache
def _defaults() -> dict[str, str]:
    """Every setting's default, as the program has it."""
    text = subprocess.run([program(), "list", "settings", "--schema"], check=True, capture_output=True, text=True).stdout
    found = {}
    for key, entry in json.loads(text)["$defs"].items():
        for one in entry.get("anyOf", [entry]):
            if "default" in one:
                found.setdefault(key, one["default"])
    return found


def _setting(model: Model, key: str) -> str:
    return model._flat.get(key, _defaults().get(key, ""))


def _per_unit(model: Model, key: str, units: int) -> NDArray[Any]:
    """A number for each unit: "20", "20, 30" or "3 x 0, 2 x 1.8"."""
    numbers: list[float] = []
    for part in _setting(model, key).split(","):
        times, _, value = part.rpartition("x")
        numbers += [float(value)] * (int(times) if times.strip() else 1)
    return np.full(units, numbers[0]) if len(numbers) == 1 else np.array(numbers)


def _refuse(reason: str) -> None:
    raise SettingError(f"NIR cannot say this: {reason}")


def _check_model(model: Model) -> str:
    cell = _setting(model, "cell.name")
    if cell not in ("lif", "cubalif"):
        _refuse(f"cell '{cell}'; it has LIF and CubaLIF units, but none with an adaptive threshold or gates")
    if _setting(model, "cell.reset") != "zero":
        _refuse("a reset by subtraction; take cell={'reset': 'zero'}")
    if _setting(model, "cell.refractory") != "0":
        _refuse("a refractory period; take cell={'refractory': 0}")
    if _setting(model, "cell.threshold_at") != "above":
        _refuse("a spike at the threshold itself; take cell={'threshold_at': 'above'}")
    if model._how["vocabulary"] or len([name for name in model.parameters if name.endswith(".weight")]) != 2:
        _refuse("tokens, or more than one layer")
    if model.parameters["layer0.weight"].shape[1] != model.parameters["layer0.weight"].shape[0] + model._how["inputs"] + 1:
        _refuse("connections with delays; take network={'delay': '1', 'input_delay': '0'}")
    return cell


def _kappa(model: Model) -> float:
    tau = float(_setting(model, "readout.tau_out"))
    kappa = float(_setting(model, "readout.kappa"))
    return float(np.exp(-1 / tau)) if tau > 0 else float(np.exp(-1 / 30)) if kappa < 0 else kappa


def to_nir(model: Model, dt: float = 1e-3) -> nir.NIRGraph:
    """Makes the NIR graph of a model.

    Parameters
    ----------
    model : Model
        One layer of ``lif`` or ``cubalif`` with ``cell.reset = zero`` and without refractory period.
    dt : float
        Length of a step in seconds.

    Returns
    -------
    nir.NIRGraph
        The nodes input, w_in, w_rec, units, w_out and output; with a leaky readout also leak and bias.

    Raises
    ------
    SettingError
        NIR cannot describe the network; the message says why.
    """
    cell, weight = _check_model(model), model.parameters["layer0.weight"].astype(np.float64)
    n, inputs, outputs = weight.shape[0], model._how["inputs"], model._how["outputs"]
    # Voltages: alpha is that of Euler's method, and the gain of the drive is r dt / tau.
    scales, step = _setting(model, "cell.scale_input") == "true", float(_setting(model, "cell.dt"))
    alpha = np.exp(-step / _per_unit(model, "cell.tau_m", n))
    gain, zeros = (1 - alpha if scales else np.ones(n)), np.zeros(n)
    common: dict[str, Any] = dict(r=gain / (1 - alpha), v_leak=zeros, v_reset=zeros, v_threshold=_per_unit(model, "cell.v_th", n))
    if cell == "lif":
        units: Any = nir.LIF(tau=dt / (1 - alpha), **common)
    else:
        sigma = np.exp(-step / _per_unit(model, "cell.tau_syn", n))
        units = nir.CubaLIF(tau_mem=dt / (1 - alpha), tau_syn=dt / (1 - sigma),
                            w_in=(1 - sigma if scales else np.ones(n)) / (1 - sigma), **common)
    nodes: dict[str, Any] = {
        "input": nir.Input({"input": np.array([inputs])}),
        "w_in": nir.Affine(weight[:, n:-1], weight[:, -1]),
        "units": units,
        "w_rec": nir.Linear(weight[:, :n]),
    }
    edges = [("input", "w_in"), ("w_in", "units"), ("units", "w_rec"), ("w_rec", "units"), ("units", "w_out")]
    edges += _readout(model, dt, nodes)
    nodes["output"] = nir.Output({"output": np.array([outputs])})
    return nir.NIRGraph(nodes, edges, metadata={"dt": dt, "scheme": _SCHEME, "written_by": "hitherto"})


def _readout(model: Model, dt: float, nodes: dict[str, Any]) -> list[tuple[str, str]]:
    """Adds the readout's nodes; returns the edges behind w_out."""
    weight = model.parameters["readout.weight"].astype(np.float64)
    outputs, kappa = len(weight), _kappa(model)
    given = model.parameters.get("readout.bias")
    bias = np.zeros(outputs) if given is None else given[0].astype(np.float64)
    if kappa == 0:
        nodes["w_out"] = nir.Affine(weight, bias)
        return [("w_out", "output")]
    gain = 1 - kappa if _setting(model, "readout.scale") == "true" else 1.0
    nodes["leak"] = nir.LI(tau=np.full(outputs, dt / (1 - kappa)), r=np.full(outputs, 1 / (1 - kappa)),
                           v_leak=np.zeros(outputs))
    if _setting(model, "readout.bias_place") == "inside":
        nodes["w_out"] = nir.Affine(gain * weight, bias)
        return [("w_out", "leak"), ("leak", "output")]
    nodes["w_out"] = nir.Linear(gain * weight)
    nodes["bias"] = nir.Affine(np.eye(outputs), bias)
    return [("w_out", "leak"), ("leak", "bias"), ("bias", "output")]


# ---- From a graph -------------------------------------------------------------------------------------------------


def _matrix(node: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    weight = np.atleast_2d(np.asarray(node.weight, np.float64))
    bias = np.asarray(getattr(node, "bias", np.zeros(len(weight))), np.float64)
    return weight, np.broadcast_to(bias, (len(weight),))


def _only(found: list[str], what: str) -> str:
    if len(found) != 1:
        raise SettingError(f"the graph has {len(found)} {what}, but must have one: {', '.join(found) or 'none'}")
    return found[0]


def _decay(node: Any, name: str, dt: float, scheme: str, size: int) -> NDArray[Any]:
    tau = np.broadcast_to(np.asarray(getattr(node, name), np.float64), (size,))
    if (tau <= 0).any() or (scheme == "euler" and (tau <= dt).any()):
        raise SettingError(f"{name} is {tau.min():g} s, but must be above dt = {dt:g} s for forward Euler")
    return 1 - dt / tau if scheme == "euler" else np.exp(-dt / tau)


def _must_be_zero(node: Any, name: str) -> None:
    if np.any(np.asarray(getattr(node, name, 0.0)) != 0):
        raise SettingError(f"{name} is not 0; shift the voltages so that it is")


def from_nir(graph: nir.NIRGraph, *, dt: float | None = None, scheme: Literal["euler", "exact"] = "euler",
             precision: Literal["single", "double"] = "single", **settings: Any) -> Model:
    """Makes a model that does what a NIR graph does.

    Parameters
    ----------
    graph : nir.NIRGraph
        In this order: Input; Affine or Linear; one layer of LIF or CubaLIF, with or without a cycle through an Affine
        or Linear; Affine or Linear; optionally LI, and an Affine with the unit matrix; Output. A scalar parameter holds
        for all units; v_reset may be missing.
    dt : float, optional
        Length of a step in seconds; by default that of the graph's metadata.
    scheme : {"euler", "exact"}
        How a time constant tau becomes a decay per step: 1 - dt / tau, or exp(-dt / tau).
    precision : {"single", "double"}
        Whether the model's numbers are float32 or float64.
    **settings
        As in `hitherto.Model`: the learner, its rate, and so on.

    Returns
    -------
    Model

    Raises
    ------
    SettingError
        The graph has a node or an edge that this library cannot represent.
    """
    dt = dt if dt is not None else graph.metadata.get("dt")
    if not dt:
        raise SettingError("the graph does not say its dt; give dt in seconds")
    if scheme not in ("euler", "exact"):
        raise SettingError(f"scheme is {scheme!r}, but must be 'euler' or 'exact'")
    nodes: dict[str, Any] = dict(graph.nodes)
    unit = _only([k for k, v in nodes.items() if isinstance(v, (nir.LIF, nir.CubaLIF))], "layers of LIF or CubaLIF")
    known = (nir.Input, nir.Output, nir.Affine, nir.Linear, nir.LI, nir.LIF, nir.CubaLIF)
    for name, node in nodes.items():
        if not isinstance(node, known):
            raise SettingError(f"node {name!r} is a {type(node).__name__}, which this library does not have")
    before = {k: [a for a, b in graph.edges if b == k] for k in nodes}
    after = {k: [b for a, b in graph.edges if a == k] for k in nodes}
    source = _only([k for k, v in nodes.items() if isinstance(v, nir.Input)], "inputs")
    into = _only([k for k in before[unit] if source in before[k]], "weights from the input")
    cycle = [k for k in before[unit] if unit in before[k]]
    rest = set(before[unit]) - {into, *cycle}
    if len(cycle) > 1 or rest:
        raise SettingError(f"{unit!r} reads {', '.join(sorted({*cycle, *rest}))}; one way from the input and one cycle can be")
    node, (w_in, bias) = nodes[unit], _matrix(nodes[into])
    n, inputs = w_in.shape
    w_rec = np.zeros((n, n))
    if cycle:
        w_rec, more = _matrix(nodes[cycle[0]])
        bias = bias + more
    for name in ("v_leak", "v_reset"):
        _must_be_zero(node, name)
    # Gains go into the weights, so that the network's own are 1.
    cell: dict[str, Any] = {"reset": "zero", "refractory": 0, "scale_input": False, "dt": 1,
                            "v_th": np.broadcast_to(np.asarray(node.v_threshold, np.float64), (n,))}
    resistance = np.broadcast_to(np.asarray(node.r, np.float64), (n,))
    if isinstance(node, nir.LIF):
        alpha = _decay(node, "tau", dt, scheme, n)
        cell.update(name="lif", tau_m=-1 / np.log(alpha))
        gain = (1 - alpha) * resistance
    else:
        alpha, sigma = _decay(node, "tau_mem", dt, scheme, n), _decay(node, "tau_syn", dt, scheme, n)
        cell.update(name="cubalif", tau_m=-1 / np.log(alpha), tau_syn=-1 / np.log(sigma))
        gain = (1 - alpha) * resistance * (1 - sigma) * np.broadcast_to(np.asarray(node.w_in, np.float64), (n,))
    readout, w_out, b_out = _read_readout(graph, unit, cycle, after, dt, scheme)
    diagonal: Any = True if np.diag(w_rec).any() else "auto"
    for section, found in {"network": {"units": n, "self_connections": diagonal, "bias": True}, "cell": cell,
                           "readout": readout}.items():
        settings[section] = {**found, **settings.get(section, {})}
    model = Model(inputs=inputs, outputs=len(w_out), precision=precision, **settings)
    model.parameters["layer0.weight"][...] = gain[:, None] * np.concatenate([w_rec, w_in, bias[:, None]], 1)
    model.parameters["readout.weight"][...] = w_out
    if "readout.bias" in model.parameters:
        model.parameters["readout.bias"][...] = b_out
    return model


def _read_readout(graph: nir.NIRGraph, unit: str, cycle: list[str], after: dict[str, list[str]], dt: float,
                  scheme: str) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any]]:
    """Settings of the readout, its weights and biases: what lies between the units and the output."""
    nodes: dict[str, Any] = dict(graph.nodes)
    name = _only([k for k in after[unit] if k not in cycle], "ways from the units to the output")
    weight, bias = _matrix(nodes[name])
    readout: dict[str, Any] = {"kappa": 0}
    name = _only(after[name], f"nodes behind {name!r}")
    if isinstance(nodes[name], nir.LI):
        _must_be_zero(nodes[name], "v_leak")
        kappa = _decay(nodes[name], "tau", dt, scheme, len(weight))
        if np.ptp(kappa) > 1e-12:
            raise SettingError(f"tau of {name!r} differs between outputs; this readout has one time constant")
        gain = (1 - kappa) * np.broadcast_to(np.asarray(nodes[name].r, np.float64), kappa.shape)
        weight, bias = gain[:, None] * weight, gain * bias
        readout = {"kappa": float(kappa[0]), "scale": False, "bias_place": "inside"}
        name = _only(after[name], f"nodes behind {name!r}")
    if isinstance(nodes[name], nir.Affine) and readout["kappa"] and not bias.any():
        unity, bias = _matrix(nodes[name])
        if not np.array_equal(unity, np.eye(len(weight))):
            raise SettingError(f"{name!r} mixes outputs behind their leak, which this readout does not")
        readout["bias_place"] = "outside"
        name = _only(after[name], f"nodes behind {name!r}")
    if not isinstance(nodes[name], nir.Output):
        raise SettingError(f"{name!r} stands before the output, where this readout has nothing")
    return readout, weight, bias
