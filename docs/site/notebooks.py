"""The pages of docs/notebooks are plain Markdown. Here their blocks of Python run, and what a block prints and the
pictures that it draws with matplotlib follow it on the page of the site."""

import contextlib
import importlib.util
import io
import os
import pathlib
import re
import tempfile

from sphinx.errors import ExtensionError

STYLE = {
    "figure.figsize": (7.6, 3.4), "figure.constrained_layout.use": True, "svg.hashsalt": "hitherto", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
    "legend.frameon": False, "lines.linewidth": 1.4, "svg.fonttype": "path",
}
BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.M | re.S)
WITHOUT_TORCH = """
```{note}
This page was built where torch is not installed, so its outputs and its picture are missing.
```
"""


def pictures(folder, stem):
    """Saves the open figures and closes them; the lines that show them."""
    import matplotlib.pyplot as plt
    shown = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        path = folder / f"{stem}-{len(list(folder.glob(stem + '-*'))) + 1}.svg"
        title = next((axes.get_title("left") or axes.get_title() for axes in figure.axes), "")
        figure.savefig(path, metadata={"Date": None})
        shown.append((title, path))
    plt.close("all")
    return shown


def run_blocks(page, text, folder):
    """The text with outputs and pictures behind its blocks."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update(STYLE)
    space = {"__name__": "__main__"}

    def run(block):
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(compile(block[1], page, "exec"), space)
        except Exception as fault:
            raise ExtensionError(f"{page}: {type(fault).__name__}: {fault}\n{block[1]}") from fault
        shown = f"\n```{{code-block}} text\n:class: output\n\n{said.getvalue()}```\n" if said.getvalue() else ""
        for title, path in pictures(folder, pathlib.Path(page).name):
            shown += f"\n![{title}](/{path.as_posix()})\n"
        return block[0] + shown
    return BLOCK.sub(run, text)


def add_outputs(app, name, source):
    """Runs a notebook in an empty folder."""
    if not name.startswith("docs/notebooks/"):
        return
    if "import torch" in source[0] and not importlib.util.find_spec("torch"):
        title, rest = source[0].split("\n", 1)
        source[0] = title + "\n" + WITHOUT_TORCH + rest
        return
    folder = pathlib.Path(app.doctreedir, "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(pathlib.Path(name).name + "-*"):
        old.unlink()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            text = run_blocks(name, source[0], folder)
        finally:
            os.chdir(here)
    source[0] = text.replace(f"](/{folder.as_posix()}", f"](/{folder.relative_to(app.srcdir).as_posix()}")


def setup(app):
    app.connect("source-read", add_outputs)
    return {"parallel_read_safe": True}
