#!/usr/bin/env python3
"""Ranks of MPI change no bit: same_bits.py PROGRAM MPIRUN

Runs of 1 to 4 ranks leave the checkpoint and the metrics that one process without MPI leaves, a run goes on with
another number of ranks, and one that a signal to any rank interrupts is saved and goes on. With another number of
shares the sum has another order, and so other bits: then the comparison must see it.
"""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time

program, mpirun = sys.argv[1:3]
BASE = ("train.batch=7 train.threads=1 train.validation_steps=8 train.report_every=4 network.units=6 optimiser=sgd "
        "optimiser.lr=0.5").split()
RUNS = {
    "bptt": "task=copy-repeat task.curriculum=false task.pattern=3 learner=bptt cell=gru train.sequences=3 "
            "loss.time=mean",
    "rtrl": "task=add learner=rtrl learner.steps=2 train.steps=12 optimiser.clip_norm=0.1",
    "spikes": "task=store-recall task.group=3 task.period=4 task.periods=4 task.rate=200 cell=lif cell.v_th=0.1 "
              "learner=eprop1 learner.update=sequence train.sequences=2 regulariser.rate=1 regulariser.rate_form=nest",
    "words": "data=text data.dir=corpus network.embedding=3 network.dropout=0.2 cell=gru learner=tbptt "
             "learner.steps=2 train.steps=12",
}
# The ranks of a machine whose cores have other work to do must not wait for each other in a loop.
MPI = [mpirun, "--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "--mca",
       "btl", "self,vader", "--mca", "rmaps_base_mapping_policy", "core:OVERSUBSCRIBE"]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMI"))}


def fail(sentence):
    sys.exit(f"same_bits.py: {sentence}")


def train(ranks, folder, *words, code=0):
    """Trains on that many ranks, 0: without MPI; what it printed."""
    first = [*MPI, "-n", str(ranks)] if ranks else []
    done = subprocess.run([*first, program, "train", *words, "--out", folder], env=PLAIN, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if (done.returncode != 0) != (code != 0):
        fail(f"{ranks} ranks, {' '.join(words)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def tensors(folder):
    """The tensors of the newest checkpoint, but the time. Of a row of u that has yet to read its input, none."""
    data = pathlib.Path(folder, "checkpoint.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, of in json.loads(data[8:8 + length]).items():
        if name not in ("__metadata__", "run.seconds") and not name.endswith(".u"):
            begin, end = of["data_offsets"]
            found[name] = data[8 + length + begin:8 + length + end]
    return found


def metrics(folder):
    """The lines of the metrics without what depends on the clock and the machine."""
    lines = [json.loads(line) for line in pathlib.Path(folder, "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        for name in "seconds", "steps_per_second", "memory_bytes":
            del line[name]
    return lines


def different(one, other):
    """What differs between two runs: names of tensors, and 'metrics'."""
    a, b = tensors(one), tensors(other)
    if a.keys() != b.keys():
        return sorted(a.keys() ^ b.keys())
    return [name for name in a if a[name] != b[name]] + ["metrics"] * (metrics(one) != metrics(other))


def same(one, other, what):
    wrong = different(one, other)
    if wrong:
        fail(f"{what}: other bits in {', '.join(wrong[:5])}")


def write_corpus():
    pathlib.Path("corpus").mkdir()
    for split in "train", "valid", "test":
        text = "".join(f"word {i * i % 41} and {i % 17}\n" for i in range(200))
        pathlib.Path(f"corpus/ptb.{split}.txt").write_text(text)


def ranks_change_no_bit():
    for name, line in RUNS.items():
        words = [*BASE, *line.split(), "train.shares=5"]
        train(0, name, *words)
        if not any(of["updates"] for of in metrics(name)):
            fail(f"{name}: nothing is learned")
        if name == "spikes" and not metrics(name)[-1]["spike_rate"]:
            fail("spikes: no unit spikes")
        for ranks in 1, 2, 3, 4:
            said = train(ranks, f"{name}-{ranks}", *words)
            same(name, f"{name}-{ranks}", f"{name} on {ranks} ranks")
            if said.count("Finished.") != 1:
                fail(f"{ranks} ranks print more than one end:\n{said}")
        # Another order: the same shares of another number.
        train(0, f"{name}-other", *words[:-1], "train.shares=4")
        if tensors(name)["layer0.weight"] == tensors(f"{name}-other")["layer0.weight"]:
            fail(f"{name}: sums in another order have the same bits, so that equal bits say nothing")


def runs_go_on_with_other_ranks():
    words = [*BASE, *RUNS["rtrl"].split(), "train.shares=5"]
    train(3, "pieces", *words[:-3], "train.steps=4", *words[-2:])
    train(2, "pieces", "train.steps=8", "--resume")
    train(0, "pieces", "train.steps=12", "--resume")
    same("rtrl", "pieces", "3 ranks, then 2, then 1")


def signals_save_the_run():
    words = [*BASE, *RUNS["rtrl"].split(), "train.shares=5"]
    endless = " ".join([program, "train", *words, "train.steps=1000000000", "--out", "endless"])
    both = subprocess.Popen([*MPI, "-n", "2", "sh", "-c", f"echo $$ >pid-$OMPI_COMM_WORLD_RANK; exec {endless}"],
                            env=PLAIN, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not (pathlib.Path("endless/metrics.jsonl").exists() and metrics("endless")):
        if both.poll() is not None:
            fail(f"the endless run has ended:\n{both.stdout.read()}")
        time.sleep(0.05)
    os.kill(int(pathlib.Path("pid-1").read_text()), signal.SIGTERM)
    said = both.communicate()[0]
    if said.count("Interrupted; the run is saved") != 1:
        fail(f"a signal to rank 1 does not save the run:\n{said}")
    (step,) = struct.unpack("<Q", tensors("endless")["run.step"])
    steps = f"train.steps={step + 8}"
    train(3, "endless", steps, "--resume")
    train(0, "straight", *words, steps)
    if tensors("endless")["layer0.weight"] != tensors("straight")["layer0.weight"]:
        fail(f"interrupted at step {step}: other bits")


def what_cannot_be_is_refused():
    # Of several runs with one folder, one has it: the others find its lock, or its files.
    for words, part in ((["train.shares=2"], "train.shares is 2, but there are 3 ranks"),
                        ([], "hitherto: refused")):
        said = train(3, "refused", *BASE, "task=add", *words, code=1)
        if part not in said:
            fail(f"no '{part}' in:\n{said}")


with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    write_corpus()
    ranks_change_no_bit()
    runs_go_on_with_other_ranks()
    signals_save_the_run()
    what_cannot_be_is_refused()
print("1, 2, 3 and 4 ranks have the bits of one process.")
