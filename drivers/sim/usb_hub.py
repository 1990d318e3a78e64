"""A simulated USB hub that switches VBUS, or says so. From USB 2.0 chapter 11, USB 3.2 chapter 10.

Linux's hub driver is in it as far as others see it: it switches every port on when the hub is
configured, and finds a device some time after its port has power (drivers/usb/core/hub.c).
"""

import math
from collections.abc import Sequence

from drivers.buses import Time
from drivers.sim.usb import Setup, SimulatedUsbBackend, SimulatedUsbDevice, Stall, UsbFunction

MODES = {"ganged": 0b00, "individual": 0b01, "none": 0b10}  # wHubCharacteristics, bits 1 and 0
FOUND_AFTER_S = 0.3  # attach debouncing (100 ms), reset, address

CONFIGURATION = bytes.fromhex(
    "09 02 19 00 01 01 00 e0 32"  # self-powered
    "09 04 00 00 01 09 00 00 00"
    "07 05 81 03 02 00 0c"
)


class SimulatedVbus:
    """The 5 V of one socket: a `drivers.sim.world.Source`. On while any hub wants it.

    A socket that is off falls with `discharge_s` as time constant, through its bleeder alone. One
    that is `welded` never loses its voltage: many a hub has no switch where it says it has one.
    """

    def __init__(
        self,
        time: Time,
        *,
        voltage_v: float = 5.05,
        resistance_ohm: float = 0.1,
        discharge_s: float = 0.1,
        rise_s: float = 0.005,
        welded: bool = False,
    ) -> None:
        self._time = time
        self.full_v = voltage_v
        self.resistance_ohm = resistance_ohm
        self.discharge_s = discharge_s
        self.rise_s = rise_s
        self.welded = welded
        self._wanted_by: set[int] = set()
        self._from_v, self._since_s = 0.0, time.monotonic()

    def want(self, hub: object, *, on: bool) -> None:
        self._from_v, self._since_s = self._open_v(), self._time.monotonic()
        (self._wanted_by.add if on else self._wanted_by.discard)(id(hub))

    def voltage_at(self, current_a: float) -> float:
        return self._open_v() - self.resistance_ohm * current_a

    def _open_v(self) -> float:
        if self.welded:
            return self.full_v
        to_v, constant_s = (
            (self.full_v, self.rise_s) if self._wanted_by else (0.0, self.discharge_s)
        )
        passed_s = self._time.monotonic() - self._since_s
        return to_v + (self._from_v - to_v) * math.exp(-passed_s / constant_s)


class SimulatedHub(UsbFunction):
    """Plug it in at `port` of `usb`; what it feeds is plugged in behind it, as in `1-1.4`.

    What a root hub, at `1-0`, feeds is at `1-4`.
    `mode` is what it says of itself: `individual`, `ganged` or `none`. A device behind a port that
    is off is gone for the kernel, and is there again when the port is on. Two that share `vbus`
    are the halves of one USB 3 hub. `deaf` ports acknowledge and change nothing.
    """

    def __init__(
        self,
        time: Time,
        usb: SimulatedUsbBackend,
        port: str,
        *,
        ports: int = 4,
        mode: str = "individual",
        superspeed: bool = False,
        vbus: Sequence[SimulatedVbus] = (),
        power_good_s: float = 0.1,
        strings: Sequence[str] = ("ACME", "Four sockets", "H-1"),
    ) -> None:
        numbers = ("00 03", "03 09") if superspeed else ("00 02", "01 40")
        device = bytes.fromhex(
            f"12 01 {numbers[0]} 09 00 {numbers[1]} 09 12 04 70 03 01 01 02 03 01"
        )
        super().__init__(device, CONFIGURATION, *strings)
        self.speed = 4 if superspeed else 3
        self.port = port
        self.vbus = list(vbus) or [SimulatedVbus(time) for _ in range(ports)]
        self.deaf: set[int] = set()
        self.over_current: set[int] = set()
        self._time = time
        self._usb = usb
        self._mode = mode
        self._superspeed = superspeed
        self._power_good_s = power_good_s
        self._powered: dict[int, float] = {}  # since when
        self._changed: set[int] = set()
        self._unpowered: dict[int, SimulatedUsbDevice] = {}
        self._feed()

    def reset(self) -> None:
        super().reset()
        for number in list(self._powered):
            self._switch(number, on=False)
        self._changed.clear()

    def control(self, setup: Setup, data: bytes) -> bytes:
        answer = super().control(setup, data)
        if (setup.request_type, setup.request) == (0x00, 0x09) and setup.value:
            for number in range(1, len(self.vbus) + 1):
                self._switch(number, on=True)
                self._powered[number] = -math.inf  # what is there was found long ago
        return answer

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        match setup:
            case Setup(0xA0, 0x06, value) if value >> 8 == (0x2A if self._superspeed else 0x29):
                return self._hub_descriptor()
            case Setup(0xA0, 0x00):
                return bytes(4)
            case Setup(0xA3, 0x00, 0, number) if self._has(number):
                return self._status(number)
            case Setup(0x23, 0x03, 8, number) if self._has(number):
                self._switch(number, on=True)
                return b""
            case Setup(0x23, 0x01, 8, number) if self._has(number):
                self._switch(number, on=False)
                return b""
            case Setup(0x23, 0x01, 16, number) if self._has(number):
                self._changed.discard(number)
                return b""
            case Setup(0x23, 0x01 | 0x03, _, number) if self._has(number):
                return b""
        raise Stall

    def transfer_in(self, endpoint: int) -> bytes | None:
        """A bit for each port that has changed, above the hub's own (USB 2.0, 11.12.4)."""
        changed = sum(1 << number for number in self._changed)
        return changed.to_bytes(len(self.vbus) // 8 + 1, "little") if changed else None

    def unplug(self, number: int) -> None:
        """Pull out what is plugged in there, also while the port is off."""
        if self._unpowered.pop(number, None) is None:
            self._usb.unplug(self._path(number))

    def _has(self, number: int) -> bool:
        return 1 <= number <= len(self.vbus)

    def _hub_descriptor(self) -> bytes:
        """USB 2.0, table 11-13; USB 3.2, table 10-6."""
        ports = len(self.vbus)
        mask = -(-(ports + 1) // 8)
        rest = bytes(5) if self._superspeed else bytes(mask) + b"\xff" * mask
        kind = 0x2A if self._superspeed else 0x29
        characteristics = MODES[self._mode] | 0b01000  # over-current is told port by port
        fixed = bytes([kind, ports, characteristics, 0, round(self._power_good_s / 0.002), 100])
        return bytes([1 + len(fixed) + len(rest)]) + fixed + rest

    def _status(self, number: int) -> bytes:
        """USB 2.0, tables 11-21 and 11-22; in USB 3.2, table 10-13, power is bit 9."""
        status = 0x0008 if number in self.over_current else 0
        if (since_s := self._powered.get(number)) is not None:
            status |= 0x0200 if self._superspeed else 0x0100
            if (device := self._usb.device_at(self._path(number))) is not None:
                # A SuperSpeed link is trained without the device's knowing who it is.
                found = device.enumerates or self._superspeed
                found &= self._time.monotonic() - since_s >= FOUND_AFTER_S
                status |= 0x0003 if found else 0x0001
        return status.to_bytes(2, "little") + bytes([number in self._changed, 0])

    def _path(self, number: int) -> str:
        is_root = self.port.endswith("-0")
        return f"{self.port[:-1]}{number}" if is_root else f"{self.port}.{number}"

    def _switch(self, number: int, *, on: bool) -> None:
        if number in self.deaf or on is (number in self._powered):
            return
        path = self._path(number)
        if on:
            self._powered[number] = self._time.monotonic()
            back = self._unpowered.pop(number, None)
            if back is not None and self._usb.device_at(path) is None:
                self._usb.plug(path, back)
        else:
            del self._powered[number]
            if (device := self._usb.device_at(path)) is not None:
                self._unpowered[number] = device
                self._changed.add(number)
                self._usb.unplug(path)
        self._feed()

    def _feed(self) -> None:
        """USB 2.0, 11.11: a gang loses its power when the last of its ports is off."""
        for number, vbus in enumerate(self.vbus, start=1):
            match self._mode:
                case "individual":
                    vbus.want(self, on=number in self._powered)
                case "ganged":
                    vbus.want(self, on=bool(self._powered))
                case _:
                    vbus.want(self, on=True)
