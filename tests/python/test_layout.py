"""The structures that are declared in Python lie in memory as a C compiler lays them out."""

import ctypes
import pathlib
import shutil
import subprocess

import pytest

from hitherto import _c

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("define", [[], ["-DHTH_DOUBLE"]])
def test_sizes_and_offsets(tmp_path, define):
    compiler = shutil.which("cc")
    if not compiler or not (ROOT / "include").exists():
        pytest.skip("no C compiler or no header here")
    lines = []
    for struct in _c.STRUCTS:
        lines.append(f'printf("{struct.__name__} %zu\\n", sizeof({struct.__name__}));')
        lines += [f'printf("{struct.__name__}.{field} %zu\\n", offsetof({struct.__name__}, {field}));'
                  for field, *_ in struct._fields_]
    source = tmp_path / "layout.c"
    source.write_text("#include <hitherto.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\n}\n")
    subprocess.run([compiler, *define, "-I", ROOT / "include", source, "-o", tmp_path / "layout"], check=True)
    theirs = subprocess.run([tmp_path / "layout"], check=True, capture_output=True, text=True).stdout.split("\n")
    own = []
    for struct in _c.STRUCTS:
        own.append(f"{struct.__name__} {ctypes.sizeof(struct)}")
        own += [f"{struct.__name__}.{field} {getattr(struct, field).offset}" for field, *_ in struct._fields_]
    assert own == [line for line in theirs if line]
    assert len(own) > 80
