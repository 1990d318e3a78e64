"""The same `station.toml`, on simulated buses: one world per slot, one more for what they share."""

import contextlib
import functools
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from drivers.buses import Hardware, I2cBus
from drivers.formats import usb_ports
from drivers.formats.key_layouts import LAYOUTS
from drivers.linux.usb import open_port
from drivers.sim.devices.ddc_monitor import SimulatedMonitor
from drivers.sim.devices.hid_keyboard import SimulatedKeyboard
from drivers.sim.devices.laptop_adapter import AdapterCircuit, SimulatedAdapter
from drivers.sim.hardware import I2cDevice, SerialDevice, SimulatedHardware, SimulatedI2cBus
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.fixtures.tca9548a import SimulatedMuxedBus, SimulatedTca9548a
from drivers.sim.instruments.fixtures.usb_hub import SimulatedHub, SimulatedVbus
from drivers.sim.instruments.light.tcs34725 import SimulatedTcs34725
from drivers.sim.instruments.light.tsl2591 import SimulatedTsl2591
from drivers.sim.instruments.light.veml7700 import SimulatedVeml7700
from drivers.sim.instruments.mains.pzem004t import SimulatedPzem004t
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.instruments.power.ka3000 import SimulatedKa3000
from drivers.sim.instruments.power.kel103 import SimulatedKel103
from drivers.sim.instruments.power.rd60xx import SimulatedRd60xx
from drivers.sim.instruments.power.scpi_load import SimulatedScpiLoad
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.mains import MainsLine
from drivers.sim.world import SimulatedTime
from station.rig import instruments as tables
from station.rig.config import Named, StationConfig

SCREEN_PX = (1920, 1080)
DARK = (0.3127, 0.3290)  # the chromaticity of nothing: D65, so that no sensor divides by zero


class HandTime(SimulatedTime):
    """Simulated time with hands in it: whoever sleeps past its moment sets a hand in motion."""

    def __init__(self, speed: float = math.inf) -> None:
        super().__init__(speed)
        self._due: deque[tuple[float, Callable[[], None]]] = deque()

    def then(self, delay_s: float, act: Callable[[], None]) -> None:
        """`act` comes `delay_s` after now, or after the hand's last movement that is still due."""
        after_s = self._due[-1][0] if self._due else self.monotonic()
        self._due.append((after_s + delay_s, act))

    def forget(self) -> None:
        self._due.clear()

    def sleep(self, seconds: float, /) -> None:
        end_s = self.monotonic() + seconds
        while self._due and self._due[0][0] <= end_s:
            at_s, act = self._due.popleft()
            super().sleep(max(0.0, at_s - self.monotonic()))
            act()
            seconds = end_s - self.monotonic()
        super().sleep(max(0.0, seconds))


class World:
    """What is at one slot: the wires, the light, and the device that is plugged in, if any."""

    def __init__(self, speed: float = math.inf) -> None:
        self.time = HandTime(speed)
        self.circuit = AdapterCircuit()
        self.mains = MainsLine()
        self.usb = SimulatedUsbBackend(self.time)
        self.usb_port = ""
        self.vbus: SimulatedVbus | None = None
        self.hubs: list[SimulatedHub] = []
        self.adapter: SimulatedAdapter | None = None
        self.monitor: SimulatedMonitor | None = None
        self.keyboard: SimulatedKeyboard | None = None
        self.meters: list[_Meter] = []
        self.broken_fingers: set[int] = set()
        self.dead_sensors = False

    def unplug(self) -> None:
        """Take the device away and mend the bench."""
        self.time.forget()
        self.mains.consumer, self.mains.voltage_v = None, 230.0
        if self.adapter is not None:
            self.circuit.source = None
        for device in (self.monitor, self.keyboard):
            if device is not None and device in self.circuit.sinks:
                self.circuit.sinks.remove(device)
        if self.keyboard is not None:
            with contextlib.suppress(ValueError):  # some unplug themselves
                self.usb.unplug(self.usb_port)
        self.adapter = self.monitor = self.keyboard = None
        self.broken_fingers.clear()
        self.dead_sensors = False
        for meter in self.meters:
            meter.voltage_gain = 1.0

    def plug_adapter(self, adapter: SimulatedAdapter) -> None:
        self.adapter = adapter
        self.circuit.source = adapter
        self.mains.consumer = adapter

    def plug_monitor(self, monitor: SimulatedMonitor) -> None:
        self.monitor = monitor
        self.circuit.sinks.append(monitor)

    def plug_keyboard(self, keyboard: SimulatedKeyboard) -> None:
        self.keyboard = keyboard
        self.circuit.sinks.append(keyboard)
        self.usb.plug(self.usb_port, keyboard)

    def plug_hub(self, port: str, superspeed_port: str = "") -> None:
        """What feeds the device at `port`, unless a supply of the slot does."""
        self.usb_port = port
        self.vbus = SimulatedVbus(self.time)
        for one in filter(None, (port, superspeed_port)):
            place = usb_ports.parse(one)
            where, number = str(place.hub), place.number
            sockets = [SimulatedVbus(self.time) for _ in range(max(4, number))]
            sockets[number - 1] = self.vbus
            fast = one == superspeed_port
            hub = SimulatedHub(self.time, self.usb, where, superspeed=fast, vbus=sockets)
            self.usb.plug(where, hub)
            self.hubs.append(hub)

    def loosen_lead(self) -> None:
        """A meter's sense lead has come off its terminal."""
        for meter in self.meters:
            meter.voltage_gain = 0.4

    # Implements drivers.sim.light.Scene: what a sensor over the device sees

    def illuminance_lux(self, zone: int) -> float:
        if self.dead_sensors:
            return 0.0
        if self.monitor is not None:
            return self.monitor.illuminance_lux(zone)
        return self.keyboard.caps_lock_illuminance_lux() if self.keyboard is not None else 0.0

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return self.monitor.chromaticity(zone) if self.monitor is not None else DARK


class _Meter(Protocol):
    voltage_gain: float


class Probe:
    """A scene that can be carried from one screen to another."""

    CENTRE = 4

    def __init__(self) -> None:
        self.over: World | None = None

    def illuminance_lux(self, zone: int) -> float:
        return self.over.illuminance_lux(self.CENTRE) if self.over is not None else 0.0

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return self.over.chromaticity(self.CENTRE) if self.over is not None else DARK


class SimulatedRig:
    """Worlds by slot, and `hardware` as `StationService` wants it."""

    def __init__(self, config: StationConfig, *, speed: float = math.inf) -> None:
        self.probe = Probe()
        self.worlds = {name: World(speed) for name in config.slots}
        common = World(speed)
        self.hardware: dict[str, Hardware] = {
            name: _hardware(self.worlds[name], slot.roles.values(), self.worlds[name])
            for name, slot in config.slots.items()
        }
        self.hardware[""] = _hardware(common, config.shared.values(), self.probe)


class _Scene(Protocol):
    def illuminance_lux(self, zone: int) -> float: ...
    def chromaticity(self, zone: int) -> tuple[float, float]: ...


class _Wiring:
    """A bus while it is being wired: chips by address, and chips behind multiplexers."""

    def __init__(self) -> None:
        self.chips: dict[int, I2cDevice] = {}
        self.behind: dict[tuple[int, int], _Wiring] = {}

    def at(self, hops: Iterable[tables.MuxHop]) -> "_Wiring":
        place = self
        for hop in hops:
            place = place.behind.setdefault((hop.address, hop.channel), _Wiring())
        return place

    def built(self) -> dict[int, I2cDevice]:
        chips = dict(self.chips)
        for address in {mux for mux, _ in self.behind}:
            empty = _Wiring()
            chips[address] = SimulatedTca9548a(
                [
                    SimulatedMuxedBus(self.behind.get((address, channel), empty).built())
                    for channel in range(8)
                ]
            )
        return chips


def _hardware(world: World, instruments: Iterable[Named], scene: _Scene) -> SimulatedHardware:
    serial: dict[str, SerialDevice] = {}
    wiring: dict[int, _Wiring] = {}
    ddc: dict[int, I2cBus] = {}
    screens: dict[str, _Screen] = {}

    def bus(number: int) -> _Wiring:
        return wiring.setdefault(number, _Wiring())

    for named in instruments:
        table = named.table
        match table:
            case tables.DdcMonitorTable():
                ddc[table.bus] = _DdcBus(world)
            case tables.HidKeyboardTable():
                world.usb_port = table.port
            case tables.UsbPortPowerTable():
                world.plug_hub(table.port, table.superspeed_port)
            case tables.PatternScreenTable():
                screens[table.connector] = _Screen(world, table.connector)
            case tables.ScreenZonesTable():
                for zone, hop in enumerate(table.zones):
                    chip = SimulatedVeml7700(scene, zone, time=world.time)
                    bus(table.bus).at([hop]).chips[0x10] = chip
            case tables.KeyActuatorTable():
                for index, address in enumerate(table.boards):
                    fingers = _Fingers(world, table.layout, index)
                    bus(table.bus).chips[address] = SimulatedPca9685(fingers.move, time=world.time)
            case tables.SerialTable():
                serial[table.port] = _serial_twin(table, world)
            case tables.I2cTable():
                place = bus(table.bus).at(table.mux)
                place.chips[table.address] = _i2c_twin(table, world, scene)
            case _:
                raise TypeError(f"{named.driver} has no twin in the simulated rig")
    i2c: dict[int, I2cBus] = {n: SimulatedMuxedBus(w.built()) for n, w in wiring.items()}
    if world.circuit.source is None:
        world.circuit.source = world.vbus
    sockets = [hub.port for hub in world.hubs] + ([world.usb_port] if world.usb_port else [])
    return SimulatedHardware(
        time=world.time,
        serial=serial,
        i2c=i2c | ddc,
        usb={port: functools.partial(open_port, port, world.usb) for port in sockets},
        screens=screens,
    )


def _serial_twin(table: tables.SerialTable, world: World) -> SerialDevice:
    match table:
        case tables.Ka3000Table():
            return SimulatedKa3000(world.circuit, time=world.time)
        case tables.Rd60xxTable():
            return SimulatedRd60xx(world.circuit, unit=table.unit)
        case tables.It8500Table():
            return SimulatedIt8500(world.circuit, address=table.address)
        case tables.Kel103Table():
            return SimulatedKel103(world.circuit)
        case tables.ScpiSupplyTable():
            return SimulatedScpiSupply(world.circuit, table.dialect)
        case tables.ScpiLoadTable():
            return SimulatedScpiLoad(world.circuit, table.dialect)
        case tables.Pzem004tTable():
            return SimulatedPzem004t(world.mains, address=table.address, time=world.time)
        case _:
            raise TypeError(f"{type(table).__name__} has no twin in the simulated rig")


def _i2c_twin(table: tables.I2cTable, world: World, scene: _Scene) -> I2cDevice:
    match table:
        case tables.Ina219Table(shunt_ohm=shunt_ohm):
            return _noted(
                world, SimulatedIna219(world.circuit, shunt_ohm=shunt_ohm, time=world.time)
            )
        case tables.Ina226Table(shunt_ohm=shunt_ohm):
            return _noted(
                world, SimulatedIna226(world.circuit, shunt_ohm=shunt_ohm, time=world.time)
            )
        case tables.Ina228Table(shunt_ohm=shunt_ohm):
            return _noted(
                world, SimulatedIna228(world.circuit, shunt_ohm=shunt_ohm, time=world.time)
            )
        case tables.Tcs34725Table():
            return SimulatedTcs34725(scene, time=world.time)
        case tables.Tsl2591Table():
            return SimulatedTsl2591(scene, time=world.time)
        case tables.Veml7700Table():
            return SimulatedVeml7700(scene, time=world.time)
        case _:
            raise TypeError(f"{type(table).__name__} has no twin in the simulated rig")


Twin = TypeVar("Twin", bound="_Meter")


def _noted(world: World, meter: Twin) -> Twin:
    world.meters.append(meter)
    return meter


class _DdcBus(SimulatedI2cBus):
    """The video cable's data channel: whatever display is plugged in now."""

    def __init__(self, world: World) -> None:
        super().__init__({}, "simulated DDC bus")
        self._world = world

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        monitor = self._world.monitor
        self.devices = dict(monitor.i2c_devices()) if monitor is not None else {}
        return super().transfer(address, write, read_size)


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


class _Fingers:
    """One actuator board's channels over the keys of a layout, sixteen a board."""

    def __init__(self, world: World, layout: str, board: int) -> None:
        self._world = world
        self._keys = sorted(LAYOUTS[layout].usages)[16 * board : 16 * board + 16]

    def move(self, channel: int, duty: float) -> None:
        keyboard = self._world.keyboard
        if keyboard is None or channel >= len(self._keys):
            return
        usage = self._keys[channel]
        if usage in self._world.broken_fingers or usage not in keyboard.keys:
            return
        (keyboard.press if duty > 0 else keyboard.release)(usage)
