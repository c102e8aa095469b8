"""A Gymnasium environment as a world: its actions must be numbers 0, 1, ..; what it shows becomes a list of numbers.

    pip install gymnasium
    hitherto train world=pipe "world.command=python3 examples/gym_world.py CartPole-v1" world.inputs=4 world.actions=2 \
        cell=lstm learner=bptt agent.gamma=0.99 train.batch=4

Hitherto says `reset SEED` and `act NUMBER`; the answers are what is seen, and after an action the reward and whether the
episode has ended before it (docs/worlds.md).
"""
import sys

import gymnasium
from gymnasium.spaces.utils import flatten


def main(name):
    world = gymnasium.make(name)
    for line in sys.stdin:
        word, number = line.split()
        if word == "reset":
            seen, _ = world.reset(seed=int(number))
            answer = []
        else:
            seen, reward, over, cut, _ = world.step(int(number))
            answer = [float(reward), int(over or cut)]
        print(*answer, *flatten(world.observation_space, seen).tolist(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
