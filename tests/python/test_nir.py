"""NIR graphs: what is written is read by the nir package and, simulated by NIR's own equations, spikes as the network."""

import numpy as np
import pytest

nir = pytest.importorskip("nir")
pytest.importorskip("h5py")

import hitherto as hh  # noqa: E402
from hitherto.nir import from_nir, to_nir  # noqa: E402

STEPS, DT = 1000, 1e-3


def network(name, **more):
    cell = {"name": name, "reset": "zero", "refractory": 0, "v_th": [0.5, 0.6, 0.7, 0.5, 0.9], "tau_m": 20, **more.pop("cell", {})}
    return hh.Model(inputs=3, outputs=2, cell=cell, units=5, learner="eprop1-symmetric", precision="double", seed=3,
                    init={"w_in_scale": 3, "w_rec_scale": 2}, **more)


def simulate(graph, x):
    """Forward Euler over NIR's equations: the spikes and the outputs, one node after the other, cycles one step late."""
    node, dt = graph.nodes, graph.metadata["dt"]
    units = node["units"]
    n = len(units.v_threshold)
    v, current, z, y = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(len(node["w_out"].weight))
    spikes, outputs = [], []
    for row in x:
        a = node["w_in"].weight @ row + node["w_in"].bias + node["w_rec"].weight @ z
        if isinstance(units, nir.CubaLIF):
            current = current + dt / units.tau_syn * (-current + units.w_in * a)
            v = v + dt / units.tau_mem * (units.v_leak - v + units.r * current)
        else:
            v = v + dt / units.tau * (units.v_leak - v + units.r * a)
        z = (v > units.v_threshold).astype(float)
        v = np.where(z == 1, units.v_reset, v)
        out = node["w_out"].weight @ z + getattr(node["w_out"], "bias", 0)
        if "leak" in node:
            y = y + dt / node["leak"].tau * (-y + node["leak"].r * out)
            out = y
        outputs.append(node["bias"].weight @ out + node["bias"].bias if "bias" in node else out)
        spikes.append(z)
    return np.array(spikes), np.array(outputs)


@pytest.mark.parametrize("name", ["lif", "cubalif"])
@pytest.mark.parametrize("readout", [{}, {"kappa": 0}, {"bias_place": "inside"}, {"scale": True}])
def test_the_graph_does_what_the_network_does(name, readout, tmp_path):
    model = network(name, readout=readout)
    model.parameters["readout.bias"][...] = 0.3
    nir.write(tmp_path / "net.nir", to_nir(model, DT))
    graph = nir.read(tmp_path / "net.nir")
    x = np.abs(np.random.default_rng(0).standard_normal((STEPS, 3)))
    seen = model.record(x, ["spikes", "outputs"])
    spikes, outputs = simulate(graph, x)
    assert 50 < spikes.sum() < spikes.size / 2  # it lives
    np.testing.assert_array_equal(spikes, seen["spikes"])
    np.testing.assert_allclose(outputs, seen["outputs"], atol=1e-9)
    # and back
    again = from_nir(graph, precision="double")
    np.testing.assert_array_equal(again.record(x, ["spikes"])["spikes"], seen["spikes"])
    np.testing.assert_allclose(again.record(x, ["outputs"])["outputs"], seen["outputs"], atol=1e-9)
    graph.nodes["w_rec"].weight[...] *= -1  # the control
    assert (simulate(graph, x)[0] != spikes).any()


@pytest.mark.parametrize("change, sentence", [
    ({"cell": {"reset": "subtract"}}, "a reset by subtraction"),
    ({"cell": {"refractory": 3}}, "a refractory period"),
    ({"cell": {"threshold_at": "at-or-above"}}, "a spike at the threshold itself"),
    ({"network": {"delay": "1..2"}}, "connections with delays"),
    ({"network": {"input_delay": 2}}, "connections with delays"),
])
def test_what_nir_cannot_say_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        to_nir(network("lif", **change))


def test_gates_are_refused():
    with pytest.raises(ValueError, match="cell 'lstm'"):
        to_nir(hh.Model(inputs=1, outputs=1, cell="lstm", units=2))


def graph_of(**changes):
    one = np.ones(2)
    units = dict(tau=0.02 * one, r=one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)
    units.update(changes.pop("units", {}))
    nodes = {"input": nir.Input(np.array([3])), "fc": nir.Affine(np.ones((2, 3)), np.zeros(2)), "lif": nir.LIF(**units),
             "out": nir.Linear(np.ones((1, 2))), "output": nir.Output(np.array([1]))}
    nodes.update(changes.pop("nodes", {}))
    edges = changes.pop("edges", [("input", "fc"), ("fc", "lif"), ("lif", "out"), ("out", "output")])
    return nir.NIRGraph(nodes, edges, metadata=changes.pop("metadata", {"dt": DT}), type_check=False)


def test_graphs_of_others_are_read():
    assert from_nir(graph_of()).parameters["layer0.weight"].shape == (2, 6)
    with_cycle = graph_of(nodes={"rec": nir.Linear(np.eye(2))},
                          edges=[("input", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "out"),
                                 ("out", "output")])
    assert from_nir(with_cycle).parameters["layer0.weight"][0, 0] != 0  # a unit's weight to itself
    exact = from_nir(graph_of(), scheme="exact")
    assert exact._flat["cell.tau_m"].startswith("2") and "20" in exact._flat["cell.tau_m"]


@pytest.mark.parametrize("graph, sentence", [
    (lambda: graph_of(metadata={}), "does not say its dt"),
    (lambda: graph_of(units={"v_leak": np.ones(2)}), "v_leak is not 0"),
    (lambda: graph_of(units={"v_reset": np.ones(2)}), "v_reset is not 0"),
    (lambda: graph_of(units={"tau": np.full(2, 1e-4)}), "must be above dt"),
    (lambda: graph_of(nodes={"flat": nir.Flatten({"input": np.array([3])}, 0, 0)}), "which this library does not have"),
    (lambda: graph_of(nodes={"lif2": nir.LIF(*[np.ones(2)] * 5)}), "2 layers of LIF or CubaLIF"),
    (lambda: graph_of(edges=[("input", "fc"), ("fc", "lif"), ("lif", "output")]), "ways from the units|no attribute|weight"),
])
def test_other_graphs_are_refused_with_the_reason(graph, sentence):
    with pytest.raises((ValueError, AttributeError), match=sentence):
        from_nir(graph())
