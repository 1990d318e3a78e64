"""The faults of an instrument's bus: what a twin hears and says passes through its `Lead`.

On each bus, `mute` hears everything and says nothing, `hung` hears nothing either, `garbled` flips
a bit in a share of its answers, `cut_short` drops bytes at their end, `slow` answers late, and
`unplugged` is gone.
"""

from collections import deque

from drivers.buses import Time
from drivers.sim.hardware import I2cDevice, Nak, SerialDevice
from drivers.sim.lead import Lead
from drivers.sim.linux.usb_device import Setup, Silence, SimulatedUsbDevice, Unplugged

SILENT = ("mute", "hung", "unplugged")


def _spoilt(lead: Lead, answer: bytes) -> bytes:
    """Return an answer as it arrives."""
    for fault, level in lead.active("garbled", "cut_short"):
        if fault.kind == "cut_short":
            answer = answer[: max(0, len(answer) - int(fault.by))]
        elif answer and lead.chance.random() < fault.by * level:
            middle = len(answer) // 2
            answer = answer[:middle] + bytes([answer[middle] ^ 0x80]) + answer[middle + 1 :]
    return answer


def _delay_s(lead: Lead) -> float:
    return sum(fault.by * level for fault, level in lead.active("slow"))


class FaultySerial:
    """A serial twin behind its lead. `delay_s` is how late its answers come now."""

    def __init__(self, device: SerialDevice, lead: Lead) -> None:
        self._device = device
        self._lead = lead

    @property
    def unplugged(self) -> bool:
        """Tell whether the line is gone."""
        return self._lead.has("unplugged")

    @property
    def delay_s(self) -> float:
        """Return how late an answer comes now."""
        return _delay_s(self._lead) if self._lead.faults else 0.0

    def receive(self, data: bytes) -> bytes:
        lead = self._lead
        if not lead.faults:
            return self._device.receive(data)
        if lead.has("hung", "unplugged"):
            return b""
        answer = self._device.receive(data)
        return b"" if lead.has("mute") else _spoilt(lead, answer)


class FaultyChip:
    """A chip behind its lead. A late one stretches the clock; a mute one does not acknowledge."""

    def __init__(self, chip: I2cDevice, lead: Lead, time: Time) -> None:
        self._chip = chip
        self._lead = lead
        self._time = time

    def also_hears(self, address: int) -> bool:
        """Tell whether the chip hears an address that is not its own."""
        hears = getattr(self._chip, "also_hears", None)
        return hears is not None and bool(hears(address))

    def transfer(self, write: bytes, read_size: int) -> bytes:
        lead = self._lead
        if not lead.faults:
            return self._chip.transfer(write, read_size)
        if lead.has(*SILENT):
            raise Nak
        self._time.sleep(_delay_s(lead))
        answer = _spoilt(lead, self._chip.transfer(write, read_size))
        return answer.ljust(read_size, b"\xff")  # nothing pulls the line down


class FaultyUsb:
    """A USB device behind its lead. Of garbled packets none arrives: they have a checksum."""

    def __init__(self, device: SimulatedUsbDevice, lead: Lead, time: Time) -> None:
        self.device = device
        self._lead = lead
        self._time = time
        self._late: dict[int, deque[tuple[float, bytes]]] = {}

    @property
    def enumerates(self) -> bool:
        """Tell whether the computer finds the device."""
        return self.device.enumerates and not self._lead.has(*SILENT)

    @property
    def speed(self) -> int:
        """Return the speed as libusb counts it."""
        return self.device.speed

    def reset(self) -> None:
        self.device.reset()

    def control(self, setup: Setup, data: bytes) -> bytes:
        if self._lead.faults:
            self._check()
            if self._lead.has("mute", "hung"):
                raise Silence
            self._time.sleep(_delay_s(self._lead))
        return self.device.control(setup, data)

    def transfer_in(self, endpoint: int) -> bytes | None:
        if not self._lead.faults:
            return self.device.transfer_in(endpoint)
        self._check()
        if self._lead.has("hung"):
            return None
        report = self.device.transfer_in(endpoint)
        if self._lead.has("mute"):
            return None
        lost = any(
            self._lead.chance.random() < fault.by * level
            for fault, level in self._lead.active("garbled")
        )
        late = self._late.setdefault(endpoint, deque())
        now_s = self._time.monotonic()
        if report is not None and not lost:
            late.append((now_s + _delay_s(self._lead), report))
        return late.popleft()[1] if late and late[0][0] <= now_s else None

    def transfer_out(self, endpoint: int, data: bytes) -> None:
        self._check()
        self.device.transfer_out(endpoint, data)

    def keys_in(self, endpoint: int, report: bytes) -> frozenset[int]:
        return self.device.keys_in(endpoint, report)

    def _check(self) -> None:
        if self._lead.has("unplugged"):
            raise Unplugged
