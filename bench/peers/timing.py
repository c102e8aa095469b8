"""What the peers share: arguments, and timing that prints one line of JSON."""

import argparse
import json
import pathlib
import time

SAMPLE_SECONDS, LONG_SECONDS = 0.1, 1


def arguments(works):
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    return parser.parse_args()


def peak_kib():
    """The peak of the resident set of this program so far, or None where the system does not say."""
    try:
        status = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0])


def measure(name, threads, samples, units, run, **more):
    """Times run(), which does `units` units of work, `samples` times after a warm-up; more: what else
    to print. With one thread it is the processor's time, to which others that load the machine add little."""
    now = time.process_time if threads == 1 else time.perf_counter
    for _ in range(3):
        start = now()
        run()
        taken = now() - start
        if taken > LONG_SECONDS:
            break  # long enough to have warmed up
    rounds = max(1, int(SAMPLE_SECONDS / taken))
    seconds = []
    for _ in range(samples):
        start = now()
        for _ in range(rounds):
            run()
        seconds.append((now() - start) / (rounds * units))
    more = {"work": name, "threads": threads, "peak_kib": peak_kib(), **more}
    print(json.dumps({**more, "seconds_per_unit": seconds}))
