"""Every public class and function says what its parameters are and what it returns, in numpydoc's form."""

import importlib
import inspect
import re

import pytest

PUBLIC = {
    "hitherto": ["Model", "Parameters", "load", "train", "compare", "check", "Run", "Comparison"],
    "hitherto.torch": ["Recurrent", "to_torch", "from_torch"],
    "hitherto.sklearn": ["Regressor", "Classifier"],
    "hitherto.river": ["Regressor", "Classifier"],
    "hitherto.nir": ["to_nir", "from_nir"],
    "hitherto.mlflow": ["log"],
    "hitherto.convert": ["from_hdf5", "from_tonic"],
    "hitherto.analysis": ["pca", "tuning", "dissimilarity", "rsa", "receptive_field"],
}
NEEDED = {"torch", "sklearn", "river", "nir", "mlflow"}
#: What users do not call: a model makes Parameters, and torch calls extra_repr.
MADE_BY_OTHERS = {"Parameters", "extra_repr"}


def lacks(thing):
    """What the docstring of a class, function or property does not say."""
    text = inspect.getdoc(thing) or ""
    if isinstance(thing, property) or not text:
        return [] if text else ["a docstring"]
    sections = re.split(r"\n(\w+)\n-+\n", "\n" + text)
    parts = dict(zip(sections[1::2], sections[2::2]))
    named = {name.strip(" *") for names in re.findall(r"^(\S.*?)(?: :.*)?$", parts.get("Parameters", ""), re.M)
             for name in names.split(",")}
    signature = inspect.signature(thing)
    missing = [name for name in signature.parameters if name not in named | {"self", "args", "kwargs"}]
    returns = not inspect.isclass(thing) and signature.return_annotation not in ("None", None)
    return missing + (["Returns"] if returns and "Returns" not in parts else [])


def public(thing):
    yield thing
    if inspect.isclass(thing):
        yield from (value for name, value in vars(thing).items()
                    if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)))


@pytest.mark.parametrize("module, name", [(module, name) for module, names in PUBLIC.items() for name in names])
def test_says_all(module, name):
    if module.partition(".")[2] in NEEDED:
        pytest.importorskip(module.partition(".")[2])
    for thing in public(getattr(importlib.import_module(module), name)):
        if getattr(thing, "__name__", "") not in MADE_BY_OTHERS:
            assert not lacks(thing), f"{getattr(thing, '__qualname__', thing)} does not say {', '.join(lacks(thing))}"


def test_sees_what_is_missing():
    def f(x: int, y: int) -> "int":
        """Adds.

        Parameters
        ----------
        x : int
        """
        return x + y
    assert lacks(f) == ["y", "Returns"]
