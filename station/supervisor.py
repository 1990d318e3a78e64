"""The supervisor of a station: a child process that makes its benches safe when it is killed.

    station    forks the supervisor before it has a thread, and tells it of each run
    supervisor reads the pipe, and nothing else, until the pipe ends
    killed     the pipe ends: every slot with a run under way is made safe
    next start waits until the supervisor of the killed one is done, and makes all benches safe

The pipe ends when the kernel closes the station's files, so that a serial port is free by then. The
lock is on a file that both have open since before the fork: it outlives the station.
"""

import contextlib
import fcntl
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

AtWork = Mapping[str, frozenset[str]]
"""The slots with a run under way, each with the roles that its plan uses."""

IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT)
"""A service manager, a terminal and a watchdog send these to all processes of a station."""

FORMER_ENDS_WITHIN_S = 20.0
LOOKS_AGAIN_S = 0.02

log = logging.getLogger(__name__)


class Supervisor:
    """The station's end of the pipe. Threads may share it: a line is written at once.

    A supervisor that is gone is logged at each run; the station goes on without one.
    """

    def __init__(self, pid: int, pipe: int, lock: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self._lock = lock

    def take_bench(self, within_s: float = FORMER_ENDS_WITHIN_S) -> bool:
        """Wait for the supervisor of a killed station. Return whether it has ended."""
        end_s = time.monotonic() + within_s
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end_s:
                    log.warning("a former supervisor still works after %s s", within_s)
                    return False
                time.sleep(LOOKS_AGAIN_S)
            else:
                return True

    def began(self, slot: str, roles: Iterable[str]) -> None:
        """Tell that a run with these roles begins in a slot."""
        self._tell(" ".join(["began", slot, *sorted(roles)]))

    def ended(self, slot: str) -> None:
        """Tell that the slot's run is over, and its bench made safe."""
        self._tell(f"ended {slot}")

    def dismiss(self) -> None:
        """End the pipe, and return when the supervisor has ended."""
        os.close(self._pipe)
        os.close(self._lock)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        try:
            os.write(self._pipe, f"{line}\n".encode())
        except OSError as error:
            log.warning("the supervisor is gone, a killed station leaves its benches: %s", error)


def supervise(folder: Path, make_safe: Callable[[AtWork], None]) -> Supervisor:
    """Fork the supervisor of the station whose data is in `folder`. The caller has no thread yet.

    In the child `make_safe` is called once the station was killed with runs under way. Raises
    `OSError` where the folder cannot be written.
    """
    lock = os.open(folder / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    reading, writing = os.pipe()
    gc.freeze()  # so that a collection does not touch, and thereby copy, the pages that both share
    pid = os.fork()
    if pid:
        os.close(reading)
        return Supervisor(pid, writing, lock)
    code = 1
    try:
        os.close(writing)
        os.setsid()
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        if at_work := listen(reading):
            make_safe(at_work)
        code = 0
    finally:
        os._exit(code)  # nothing of the station's own ends here: its files are the parent's


@contextlib.contextmanager
def supervised(folder: Path, make_safe: Callable[[AtWork], None]) -> Iterator[Supervisor]:
    """Have a supervisor meanwhile. Raises as `supervise` does."""
    supervisor = supervise(folder, make_safe)
    try:
        yield supervisor
    finally:
        supervisor.dismiss()


def listen(pipe: int) -> dict[str, frozenset[str]]:
    """Read what the station tells until its end of the pipe is closed.

    Returns the slots whose runs were broken off; none after an end in order.
    """
    at_work: dict[str, frozenset[str]] = {}
    with os.fdopen(pipe, "rb") as lines:
        for line in lines:
            match line.decode().split():
                case ["began", slot, *roles]:
                    at_work[slot] = frozenset(roles)
                case ["ended", slot]:
                    at_work.pop(slot, None)
    return at_work
