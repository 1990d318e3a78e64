"""A Pico on Linux that restarts, with files that stay, behind a pseudo-terminal."""

import os
import pty
import shutil
import subprocess
import termios
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

from station.rig.flash import FIRMWARE, Image
from tests.station.firmware.on_linux import COMMAND

PROGRAM = Path(__file__).parent / "machine_on_linux.py"
RESTARTED = 3


class Pico:
    """`with Pico(folder) as pico:`. `restart` is what pulling its plug does."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "pico"
        self.root.mkdir()
        (self.root / "sim").mkdir()
        (self.root / "world.json").write_text("{}")
        self.said: list[str] = []
        self.restarts = 0
        self._closing = False
        self._changes = threading.Lock()

    def install(self, image: Image, slot: str = "a") -> None:
        """Put firmware there by other means."""
        (self.root / slot).mkdir(exist_ok=True)
        for name, held in image.files.items():
            (self.root / slot / name).write_bytes(held)
        (self.root / slot / "manifest.json").write_bytes(image.manifest)
        (self.root / "active").write_text(slot)
        shutil.copy(FIRMWARE / "main.py", self.root / "main.py")

    def files(self) -> dict[str, bytes]:
        """Return all files but the world, by their path."""
        found = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}

    def __enter__(self) -> "Pico":
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path = os.ttyname(theirs)
        self._theirs = theirs  # kept open: with no holder it would be hung up
        self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changes:
            self._closing = True
            self._process.kill()
        self._keeper.join()
        os.close(self._ours)
        os.close(self._theirs)

    def pull(self) -> None:
        """Cut its power for a moment."""
        self._process.kill()

    def pull_when(self, name: str) -> None:
        """Cut its power as soon as a file or folder of this name is there."""

        def watch() -> None:
            while not (self.root / name).exists() and not self._closing:
                time.sleep(0.001)
            self.pull()

        threading.Thread(target=watch, daemon=True).start()

    def _start(self) -> None:
        termios.tcflush(self._ours, termios.TCIOFLUSH)  # of USB, nothing is left over either
        self._process = subprocess.Popen(
            [*COMMAND, str(PROGRAM), str(self.root), str(FIRMWARE)],
            stdin=self._ours,
            stdout=self._ours,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _keep(self) -> None:
        while not self._closing:
            assert self._process.stderr is not None
            self.said += self._process.stderr.read().splitlines()
            self._process.stderr.close()
            self._process.wait()
            with self._changes:
                if not self._closing:
                    self.restarts += 1
                    self._start()
