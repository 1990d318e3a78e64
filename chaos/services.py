"""Processes that are kept running, as systemd would: started again whenever they end."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

AGAIN_S = 0.3
"""The pause before a process that ended is started again; that of systemd is 2 s and more."""
ENDS_WITHIN_S = 20.0

Command = Callable[[], Sequence[str]]


class Service:
    """One program. While it is `up`, it is started again; `down` and `kill` end it at once."""

    def __init__(self, name: str, command: Command, data: Path, log: Path) -> None:
        """`command` is asked at each start; `data` is the folder of what the program keeps.

        `prefix` stands before the command, `environment` is added to ours.
        """
        self.name = name
        self.starts = 0
        self.data, self.log = data, log
        self.prefix: Sequence[str] = ()
        self.environment: Mapping[str, str] = {}
        self._command = command
        self._wanted = False
        self._change = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False
        self._keeper = threading.Thread(target=self._keep, name=name, daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int | None:
        """The process that was started; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def up(self) -> None:
        """Let it run from now on."""
        with self._change:
            self._wanted = True
            self._change.notify_all()

    def down(self, number: int = signal.SIGTERM) -> None:
        """End it, and let it be down."""
        with self._change:
            self._wanted = False
        self._signal(number)
        if (process := self._process) is None:
            return
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """Kill it, with everything that it has started; it comes back by itself while it is up."""
        process = self._process
        self._signal(signal.SIGKILL)
        if process is not None:
            process.wait()

    def cut_off(self) -> None:
        """Kill what runs under a prefix, let that end by itself, and let it be down."""
        with self._change:
            self._wanted = False
        process = self._process
        assert process is not None
        for pid in _children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def say(self, line: str) -> None:
        """Write a line to its input. One that has just ended hears nothing."""
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                process.stdin.write(f"{line}\n".encode())
                process.stdin.flush()

    def end(self) -> None:
        self.down()
        with self._change:
            self._ending = True
            self._change.notify_all()
        self._keeper.join()

    def _signal(self, number: int) -> None:
        if (process := self._process) is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def _keep(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._wanted or self._ending)
                if self._ending:
                    return
                self._begin()
            process = self._process
            assert process is not None
            process.wait()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            time.sleep(AGAIN_S)

    def _begin(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, *self._command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _die_with_parent() -> None:
    set_parent_death_signal = 1  # prctl(2), PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
