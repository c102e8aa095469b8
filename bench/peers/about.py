"""Prints, as JSON, the versions of the named packages that this interpreter has, and the BLAS that they run
on, with its version and the kernel that it has chosen: about.py [numpy | torch | jax]..."""

import importlib
import json
import sys


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
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
    return [
        f"{names.get(found['internal_api'], found['internal_api'])} {found['version']}"
        f" ({found.get('architecture', 'unknown')} kernel)"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    ]


if __name__ == "__main__":
    versions = {package: version_of(package) for package in sys.argv[1:]}
    print(
        json.dumps(
            {"versions": versions, "blas": sorted(set(blas() or [])), "knows_blas": blas() is not None}
        )
    )
