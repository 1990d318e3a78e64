"""While the screen has the terminal, nothing else is printed there."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

PROGRAM = """
import shutil, subprocess, sys
from pathlib import Path
from station.process import terminal_for_the_screen
with terminal_for_the_screen(Path(sys.argv[1])):
    subprocess.run(["sh", "-c", "echo noise of a child; echo more noise >&2"])
    print("a library's warning", file=sys.stderr, flush=True)
    print("a print", flush=True)
    print("THE SCREEN", *shutil.get_terminal_size(), file=sys.__stderr__, flush=True)
print("afterwards", file=sys.stderr, flush=True)
"""

CRASHES = """
import sys
from station.ui.app import StationApp

def fails(self):
    raise RuntimeError("a fault of the screen")

StationApp.refresh_screen = fails
from station.cli import main
sys.exit(main(["station", "simulate", "--ui", "--data", sys.argv[1], "--broker", "127.0.0.1:1"]))
"""


def in_a_terminal(program: str, argument: str, within_s: float = 60.0) -> tuple[int, str]:
    """Return the exit code of a Python program, and what was on its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 43, 132, 0, 0))
    environment = {name: it for name, it in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child = subprocess.Popen(
        [sys.executable, "-c", program, argument],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    seen = b""
    deadline_s = time.monotonic() + within_s
    try:
        while time.monotonic() < deadline_s:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the child has closed its end
                break
            if not piece:
                break
            seen += piece
        return child.wait(10), seen.decode(errors="replace")
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_what_children_and_libraries_print_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "station.log"
    code, seen = in_a_terminal(PROGRAM, str(log))
    assert code == 0
    assert seen.split() == ["THE", "SCREEN", "132", "43", "afterwards"]
    told = log.read_text().splitlines()
    assert sorted(told) == ["a library's warning", "a print", "more noise", "noise of a child"]


def test_a_screen_that_breaks_off_ends_the_station_with_an_exit_code(tmp_path: Path) -> None:
    code, seen = in_a_terminal(CRASHES, str(tmp_path))
    assert code == 1
    assert "the screen broke off by a fault of its own: see" in seen
    assert "a fault of the screen" in (tmp_path / "station.log").read_text()
