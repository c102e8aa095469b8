"""The typed settings are those of the program, and a type checker holds a program to them."""

import json
import pathlib
import shutil
import subprocess
import sys
import typing

import pytest

import hitherto
from hitherto import _settings
from hitherto._program import program

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_they_are_the_programs(tmp_path):
    generator = ROOT / "scripts" / "generate-settings"
    subprocess.run([sys.executable, generator, program(), tmp_path / "_settings.py"], check=True)
    assert (tmp_path / "_settings.py").read_text() == pathlib.Path(_settings.__file__).read_text(), \
        "write it anew: scripts/generate-settings"


def test_every_setting_has_a_type():
    said = subprocess.run([program(), "list", "settings", "--schema"], check=True, capture_output=True).stdout
    typed = set()
    for section, kind in typing.get_type_hints(_settings.AllSettings).items():
        for part in (kind, *typing.get_args(kind)):
            typed |= {f"{section}.{name}" for name in getattr(part, "__annotations__", {})}
    assert typed == set(json.loads(said)["$defs"])


GOOD = """
model = hh.Model(inputs=1, outputs=1, cell={"name": "lif", "tau_m": [20, 30]}, units=4, learner="rflo", lr=0.1)
hh.train({"layer0.cell.name": "lif"}, task="add", network={"units": 8}, train={"steps": 5, "from": "runs/a"})
"""
BAD = ['hh.Model(inputs=1, outputs=1, cell="lsmt")', 'hh.Model(inputs=1, outputs=1, cell={"tau": 20})',
       'hh.train(task="add", train={"steps": "many"})', 'hh.train(lerner="rtrl")']


def test_a_type_checker_knows_them(tmp_path):
    pyright = shutil.which("pyright", path=str(pathlib.Path(sys.executable).parent))
    if not pyright:
        pytest.skip("pyright is not installed")
    source = tmp_path / "program.py"
    source.write_text("\n".join(["import hitherto as hh", GOOD, *BAD]))
    places = {"extraPaths": [str(pathlib.Path(hitherto.__file__).parents[1])]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(places))
    said = subprocess.run([pyright, "--pythonpath", sys.executable, "--outputjson", "--project", tmp_path], text=True,
                          capture_output=True).stdout
    wrong = {found["range"]["start"]["line"] for found in json.loads(said)["generalDiagnostics"]}
    first = 1 + GOOD.count("\n") + 1
    assert wrong == set(range(first, first + len(BAD))), said
