"""Programs as processes of their own: started, timed, watched and ended."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = ROOT / ".cache" / "benchmarks"
PROGRAMS = "benchmarks.programs"
PEERS = HERE / "peers"
OURS = Path(sys.executable)

LONG_S = 120.0
_UNKEPT = frozenset(("PYTHONDONTWRITEBYTECODE", "PYTHONPATH"))


class Trouble(Exception):
    """A program did not do its task. The message names the program and quotes its output."""


def environment(**more: str) -> dict[str, str]:
    """Ours and the peers alike keep what they have compiled, and in one place."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNKEPT}
    return {**kept, "PYTHONPYCACHEPREFIX": str(CACHE / "pycache"), **more}


def ours(program: str, *arguments: object) -> Any:
    """Return the JSON that a program of ours prints last."""
    return json.loads(_last_line([str(OURS), "-m", f"{PROGRAMS}.{program}"], arguments))


def theirs(python: Path, program: str, *arguments: object) -> Any:
    """Return the JSON that a peer's program prints last, in the peer's environment."""
    return json.loads(_last_line([str(python), str(PEERS / f"{program}.py")], arguments))


def _last_line(program: Sequence[str], arguments: Iterable[object]) -> str:
    command = [*program, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LONG_S, cwd=ROOT, env=environment()
    )
    if done.returncode or not done.stdout:
        raise Trouble(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder on the project's disk, for files that have to be durable."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="run-") as folder:
        yield Path(folder)


class Memory(NamedTuple):
    """MiB. `pss` shares out what several processes map, `peak` is the largest `rss` so far."""

    rss: float
    pss: float
    peak: float


class Child:
    """A process that is being watched. `pid` may be one that another process has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_s(self) -> float:
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> Memory:
        status = _fields(f"/proc/{self.pid}/status")
        rollup = _fields(f"/proc/{self.pid}/smaps_rollup")
        return Memory(status["VmRSS"] / 1024, rollup["Pss"] / 1024, status["VmHWM"] / 1024)


def _fields(path: str) -> dict[str, int]:
    found: dict[str, int] = {}
    with open(path) as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            number, *_ = rest.split() or [""]
            if number.isdecimal():
                found[name] = int(number)
    return found


class Service(Child):
    """A process that says READY=1 as sd_notify(3) wants it. `ready_s` is how long that took."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        address = folder / "notify"
        address.unlink(missing_ok=True)
        self._log = (folder / "service.log").open("ab")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(str(address))
            listening.settimeout(LONG_S)
            start_s = time.perf_counter()
            self._process = subprocess.Popen(
                command,
                stdout=self._log,
                stderr=self._log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=environment(NOTIFY_SOCKET=str(address)),
            )
            try:
                told = listening.recv(256)
            except TimeoutError as error:
                self.kill()
                raise Trouble(f"{command} was not ready within {LONG_S:.0f} s") from error
            self.ready_s = time.perf_counter() - start_s
        if b"READY=1" not in told:
            self.kill()
            raise Trouble(f"{command} said {told!r}")
        super().__init__(self._process.pid)

    def stop(self) -> None:
        """As systemd does it: SIGTERM, and later SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._log.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


class Screen(Child):
    """A program on a pseudo-terminal of its own."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int,
        lines: int,
    ) -> None:
        wanted = environment(TERM="xterm-256color", COLORTERM="truecolor")
        self.start_s = time.perf_counter()
        pid, self._fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.chdir(ROOT)
            os.execve(command[0], list(command), wanted)
        super().__init__(pid)
        self.seen = b""

    def read_for(self, seconds: float, done: Callable[[bytes], bool] = lambda _: False) -> bool:
        """Take what is painted, as a terminal does; whether `done` came true in time."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], left_s)[0]:
                try:
                    self.seen = self.seen[-16384:] + os.read(self._fd, 65536)
                except OSError:
                    return False
                if done(self.seen):
                    return True
        return False

    def watch(self, seconds: float) -> float:
        """Take what is painted for so long; the program's share of a core meanwhile."""
        before_s, start_s = self.cpu_s(), time.perf_counter()
        self.read_for(seconds)
        return (self.cpu_s() - before_s) / (time.perf_counter() - start_s)

    def wait_for(self, mark: bytes) -> float:
        """Seconds from the start until `mark` was painted."""
        if not self.read_for(30.0, lambda seen: mark in seen):
            raise Trouble(f"{mark!r} was not painted, but {self.seen[-400:]!r}")
        return time.perf_counter() - self.start_s

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self._fd)
        os.waitpid(self.pid, 0)
