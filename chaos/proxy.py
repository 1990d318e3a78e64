"""A TCP proxy between a client and its broker that stalls, cuts, doubles and reorders.

Faults that have to do with messages know MQTT's frames (MQTT 5.0, 2.1): a byte of type and flags,
and the length of the rest in one to four bytes.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from random import Random

PUBLISH = 3
FAULTS = ("stall", "one-way", "truncate", "duplicate", "reorder", "cut")


class Proxy:
    """Listens on a port of its own. `fault` is in force at once, also for open connections.

    stall: nothing passes, and nothing closes; one-way: the same from the broker alone; truncate: a
    read's tail is lost, and then the connection; duplicate: messages come twice; reorder: a
    message comes after the next one; cut: connections break after a few kilobytes.
    """

    def __init__(self, target: int, chance: Random) -> None:
        self.target = target
        self._chance = chance
        self._fault = ""
        self._changed = threading.Condition()
        self._ended = False
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def fault(self) -> str:
        return self._fault

    @fault.setter
    def fault(self, name: str) -> None:
        with self._changed:
            self._fault = name
            self._changed.notify_all()

    def drop(self) -> None:
        """Break every connection."""
        for one in list(self._open):
            _shut(one)

    def close(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            for one in (client, broker):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(one)
            for source, sink, up in ((client, broker, True), (broker, client, False)):
                threading.Thread(target=self._carry, args=(source, sink, up), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        frames, passed_bytes = Frames(), 0
        limit_bytes = self._chance.randrange(1000, 20_000)
        held: list[bytes] = []
        try:
            while data := source.recv(65536):
                fault = self._wait(up)
                passed_bytes += len(data)
                if fault == "truncate" and self._chance.random() < 0.3:
                    sink.sendall(data[: self._chance.randrange(len(data))])
                    return
                if fault == "cut" and passed_bytes > limit_bytes:
                    sink.sendall(data[: len(data) // 2])
                    return
                for frame in frames.take(data):
                    for one in self._shuffled(frame, fault, held):
                        sink.sendall(one)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                self._open.discard(end)
                _shut(end)

    def _wait(self, up: bool) -> str:
        """Return the fault in force, after it has let something pass."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._ended
                    or not (self._fault == "stall" or (self._fault == "one-way" and not up))
                )
            )
            return self._fault

    def _shuffled(self, frame: bytes, fault: str, held: list[bytes]) -> Iterator[bytes]:
        message = frame[0] >> 4 == PUBLISH
        if message and fault == "duplicate" and self._chance.random() < 0.5:
            yield frame
        if message and fault == "reorder" and not held and self._chance.random() < 0.5:
            held.append(frame)
            return
        yield frame
        if held:
            yield held.pop()


class Frames:
    """Cuts a stream into MQTT's frames."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> Iterator[bytes]:
        """Yield each frame that is whole now."""
        self._rest += data
        while (end := _end(self._rest)) is not None and end <= len(self._rest):
            frame, self._rest = self._rest[:end], self._rest[end:]
            yield frame


def _end(data: bytes) -> int | None:
    """Return where the first frame ends; None while that is not known."""
    length = 0
    for at in range(1, 5):
        if at >= len(data):
            return None
        length |= (data[at] & 0x7F) << 7 * (at - 1)
        if data[at] < 0x80:
            return at + 1 + length
    raise OSError("this is no MQTT")


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
