"""pytest runs the examples of pages and docstrings, by sybil: pytest docs python/hitherto

The other pages of docs/ have commands of the program too; scripts/page-commands runs those.
"""

import os
import tempfile

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

#: What the examples of a file need beside numpy.
NEEDS = {"torch-loss.md": "torch", "torch.py": "torch", "sklearn.py": "sklearn", "river.py": "river", "nir.py": "nir"}


@pytest.fixture
def packages(request):
    """Skips an example whose package is not there; pages draw where nobody looks."""
    os.environ.setdefault("MPLBACKEND", "agg")
    if need := NEEDS.get(request.node.path.name):
        pytest.importorskip(need, reason=f"{need} is not installed")


def enter(space):
    """The blocks of a page run in an empty folder."""
    space["came_from"], space["folder"] = os.getcwd(), tempfile.TemporaryDirectory()
    os.chdir(space["folder"].name)


def leave(space):
    os.chdir(space["came_from"])
    space["folder"].cleanup()


pages = Sybil([PythonCodeBlockParser(), SkipParser()], fixtures=["packages"], setup=enter, teardown=leave,
              patterns=["docs/notebooks/*.md", "docs/index.md", "docs/install.md", "docs/python.md"])
docstrings = Sybil([DocTestParser()], fixtures=["packages"], pattern="python/hitherto/*.py")
pytest_collect_file = (pages + docstrings).pytest()
