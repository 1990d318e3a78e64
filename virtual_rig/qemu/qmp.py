"""QEMU's own control channel: JSON lines over a Unix socket. QEMU docs/interop/qmp-spec."""

import itertools
import json
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

LOOK_S = 0.01


class QmpError(Exception):
    """QEMU refused, or does not answer. Quotes the command and what came back."""


class Qmp:
    """One connection, from greeting to close. Safe to share between threads."""

    def __init__(self, connection: socket.socket, timeout_s: float = 10.0) -> None:
        connection.settimeout(timeout_s)
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        greeting = self._next("greeting")
        if "QMP" not in greeting:
            raise QmpError(f"greeting → {greeting}")
        self.ask("qmp_capabilities")

    @classmethod
    def connect(cls, path: Path, timeout_s: float = 10.0) -> "Qmp":
        """Connect to the socket `path`, for which QEMU may not listen yet: it first makes the file.

        Raises `QmpError` when there is no file, or when QEMU does not listen for `timeout_s`.
        """
        give_up_s = time.monotonic() + timeout_s
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            while not _connects(connection, path, last_try=time.monotonic() > give_up_s):
                time.sleep(LOOK_S)
            return cls(connection, timeout_s)
        except OSError as error:
            connection.close()
            raise QmpError(f"{path}: {error}") from error

    def ask(self, command: str, **arguments: object) -> Any:
        """Return the command's result. Events that come in between are passed over."""
        with self._lock:
            number = next(self._numbers)
            request = {"execute": command, "arguments": arguments, "id": number}
            try:
                self._connection.sendall(json.dumps(request).encode() + b"\n")
                while (answer := self._next(command)).get("id") != number:
                    pass
            except OSError as error:
                raise QmpError(f"{command} {arguments}: {error}") from error
        if "return" not in answer:
            raise QmpError(f"{command} {arguments} → {answer.get('error', answer)}")
        return answer["return"]

    def close(self) -> None:
        self._lines.close()
        self._connection.close()

    def __enter__(self) -> "Qmp":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _next(self, command: str) -> dict[str, Any]:
        line = self._lines.readline()
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise QmpError(f"{command} → {line!r}") from error
        if not isinstance(answer, dict):
            raise QmpError(f"{command} → {line!r}")
        return answer


def _connects(connection: socket.socket, path: Path, *, last_try: bool) -> bool:
    try:
        connection.connect(str(path))
    except ConnectionRefusedError:
        if last_try:
            raise
        return False
    return True
