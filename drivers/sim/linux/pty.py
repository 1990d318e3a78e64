"""A simulated serial device on a real tty, for programs that insist on opening one."""

import os
import pty
import select
import threading
import tty
from types import TracebackType

from drivers.sim.hardware import SerialDevice


class PtyHost:
    """`with PtyHost(device) as path: serial.Serial(path)`."""

    def __init__(self, device: SerialDevice) -> None:
        self._device = device

    def __enter__(self) -> str:
        self._ours, self._theirs = pty.openpty()
        self._wake_read, self._wake_write = os.pipe()
        tty.setraw(self._theirs)
        self._thread = threading.Thread(target=self._serve, name="pty twin", daemon=True)
        self._thread.start()
        return os.ttyname(self._theirs)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.write(self._wake_write, b"!")
        self._thread.join()
        for descriptor in (self._theirs, self._ours, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._ours, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            if answer := self._device.receive(os.read(self._ours, 4096)):
                os.write(self._ours, answer)
