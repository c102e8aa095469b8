"""The site: the pages of docs/ as they are, notebooks with their outputs, and the interfaces of C and Python.

scripts/build-site runs Sphinx with this file, from the root of the repository.
"""

import importlib.util
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docs" / "site"), str(ROOT / "python")]

project = "Hitherto"
author = "the Hitherto authors"
version = release = re.search(r'#define HTH_VERSION "(.*?)"', (ROOT / "include" / "hitherto.h").read_text())[1]

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "hawkmoth", "c_interface", "contents", "notebooks"]
include_patterns = ["docs/**", "CONTRIBUTING.md", "CHANGELOG.md", "VERSIONING.md", "SECURITY.md"]
exclude_patterns = ["build*", "docs/site/*.py"]
root_doc = "docs/index"
highlight_language = "none"  # indented blocks are commands, formulas and tables
myst_heading_anchors = 3

# Python: signatures are read without the packages that the faces to them need; torch, if it is there, runs a notebook.
autodoc_mock_imports = ["sklearn", "river", "nir", "mlflow"] + ([] if importlib.util.find_spec("torch") else ["torch"])
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures' types are in the docstrings, in words
default_role = "py:obj"  # a name between single backquotes in a docstring
numpydoc_show_class_members = False

# C: clang needs nothing of the system to read the header.
hawkmoth_root = str(ROOT / "build" / "site-header")
hawkmoth_clang = ["-std=c11"]

html_theme = "furo"
html_title = f"Hitherto {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["static/index.html"]
html_copy_source = html_use_index = html_domain_indices = False
html_show_copyright = False
