"""The simulated rig in the hands of tests: golden units plugged in, wires that can be broken."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from drivers.buses import ByteStream, Hardware, I2cBus, Screen, Time, UsbDevice
from drivers.capabilities import Actuator, KeySource, PortPower, Power
from drivers.errors import NotConnected
from drivers.sim import faults, i2c_faults
from drivers.sim.hardware import I2cDevice, SerialDevice, SimulatedI2cBus, SimulatedSerial
from drivers.sim.linux.pty import PtyHost
from hil_tests.rigs.cables import Cables
from hil_tests.rigs.lock import lock_path
from hil_tests.rigs.qa import Qa
from hil_tests.rigs.rig import Ask, Lent, Rig, RigBench, bench_on, read_meter
from station.engine.clock import Clock
from station.rig.config import StationConfig
from station.rig.tables import InstrumentTable
from station.rig.wires import Chip
from station.simulate.golden import plug_golden_unit
from station.simulate.rig import SimulatedRig
from station.simulate.world import World

GOLDEN = Path(__file__).parents[1] / "golden"
"""The world files of golden units, by the kind of equipment that a slot is for."""

SHARED = ""
"""The name by which `SimulatedRig.hardware` knows the instruments that several slots use."""


class _FarEnd:
    """The twin behind an open line, as a `SerialDevice`."""

    def __init__(self, line: ByteStream) -> None:
        self._line = line

    def receive(self, data: bytes) -> bytes:
        self._line.write(data)
        return self._line.read(4096)  # its timeout is nothing: this is all there is


class SerialSocket:
    """One serial port of the rig. `device` is what is at its far end now."""

    def __init__(self, line: ByteStream) -> None:
        self.instrument: SerialDevice = _FarEnd(line)
        self.device: SerialDevice = self.instrument
        self._lines: list[SimulatedSerial] = []
        self._unplugged = False

    def receive(self, data: bytes) -> bytes:
        return self.device.receive(data)

    def open(self, time: Time, timeout_s: float) -> ByteStream:
        if self._unplugged:
            raise NotConnected("simulated serial line: no such port")
        self._lines.append(line := SimulatedSerial(self, time=time, timeout_s=timeout_s))
        return line

    def unplug(self, *, unplugged: bool) -> None:
        self._unplugged = unplugged
        for line in self._lines:
            line.unplugged = unplugged


class Sockets:
    """Implements `drivers.buses.Hardware` over a simulated one, whose wires can be broken."""

    def __init__(self, hardware: Hardware) -> None:
        self.time: Time = hardware.time
        self._hardware = hardware
        self._serial: dict[str, SerialSocket] = {}

    def socket(self, port: str) -> SerialSocket:
        if port not in self._serial:
            line = self._hardware.serial(port, baudrate=9600, timeout_s=0.0)
            self._serial[port] = SerialSocket(line)
        return self._serial[port]

    def bus(self, number: int) -> SimulatedI2cBus:
        bus = self._hardware.i2c(number)
        if not isinstance(bus, SimulatedI2cBus):
            raise TypeError(f"bus {number} is not a simulated one")
        return bus

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        return self.socket(port).open(self.time, timeout_s)

    def i2c(self, bus: int) -> I2cBus:
        return self._hardware.i2c(bus)

    def usb(self, port: str) -> UsbDevice:
        return self._hardware.usb(port)

    def screen(self, connector: str) -> Screen:
        return self._hardware.screen(connector)


class Wire(Cables):
    """The wires of one slot, by role. What breaks them lasts until `mend`.

    A fault that a wire cannot have is a `ValueError`: an I²C chip can only hang by not answering.
    """

    def __init__(
        self,
        world: World,
        sockets: Mapping[str, Sockets],
        tables: Mapping[str, InstrumentTable],
    ) -> None:
        self._world = world
        self._sockets = sockets
        self._tables = tables
        self._mending = ExitStack()

    def cut(self, role: str) -> None:
        """Pull the cable, until `mend`."""
        self._pull(role)
        self._mending.callback(self._plug, role)

    def mute(self, role: str) -> None:
        """Make the instrument hang: it hears everything and says nothing."""
        self.hang(role, after=0)

    def hang(self, role: str, *, after: int) -> None:
        """Make the instrument hang, once it has answered `after` questions more."""
        if (socket := self._serial(role)) is not None:
            socket.device = faults.Stuck(socket.instrument, fail_after=after)
            self._mending.callback(self._restore, socket)
        else:
            self._replace(role, lambda chip: i2c_faults.Gone(chip, fail_after=after))

    def garble(self, role: str) -> None:
        """Flip a bit in the middle of each answer."""
        if (socket := self._serial(role)) is None:
            raise ValueError(f"{role}: I²C has no checksum that a flipped bit could hurt")
        socket.device = faults.Altered(socket.instrument, _flipped)
        self._mending.callback(self._restore, socket)

    def shorten(self, role: str) -> None:
        """Drop the last two bytes of each answer; some instruments send one that is not needed."""
        if (socket := self._serial(role)) is not None:
            socket.device = faults.Altered(socket.instrument, lambda answer: answer[:-2])
            self._mending.callback(self._restore, socket)
        else:
            self._replace(role, lambda chip: i2c_faults.Altered(chip, _shortened))

    def deafen(self, role: str, to: bytes) -> None:
        """Make the instrument ignore requests that begin with `to`: an actuator that is stuck."""
        if (socket := self._serial(role)) is None:
            raise ValueError(f"{role} is not on a serial line")
        socket.device = _Deaf(socket.instrument, to)
        self._mending.callback(self._restore, socket)

    def mend(self) -> None:
        """Make everything work again."""
        self._mending.close()

    def on_serial(self, role: str) -> bool:
        return self._serial(role) is not None

    def _pull(self, role: str) -> None:
        self._unplug(role, unplugged=True)

    def _plug(self, role: str) -> None:
        self._unplug(role, unplugged=False)

    def _unplug(self, role: str, *, unplugged: bool) -> None:
        if (socket := self._serial(role)) is not None:
            socket.unplug(unplugged=unplugged)
        elif (bus := self._bus(role)) is not None:
            bus.unplugged = unplugged
        elif issubclass(self._tables[role].kind, PortPower):
            for hub in self._world.hubs:
                if unplugged:
                    self._world.usb.unplug(hub.port)
                else:
                    self._world.usb.plug(hub.port, hub)
        elif not issubclass(self._tables[role].kind, KeySource) or self._world.device is None:
            raise ValueError(f"{role} has no cable whose loss anybody would notice")
        elif unplugged:
            self._world.place.pull_usb()
        else:
            self._world.place.push_usb()

    def _serial(self, role: str) -> SerialSocket | None:
        port = self._tables[role].serial_port
        return self._sockets[role].socket(port) if port else None

    def _bus(self, role: str) -> SimulatedI2cBus | None:
        chips = self._chips(role)
        return self._sockets[role].bus(chips[0].bus) if chips else None

    def _chips(self, role: str) -> list[Chip]:
        return [place for place in self._tables[role].places() if isinstance(place, Chip)]

    def _replace(self, role: str, put_between: Callable[[I2cDevice], I2cDevice]) -> None:
        bus, chips = self._bus(role), self._chips(role)
        if bus is None or len(chips) != 1 or chips[0].mux:
            raise ValueError(f"{role} is not a chip that sits on a bus by itself")
        address = chips[0].address
        chip = bus.devices[address]
        bus.devices[address] = put_between(chip)
        self._mending.callback(bus.devices.__setitem__, address, chip)

    @staticmethod
    def _restore(socket: SerialSocket) -> None:
        socket.device = socket.instrument


class _Deaf:
    def __init__(self, device: SerialDevice, to: bytes) -> None:
        self._device = device
        self._to = to

    def receive(self, data: bytes) -> bytes:
        return b"" if data.startswith(self._to) else self._device.receive(data)


def _flipped(answer: bytes) -> bytes:
    middle = len(answer) // 2
    return answer[:middle] + bytes([answer[middle] ^ 0x80]) + answer[middle + 1 :]


def _shortened(write: bytes, answer: bytes) -> bytes:
    return answer[:-2]


class TwinRig(Rig):
    """Instruments in memory, and in each slot the golden unit of its kind.

    Time passes when a test waits for it. No other run can get at this rig, so it has no lock.
    """

    simulated = True

    def __init__(self, file: Path, config: StationConfig, qa: Qa) -> None:
        super().__init__(config, qa)
        self._file = file
        self._twins = SimulatedRig(config)
        self._sockets = {name: Sockets(one) for name, one in self._twins.hardware.items()}
        self._sources = {name: one.circuit.source for name, one in self._twins.worlds.items()}
        for slot in config.slots:
            self.restore(slot)

    def world(self, slot: str) -> World:
        return self._twins.worlds[slot]

    def restore(self, slot: str) -> None:
        """Restore the slot's device, source and fingers, whatever a test did to them."""
        world = self.world(slot)
        world.unplug()
        world.circuit.source = self._sources[slot]
        plug_golden_unit(GOLDEN, self.config.slots[slot], world)

    def cables(self, slot: str, ask: Ask | None = None) -> Wire:
        its = self.config.slots[slot]
        tables = {r: self.config.instrument(slot, r) for r in (*its.roles, *its.shared)}
        sockets = {role: self._sockets[slot if role in its.roles else SHARED] for role in tables}
        return Wire(self.world(slot), sockets, tables)

    def keeps(self, slot: str) -> str:
        """Return why the slot is not lent: only the first with all actuators on serial lines is."""
        lent = next((name for name in self.config.slots if self._has_ptys(name)), "none")
        return "" if slot == lent else f"of the simulated slots only {lent} is lent"

    @contextmanager
    def lend(self, slot: str, folder: Path) -> Iterator[Lent]:
        """Lend the slot's twins behind ptys, in this computer's time, as a rig of their own."""
        twins = SimulatedRig(self.config, speed=1.0)
        plug_golden_unit(GOLDEN, self.config.slots[slot], twins.worlds[slot])
        text = self._file.read_text()
        with ExitStack() as hosting:
            sockets = Sockets(twins.hardware[slot])
            for table in self.config.slots[slot].roles.values():
                if port := table.serial_port:
                    path = hosting.enter_context(PtyHost(sockets.socket(port)))
                    text = text.replace(f'"{port}"', f'"{path}"')
            name = f"lent-by-{os.getpid()}"  # for its lock must be its own
            hosting.callback(lock_path(name).unlink, missing_ok=True)
            file = folder / self._file.name
            file.write_text(text.replace(f'"{self.config.station}"', f'"{name}"'))
            for beside in self._file.parent.resolve().iterdir():  # it may name any of its folders
                if beside.is_dir() and not (folder / beside.name).exists():
                    (folder / beside.name).symlink_to(beside)

            def look() -> Power:
                bench = bench_on(
                    self.config, slot, sockets, sockets, Clock(twins.worlds[slot].time)
                )
                return read_meter(bench)

            yield Lent(file, look)

    def _has_ptys(self, slot: str) -> bool:
        roles = self.config.slots[slot].roles
        wire = self.cables(slot)
        acting = [role for role, one in roles.items() if issubclass(one.kind, Actuator)]
        return "supply" in roles and all(wire.on_serial(role) for role in acting)

    def close(self) -> None:
        """Do nothing: no hardware is held."""

    def _bench(self, slot: str) -> RigBench:
        self._twins.probe.over = self.world(slot)
        clock = Clock(self.world(slot).time)
        return bench_on(self.config, slot, self._sockets[slot], self._sockets[SHARED], clock)
