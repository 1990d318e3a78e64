"""The peers we are measured against, each in its own environment under `.cache/benchmarks`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.children import CACHE, ROOT

OPENHTF = ("openhtf==1.6.3",)
PYVISA = ("pyserial==3.5", "PyVISA==1.16.2", "PyVISA-py==0.8.1")
PYDANTIC = ("pydantic==2.14.3",)
NODE_RED = ("node-red@4.1.15", "node-red-node-sqlite@1.1.1")

DEBIAN = {
    "gcc": "gcc",
    "node": "nodejs",
    "npm": "npm",
    "mosquitto": "mosquitto",
}


class NotThere(Exception):
    """A peer cannot be had here. Says what is missing, and how to get it."""


def python_with(requirements: tuple[str, ...]) -> Path:
    """Return the Python of an environment that holds just `requirements`."""
    folder = CACHE / requirements[-1].partition("==")[0].lower()
    python = folder / "bin" / "python"

    def make() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        _do([sys.executable, "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _do([*pip, *requirements])

    _once(folder, requirements, make)
    return python


def node_red() -> Path:
    """Return the folder that Node-RED and its SQLite node are installed in."""
    folder = CACHE / "node-red"
    npm = tool("npm")

    def make() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        _do([npm, "install", "--prefix", str(folder), *quiet, *NODE_RED])

    _once(folder, NODE_RED, make)
    return folder


def tool(name: str) -> str:
    """Return a program's path; with CI=true its Debian package is installed if it is missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if found := shutil.which(name, path=path):
        return found
    package = DEBIAN[name]
    if os.environ.get("CI") == "true":
        _say(f"installing {package} from Debian")
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        _do([*sudo, "apt-get", "update", "-q"])
        _do([*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", package])
        if found := shutil.which(name, path=path):
            return found
    raise NotThere(f"no {name}: sudo apt-get install {package}")


def compiled(source: Path) -> Path:
    """Return the program that gcc makes of a C file."""
    program = CACHE / source.stem
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        _do([tool("gcc"), "-O2", "-Wall", "-o", str(program), str(source)])
    return program


def _once(folder: Path, wanted: tuple[str, ...], make: Callable[[], None]) -> None:
    stamp = folder / ".made-for"
    listed = " ".join(wanted)
    if stamp.exists() and stamp.read_text() == listed:
        return
    _say(f"installing {listed} into {folder.relative_to(ROOT)}")
    make()
    stamp.write_text(listed)


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise NotThere(f"{' '.join(command)} ended with {done.returncode}: {' '.join(told)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
