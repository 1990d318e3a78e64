"""The pages of the documentation, and the files and commands in them."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import host_agent.cli
import station.cli

PROGRAMS: dict[str, Callable[[list[str]], int]] = {
    "pace": station.cli.main,
    "pace-host": host_agent.cli.main,
}
TERMINAL = {"COLUMNS": "80", "NO_COLOR": "1", "LANG": "C.UTF-8"}

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FILE = re.compile(r"<!-- file: (?P<name>\S+) -->\n+```\w*\n(?P<text>.*?)^```$", re.S | re.M)
_BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.S | re.M)


class Block(NamedTuple):
    """A fenced block. `line` counts from 1."""

    page: Path
    line: int
    language: str
    text: str


def pages() -> list[Path]:
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]


def files_of(text: str) -> dict[str, str]:
    """Return the files that a page asks for: the block after each `<!-- file: name -->`."""
    return {found["name"]: found["text"] for found in _FILE.finditer(text)}


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["text"])


def write_files(text: str, folder: Path) -> None:
    for name, content in files_of(text).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")


def run_console(block: str, folder: Path) -> str:
    """Return the block with its commands' output of now. A command's line begins with `$`."""
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{_run(command, folder)}" for command in commands)


def _run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    if words[0] in PROGRAMS and "|" not in words:
        return _run_here(PROGRAMS[words[0]], words[1:], folder)
    bash = shutil.which("bash") or "/bin/bash"
    here = Path(sys.executable).parent
    done = subprocess.run(
        [bash, "-c", f"{{ {command}; }} 2>&1"],
        cwd=folder,
        env={"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)} | TERMINAL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def _run_here(program: Callable[[list[str]], int], arguments: list[str], folder: Path) -> str:
    """Run a command in this process, which saves starting Python some sixty times."""
    told = io.StringIO()
    before = {name: os.environ.get(name) for name in TERMINAL}
    os.environ.update(TERMINAL)
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(told),
            contextlib.redirect_stderr(told),
            contextlib.suppress(SystemExit),
        ):
            program(arguments)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return told.getvalue()
