"""The same `station.toml`, on simulated buses: one world per slot, one more for what they share."""

import functools
import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from drivers.buses import Hardware, Screen, Time
from drivers.linux.usb import open_port
from drivers.sim.faulty_wires import FaultyChip, FaultySerial
from drivers.sim.hardware import Nak, SerialDevice, SimulatedHardware
from drivers.sim.i2c_wiring import I2cWiring
from drivers.sim.keys import Keys
from drivers.sim.lead import Lead
from drivers.sim.light import Scene
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.mains import MainsLine
from drivers.sim.place import Display
from drivers.sim.seen import SeenCircuit, SeenKeys, SeenLight, SeenMains
from drivers.sim.world import Circuit
from station.rig.config import ConfigError, StationConfig
from station.rig.tables import InstrumentTable
from station.rig.wires import Chip, SerialPort, VideoOutput
from station.simulate.scenarios.stage import Staged
from station.simulate.twins import twin_of
from station.simulate.world import Probe, World

SCREEN_PX = (1920, 1080)
CENTRE = 4
"""The zone, of nine, that an instrument sees which is held to a screen."""


class SimulatedRig:
    """Worlds by slot, and `hardware` as `StationService` wants it.

    `shared_leads` are the connections of the instruments that slots share, by name.
    Raises `ConfigError` for an instrument that has no twin, or one of a dialect without a twin.
    """

    def __init__(self, config: StationConfig, *, speed: float = math.inf) -> None:
        self.config = config
        self.probe = Probe()
        self.worlds = {name: World(speed) for name in config.slots}
        common = World(speed)
        self.shared_leads = {
            name: Lead(home=self.probe.place, now_s=self.probe.now_s) for name in config.shared
        }
        self.hardware: dict[str, Hardware] = {
            name: _hardware(self.worlds[name], slot.roles, self.worlds[name].lead)
            for name, slot in config.slots.items()
        }
        self.hardware[""] = _hardware(
            common, config.shared, self.shared_leads.__getitem__, held_to_a_screen=True
        )

    def bring(self, slot: str, staged: Staged, chance: Random) -> None:
        """Plug a device in at a slot, and let happen what its scenario says."""
        shared = self.config.slots[slot].shared
        self.worlds[slot].bring(staged.device, staged.happening, chance)
        for role, name in shared.items():
            lead = self.shared_leads[name]
            faults = staged.happening.faults.get(role, ())
            lead.set(faults, Random(f"{chance.random()}/{role}"), self.worlds[slot].away)

    def lead(self, slot: str, role: str) -> Lead:
        """Return the connection of a role of a slot, its own or that of a shared instrument."""
        shared = self.config.slots[slot].shared
        return self.shared_leads[shared[role]] if role in shared else self.worlds[slot].lead(role)


class _Held(SeenLight):
    """The light in the middle of what a hand holds an instrument to."""

    def illuminance_lux(self, zone: int) -> float:
        return super().illuminance_lux(CENTRE)

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return super().chromaticity(CENTRE)


def _hardware(
    world: World,
    instruments: Mapping[str, InstrumentTable],
    lead_of: Callable[[str], Lead],
    *,
    held_to_a_screen: bool = False,
) -> SimulatedHardware:
    wires = _Wires(world)
    for role, table in instruments.items():
        lead = lead_of(role)
        for port in table.device_ports():
            world.usb_port = world.usb_port or port
            if table.device:
                world.usb_role = role
        if table.device or any(isinstance(place, VideoOutput) for place in table.places()):
            world.device_roles.append(role)
            wires.connect(table, None, lead)
            continue
        twin = _twin(
            table,
            {
                Circuit: SeenCircuit(lead, world.place),
                MainsLine: SeenMains(lead),
                Scene: _Held(lead) if held_to_a_screen else SeenLight(lead),
                Keys: SeenKeys(lead),
                SimulatedUsbBackend: world.usb,
                Time: world.time,
            },
        )
        world.note(twin)
        for number, part in enumerate(table.parts):
            wires.connect(part, twin.part(number), lead)
        if not table.parts:
            wires.connect(table, twin, lead)
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

    def connect(self, table: InstrumentTable, twin: Any, lead: Lead) -> None:
        """Put a twin where its table says; without one, the device that is plugged in."""
        for place in table.places():
            match place:
                case SerialPort():
                    self.serial[place.port] = FaultySerial(twin, lead)
                case Chip():
                    bus = self.i2c.setdefault(place.bus, I2cWiring())
                    for hop in place.mux:
                        bus = bus.behind(hop.address, hop.channel)
                    chip = twin or _OfDisplay(lead, place.address)
                    bus.chips[place.address] = FaultyChip(chip, lead, self._world.time)
                case VideoOutput():
                    screen = _Screen(lead, place.connector)
                    self.screens[place.connector] = screen
                    self._world.cables.append(screen.look_at_cable)


def _display(lead: Lead) -> Display | None:
    place = lead.place
    return place.display if place is not None else None


class _OfDisplay:
    """An address on the video cable's data channel, of whatever display is plugged in now."""

    def __init__(self, lead: Lead, address: int) -> None:
        self._lead = lead
        self._address = address

    def transfer(self, write: bytes, read_size: int) -> bytes:
        display = _display(self._lead)
        device = display.i2c_devices().get(self._address) if display is not None else None
        if device is None:
            raise Nak
        return device.transfer(write, read_size)


class _Screen:
    """Implements `drivers.buses.Screen`: the display under test shows what its middle says.

    A display that is plugged in, or whose cable is, later shows it then.
    """

    width_px, height_px = SCREEN_PX

    def __init__(self, lead: Lead, name: str) -> None:
        self.name = name
        self._lead = lead
        self._levels: tuple[float, float, float] | None = None
        self._shows_on: Display | None = None

    def show(self, rgb_rows: bytes) -> None:
        middle = 3 * (self.width_px * (self.height_px // 2) + self.width_px // 2)
        red, green, blue = rgb_rows[middle : middle + 3]
        if not self._lead.has("mute", "hung", "frozen"):
            self._levels = (red / 255, green / 255, blue / 255)
        self._shows_on = None
        self.look_at_cable()

    def lose_signal(self) -> None:
        if self._lead.has("mute", "hung", "frozen"):
            return
        self._levels = None
        if self._shows_on is not None:
            self._shows_on.lose_signal()
        self._shows_on = None

    def look_at_cable(self) -> None:
        """Take the picture to where the cable leads now."""
        there = None if self._lead.has("unplugged") else _display(self._lead)
        if there is self._shows_on:
            return
        if self._shows_on is not None:
            self._shows_on.lose_signal()
        self._shows_on = there
        if there is not None and self._levels is not None:
            there.show_level(*self._levels)

    def close(self) -> None:
        self._levels = None
        if (display := _display(self._lead)) is not None:
            display.lose_signal()
        self._shows_on = None
