"""Calling the program `hitherto`: where it is, what it says, Ctrl-C."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

from . import _bar
from ._library import Error, SettingError

#: Exit statuses of the program.
BAD_INPUT, PROVED_NOTHING, INTERRUPTED = 2, 3, 130


def program() -> str:
    """The path of the program: HITHERTO in the environment, that of the package, or that of the checkout.

    Raises
    ------
    OSError
        There is none.
    """
    package = pathlib.Path(__file__).resolve().parent
    name = "hitherto.exe" if sys.platform == "win32" else "hitherto"
    places = [os.environ.get("HITHERTO"), package / "bin" / name, package.parent.parent / "build" / name, shutil.which(name)]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(place)
    raise OSError("the program hitherto is not installed with this package; HITHERTO may name it")


def _run(words: Sequence[str], show: bool = False, bar: _bar.Bar | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the program. Ctrl-C becomes one signal to it: it saves, and KeyboardInterrupt follows.

    The program stands in a session of its own, because a terminal would send it the signal as well, and a second one
    ends it at once.
    """
    process = subprocess.Popen([program(), *words], stdout=subprocess.PIPE, stderr=None if show else subprocess.PIPE,
                               text=True, start_new_session=True)
    said: list[str] = []
    listener = threading.Thread(target=_listen, args=(process.stderr, bar, said))
    listener.start()
    try:
        out = process.stdout.read() if process.stdout else ""
        process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        _wait_or_kill(process)
        raise
    finally:
        listener.join()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        if bar:
            bar.close()
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode == BAD_INPUT:
        raise SettingError(_sentence("".join(said)))
    return subprocess.CompletedProcess(words, process.returncode, out, "".join(said))


def _wait_or_kill(process: subprocess.Popen[str]) -> None:
    """Waits until the program has saved; a second Ctrl-C does not wait."""
    try:
        process.wait()
    except KeyboardInterrupt:
        process.kill()


def _listen(stderr: IO[str] | None, bar: _bar.Bar | None, said: list[str]) -> None:
    """Lines of progress go to the bar, all others are kept."""
    for line in stderr or ():
        if bar is None or not bar.take(line):
            said.append(line)


def _sentence(err: str | None) -> str:
    lines = [line for line in (err or "").strip().splitlines() if line]
    return lines[-1].removeprefix("hitherto: ") if lines else "the program refused its input; its message is above"


def _check(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    if done.returncode != 0:
        raise Error(_sentence(done.stderr))
    return done


def _work(words: Sequence[str], show: bool, progress: bool | None) -> subprocess.CompletedProcess[str]:
    """Runs a command that takes long, with a bar, with the program's own lines, or with neither."""
    bar = _bar.Bar() if not show and _bar.wanted(progress) else None
    options = [] if show else ["--progress-every", "0.3"] if bar else ["--quiet"]
    return _check(_run([*words, *options], show, bar))
