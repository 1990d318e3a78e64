"""A station as its file describes it: slots with their instruments, and those that slots share."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from drivers.buses import Hardware
from drivers.capabilities import Instrument
from drivers.formats import serial_ports, usb_ports
from records import words
from station.console import WhenPlugged
from station.delivery.broker import BrokerAddress
from station.delivery.keeping import Keep
from station.engine.bench import Bench, Place, SharedLock
from station.engine.clock import Clock
from station.engine.plan import Plan
from station.engine.prompts import Operator
from station.rig.offers import Ask
from station.rig.tables import InstrumentTable


class SlotConfig(msgspec.Struct, frozen=True):
    """`shared` are roles, each with the name of the shared instrument that plays it.

    `asks` are those of `plans` that need the label of the device first.
    """

    name: str
    kind: str
    plans: tuple[Plan, ...]
    roles: Mapping[str, InstrumentTable]
    shared: Mapping[str, str]
    when_plugged: WhenPlugged = "offer"
    asks: Mapping[str, Ask] = {}

    def device_ports(self) -> tuple[str, ...]:
        """Return the USB ports, such as `1-1.4`, that devices under test are plugged into."""
        ports = (port for table in self.roles.values() for port in table.device_ports())
        return tuple(dict.fromkeys(ports))


class StationConfig(msgspec.Struct, frozen=True):
    """`shared` are instruments by name; `driver_folders` hold drivers of the station's own."""

    station: str
    operator: str
    data: Path
    broker: BrokerAddress
    shared: Mapping[str, InstrumentTable]
    slots: Mapping[str, SlotConfig]
    driver_folders: tuple[Path, ...] = ()
    keep: Keep = Keep()
    remarks_only: bool = False
    language: str = words.ENGLISH
    word_folders: tuple[Path, ...] = ()

    @property
    def words(self) -> words.Language:
        """Return the language of the operator."""
        return words.language(self.language, self.word_folders)

    def instruments(self) -> dict[str, InstrumentTable]:
        """Return every instrument, by where it stands in the file."""
        return {f"shared.{name}": table for name, table in self.shared.items()} | {
            f"slots.{slot.name}.roles.{role}": table
            for slot in self.slots.values()
            for role, table in slot.roles.items()
        }

    def instrument(self, slot: str, role: str) -> InstrumentTable:
        """Return the instrument that plays a role in a slot, its own or a shared one."""
        its = self.slots[slot]
        return its.roles[role] if role in its.roles else self.shared[its.shared[role]]


def instruments_at(ports: Mapping[str, str], config: StationConfig) -> Iterator[str]:
    """Yield a mistake for each instrument that is plugged in at one of `ports`, or behind it.

    `ports` are those of devices under test, each with its slot; see `station.rig.udev_rules`.
    """
    for place, table in config.instruments().items():
        at = serial_ports.parse(table.serial_port).usb_port if table.serial_port else None
        for port, slot in ports.items():
            tested = usb_ports.parse(port)
            if at is not None and (at == tested or at.is_behind(tested)):
                yield (
                    f"{place}.port: usb:{at} is at the port of slot {slot}, where no driver will"
                    " ever be given to it: plug the instrument in elsewhere"
                )


def open_bench(
    config: StationConfig,
    slot: str,
    hardware: Hardware,
    clock: Clock,
    operator: Operator,
    locks: Mapping[str, SharedLock],
    shared_hardware: Hardware | None = None,
) -> Bench:
    """Return the bench of one slot, for one run. Opens no instrument yet.

    `locks` holds one lock for each shared instrument, the same for every slot.
    """
    its = config.slots[slot]
    places = {role: place_of(table, hardware) for role, table in its.roles.items()}
    for role, name in its.shared.items():
        place = place_of(config.shared[name], shared_hardware or hardware, locks.get(name))
        if list(its.shared.values()).count(name) > 1:  # roles of the same instrument
            place = replace(place, shares=(*place.shares, f"shared.{name}"))
        places[role] = place
    return Bench(slot, places, clock, operator)


def place_of(table: InstrumentTable, hardware: Hardware, lock: SharedLock | None = None) -> Place:
    """Return how an instrument fills its role on a bench."""

    def open_it(closing: ExitStack) -> Instrument:
        instrument: Instrument = table.open(hardware, closing)
        return instrument

    until = table.calibrated_until
    return Place(
        driver=table.driver,
        kind=table.kind,
        open=open_it,
        device=table.device,
        calibrated_until=until.isoformat() if until else "",
        certificate=table.certificate,
        accuracies=table.accuracies(),
        shared=lock,
        shares=table.shares(),
        dead_man=table.dead_man,
    )
