"""hitherto.torch.Recurrent beside the same network written in torch, in double precision."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hitherto as hh  # noqa: E402
from hitherto._files import read_safetensors  # noqa: E402
from hitherto.torch import Recurrent, from_torch, to_torch  # noqa: E402

T, B, N, INPUTS, OUTPUTS = 7, 3, 5, 4, 2


def layer(cell, **settings):
    settings = {"network": {"units": N, "initial": "learned"}, **settings}
    module = Recurrent(INPUTS, OUTPUTS, cell=cell, dtype=torch.float64, **settings)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += 0.3 * noise * (parameter != 0)  # a weight that does not exist stays 0
        module.layer0_initial += 0.3 * torch.randn(module.layer0_initial.shape, generator=generator, dtype=torch.float64)
    return module


def in_torch(module, cell, x):
    """The same network by torch's own LSTM or GRU and a linear readout."""
    weights = to_torch(module.layer0_weight.detach().numpy(), cell, N)
    rnn = (torch.nn.LSTM if cell == "lstm" else torch.nn.GRU)(INPUTS, N, dtype=torch.float64)
    rnn.load_state_dict(weights)
    initial = module.layer0_initial.detach().clone().requires_grad_()
    state = [row.expand(1, B, N).contiguous() for row in initial]
    hidden, _ = rnn(x, (state[1], state[0]) if cell == "lstm" else state[0])
    return hidden @ module.readout_weight.detach().T + module.readout_bias.detach(), rnn, initial


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_bptt_is_the_gradient_of_torch(cell):
    module, x = layer(cell), torch.randn(T, B, INPUTS, dtype=torch.float64, requires_grad=True)
    own = x.detach().clone().requires_grad_()
    y = module(own)
    theirs, rnn, initial = in_torch(module, cell, x)
    torch.testing.assert_close(y, theirs, rtol=0, atol=1e-12)
    errors = torch.randn(T, B, OUTPUTS, dtype=torch.float64)
    (y * errors).sum().backward()
    (theirs * errors).sum().backward()
    assert own.grad.abs().max() > 1e-3
    torch.testing.assert_close(own.grad, x.grad, rtol=0, atol=1e-10)
    gradient = to_torch(module.layer0_weight.grad.numpy(), cell, N)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"):
        torch.testing.assert_close(gradient[name], getattr(rnn, name).grad, rtol=0, atol=1e-10)
    torch.testing.assert_close(module.layer0_initial.grad, initial.grad, rtol=0, atol=1e-10)


def test_another_learner_is_another_gradient():
    """The control: rflo differs from bptt, and equals the gradient of a loop that keeps traces."""
    x, errors = torch.randn(T, B, INPUTS, dtype=torch.float64), torch.randn(T, B, OUTPUTS, dtype=torch.float64)
    found = {}
    for learner in ("bptt", "rflo"):
        module = layer({"name": "rate", "alpha": 0.5}, learner=learner)
        (module(x) * errors).sum().backward()
        found[learner] = module.layer0_weight.grad.numpy()
    module = layer({"name": "rate", "alpha": 0.5})
    np.testing.assert_allclose(found["rflo"], rflo_in_numpy(module, x.numpy(), errors.numpy()), rtol=0, atol=1e-10)
    assert np.abs(found["rflo"] - found["bptt"]).max() > 1e-2


def rflo_in_numpy(module, x, errors):
    """RFLO (Murray 2019) of a leaky tanh unit, written from its equations: one trace a synapse."""
    weight, readout = module.layer0_weight.detach().numpy(), module.readout_weight.detach().numpy()
    gradient = np.zeros_like(weight)
    for b in range(B):
        z, trace = module.layer0_initial.detach().numpy()[0].copy(), np.zeros_like(weight)
        for t in range(T):
            u = np.concatenate([z, x[t, b], [1]])
            r = np.tanh(weight @ u)
            trace = 0.5 * trace + 0.5 * (1 - r ** 2)[:, None] * u
            z = 0.5 * z + 0.5 * r
            gradient += (readout.T @ errors[t, b])[:, None] * trace
    return gradient


@pytest.mark.parametrize("cell", ["lstm", "gru", "rate"])
def test_gradcheck(cell):
    module = layer(cell)
    x = torch.randn(4, 2, INPUTS, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: module(values), (x,), eps=1e-6, atol=1e-6)
    readout = module.readout_weight.detach().clone().requires_grad_()

    def of_readout(values):
        others = {name: parameter.detach() for name, parameter in module.named_parameters()}
        return torch.func.functional_call(module, {**others, "readout_weight": values}, (x.detach(),))

    assert torch.autograd.gradcheck(of_readout, (readout,), eps=1e-6, atol=1e-6)


def test_two_calls_before_one_backward():
    module, x = layer("gru"), torch.randn(2, T, B, INPUTS, dtype=torch.float64)
    (module(x[0]).sum() + 2 * module(x[1]).sum()).backward()
    together = module.layer0_weight.grad.clone()
    module.zero_grad()
    module(x[0]).sum().backward()
    (2 * module(x[1]).sum()).backward()
    torch.testing.assert_close(together, module.layer0_weight.grad, rtol=0, atol=1e-12)


def test_two_gradients_of_one_call():
    module, x = layer("lstm"), torch.randn(T, B, INPUTS, dtype=torch.float64)
    y = module(x)
    y.sum().backward(retain_graph=True)
    first = module.layer0_weight.grad.clone()
    y.sum().backward()
    torch.testing.assert_close(module.layer0_weight.grad, 2 * first, rtol=0, atol=1e-12)


def test_layers_below_and_any_optimiser():
    """A linear layer below learns through dE/dx; the loss falls."""
    torch.manual_seed(0)
    below, module = torch.nn.Linear(INPUTS, INPUTS, dtype=torch.float64), layer("lstm")
    optimiser = torch.optim.Adam([*below.parameters(), *module.parameters()], lr=0.02)
    x = torch.randn(T, B, INPUTS, dtype=torch.float64)
    target, losses = x.cumsum(0)[..., :OUTPUTS], []
    before = below.weight.detach().clone()
    for _ in range(60):
        optimiser.zero_grad()
        loss = (module(below(x)) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert (below.weight - before).abs().max() > 1e-2


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU])
def test_weights_come_and_go(kind):
    rnn = kind(INPUTS, N, dtype=torch.float64)
    cell = "lstm" if kind is torch.nn.LSTM else "gru"
    weights = to_torch(from_torch(rnn), cell, N)
    again = kind(INPUTS, N, dtype=torch.float64)
    again.load_state_dict(weights)
    x = torch.randn(T, B, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(rnn(x)[0], again(x)[0], rtol=0, atol=1e-14)


def test_what_is_refused():
    module = layer("gru")
    with pytest.raises(ValueError, match=r"x has the shape \(3, 4\), but must have \(T, batch, inputs\)"):
        module(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="must be torch.float64 on the CPU"):
        module(torch.zeros(2, 2, INPUTS))


# ---- Files with torch's names -----------------------------------------------------------------------------------------

KINDS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rate": torch.nn.RNN}
FORMS = [("lstm", 1, False), ("gru", 1, False), ("rate", 1, False), ("lstm", 2, False), ("gru", 1, True)]


class Net(torch.nn.Module):
    def __init__(self, cell, layers, both, dtype):
        super().__init__()
        self.rnn = KINDS[cell](INPUTS, N, num_layers=layers, bidirectional=both, batch_first=True, dtype=dtype)
        self.readout = torch.nn.Linear(N * (1 + both), OUTPUTS, dtype=dtype)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


def settings_of_form(cell, layers, both, dtype):
    return dict(cell=cell, learner="bptt", network={"units": [N] * layers, "direction": "both" if both else "forward"},
                train={"epochs": 1, "batch": B, "precision": "double" if dtype == torch.float64 else "single"})


def data():
    x = np.random.default_rng(0).standard_normal((6, T, INPUTS))
    return x, dict(inputs=x, targets=x[..., :OUTPUTS])


def outputs(run, x, both):
    """Of the run's network; the program shows one that runs both ways only whole, which `Recurrent` does."""
    if not both:
        return run.predict(dict(inputs=x))["outputs"]
    dtype = {"f": torch.float32, "d": torch.float64}[run.parameters["layer0.weight"].dtype.char]
    module = Recurrent(INPUTS, OUTPUTS, cell="gru", network={"units": N, "direction": "both"}, batch_first=True, dtype=dtype)
    with torch.no_grad():
        for name, values in run.parameters.items():
            getattr(module, name.replace(".", "_")).copy_(torch.from_numpy(values.copy()))
    return module(torch.from_numpy(x).to(dtype)).detach().numpy()


@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("cell, layers, both", FORMS)
def test_a_run_becomes_modules(cell, layers, both, dtype, near, tmp_path):
    x, arrays = data()
    run = hh.train(data=arrays, out=tmp_path / "run", lr=0.05, **settings_of_form(cell, layers, both, dtype))
    made = run.export(tmp_path / "net.safetensors")
    assert f"torch.nn.{KINDS[cell].__name__}(" in made and f"torch.nn.Linear({N * (1 + both)}, {OUTPUTS})" in made
    tensors = read_safetensors(tmp_path / "net.safetensors")
    net = Net(cell, layers, both, dtype)
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in tensors.items()})
    theirs = net(torch.from_numpy(x).to(dtype)).detach().numpy()
    np.testing.assert_allclose(outputs(run, x, both), theirs, rtol=0, atol=near)
    net.rnn.weight_hh_l0.data[[0, N - 1]] = net.rnn.weight_hh_l0.data[[N - 1, 0]]  # the control
    assert np.abs(net(torch.from_numpy(x).to(dtype)).detach().numpy() - theirs).max() > 1e3 * near


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, values in tensors.items():
        raw = values.numpy().tobytes()
        header[name] = {"dtype": {torch.float32: "F32", torch.float64: "F64"}[values.dtype], "shape": list(values.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("cell, layers, both", FORMS)
def test_modules_become_a_run(cell, layers, both, dtype, near, tmp_path):
    torch.manual_seed(3)
    x, arrays = data()
    net = Net(cell, layers, both, dtype)
    write_safetensors(tmp_path / "net.safetensors", {name: value.detach() for name, value in net.state_dict().items()})
    settings = settings_of_form(cell, layers, both, dtype)
    settings["train"]["from"] = str(tmp_path / "net.safetensors")
    run = hh.train(data=arrays, out=tmp_path / "run", **settings, optimiser={"name": "sgd", "lr": 0})
    theirs = net(torch.from_numpy(x).to(dtype)).detach().numpy()
    np.testing.assert_allclose(outputs(run, x, both), theirs, rtol=0, atol=near)
    settings["train"]["from"] = None
    other = hh.train(data=arrays, out=tmp_path / "other", **settings)  # the control
    assert np.abs(outputs(other, x, both) - theirs).max() > 1e-2
