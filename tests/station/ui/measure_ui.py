"""The screen's costs: `python tests/station/ui/measure_ui.py [pairs]` prints one JSON line.

first_paint     seconds from exec to the last line of the first screen on a pty of 80x24, ours (four
                slots) against a hello-world Textual program, alternating, medians and their ratio
live_values     share of one core while 500 measured values change ten times a second, the slot
                enlarged at 120x40; `tall` is the same on a terminal so high that all are in view
rss_mib         the largest resident set of the program with the live values
"""

import fcntl
import json
import os
import pty
import select
import statistics
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

HELLO = """
from textual.app import App, ComposeResult
from textual.widgets import Static
class Hello(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("Hello, world! Ctrl+Q")
Hello().run()
"""
OURS = """
import sys
sys.path.insert(0, {folder!r})
from tests.station.ui.fake_console import FakeConsole
from station.ui.app import run_ui
run_ui(FakeConsole(4))
"""
LIVE = """
import sys
sys.path.insert(0, {folder!r})
from tests.station.ui import measure_ui
measure_ui.live(500)
"""
MARK = b"Ctrl+Q"
ROOT = str(Path(__file__).resolve().parents[3])


class Screen:
    """A program on a pty of its own, in a process of its own."""

    def __init__(self, program: str, columns: int, lines: int) -> None:
        self.start_s = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execve(sys.executable, [sys.executable, "-c", program], environment)
        self.seen = b""

    def read_for(self, seconds: float, done: Callable[[bytes], bool] = lambda _: False) -> bool:
        """Read what is painted; whether `done` became true before the time was over."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            if select.select([self.fd], [], [], left_s)[0]:
                try:
                    self.seen = self.seen[-8192:] + os.read(self.fd, 65536)
                except OSError:
                    return False
                if done(self.seen):
                    return True
        return False

    def press(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def cpu_s(self) -> float:
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        with open(f"/proc/{self.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def end(self) -> None:
        os.kill(self.pid, 9)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def first_paint_s(program: str) -> float:
    screen = Screen(program, 80, 24)
    try:
        if not screen.read_for(20.0, lambda seen: MARK in seen):
            raise RuntimeError(f"nothing was painted: {screen.seen!r}")
        return time.perf_counter() - screen.start_s
    finally:
        screen.end()


def live_values(columns: int, lines: int, seconds: float = 8.0) -> tuple[float, float]:
    """Share of a core, and MiB. The program enlarges its slot by itself."""
    screen = Screen(LIVE.format(folder=ROOT), columns, lines)
    try:
        if not screen.read_for(20.0, lambda seen: MARK in seen):
            raise RuntimeError(f"nothing was painted: {screen.seen!r}")
        screen.read_for(2.0)
        before_s, start_s = screen.cpu_s(), time.perf_counter()
        screen.read_for(seconds)
        spent_s = screen.cpu_s() - before_s
        return spent_s / (time.perf_counter() - start_s), screen.rss_mib()
    finally:
        screen.end()


def live(count: int) -> None:
    """Run the program that is measured: `count` values, each new ten times a second."""
    from records import Phrase
    from station.engine.events import Measured, StepStarted
    from station.ui.app import StationApp
    from tests.station.ui.fake_console import FakeConsole, measurement, started

    console = FakeConsole(1)
    app = StationApp(console)
    app.controls.enlarged = True
    rounds = [
        [measurement(f"value_{n}", n + 0.01 * turn, low=0.0, high=1000.0) for n in range(count)]
        for turn in range(10)
    ]

    def tell() -> None:
        console.happen("Slot-1", started("Soak"), StepStarted(0, Phrase(text="Soak")))
        due_s = time.monotonic()
        while True:
            for values in rounds:
                console.happen("Slot-1", *map(Measured, values))
                due_s += 0.1
                time.sleep(max(due_s - time.monotonic(), 0.0))

    threading.Timer(0.5, tell).start()
    app.run(mouse=False)


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ours = OURS.format(folder=ROOT)
    times = [(first_paint_s(ours), first_paint_s(HELLO)) for _ in range(pairs + 1)][1:]
    mine_s, hello_s = (statistics.median(column) for column in zip(*times, strict=True))
    share, rss_mib = live_values(120, 40)
    tall, _ = live_values(100, 520)
    result = {
        "first_paint": {
            "ours_s": round(mine_s, 3),
            "hello_s": round(hello_s, 3),
            "ratio": round(mine_s / hello_s, 2),
        },
        "live_values": {"share": round(share, 3), "tall": round(tall, 3)},
        "rss_mib": round(rss_mib, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
