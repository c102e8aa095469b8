"""A class of yours as a world: `train(world=MyWorld)` and its like. The class lives in this process; the program that
trains asks it over a socket, as it asks any program in ``world=pipe`` (docs/worlds.md), with the same bits."""

from __future__ import annotations

import contextlib
import os
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from ._library import Error


def _numbers(seen: Any) -> list[float]:
    """What is seen, as the numbers of a line; of a Gymnasium dictionary or tuple the parts one after the other."""
    parts = seen.values() if isinstance(seen, Mapping) else seen if isinstance(seen, tuple) else [seen]
    return [float(number) for part in parts for number in np.asarray(part, float).ravel()]


def _begin(world: Any, seed: int) -> list[float]:
    """``reset(seed=...)``, which returns what is seen or, as in Gymnasium, a pair of it and a dictionary."""
    seen = world.reset(seed=seed)
    if isinstance(seen, tuple) and len(seen) == 2 and isinstance(seen[1], dict):
        seen = seen[0]
    return _numbers(seen)


def _act(world: Any, action: int) -> list[float]:
    """``step(action)``, which returns (seen, reward, ended) or Gymnasium's five."""
    answer = world.step(action)
    if not isinstance(answer, tuple) or len(answer) not in (3, 5):
        raise TypeError("step must return (seen, reward, ended) or Gymnasium's (seen, reward, terminated, truncated, "
                        f"info), but returned {answer!r:.80}")
    seen, reward, *rest = answer
    ended = rest[0] if len(answer) == 3 else rest[0] or rest[1]
    return [float(reward), float(bool(ended)), *_numbers(seen)]


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

    def __init__(self, path: str, make: Callable[[], Any]) -> None:
        self.make = make
        super().__init__(path, _Conversation)


@contextlib.contextmanager
def served(changes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings with those of ``world=pipe`` in place of the user's class, which answers meanwhile.

    Raises
    ------
    Error
        The class raised an exception, which is the cause of this one.
    """
    make = changes["world"]
    with tempfile.TemporaryDirectory(prefix="hitherto-") as folder:
        path = os.path.join(folder, "world")
        world = {"name": "pipe", "command": f"unix:{path}", **_sizes(make)}
        with _Server(path, make) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            try:
                yield {**changes, "world": world}
            except Error:
                if server.failure is None:
                    raise
                said, cause = server.failure
                raise Error(f"{_name(make)} raised {type(cause).__name__} at '{said}': {cause}") from cause
            finally:
                server.shutdown()
