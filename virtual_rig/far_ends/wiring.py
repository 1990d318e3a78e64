"""The far ends of the guest's buses: the twins of the simulated rig, in real time.

Built after the station.toml that the guest's station reads, so that both mean the same ports.
"""

import contextlib
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from drivers.buses import ByteStream, I2cBus
from drivers.errors import NotConnected
from drivers.formats import serial_ports
from drivers.sim.hardware import I2cDevice, SerialDevice, SimulatedI2cBus
from drivers.sim.linux.usb_device import SimulatedUsbDevice
from drivers.sim.place import Device
from station.rig.config import StationConfig
from station.rig.tables import InstrumentTable
from station.rig.wires import Chip
from station.simulate.golden import golden_unit
from station.simulate.rig import SimulatedRig
from station.simulate.scenarios.files import WorldError
from station.simulate.world import World
from virtual_rig.far_ends.cdc_acm import SimulatedCdcAcm
from virtual_rig.far_ends.eye import Eye, Watched
from virtual_rig.far_ends.i2c_tiny_usb import SimulatedI2cTinyUsb
from virtual_rig.far_ends.usbip import UsbIpServer

QEMU_BUS = 1  # qemu-xhci's USB 2.0 ports; its USB 3.0 ports are bus 2
VHCI_BUS = 3
VHCI_PORTS = 8
BENCH_SPEED = 10.0
"""Of twins' time against ours. An emulated processor squeezes the pauses that drivers make between
two commands; instruments that drop what comes too soon must not see that. And
a display is awake in a fifth of a second."""
LONGEST_ANSWER = 65536
GOLDEN = Path(__file__).parents[2] / "hil_tests" / "golden"


class RigError(Exception):
    """The station.toml asks for what the virtual rig cannot wire."""


class Wiring(NamedTuple):
    """The far end of each port. Keys are USB ports such as `1-2`."""

    ftdi: Mapping[str, tuple[str, str]]
    """Slot and port as station.toml has it."""

    cdc_acm: Mapping[str, tuple[str, str]]
    i2c: Mapping[str, int]
    devices: Mapping[str, str]
    """The slot whose device under test would be at the port."""


def wire(config: StationConfig) -> Wiring:
    """Return the wiring for a station's configuration. Raises `RigError`."""
    ftdi: dict[str, tuple[str, str]] = {}
    cdc_acm: dict[str, tuple[str, str]] = {}
    devices: dict[str, str] = {}
    buses: set[int] = set()
    for slot, table in _everything(config):
        if table.serial_port:
            port = serial_ports.parse(table.serial_port).usb_port
            if port is None or port.bus not in (QEMU_BUS, VHCI_BUS) or len(port.way) != 1:
                said = "serial ports are usb:1-N or usb:3-N here"
                raise RigError(f"{slot}: {table.serial_port}: {said}")
            place = ftdi if port.bus == QEMU_BUS else cdc_acm
            place[str(port)] = (slot, table.serial_port)
        elif table.device:
            devices |= dict.fromkeys(table.device_ports(), slot)
        buses |= {place.bus for place in table.places() if isinstance(place, Chip)}
    if sorted(buses) != list(range(len(buses))):
        raise RigError(f"I²C buses are numbered from 0 here, without gaps; not {sorted(buses)}")
    ports = [f"{VHCI_BUS}-{number}" for number in range(1, VHCI_PORTS + 1)]
    free = [port for port in ports if port not in cdc_acm and port not in devices]
    if len(free) < len(buses):
        raise RigError(f"{len(buses)} I²C buses need as many USB ports, and {free} are free")
    return Wiring(ftdi, cdc_acm, dict(zip(free, sorted(buses), strict=False)), devices)


def _everything(config: StationConfig) -> Iterable[tuple[str, InstrumentTable]]:
    for name, slot in config.slots.items():
        for table in slot.roles.values():
            yield name, table
    for table in config.shared.values():
        yield "", table


class FarSerial:
    """A serial instrument, as bytes in and bytes out, that tests can silence.

    Implements `drivers.sim.SerialDevice` over the line that the simulated rig hands out.
    """

    def __init__(self, line: ByteStream, lock: AbstractContextManager[object]) -> None:
        self.mute = False
        self.garbled = False
        """Each answer has a bit turned over in its middle."""
        self._line = line
        self._lock = lock

    def receive(self, data: bytes) -> bytes:
        with self._lock:
            self._line.write(data)
            answer = self._line.read(LONGEST_ANSWER)
        if self.mute or not answer:
            return b""
        if self.garbled:
            middle = len(answer) // 2
            return answer[:middle] + bytes([answer[middle] ^ 0x10]) + answer[middle + 1 :]
        return answer


class FarI2c:
    """All chips that the slots have on one bus. Implements `drivers.buses.I2cBus`."""

    def __init__(self, buses: Sequence[I2cBus], lock: AbstractContextManager[object]) -> None:
        self.absent: set[int] = set()
        """Addresses whose chip has come off the board."""
        self._buses = list(buses)
        self._lock = lock
        self._soldered: dict[int, I2cDevice] = {}

    def solder(self, chips: Mapping[int, I2cDevice]) -> None:
        """Put chips onto the bus by address, in place of those that were there."""
        self._soldered |= chips

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        with self._lock:
            for bus in self._there() if address not in self.absent else ():
                with contextlib.suppress(NotConnected):
                    return bus.transfer(address, write, read_size)
        raise NotConnected(f"far end: nobody at {address:#04x}")

    def hold(self) -> AbstractContextManager[object]:
        return self._lock

    def _there(self) -> list[I2cBus]:
        return [SimulatedI2cBus(self._soldered), *self._buses]


class ChardevLine:
    """A serial instrument at a character device of QEMU's, which has the other end of the socket.

    QEMU's usb-serial plugs itself in when a client connects, and out when it hangs up.
    """

    def __init__(self, path: Path, instrument: SerialDevice) -> None:
        self._path = path
        self._instrument = instrument
        self._connection: socket.socket | None = None

    def plug(self) -> None:
        """Connect to QEMU's socket. Raises `OSError` while QEMU is not there."""
        if self._connection is not None:
            return
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        self._connection = connection
        name = f"far end of {self._path.name}"
        threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True).start()

    def unplug(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(4096):
                if answer := self._instrument.receive(data):
                    connection.sendall(answer)


class FarEnds:
    """Everything that the guest finds plugged in, and what tests may still plug in."""

    def __init__(self, config: StationConfig, sockets: Path) -> None:
        """`sockets` is where QEMU makes those of its character devices."""
        self.config = config
        self.wiring = wire(config)
        self.rig = SimulatedRig(config, speed=BENCH_SPEED)
        for world in self.rig.worlds.values():
            world.usb_port = ""  # the guest is the computer
        self.usbip = UsbIpServer()
        self.lock = threading.RLock()
        self.eye: Eye | None = None
        self.serial: dict[str, FarSerial] = {}
        self.lines: dict[str, ChardevLine] = {}
        self.i2c: dict[int, FarI2c] = {}
        self.fixed: dict[str, SimulatedUsbDevice] = {}
        for port, place in self.wiring.ftdi.items():
            self.serial[port] = self._serial(*place)
            self.lines[port] = ChardevLine(sockets / f"ftdi-{port}", self.serial[port])
        for port, place in self.wiring.cdc_acm.items():
            self.serial[port] = self._serial(*place)
            self.fixed[port] = SimulatedCdcAcm(self.serial[port], serial_number=f"ACM{port}")
        for port, bus in self.wiring.i2c.items():
            buses = self._buses(bus)
            self.i2c[bus] = FarI2c(buses, self.lock)
            self.fixed[port] = SimulatedI2cTinyUsb(self.i2c[bus], f"I2C{bus}")
        for port, device in self.fixed.items():
            self.usbip.offer(port, device)

    def seat(self, slot: str, device: Device) -> None:
        """Plug a device into a slot, but for its USB cable: that goes to the guest.

        Where light sensors look at it, they see what the guest's screen shows.
        """
        world = self.world(slot)
        world.plug(device)
        if world.place.display is not None and world.place.light is not None:
            world.place.light = Watched(self, world.place.light, world.place.display)
            self.rig.probe.over = world

    def world(self, slot: str) -> World:
        if slot not in self.rig.worlds:
            raise RigError(f"no slot {slot!r}, only {', '.join(self.rig.worlds)}")
        return self.rig.worlds[slot]

    def plug_golden_units(self) -> None:
        """Plug in the golden unit of each slot, but where a test puts one into a USB port."""
        for name, slot in self.config.slots.items():
            if name in self.wiring.devices.values():
                continue
            for plan in slot.plans[:1]:
                device = golden_unit(GOLDEN, plan.equipment, self.world(name).time)
                if device is not None:
                    self.seat(name, device)

    def plug_anew(self, slot: str, **parameters: Any) -> None:
        """Replace a slot's device by one with these parameters; others are the golden unit's."""
        kind = self.config.slots[slot].plans[0].equipment
        time = self.world(slot).time
        try:
            device = golden_unit(GOLDEN, kind, time, parameters)
        except WorldError as error:
            raise RigError(str(error)) from error
        if device is None:
            raise RigError(f"there is no golden {kind}")
        self.seat(slot, device)

    def open_eye(self, eye: Eye) -> None:
        """Let the light sensors see the guest's screen from now on."""
        self.eye = eye

    def close(self) -> None:
        for line in self.lines.values():
            line.unplug()
        self.usbip.close()

    def _serial(self, slot: str, port: str) -> FarSerial:
        line = self.rig.hardware[slot].serial(port, baudrate=9600, timeout_s=0.0)
        return FarSerial(line, self.lock)

    def _buses(self, number: int) -> list[I2cBus]:
        found: list[I2cBus] = []
        for hardware in self.rig.hardware.values():
            with contextlib.suppress(NotConnected):
                found.append(hardware.i2c(number))
        return found
