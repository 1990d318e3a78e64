"""The same `station.toml`, on simulated buses: one world per slot, one more for what they share."""

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Any

from drivers.buses import Hardware, Screen, Time
from drivers.linux.usb import open_port
from drivers.sim.hardware import Nak, SerialDevice, SimulatedHardware
from drivers.sim.i2c_wiring import I2cWiring
from drivers.sim.keys import Keys
from drivers.sim.light import Scene
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.mains import MainsLine
from drivers.sim.world import Circuit
from station.rig.config import ConfigError, StationConfig
from station.rig.tables import InstrumentTable
from station.rig.wires import Chip, SerialPort, VideoOutput
from station.simulate.twins import twin_of
from station.simulate.world import Probe, World

SCREEN_PX = (1920, 1080)


class SimulatedRig:
    """Worlds by slot, and `hardware` as `StationService` wants it.

    Raises `ConfigError` for an instrument that has no twin, or one of a dialect without a twin.
    """

    def __init__(self, config: StationConfig, *, speed: float = math.inf) -> None:
        self.probe = Probe()
        self.worlds = {name: World(speed) for name in config.slots}
        common = World(speed)
        self.hardware: dict[str, Hardware] = {
            name: _hardware(self.worlds[name], slot.roles.values(), self.worlds[name])
            for name, slot in config.slots.items()
        }
        self.hardware[""] = _hardware(common, config.shared.values(), self.probe)


def _hardware(
    world: World, instruments: Iterable[InstrumentTable], scene: Scene
) -> SimulatedHardware:
    wires = _Wires(world)
    parts = {
        Circuit: world.circuit,
        MainsLine: world.mains,
        Scene: scene,
        Keys: world,
        SimulatedUsbBackend: world.usb,
        Time: world.time,
    }
    for table in instruments:
        for port in table.device_ports():
            world.usb_port = world.usb_port or port
        if table.device or any(isinstance(place, VideoOutput) for place in table.places()):
            wires.connect(table, None)
        else:
            twin = _twin(table, parts)
            world.note(twin)
            for number, part in enumerate(table.parts):
                wires.connect(part, twin.part(number))
            if not table.parts:
                wires.connect(table, twin)
    ports = [hub.port for hub in world.hubs] + ([world.usb_port] if world.usb_port else [])
    return SimulatedHardware(
        time=world.time,
        serial=wires.serial,
        i2c={number: bus.built() for number, bus in wires.i2c.items()},
        usb={port: functools.partial(open_port, port, world.usb) for port in ports},
        screens=wires.screens,
    )


def _twin(table: InstrumentTable, parts: Mapping[Any, Any]) -> Any:
    try:
        return twin_of(table, parts)
    except (LookupError, ValueError) as error:
        raise ConfigError(f"{table.driver} cannot be simulated: {error}") from error


class _Wires:
    """The wires of a slot while twins are connected to them."""

    def __init__(self, world: World) -> None:
        self.serial: dict[str, SerialDevice] = {}
        self.i2c: dict[int, I2cWiring] = {}
        self.screens: dict[str, Screen] = {}
        self._world = world

    def connect(self, table: InstrumentTable, twin: Any) -> None:
        """Put a twin where its table says; without one, the device that is plugged in."""
        for place in table.places():
            match place:
                case SerialPort():
                    self.serial[place.port] = twin
                case Chip():
                    bus = self.i2c.setdefault(place.bus, I2cWiring())
                    for hop in place.mux:
                        bus = bus.behind(hop.address, hop.channel)
                    bus.chips[place.address] = twin or _OfDisplay(self._world, place.address)
                case VideoOutput():
                    self.screens[place.connector] = _Screen(self._world, place.connector)


class _OfDisplay:
    """An address on the video cable's data channel, of whatever display is plugged in now."""

    def __init__(self, world: World, address: int) -> None:
        self._world = world
        self._address = address

    def transfer(self, write: bytes, read_size: int) -> bytes:
        monitor = self._world.monitor
        device = monitor.i2c_devices().get(self._address) if monitor is not None else None
        if device is None:
            raise Nak
        return device.transfer(write, read_size)


class _Screen:
    """Implements `drivers.buses.Screen`: the display under test shows what its middle says."""

    width_px, height_px = SCREEN_PX

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.name = name

    def show(self, rgb_rows: bytes) -> None:
        middle = 3 * (self.width_px * (self.height_px // 2) + self.width_px // 2)
        if self._world.monitor is not None:
            red, green, blue = rgb_rows[middle : middle + 3]
            self._world.monitor.show_level(red / 255, green / 255, blue / 255)

    def close(self) -> None:
        if self._world.monitor is not None:
            self._world.monitor.lose_signal()
