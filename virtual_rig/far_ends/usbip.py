"""USB over a socket: our end of the cable, Linux's vhci_hcd at the other.

Linux Documentation/usb/usbip_protocol.rst (version 1.1.1); numbers are big-endian. The device
under the cable is a `SimulatedUsbDevice`, the same object that the simulated rig uses.
"""

import contextlib
import errno
import logging
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from drivers.sim.linux.usb_device import Setup, Silence, SimulatedUsbDevice, Stall, Unplugged

_log = logging.getLogger(__name__)

VERSION = 0x0111
OP_REQ_IMPORT = 0x8003
OP_REP_IMPORT = 0x0003
ST_OK, ST_NA = 0, 1

CMD_SUBMIT = 1
CMD_UNLINK = 2
RET_SUBMIT = 3
RET_UNLINK = 4
DIRECTION_IN = 1
BUSID_BYTES = 32

_IMPORT = struct.Struct(f">HHI{BUSID_BYTES}s")
_IMPORTED = struct.Struct(f">HHI256s{BUSID_BYTES}sIII HHH BBBBBB".replace(" ", ""))
HEADER = struct.Struct(">5I28s")  # of every command and answer; 20 bytes are common to all
_SUBMIT = struct.Struct(">Iiiii8s")
_RETURN = struct.Struct(">iiiii8x")
_UNLINK = struct.Struct(">I24x")

IDLE_POLL_S = 0.02  # for bulk endpoints, which speak up after a transfer and hardly ever unasked
SHORTEST_POLL_S = 0.001


class ProtocolError(Exception):
    """The other end does not speak USB/IP. Quotes what came."""


class Submit(NamedTuple):
    """A transfer that the kernel wants. `length` is what it sends, or has room for."""

    sequence: int
    endpoint: int
    incoming: bool
    length: int
    setup: bytes

    @property
    def address(self) -> int:
        """The endpoint's address, as in its descriptor."""
        return self.endpoint | (0x80 if self.incoming else 0)


class Unlink(NamedTuple):
    """The kernel takes the transfer `target` back."""

    sequence: int
    target: int


def decode_command(header: bytes) -> Submit | Unlink:
    """Decode the 48 bytes that begin a command. Raises `ProtocolError`."""
    if len(header) != HEADER.size:
        raise ProtocolError(f"a command begins with {HEADER.size} bytes, not {header.hex(' ')}")
    command, sequence, _, direction, endpoint, rest = HEADER.unpack(header)
    if command == CMD_UNLINK:
        (target,) = _UNLINK.unpack(rest)
        return Unlink(sequence, target)
    if command != CMD_SUBMIT or direction > DIRECTION_IN or endpoint > 15:
        raise ProtocolError(f"neither a submit nor an unlink: {header.hex(' ')}")
    _, length, _, _, _, setup = _SUBMIT.unpack(rest)
    if length < 0:
        raise ProtocolError(f"a transfer of {length} bytes: {header.hex(' ')}")
    return Submit(sequence, endpoint, direction == DIRECTION_IN, length, setup)


def encode_return(sequence: int, status: int, data: bytes = b"", *, actual: int = -1) -> bytes:
    """Encode the answer to a submit: `status` is 0 or a negative errno; `actual` without data."""
    count = len(data) if actual < 0 else actual
    return HEADER.pack(RET_SUBMIT, sequence, 0, 0, 0, _RETURN.pack(status, count, 0, 0, 0)) + data


def encode_unlinked(sequence: int, *, was_pending: bool) -> bytes:
    status = -errno.ECONNRESET if was_pending else 0
    return HEADER.pack(RET_UNLINK, sequence, 0, 0, 0, struct.pack(">i24x", status))


def encode_import(busid: str) -> bytes:
    """Encode the request for the device that is called `busid`."""
    return _IMPORT.pack(VERSION, OP_REQ_IMPORT, 0, busid.encode())


def decode_import(request: bytes) -> str:
    """Return the busid that an import request asks for. Raises `ProtocolError`."""
    if len(request) != _IMPORT.size:
        raise ProtocolError(f"no import request: {request.hex(' ')}")
    version, code, _, busid = _IMPORT.unpack(request)
    if (version, code) != (VERSION, OP_REQ_IMPORT):
        raise ProtocolError(f"no import request: {request.hex(' ')}")
    return str(busid.rstrip(b"\0").decode("ascii", "replace"))


def encode_imported(busid: str, device: SimulatedUsbDevice) -> bytes:
    """Encode the reply that `busid` is there, and how fast it is."""
    about = device.control(Setup(0x80, 0x06, 0x0100, 0, 18), b"")
    vendor_id, product_id, release_bcd = struct.unpack_from("<HHH", about, 8)
    return _IMPORTED.pack(
        *(VERSION, OP_REP_IMPORT, ST_OK, f"/twins/{busid}".encode(), busid.encode()),
        *(1, 2, device.speed),
        *(vendor_id, product_id, release_bcd, *about[4:7]),
        *(0, about[17], 0),
    )


def encode_not_imported() -> bytes:
    return struct.pack(">HHI", VERSION, OP_REP_IMPORT, ST_NA)


def import_device(address: tuple[str, int], busid: str, timeout_s: float) -> tuple[int, int]:
    """Ask for `busid`: the connected socket's descriptor, which is the caller's, and the speed.

    Raises `ProtocolError` when there is no such device.
    """
    with socket.create_connection(address, timeout=timeout_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(encode_import(busid))
        head = _receive(connection, 8)
        if head[4:8] != bytes(4):
            raise ProtocolError(f"no device {busid} to import: {head.hex(' ')}")
        speed: int = _IMPORTED.unpack(head + _receive(connection, _IMPORTED.size - 8))[7]
        connection.settimeout(None)
        return connection.detach(), speed


def poll_intervals(configuration: bytes, speed: int) -> dict[int, float]:
    """Seconds between two questions to each IN endpoint (USB 2.0, 9.6.6; high speed counts in
    powers of two of 125 µs)."""
    intervals: dict[int, float] = {}
    at = 0
    while at + 1 < len(configuration) and configuration[at]:
        size, kind = configuration[at], configuration[at + 1]
        if kind == 5 and configuration[at + 2] & 0x80:
            interval = configuration[at + 6]
            frames_s = 125e-6 * 2 ** (max(1, interval) - 1) if speed >= 3 else interval / 1000
            interrupt = configuration[at + 3] & 3 == 3
            intervals[configuration[at + 2]] = (
                max(SHORTEST_POLL_S, frames_s) if interrupt else IDLE_POLL_S
            )
        at += size
    return intervals


class Cable:
    """One device on one connection, until either end lets go. `run` it in a thread of its own."""

    def __init__(self, connection: socket.socket, device: SimulatedUsbDevice) -> None:
        self.frozen = False
        """The device answers nothing any more, and stays plugged in."""
        self.unplugged = threading.Event()
        self._connection = connection
        self._device = device
        self._waiting: dict[int, deque[Submit]] = {}
        self._unread: dict[int, bytes] = {}
        self._silent: set[int] = set()
        self._next_poll_s: dict[int, float] = {}
        self._intervals_s: dict[int, float] = {}

    def run(self) -> None:
        try:
            self._device.reset()
            with contextlib.suppress(Stall):
                configuration = self._device.control(Setup(0x80, 0x06, 0x0200, 0, 0xFFFF), b"")
                self._intervals_s = poll_intervals(configuration, self._device.speed)
            while self._step():
                pass
        except (OSError, Unplugged):
            pass
        except Exception:
            _log.exception("the cable of %s broke", type(self._device).__name__)
        finally:
            self.unplug()
            self._connection.close()
            self.unplugged.set()

    def unplug(self) -> None:
        """Pull it. The kernel sees the device go; `unplugged` says when our end has ended."""
        with contextlib.suppress(OSError):  # it went by itself
            self._connection.shutdown(socket.SHUT_RDWR)

    def _step(self) -> bool:
        """Hear the kernel until it is time to ask an endpoint; whether it is still there."""
        if select.select([self._connection], [], [], self._until_next_poll_s())[0]:
            header = _receive(self._connection, HEADER.size, or_nothing=True)
            if not header:
                return False
            command = decode_command(header)
            if isinstance(command, Unlink):
                self._take_back(command)
            else:
                out = b"" if command.incoming else _receive(self._connection, command.length)
                self._take(command, out)
            self._next_poll_s = dict.fromkeys(self._waiting, 0.0)
        self._poll()
        return True

    def _until_next_poll_s(self) -> float | None:
        due_s = [self._next_poll_s.get(end, 0.0) for end, all_ in self._waiting.items() if all_]
        if self.frozen or not due_s:
            return IDLE_POLL_S if self.frozen else None
        return max(0.0, min(due_s) - time.monotonic())

    def _take(self, submit: Submit, out: bytes) -> None:
        if self.frozen or not self._device.enumerates:
            self._silent.add(submit.sequence)
        elif submit.endpoint == 0:
            self._control(submit, out)
        elif submit.incoming:
            self._waiting.setdefault(submit.address, deque()).append(submit)
        else:
            try:
                self._device.transfer_out(submit.address, out)
            except Stall:
                self._send(encode_return(submit.sequence, -errno.EPIPE))
            else:
                self._send(encode_return(submit.sequence, 0, actual=len(out)))

    def _control(self, submit: Submit, out: bytes) -> None:
        setup = Setup(*struct.unpack("<BBHHH", submit.setup))
        try:
            answer = self._device.control(setup, out)
        except Stall:
            self._send(encode_return(submit.sequence, -errno.EPIPE))
        except Silence:
            self._silent.add(submit.sequence)
        else:
            if submit.incoming:
                self._send(encode_return(submit.sequence, 0, answer[: submit.length]))
            else:
                self._send(encode_return(submit.sequence, 0, actual=len(out)))

    def _take_back(self, unlink: Unlink) -> None:
        was_pending = unlink.target in self._silent
        self._silent.discard(unlink.target)
        for waiting in self._waiting.values():
            for submit in [each for each in waiting if each.sequence == unlink.target]:
                waiting.remove(submit)
                was_pending = True
        self._send(encode_unlinked(unlink.sequence, was_pending=was_pending))

    def _poll(self) -> None:
        """Ask each endpoint whose time has come, as a host controller does."""
        if self.frozen:
            return
        now_s = time.monotonic()
        for address, waiting in self._waiting.items():
            while waiting and self._next_poll_s.get(address, 0.0) <= now_s:
                try:
                    said = self._unread.pop(address, None) or self._device.transfer_in(address)
                except Stall:
                    self._send(encode_return(waiting.popleft().sequence, -errno.EPIPE))
                    continue
                if said is None:
                    interval_s = self._intervals_s.get(address, IDLE_POLL_S)
                    self._next_poll_s[address] = now_s + interval_s
                    break
                submit = waiting.popleft()
                if rest := said[submit.length :]:
                    self._unread[address] = rest
                self._send(encode_return(submit.sequence, 0, said[: submit.length]))

    def _send(self, data: bytes) -> None:
        self._connection.sendall(data)


class UsbIpServer:
    """Hands out devices by the name of the port they are plugged into, such as `3-1`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._devices: dict[str, SimulatedUsbDevice] = {}
        self._cables: dict[str, Cable] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, name="usbip", daemon=True).start()

    @property
    def cables(self) -> Mapping[str, Cable]:
        """The cables that the guest holds now, by port."""
        with self._lock:
            return {
                port: cable for port, cable in self._cables.items() if not cable.unplugged.is_set()
            }

    def offer(self, port: str, device: SimulatedUsbDevice) -> None:
        """Put `device` into `port`: every later request for the port gets it."""
        with self._lock:
            if port in self._devices:
                raise ValueError(f"USB port {port} is taken")
            self._devices[port] = device

    def unplug(self, port: str, timeout_s: float = 5.0) -> None:
        """Pull what is in `port`, if anything is, and wait until our end is loose."""
        with self._lock:
            self._devices.pop(port, None)
            cable = self._cables.pop(port, None)
        if cable is not None:
            cable.unplug()
            if not cable.unplugged.wait(timeout_s):
                raise TimeoutError(f"USB port {port}: the cable does not come off")

    def close(self) -> None:
        self._listener.close()
        for port in [*self._devices, *self._cables]:
            self.unplug(port)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            port = decode_import(_receive(connection, _IMPORT.size))
            with self._lock:
                device = self._devices.get(port)
                if device is None:
                    connection.sendall(encode_not_imported())
                    connection.close()
                    return
                cable = self._cables[port] = Cable(connection, device)
            connection.sendall(encode_imported(port, device))
        except (OSError, ProtocolError):
            _log.warning("USB/IP: nobody we could talk to", exc_info=True)
            connection.close()
            return
        cable.run()


def _receive(connection: socket.socket, size: int, *, or_nothing: bool = False) -> bytes:
    """Read exactly `size` bytes; with `or_nothing`, nothing at the end of the stream."""
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            if or_nothing and not received:
                return b""
            raise ConnectionError(f"hung up after {len(received)} of {size} bytes")
        received += chunk
    return received
