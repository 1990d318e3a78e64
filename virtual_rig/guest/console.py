"""The machine's own screen and keyboard, as a user who logs in there has them."""

import os
import select
import termios
import time
import tty
from types import TracebackType

FREE_PORT = "3-8"  # belongs to no slot
KEYBOARD_PORT = "3-7"  # the keyboard slot's, in hil_tests/virtual.toml


class Console:
    """The machine's own screen: the keys that a user who logs in there would type, raw."""

    def __init__(self, path: str = "/dev/tty1") -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._before = termios.tcgetattr(self._descriptor)
        tty.setraw(self._descriptor)
        termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def read(self, *, until: bytes = b"", within_s: float) -> bytes:
        """Return the input that came until `until` did, or until the time is over."""
        give_up_s = time.monotonic() + within_s
        typed = b""
        while not (until and until in typed):
            left_s = give_up_s - time.monotonic()
            if left_s <= 0 or not select.select([self._descriptor], [], [], left_s)[0]:
                break
            typed += os.read(self._descriptor, 1024)
        return typed

    def __enter__(self) -> "Console":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        os.close(self._descriptor)
