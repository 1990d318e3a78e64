"""A service manager that only listens."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


class Manager:
    def __init__(self, sock: socket.socket, address: str) -> None:
        """`address` is what NOTIFY_SOCKET says."""
        self._sock = sock
        self.address = address

    def hear(self, within_s: float = 30.0) -> str:
        """Return the next message. Raises `TimeoutError` when there is none."""
        self._sock.settimeout(within_s)
        return self._sock.recv(4096).decode()


@contextmanager
def manager(address: str) -> Iterator[Manager]:
    """Listen at a path, or with `@` in front at an abstract address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + address[1:] if address.startswith("@") else address)
        yield Manager(sock, address)
