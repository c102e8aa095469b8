"""The program `hitherto`: python -m hitherto, and the command of that name that the package installs."""

import os
import sys

from ._program import program


def main() -> None:
    """Becomes the program."""
    path = program()
    os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    main()
