"""A class of yours as a world: `train(world=MyWorld)` and its like. The class lives in this process; the program that
trains asks it over a socket, as it asks any program in ``world=pipe`` (docs/worlds.md), with the same bits."""

from __future__ import annotations

import contextlib
import math
import os
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from ._library import Error


class _WrongAnswer(Error):
    """What a method of the world returned cannot be used; the message is the sentence, without when it was."""


def _numbers(world: Any, method: str, seen: Any) -> list[float]:
    """What is seen, as the numbers of a line; of a Gymnasium dictionary or tuple the parts one after the other."""
    parts = seen.values() if isinstance(seen, Mapping) else seen if isinstance(seen, tuple) else [seen]
    found = [float(number) for part in parts for number in np.asarray(part, float).ravel()]
    for number in found:
        if not math.isfinite(number):
            raise _WrongAnswer(f"{type(world).__qualname__}.{method} returned {number} in what is seen, but all numbers "
                               "must be finite")
    return found


def _begin(world: Any, seed: int) -> list[float]:
    """``reset(seed=...)``, which returns what is seen or, as in Gymnasium, a pair of it and a dictionary."""
    seen = world.reset(seed=seed)
    if isinstance(seen, tuple) and len(seen) == 2 and isinstance(seen[1], dict):
        seen = seen[0]
    return _numbers(world, "reset", seen)


def _act(world: Any, action: int) -> list[float]:
    """``step(action)``, which returns (seen, reward, ended) or Gymnasium's five."""
    answer = world.step(action)
    if not isinstance(answer, tuple) or len(answer) not in (3, 5):
        raise TypeError("step must return (seen, reward, ended) or Gymnasium's (seen, reward, terminated, truncated, "
                        f"info), but returned {answer!r:.80}")
    seen, reward, *rest = answer
    if not math.isfinite(reward):
        raise _WrongAnswer(f"{type(world).__qualname__}.step returned the reward {float(reward)}, but it must be finite")
    ended = rest[0] if len(answer) == 3 else rest[0] or rest[1]
    return [float(reward), float(bool(ended)), *_numbers(world, "step", seen)]


def _check_count(world: Any, word: str, numbers: list[float], inputs: int) -> None:
    """What is seen must have one number for each input, at every step."""
    method, count = ("reset", len(numbers)) if word == "reset" else ("step", len(numbers) - 2)
    if count != inputs:
        raise _WrongAnswer(f"{type(world).__qualname__}.{method} returned {count} numbers of what is seen, but the first "
                           f"reset returned {inputs}")


def _sizes(make: Callable[[], Any]) -> dict[str, int]:
    """world.inputs, world.actions and, if it is known, world.steps of a world."""
    world = make()
    actions = getattr(world, "actions", None)
    if actions is None:
        actions = getattr(getattr(world, "action_space", None), "n", None)
    if actions is None:
        raise TypeError(f"{_name(make)} must say how many actions it takes: an attribute actions, or Gymnasium's "
                        "action_space with n")
    steps = getattr(world, "steps", None) or getattr(getattr(world, "spec", None), "max_episode_steps", None)
    sizes = {"inputs": len(_begin(world, 0)), "actions": int(actions)}
    return {**sizes, "steps": int(steps)} if steps else sizes


def _name(make: Callable[[], Any]) -> str:
    return getattr(make, "__qualname__", repr(make))


class _Conversation(socketserver.StreamRequestHandler):
    """One item of a batch: a world of its own, in a thread of its own."""

    def handle(self) -> None:
        server, line = cast(_Server, self.server), b""
        try:
            world = server.make()
            for line in self.rfile:
                word, number = line.decode().split()
                numbers = _begin(world, int(number)) if word == "reset" else _act(world, int(number))
                _check_count(world, word, numbers, server.inputs)
                self.wfile.write((" ".join(map(repr, numbers)) + "\n").encode())
        except OSError:
            pass  # the program has ended
        except Exception as error:  # the connection closes, which ends the run
            said = line.decode().strip() if line else "its start"
            server.failure = server.failure or (said, error)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    failure: tuple[str, Exception] | None = None

    def __init__(self, path: str, make: Callable[[], Any], inputs: int) -> None:
        self.make, self.inputs = make, inputs
        super().__init__(path, _Conversation)


@contextlib.contextmanager
def served(changes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings with those of ``world=pipe`` in place of the user's class, which answers meanwhile.

    Raises
    ------
    Error
        The class raised an exception, which is the cause of this one, or returned something that cannot be used.
    """
    make = changes["world"]
    with tempfile.TemporaryDirectory(prefix="hitherto-") as folder:
        path = os.path.join(folder, "world")
        sizes = _sizes(make)
        world = {"name": "pipe", "command": f"unix:{path}", **sizes}
        with _Server(path, make, sizes["inputs"]) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            try:
                yield {**changes, "world": world}
            except Error:
                if server.failure is None:
                    raise
                said, cause = server.failure
                if isinstance(cause, _WrongAnswer):
                    raise Error(f"{cause} (the answer to '{said}')") from None
                raise Error(f"{_name(make)} raised {type(cause).__name__} at '{said}': {cause}") from cause
            finally:
                server.shutdown()
