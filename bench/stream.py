#!/usr/bin/env python3
"""Forecasts of a stream beside those of river: bench/stream.py FILE.csv TARGET AHEAD [key=value...]

Both see the rows once, in order: a forecast of the target AHEAD rows later from the columns of a row, judged and learned
from when that row has come. river (https://riverml.xyz) standardises its inputs, and learns the target itself or, as
data.change=true does, how much it changes. The settings are those of `hitherto stream`. Needs river.
"""

import collections
import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

from river import compose, forest, linear_model, neighbors, optim, preprocessing, rules, tree

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


def run_ours(path: str, target: str, ahead: int, settings: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, open(path) as rows:
        score = pathlib.Path(folder, "score.jsonl")
        command = [PROGRAM, "stream", "--target", target, "--ahead", str(ahead), "--score", score, "--score-every", "1"]
        subprocess.run([*command, "--quiet", *settings], stdin=rows, stdout=subprocess.DEVNULL, check=True)
        last = json.loads(score.read_text().splitlines()[-1])
    with open(path) as rows:
        began = time.perf_counter()
        subprocess.run([*command[:6], "--quiet", *settings], stdin=rows, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - began
    for name, label in (("mean", "running mean"), ("last", "persistence"), ("network", f"ours: {' '.join(settings)}")):
        name = {"last": "persistence"}.get(name, name)
        print_line(label, last[f"all_{name}_absolute"], last[f"all_{name}_squared"], last["row"] / seconds)


def main() -> None:
    path, target, ahead, *settings = sys.argv[1:]
    rows = read_rows(path)
    print(f"{path}: {len(rows)} rows, {target} {ahead} rows ahead\n\n| | absolute | squared | rows/s |\n|---|---|---|---|")
    run_ours(path, target, int(ahead), settings)
    for name in REGRESSORS:
        for change in (False, True):
            run_river(name, rows, target, int(ahead), change)


if __name__ == "__main__":
    main()
