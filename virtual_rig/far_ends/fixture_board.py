"""A fixture board at the far end of a USB cable: its firmware, under MicroPython for Linux.

The board is fed by its USB port only in a station; here it goes on without, so that it can be asked
afterwards what its outputs did. Its USB has gone when the pseudo-terminal is closed.
"""

import atexit
import importlib.util
import os
import pty
import select
import subprocess
import sys
import tempfile
import threading
import tty
from pathlib import Path

from virtual_rig.far_ends.wiring import RigError

FIRMWARE = Path(__file__).parents[2] / "station" / "firmware"
RUNS = "import micropython_unix; micropython_unix.main()"
ANSWERS_WITHIN_S = 0.3
STARTS_WITHIN_S = 60.0


class FixtureBoard:
    """Implements `drivers.sim.hardware.SerialDevice`: a line goes in, and its answer comes out.

    Raises `RigError` where there is no MicroPython for Linux, which is for x86-64 alone.
    """

    def __init__(self, kind: str) -> None:
        if importlib.util.find_spec("micropython_unix") is None:
            raise RigError("there is no MicroPython for Linux here")
        self.told: list[tuple[int, str, str]] = []
        """Time in µs of the board, output and value, of everything that its outputs did."""
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as world:
            world.write("{}")
        self._world = Path(world.name)
        board, self._line = pty.openpty()
        tty.setraw(self._line)
        program = str(FIRMWARE / "linux" / "run_linux.py")
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNS, program, kind, world.name],
            stdin=board,
            stdout=board,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(board)
        atexit.register(self.close)
        self._started = threading.Event()
        threading.Thread(target=self._listen, name=f"{kind} board", daemon=True).start()
        if not self._started.wait(STARTS_WITHIN_S):
            raise RigError(f"the {kind} board does not start: {self.told[-4:]}")

    def receive(self, data: bytes) -> bytes:
        """Hand bytes to the board; after the end of a line, wait for the answer."""
        if self._line < 0:
            return b""
        os.write(self._line, data)
        answer = b""
        while data.rstrip(b"\n") and data.endswith(b"\n") and not answer.endswith(b"\n"):
            if not select.select([self._line], [], [], ANSWERS_WITHIN_S)[0]:
                break
            answer += os.read(self._line, 4096)
        return answer

    def lose_usb(self) -> None:
        """Let the board see that its USB has gone. It may go twice."""
        line, self._line = self._line, -1
        if line >= 0:
            os.close(line)

    def close(self) -> None:
        """End the board."""
        self._process.kill()
        self._process.wait()
        self._world.unlink(missing_ok=True)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            at, _, rest = line.strip().partition(" ")
            output, _, value = rest.partition(" ")
            self.told.append((int(at) if at.isdigit() else -1, output, value))
            if output == "started":
                self._started.set()
