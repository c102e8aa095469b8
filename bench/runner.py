"""Calls our programs and the peers, and says what they are."""

import json
import os
import pathlib
import subprocess
import sys

from works import Peer, Work

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
JAX_PYTHON = os.environ.get("JAX_PYTHON", str(BUILD / "bench-venv" / "bin" / "python"))
# Variables that hold a peer to a kernel that is not its best on this machine.
PINS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "NVPL_BLAS_DEBUG_CPU_TYPE",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
)


def call(*command, env: dict[str, str] | None = None) -> dict:
    """What a program prints as its last line, in JSON. When it fails so do we, with its words."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def call_peer(package: str, script: str, *arguments, threads: int = 1) -> dict:
    python = JAX_PYTHON if package == "jax" else sys.executable
    env = {name: value for name, value in os.environ.items() if name not in PINS}
    env["OPENBLAS_NUM_THREADS"] = env["OMP_NUM_THREADS"] = str(threads)
    return call(python, HERE / "peers" / f"{script}.py", *arguments, env=env)


class Peers:
    """Which packages of peers are there, in which version; and the BLAS of numpy and PyTorch."""

    def __init__(self, needed: set[str]) -> None:
        self.versions: dict[str, str] = {}
        self.blas: list[str] = []
        lacking = []
        for package in sorted(needed):
            about = self.ask(package)
            version = about and about["versions"][package]
            if not version:
                lacking.append(package)
                continue
            self.versions[package] = version
            if package != "jax":
                self.look_at_blas(package, about)
        if lacking:
            print(f"These peers are not there and are left out: {', '.join(lacking)}.", file=sys.stderr)

    @staticmethod
    def ask(package: str) -> dict | None:
        if package == "jax" and not pathlib.Path(JAX_PYTHON).exists():
            return None
        return call_peer(package, "about", package)

    def look_at_blas(self, package: str, about: dict) -> None:
        """The reference BLAS would be a dishonest peer, and an unknown one could be that."""
        if about["blas"] is None:
            sys.exit("Which BLAS the peers run on is not known without Python's threadpoolctl: install it.")
        if about["reference_blas"] or not about["blas"]:
            sys.exit(
                f"{package} runs on the reference BLAS, 4 to 10 times slower than it can be: install"
                " libopenblas0-pthread, and let update-alternatives choose it for libblas.so.3."
            )
        self.blas = sorted({*self.blas, *about["blas"]})

    def there(self, work: Work, quick: bool) -> list[Peer]:
        return [p for p in work.peers if p.package in self.versions and (p.quick or not quick)]


class Runner:
    """Calls our programs, of one folder, and the peers."""

    def __init__(self, build: pathlib.Path, samples: int) -> None:
        self.build, self.samples = build, samples

    def ours(self, name: str, threads: int, *changes) -> dict:
        return call(self.build / "bench", name, threads, self.samples, *changes)

    def takes(self, change: str) -> bool:
        """Whether our program refuses what the setting cannot be, and so knows it."""
        command = [self.build / "bench", "alif100-online", "1", "1", f"{change}=?"]
        return subprocess.run(command, capture_output=True).returncode != 0

    def peer(self, peer: Peer, threads: int, *more) -> dict:
        command = peer.work, "--threads", threads, "--samples", self.samples, *more
        return call_peer(peer.package, peer.script, *command, threads=threads)

    def export(self, work: Work, folder: str) -> None:
        about = call(self.build / "bench", "export", work.name, work.checked, folder)
        (pathlib.Path(folder) / "about.json").write_text(json.dumps(about))

    def check(self, peer: Peer, folder: str) -> dict:
        """Stops everything when what the peer computes is not what we do."""
        name = [peer.work] if peer.package == "jax" else []
        return call_peer(peer.package, peer.script, *name, "--check", "--data", folder)

    def about(self) -> str:
        """Our version, the level of its kernels if it tells one, and the compiler."""
        told = call(self.build / "bench", "about")
        text, program = f"Hitherto {told['version']}", self.build / "hitherto"
        if program.exists():
            done = subprocess.run([program, "--version"], capture_output=True, text=True)
            text = ", ".join(done.stdout.split("\n")).strip(", ") or text
        return f"{text}, {told['compiler']}"
