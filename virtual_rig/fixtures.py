"""Fixtures for tests that only make sense in the virtual rig; elsewhere they are skipped."""

import os
import select
import termios
import time
import tty
from collections.abc import Iterator
from types import TracebackType

import pytest

from drivers.local import LocalHardware
from virtual_rig.hands import Hands

FREE_PORT = "3-8"  # belongs to no slot
KEYBOARD_PORT = "3-7"  # the keyboard slot's, in hil_tests/virtual.toml


class Console:
    """Whoever logs in at the machine's own screen: what he would read of keys, raw."""

    def __init__(self, path: str = "/dev/tty1") -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._before = termios.tcgetattr(self._descriptor)
        tty.setraw(self._descriptor)
        termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def read(self, *, until: bytes = b"", within_s: float) -> bytes:
        """What was typed until `until` came, or until the time is over."""
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


@pytest.fixture(scope="session")
def rig_hands() -> Iterator[Hands]:
    hands = Hands.from_environment()
    if hands is None:
        pytest.skip("only in the virtual rig: script/virtual-rig")
    yield hands
    hands.close()


@pytest.fixture
def hands(rig_hands: Hands) -> Iterator[Hands]:
    """Hands at the far ends; what a test left in the devices' ports is taken out after it."""
    yield rig_hands
    for port in (FREE_PORT, KEYBOARD_PORT):
        rig_hands.pull(port)


@pytest.fixture
def hardware() -> Iterator[LocalHardware]:
    with LocalHardware() as hardware:
        yield hardware


@pytest.fixture
def console() -> Iterator[Console]:
    with Console() as console:
        yield console
