"""A step of the outer loop of e-prop 2 in PyTorch (Bellec et al. 2019, task 2.1): a training trial, an update of the
weights by the signals of a spiking module, a test trial, the gradient of all of it by automatic differentiation, Adam.

What does not depend on a network's state (inputs, readouts, the sum over steps of the update) is outside the loops, and
the training trial, which is the same for all tasks, is run once. The unit is a step of the outer loop, of tasks that
are the same each time.

    build/bench_episodes export FOLDER experiments/bellec2019/eprop2_small.yaml > FOLDER/about.json
    python bench/peers/torch_episodes.py --data FOLDER --check
    python bench/peers/torch_episodes.py --data FOLDER --device cuda
"""

import math

import torch
from torch.nn import functional

from episodes_data import DECAY, DT, GAMMA, INTERVAL, LEARNING_RATE, LENGTH, V_TH, Data, arguments, compare, measure
from torch_spikes import Spike, leak


def run_lif(drives, recurrent):
    """Spikes and pseudo-derivatives (steps, items, n) of LIF units; recurrent(drive, z) is the drive with what they
    tell each other."""
    v = z = silent = torch.zeros_like(drives[0])
    spikes, slopes = [], []
    for drive in drives.unbind(0):
        v = DECAY * v + recurrent(drive, z) - V_TH * z
        x = (v - V_TH) / V_TH
        awake = (silent <= 0).to(v.dtype)
        z = Spike.apply(x) * awake
        slopes.append(awake * GAMMA / V_TH * torch.clamp(1 - x.abs(), min=0))
        silent = torch.where(z.detach() > 0, float(INTERVAL - 1), silent - 1)
        spikes.append(z)
    return torch.stack(spikes), torch.stack(slopes)


class Episodes:
    def __init__(self, data, device):
        to = lambda array: torch.from_numpy(array).to(device)
        self.data, self.about = data, data.about
        self.x, self.target = to(data.x), to(data.target)
        self.wanted, self.wanted_place = to(data.wanted), to(data.wanted_place)
        self.weights = [torch.nn.Parameter(to(w)) for w in data.weights]
        self.no_self = [1 - torch.eye(k, dtype=self.x.dtype, device=device) for k in (data.n, data.units)]
        self.start = torch.tensor([0, math.pi / 2], dtype=self.x.dtype, device=device)
        self.optimiser = torch.optim.Adam(self.weights, LEARNING_RATE)

    def run(self):
        """The loss, and the spikes of both networks."""
        w_rec, w_in, w_out, u_rec, u_in, psi_out = self.weights
        steps, tasks, rate = self.data.steps, self.data.tasks, self.about["inner_lr"]
        w_rec, u_rec = w_rec * self.no_self[0], u_rec * self.no_self[1]
        # The training trial, the module over it, and the update of each task.
        w_turned, u_turned = w_rec.t(), u_rec.t()
        z, psi = run_lif(functional.linear(self.x, w_in), lambda a, z: torch.addmm(a, z, w_turned))
        told = torch.cat((self.x, z), 2).expand(-1, tasks, -1)
        q, _ = run_lif(
            functional.linear(torch.cat((told, self.target), 2), u_in),
            lambda a, z: torch.addmm(a, z, u_turned),
        )
        signals = leak(functional.linear(q, psi_out), DECAY) * psi
        before = torch.cat((torch.zeros_like(z[:1]), z[:-1]))
        flat = signals.flatten(1)
        by_rec = (flat.t() @ leak(before, DECAY)[:, 0]).view(tasks, -1, w_rec.shape[1]) * self.no_self[0]
        by_in = (flat.t() @ leak(self.x, DECAY)[:, 0]).view(tasks, -1, w_in.shape[1])
        rec = (w_rec - rate * by_rec).transpose(1, 2).contiguous()
        drives = torch.einsum("ti,bji->tbj", self.x[:, 0], w_in - rate * by_in)
        # The test trial, with weights of each task's own.
        tested, _ = run_lif(drives, lambda a, z: torch.baddbmm(a[:, None], z[:, None], rec)[:, 0])
        y = leak(functional.linear(tested, w_out), DECAY)
        angles = torch.cumsum(y, 0) * DT + self.start
        first, both = angles[..., 0], angles.sum(-1)
        place = LENGTH * torch.stack((first.cos() + both.cos(), first.sin() + both.sin()), -1)
        spikes = tasks * z.sum((0, 1)) + tested.sum((0, 1))
        of_module = q.sum((0, 1))
        loss = 0.5 * (
            self.about["outputs_weight"] * ((y - self.wanted) ** 2).mean()
            + self.about["place_weight"] * ((place - self.wanted_place) ** 2).mean()
        )
        loss = loss + self.data.regulariser("rate", spikes, 2 * steps * tasks)
        loss = loss + self.data.regulariser("module_rate", of_module, steps * tasks)
        return loss, (spikes.sum().item(), of_module.sum().item()) if self.counts else None

    counts = False

    def step(self):
        self.optimiser.zero_grad()
        self.run()[0].backward()
        self.optimiser.step()
        if self.x.is_cuda:
            torch.cuda.synchronize()

    def check(self):
        self.counts = True
        loss, spikes = self.run()
        loss.backward()
        compare(self.data, loss.item(), spikes, [w.grad.cpu().numpy() for w in self.weights])


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    episodes = Episodes(Data(args.data), args.device)
    if args.check:
        episodes.check()
        return
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    measure(episodes.step, args, device=name, version=torch.__version__)


if __name__ == "__main__":
    main()
