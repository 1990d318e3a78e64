"""A serial port through pyserial, read with `os.read`: several times pyserial's own speed.

pyserial opens, configures and locks the port; bytes are then written to its descriptor directly. A
second descriptor reads: it waits in the kernel (VTIME), which saves a call for each answer, while
the first never waits.
"""

import contextlib
import errno
import fcntl
import math
import os
import select
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import serial

from drivers.errors import BadReply, DriverError, NoReply, NotConnected, NotPermitted, WrongDevice

_MOST_AT_ONCE = 4096  # the kernel's line discipline holds no more (N_TTY_BUF_SIZE)
_MOST_TENTHS = 255  # VTIME is a byte
_BABBLE_READS = 1024  # 4 MiB that were not asked for are no answer any more


class SerialLine:
    """Implements `drivers.buses.ByteStream` on a real port: 8 data bits, no parity, one stop bit.

    `timeout_s` bounds one `read` as a whole; `read_until` waits that long for the beginning of an
    answer, and as long again for the rest. `write_timeout_s` bounds one `write`: a USB adapter that
    hangs does not hang the station. Not to be shared between threads.

    `name` begins the text of errors; without it, the path does.

    Raises `NotConnected` when there is no such port, `NotPermitted` when this user may not
    open it or another program holds it, `WrongDevice` when `port` is no serial port.
    """

    def __init__(
        self,
        port: str,
        *,
        baudrate: int,
        timeout_s: float = 1.0,
        write_timeout_s: float = 1.0,
        name: str = "",
    ) -> None:
        if baudrate <= 0:
            raise ValueError(f"{name or port}: {baudrate} baud is no speed")
        self.name = name or port
        for which, value_s in (("timeout_s", timeout_s), ("write_timeout_s", write_timeout_s)):
            if not (math.isfinite(value_s) and value_s >= 0):
                raise ValueError(f"{self.name}: {which} = {value_s} is not a time to wait")
        self.closed = False
        self._timeout_s = timeout_s
        self._write_timeout_s = write_timeout_s
        self._received = b""
        tenths = min(int(timeout_s * 10), _MOST_TENTHS)
        self._serial, self._reading = _open(port, self.name, baudrate, write_timeout_s, tenths)
        self._writing: int = self._serial.fileno()
        self._kernel_waits_s = tenths / 10
        readable = select.poll()
        readable.register(self._reading, select.POLLIN)
        self._wait_ms: Callable[[float], object] = readable.poll

    def write(self, data: bytes, /) -> int:
        """Hand all of `data` to the kernel and return its length.

        Raises `NoReply` when the port does not take it in time; what was not sent yet is dropped,
        so that a device that wakes up later does not obey an old command.
        """
        size = len(data)
        try:
            sent = os.write(self._writing, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._gone(f"writing {data[:32]!r}: {error}") from error
        return sent if sent == size else self._write_rest(data, sent)

    def read(self, size: int = 1, /) -> bytes:
        """Wait until `size` bytes are there or the line's timeout is over."""
        if size < 0:
            raise ValueError(f"{self.name}: cannot read {size} bytes")
        give_up_s = time.monotonic() + self._timeout_s
        while len(self._received) < size and self._receive(give_up_s):
            pass
        data, self._received = self._received[:size], self._received[size:]
        return data

    def read_until(self, expected: bytes, /) -> bytes:
        """Return the bytes up to and including `expected`, or those before the timeout."""
        if not expected:
            raise ValueError(f"{self.name}: read until what?")
        # Mostly the answer comes whole and alone. There is no time to look at the clock first: over
        # a pty, 0.1 µs more between writing and sleeping costs 5 to 15 µs until we are woken, as
        # the other end is then begun on another core.
        if not self._received:
            try:
                self._received = os.read(self._reading, _MOST_AT_ONCE)
            except OSError as error:
                raise self._gone(f"reading: {error}") from error
        end = self._received.find(expected)
        if end < 0:
            end = self._find_later(expected)
        end = end + len(expected) if end >= 0 else len(self._received)
        data, self._received = self._received[:end], self._received[end:]
        return data

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        """Return at most `size` bytes that came without a pause of `quiet_s` between them.

        The first is waited for until the line's timeout is over.
        """
        if size < 0:
            raise ValueError(f"{self.name}: cannot read {size} bytes")
        if not self._received:
            self._receive(time.monotonic() + self._timeout_s)
        while 0 < len(self._received) < size and self._receive(time.monotonic() + quiet_s):
            pass
        data, self._received = self._received[:size], self._received[size:]
        return data

    def reset_input_buffer(self) -> None:
        """Forget the bytes that were received and not read, here and in the kernel.

        They are read and not flushed: poll first waits for bytes that the driver has not handed to
        the line discipline yet, and those TCIFLUSH leaves behind.
        """
        now_s = time.monotonic()
        for _ in range(_BABBLE_READS):
            self._received = b""
            if not self._receive(now_s):
                return
        raise BadReply(f"{self.name}: never stops talking: … {self._received[-32:]!r}")

    def close(self) -> None:
        """Close the port. It can be closed twice."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):  # an unplugged port has nothing to unlock
            fcntl.ioctl(self._writing, termios.TIOCNXCL)
        with contextlib.suppress(OSError):
            os.close(self._reading)
        # The numbers may soon be another owner's files.
        self._reading = self._writing = -1
        self._wait_ms = self._refuse
        self._received = b""
        with contextlib.suppress(OSError):
            self._serial.close()

    def _write_rest(self, data: bytes, sent: int) -> int:
        give_up_s = time.monotonic() + self._write_timeout_s
        writable = select.poll()
        writable.register(self._writing, select.POLLOUT)
        while sent < len(data):
            left_s = give_up_s - time.monotonic()
            if not writable.poll(max(0.0, left_s) * 1000) or left_s < 0:
                with contextlib.suppress(termios.error):
                    termios.tcflush(self._writing, termios.TCOFLUSH)
                raise NoReply(
                    f"{self.name}: takes no data, {sent} of {len(data)} bytes"
                    f" within {self._write_timeout_s:g} s: {data[:32]!r}"
                )
            try:
                sent += os.write(self._writing, data[sent:])
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone(f"writing {data[:32]!r}: {error}") from error
        return sent

    def _find_later(self, expected: bytes) -> int:
        """Receive until `expected` is there; return its place, or -1 when it comes too late."""
        waited_s = 0.0 if self._received else self._kernel_waits_s
        give_up_s = time.monotonic() + self._timeout_s - waited_s
        searched = end = -1
        while end < 0 and self._receive(give_up_s):
            end = self._received.find(expected, max(0, searched))
            searched = len(self._received) - len(expected) + 1
        return end

    def _receive(self, give_up_s: float) -> bool:
        """Wait for more bytes; return whether any came until `give_up_s`."""
        while True:
            left_s = give_up_s - time.monotonic()
            if not self._wait_ms(max(0.0, left_s) * 1000):
                return False
            if self._take():
                return True
            if left_s <= 0:
                return False

    def _take(self) -> bool:
        """Fetch what poll has announced; return whether it is bytes."""
        try:
            chunk = os.read(self._reading, _MOST_AT_ONCE)
        except OSError as error:
            raise self._gone(f"reading, after {self._received[-32:]!r}: {error}") from error
        if not chunk:
            raise self._gone(f"reading, after {self._received[-32:]!r}: hang-up")
        self._received += chunk
        return True

    def _gone(self, doing: str) -> NotConnected:
        if self.closed:
            return NotConnected(f"{self.name}: closed")
        return NotConnected(f"{self.name}: the port is gone ({doing})")

    def _refuse(self, timeout_ms: float, /) -> NoReturn:
        raise NotConnected(f"{self.name}: closed")


def _open(
    port: str, name: str, baudrate: int, write_timeout_s: float, tenths: int
) -> "tuple[serial.Serial, int]":
    """Open pyserial's port, which never waits, and a descriptor that waits `tenths` for a byte."""
    try:
        opened = serial.Serial(
            port, baudrate, timeout=0, write_timeout=write_timeout_s, exclusive=True
        )
        try:
            reading = _open_again(port, tenths)
        except BaseException:
            opened.close()
            raise
    except OSError as error:
        raise _explained(port, name, error.errno, error) from error
    except termios.error as error:  # not an OSError
        raise _explained(port, name, error.args[0], error) from error
    # An FTDI adapter otherwise keeps a short answer for 16 ms; others know no such mode.
    with contextlib.suppress(ValueError):
        opened.set_low_latency_mode(True)
    # flock keeps out only who asks; this keeps out everybody but root.
    with contextlib.suppress(OSError):
        fcntl.ioctl(opened.fileno(), termios.TIOCEXCL)
    return opened, reading


def _open_again(port: str, tenths: int) -> int:
    """Open a descriptor whose read returns with the first bytes, or none (VTIME, termios(3))."""
    # O_NONBLOCK: without it, opening waits for a carrier where CLOCAL is ignored.
    reading = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.set_blocking(reading, True)
        attributes = termios.tcgetattr(reading)
        attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 0, tenths
        termios.tcsetattr(reading, termios.TCSANOW, attributes)
    except BaseException:
        os.close(reading)
        raise
    return reading


def _explained(port: str, name: str, number: int | None, error: Exception) -> DriverError:
    """Return the error for a failed opening, with what to do about it."""
    match number:
        case errno.EACCES | errno.EPERM:
            return NotPermitted(
                f"{name}: no permission: add this user to the group dialout"
                f" (sudo adduser $USER dialout, then log in again) or install the udev rules"
            )
        case errno.EBUSY | errno.EAGAIN:
            holders = ", ".join(find_holders(port))
            return NotPermitted(
                f"{name}: held by {holders or f'another program (sudo fuser -v {port} names it)'}"
            )
        case errno.ENOENT:
            return NotConnected(f"{name}: no such serial port")
        case None | errno.ENOTTY:  # pyserial gives no number when it cannot configure a port
            return WrongDevice(f"{name}: is not a serial port ({error})")
        case _:
            return NotConnected(f"{name}: cannot be opened ({error})")


def find_holders(path: str) -> tuple[str, ...]:
    """Return the processes that have `path` open, such as `minicom (1234)`, where visible to us."""
    target = os.path.realpath(path)
    found: list[str] = []
    for process in sorted(Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):  # ended, or another user's
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return tuple(found)
