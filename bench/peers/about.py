"""Prints, as JSON, the versions of the named packages that this interpreter has, and the BLAS that they run
on, with its version and the kernel that it has chosen: about.py [numpy | torch | jax]..."""

import importlib
import json
import pathlib
import sys

NAMES = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}


def version_of(package: str) -> str | None:
    try:
        return importlib.import_module(package).__version__
    except ImportError:
        return None


def blas() -> list[str] | None:
    """None: threadpoolctl, which would know, is not there."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    return [
        f"{NAMES.get(found['internal_api'], found['internal_api'])} {found['version']}"
        f" ({found.get('architecture', 'unknown')} kernel)"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    ]


def reference_blas() -> list[str]:
    """Debian's libraries of the common name libblas that are none of the fast ones."""
    files = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines()}
    libraries = [file for file in files if pathlib.Path(file).name.startswith("libblas.so")]
    return [file for file in libraries if not any(name in file for name in (*NAMES, "atlas"))]


if __name__ == "__main__":
    versions = {package: version_of(package) for package in sys.argv[1:]}
    print(json.dumps({"versions": versions, "blas": blas(), "reference_blas": reference_blas()}))
