"""Hitherto: learning online in recurrent networks.

`Model` is a network that learns while it runs, in this process. `train`, `compare` and `check` run the program, whose
results are those of the command line, bit for bit.
"""

from ._library import Error, NotFinite, SettingError
from .experiments import Comparison, Run, check, compare, train
from .model import Model, load
from .parameters import Parameters

__all__ = ["Comparison", "Error", "Model", "NotFinite", "Parameters", "Run", "SettingError", "check", "compare", "load",
           "train"]
__version__ = "0.1.0"
