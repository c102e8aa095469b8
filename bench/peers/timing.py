"""What the peers share: arguments, and timing that prints one line of JSON."""

import argparse
import json
import time

SAMPLE_SECONDS = 0.1


def arguments(works):
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    return parser.parse_args()


def measure(name, threads, samples, units, run):
    """Times run(), which does `units` units of work, `samples` times after a warm-up."""
    for _ in range(2):
        run()
    start = time.perf_counter()
    run()
    rounds = max(1, int(SAMPLE_SECONDS / (time.perf_counter() - start)))
    seconds = []
    for _ in range(samples):
        start = time.perf_counter()
        for _ in range(rounds):
            run()
        seconds.append((time.perf_counter() - start) / (rounds * units))
    print(json.dumps({"work": name, "threads": threads, "seconds_per_unit": seconds}))
