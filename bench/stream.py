#!/usr/bin/env python3
"""Forecasts of a stream beside those of river: bench/stream.py [--seeds N] FILE.csv TARGET AHEAD [key=value...]

Both see the rows once, in order: a forecast of the target AHEAD rows later from the columns of a row, judged and learned
from when that row has come. river (https://riverml.xyz) standardises its inputs, and learns the target itself or, as
data.change=true does, how much it changes. The settings are those of `hitherto stream`.

With --seeds N the network alone runs, with seeds 1 to N: mean of its error, standard error of that mean, median, least
and largest, and in how many of the runs it is ahead of persistence; then what a row takes. Else river is needed.
"""

import collections
import csv
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
    from river import compose, forest, linear_model, neighbors, optim, preprocessing, rules, tree
except ImportError:
    compose = None

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build" / "hitherto"
REGRESSORS = {
    "linear regression": lambda: linear_model.LinearRegression(optim.Adam(1e-3)),
    "Bayesian linear regression": lambda: linear_model.BayesianLinearRegression(),
    "nearest neighbours": lambda: neighbors.KNNRegressor(n_neighbors=10),
    "Hoeffding tree": lambda: tree.HoeffdingTreeRegressor(),
    "adaptive Hoeffding tree": lambda: tree.HoeffdingAdaptiveTreeRegressor(seed=1),
    "adaptive model rules": lambda: rules.AMRules(),
    "adaptive random forest": lambda: forest.ARFRegressor(n_models=10, seed=1),
}
Row = dict[str, float]


def read_rows(path: str) -> list[Row]:
    """The columns that hold numbers."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))

    def is_number(text: str) -> bool:
        try:
            return math.isfinite(float(text))
        except ValueError:
            return False

    names = [name for name, text in rows[0].items() if is_number(text)]
    return [{name: float(row[name]) for name in names} for row in rows]


def print_line(name: str, absolute: float, squared: float, rate: float) -> None:
    print(f"| {name} | {absolute:.5g} | {squared:.5g} | {rate:,.0f} |", flush=True)


def run_river(name: str, rows: list[Row], target: str, ahead: int, change: bool) -> None:
    model = compose.Pipeline(preprocessing.StandardScaler(), REGRESSORS[name]())
    waiting: collections.deque[tuple[Row, float, float]] = collections.deque()
    absolute = squared = 0.0
    began = time.perf_counter()
    for row in rows:
        base = row[target] if change else 0.0
        waiting.append((row, base, base + model.predict_one(row)))
        if len(waiting) > ahead:
            x, base, forecast = waiting.popleft()
            error = forecast - row[target]
            absolute += abs(error)
            squared += error * error
            model.learn_one(x, row[target] - base)
    count, seconds = len(rows) - ahead, time.perf_counter() - began
    print_line(f"river: {name}{', change' if change else ''}", absolute / count, squared / count, len(rows) / seconds)


def stream(path: str, target: str, ahead: int, settings: list[str]) -> None:
    command = [PROGRAM, "stream", "--target", target, "--ahead", str(ahead), "--quiet", *settings]
    with open(path) as rows:
        subprocess.run(command, stdin=rows, stdout=subprocess.DEVNULL, check=True)


def score(path: str, target: str, ahead: int, count: int, settings: list[str]) -> dict[str, float]:
    """The scores after the last of `count` rows."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "score.jsonl")
        stream(path, target, ahead, ["--score", str(file), "--score-every", str(count), *settings])
        return json.loads(file.read_text().splitlines()[-1])


def run_ours(path: str, target: str, ahead: int, count: int, settings: list[str]) -> None:
    last = score(path, target, ahead, count, settings)
    began = time.perf_counter()
    stream(path, target, ahead, settings)
    seconds = time.perf_counter() - began
    for name, label in (("mean", "running mean"), ("last", "persistence"), ("network", f"ours: {' '.join(settings)}")):
        name = {"last": "persistence"}.get(name, name)
        print_line(label, last[f"all_{name}_absolute"], last[f"all_{name}_squared"], last["row"] / seconds)


def run_seeds(path: str, target: str, ahead: int, count: int, seeds: int, settings: list[str]) -> None:
    runs = [score(path, target, ahead, count, ["--seed", str(seed + 1), *settings]) for seed in range(seeds)]
    for error in ("absolute", "squared"):
        found, other = [run[f"all_network_{error}"] for run in runs], runs[0][f"all_persistence_{error}"]
        spread = statistics.stdev(found) / math.sqrt(seeds) if seeds > 1 else math.nan
        print(
            f"{error}: mean {statistics.fmean(found):.5g}, standard error {spread:.2g}, "
            f"median {statistics.median(found):.5g}, {min(found):.5g} to {max(found):.5g}; "
            f"{sum(one < other for one in found)} of {seeds} ahead of persistence, {other:.5g}"
        )
    rate, half, most = (statistics.median(run[n] for run in runs) for n in ("rows_per_second", "p50_us", "p99_us"))
    print(f"median run: {rate:,.0f} rows a second; half of the rows within {half:.3g} us, 99 % within {most:.3g}")


def main() -> None:
    words = sys.argv[1:]
    seeds = int(words[1]) if words[0] == "--seeds" else 0
    path, target, ahead, *settings = words[2:] if seeds else words
    rows = read_rows(path)
    if seeds:
        run_seeds(path, target, int(ahead), len(rows), seeds, settings)
        return
    if compose is None:
        sys.exit("river is needed for the table (pip install river); --seeds N runs the network alone")
    print(f"{path}: {len(rows)} rows, {target} {ahead} rows ahead\n\n| | absolute | squared | rows/s |\n|---|---|---|---|")
    run_ours(path, target, int(ahead), len(rows), settings)
    for name in REGRESSORS:
        for change in (False, True):
            run_river(name, rows, target, int(ahead), change)


if __name__ == "__main__":
    main()
