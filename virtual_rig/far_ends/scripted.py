"""A USB device of any descriptors, answers and reports, which no honest maker would build."""

import threading
from collections import deque
from collections.abc import Iterable, Mapping

from drivers.sim.linux.usb_device import Setup, Stall, UsbFunction


class ScriptedDevice(UsbFunction):
    """Answers class and vendor requests from a table, and says what it is told to say.

    `answers` go by the first eight bytes of the transfer, with or without its wIndex and wLength:
    the longest key that fits. What is not in there is a STALL when it comes in, and taken when it
    goes out.
    """

    def __init__(
        self,
        device_descriptor: bytes,
        configuration_descriptor: bytes,
        strings: Iterable[str] = (),
        *,
        answers: Mapping[bytes, bytes] | None = None,
        speed: int = 2,
    ) -> None:
        super().__init__(device_descriptor, configuration_descriptor, *strings)
        self.speed = speed
        self.heard: list[tuple[int, bytes]] = []
        """The data that came out of the host, with the endpoint they came to."""
        self._answers = dict(answers or {})
        self._reports: dict[int, deque[bytes]] = {}
        self._lock = threading.Lock()

    def say(self, endpoint: int, report: bytes) -> None:
        """Queue a report for an IN endpoint, behind those that are waiting there."""
        with self._lock:
            self._reports.setdefault(endpoint, deque()).append(report)

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        packet = b"".join(
            [
                bytes([setup.request_type, setup.request]),
                setup.value.to_bytes(2, "little"),
                setup.index.to_bytes(2, "little"),
                setup.size.to_bytes(2, "little"),
            ]
        )
        for length in (8, 6, 4, 2):
            if packet[:length] in self._answers:
                return self._answers[packet[:length]]
        if setup.request_type & 0x80:
            raise Stall
        self.heard.append((0, data))
        return b""

    def transfer_in(self, endpoint: int) -> bytes | None:
        with self._lock:
            waiting = self._reports.get(endpoint)
            return waiting.popleft() if waiting else None

    def transfer_out(self, endpoint: int, data: bytes) -> None:
        self.heard.append((endpoint, data))
