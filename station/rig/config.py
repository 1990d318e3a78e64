"""`station.toml`, typed. Every mistake is one line: file, place, and what would be right."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from drivers.buses import Hardware
from drivers.capabilities import Instrument
from drivers.formats import serial_ports, usb_ports
from records import topics
from records.toml_tables import MistakesInFile, TableError, convert, read, suggest
from station.console import WhenPlugged
from station.delivery.broker import BrokerAddress
from station.engine import plan as plans
from station.engine.bench import Bench, Place, SharedLock
from station.engine.clock import Clock
from station.engine.plan import Plan, PlanError
from station.engine.prompts import Prompter
from station.rig.instruments import DRIVERS, InstrumentTable, SerialTable


class ConfigError(MistakesInFile):
    """Tells the mistakes of `station.toml`, one line each: file, place, and what would be right."""


class _SlotTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str
    plans: tuple[str, ...]
    roles: dict[str, Any] = {}
    shared: dict[str, str] = {}
    when_plugged: WhenPlugged = "offer"


class _StationTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    station: str
    operator: str = ""
    data: str = "/var/lib/pace-station"
    plan_folders: tuple[str, ...] = ()
    broker: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    slots: dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """An instrument and the name of its driver."""

    driver: str
    table: InstrumentTable


class SlotConfig(msgspec.Struct, frozen=True):
    """`shared` are roles, each with the name of the shared instrument that plays it."""

    name: str
    kind: str
    plans: tuple[Plan, ...]
    roles: Mapping[str, Named]
    shared: Mapping[str, str]
    when_plugged: WhenPlugged = "offer"

    def device_ports(self) -> tuple[str, ...]:
        """The USB ports that devices under test are plugged into, such as `1-1.4`, each once."""
        tables = [named.table for named in self.roles.values()]
        return tuple(dict.fromkeys(port for table in tables for port in table.device_ports()))


class StationConfig(msgspec.Struct, frozen=True):
    station: str
    operator: str
    data: Path
    broker: BrokerAddress
    shared: Mapping[str, Named]
    slots: Mapping[str, SlotConfig]


def load(path: Path) -> StationConfig:
    """Read, check, and check the plans with it. Touches no hardware.

    Raises `ConfigError` or `PlanError`.
    """
    try:
        return _check(read(path), path.parent)
    except (ConfigError, TableError) as error:
        raise ConfigError(*(f"{path}: {mistake}" for mistake in error.mistakes)) from error


def _check(raw: dict[str, Any], folder: Path) -> StationConfig:
    table = convert(raw, _StationTable)
    if not topics.STATION_NAME.fullmatch(table.station):
        raise ConfigError(f"station: {table.station!r} is not a name: {_NAME}")
    if not table.slots:
        raise ConfigError("slots: a station needs at least one, as in [slots.left]")
    shared = {name: _instrument(f"shared.{name}", one) for name, one in table.shared.items()}
    for name, named in shared.items():
        if not topics.STATION_NAME.fullmatch(name):
            raise ConfigError(f"shared: {name!r} is not a name: {_NAME}")
        if named.table.device:
            raise ConfigError(f"shared.{name}: {named.driver} is a device under test, not shared")
    for one in table.plan_folders:
        if not (folder / one).is_dir():
            raise ConfigError(f"plan_folders: {str(folder / one)!r} is not a folder")
    folders = (*(folder / one for one in table.plan_folders), plans.SHIPPED)
    slots = {name: _slot(name, one, shared, folders) for name, one in table.slots.items()}
    _nothing_twice(shared, slots)
    config = StationConfig(
        station=table.station,
        operator=table.operator,
        data=Path(table.data),
        broker=convert(table.broker, BrokerAddress, "broker"),
        shared=shared,
        slots=slots,
    )
    devices = {port: slot.name for slot in slots.values() for port in slot.device_ports()}
    check_no_instrument_at(devices, config)
    return config


def _slot(
    name: str, raw: object, shared: Mapping[str, Named], folders: tuple[Path, ...]
) -> SlotConfig:
    place = f"slots.{name}"
    if not topics.STATION_NAME.fullmatch(name):
        raise ConfigError(f"slots: {name!r} is not a name: {_NAME}")
    table = convert(raw, _SlotTable, place)
    roles = {role: _instrument(f"{place}.roles.{role}", one) for role, one in table.roles.items()}
    for role in ("clock", "operator"):
        if role in roles or role in table.shared:
            raise ConfigError(f"{place}: every slot has its {role}; call the instrument otherwise")
    for role, instrument in table.shared.items():
        if instrument not in shared:
            raise ConfigError(
                f"{place}.shared.{role}: no [shared.{instrument}]; {suggest(instrument, shared)}"
            )
        if role in roles:
            raise ConfigError(f"{place}.shared.{role}: the slot has its own {role}, too")
    if not table.plans:
        raise ConfigError(f"{place}.plans: name at least one plan; `pace plan list` shows them")
    try:
        loaded = tuple(plans.find(plan_id, folders) for plan_id in table.plans)
    except PlanError as error:
        raise ConfigError(*(f"{place}.plans: {mistake}" for mistake in error.mistakes)) from error
    slot = SlotConfig(name, table.kind, loaded, roles, table.shared, table.when_plugged)
    if slot.when_plugged == "start" and not slot.device_ports():
        raise ConfigError(
            f"{place}.when_plugged: 'start' is for a slot with a device at a USB port, such as a"
            " hid_keyboard; this one has none"
        )
    bench = Bench(name, _places(slot, shared, {}, None), _NO_CLOCK, _NOBODY)
    for plan in loaded:
        if plan.kind != table.kind:
            raise ConfigError(
                f"{place}.plans: {plan.id} is for a {plan.kind}, and the slot for a {table.kind}"
            )
        for planned in plan.steps:
            try:
                bench.check(planned.step)
            except LookupError as error:
                raise ConfigError(f"{place}: plan {plan.id}: {error.args[0]}") from error
    return slot


_NO_CLOCK = Clock()
_NOBODY = Prompter(lambda event: None, _NO_CLOCK)


_NAME = "up to 63 letters, digits, '-', '_' or '.', a letter or digit first"


def _instrument(place: str, raw: object) -> Named:
    if not isinstance(raw, dict):
        raise ConfigError(f"{place}: an instrument is a table with its `driver`, not {raw!r}")
    driver = raw.get("driver")
    if not isinstance(driver, str) or driver not in DRIVERS:
        raise ConfigError(
            f"{place}.driver: {driver!r} is no driver; {suggest(str(driver), DRIVERS)}"
        )
    fields = {name: value for name, value in raw.items() if name != "driver"}
    named = Named(driver, convert(fields, DRIVERS[driver], place))
    try:
        named.table.rehearse()
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from error
    return named


def _nothing_twice(shared: Mapping[str, Named], slots: Mapping[str, SlotConfig]) -> None:
    """A slot that was copied and not rewired would judge its neighbour's device."""
    owners: dict[str, str] = {}
    for place, named in _everything(shared, slots).items():
        for wire in named.table.occupies():
            if wire in owners:
                raise ConfigError(f"{place}: {wire} belongs to {owners[wire]}")
            owners[wire] = place
    slot_of: dict[str, str] = {}
    for slot in slots.values():
        for port in slot.device_ports():
            if slot_of.setdefault(port, slot.name) != slot.name:
                raise ConfigError(
                    f"slots.{slot.name}: at USB port {port} is the device of slots.{slot_of[port]}"
                )


def check_no_instrument_at(ports: Mapping[str, str], config: StationConfig) -> None:
    """`ports`: those of devices under test, each with its slot; see `station.rig.udev_rules`.

    Raises `ConfigError` where an instrument is plugged in at one, or behind it.
    """
    for place, named in _everything(config.shared, config.slots).items():
        if not isinstance(named.table, SerialTable):
            continue
        at = serial_ports.parse(named.table.port).usb_port
        for port, slot in ports.items():
            tested = usb_ports.parse(port)
            if at is not None and (at == tested or at.is_behind(tested)):
                raise ConfigError(
                    f"{place}.port: usb:{at} is at the port of slot {slot}, where no driver will"
                    " ever be given to it: plug the instrument in elsewhere"
                )


def _everything(shared: Mapping[str, Named], slots: Mapping[str, SlotConfig]) -> dict[str, Named]:
    """Every instrument, by where it stands in the file."""
    return {f"shared.{name}": named for name, named in shared.items()} | {
        f"slots.{slot.name}.roles.{role}": named
        for slot in slots.values()
        for role, named in slot.roles.items()
    }


def open_bench(
    config: StationConfig,
    slot: str,
    hardware: Hardware,
    clock: Clock,
    operator: Prompter,
    locks: Mapping[str, SharedLock],
    shared_hardware: Hardware | None = None,
) -> Bench:
    """The bench of one slot, for one run. Opens nothing yet.

    `locks` holds one lock for each shared instrument, the same for every slot.
    """
    places = _places(config.slots[slot], config.shared, locks, hardware, shared_hardware)
    return Bench(slot, places, clock, operator)


def _places(
    slot: SlotConfig,
    shared: Mapping[str, Named],
    locks: Mapping[str, SharedLock],
    hardware: Hardware | None,
    shared_hardware: Hardware | None = None,
) -> dict[str, Place]:
    own = {role: _place(named, hardware) for role, named in slot.roles.items()}
    common = {
        role: _place(shared[name], shared_hardware or hardware, locks.get(name))
        for role, name in slot.shared.items()
    }
    return own | common


def _place(named: Named, hardware: Hardware | None, lock: SharedLock | None = None) -> Place:
    def open_it(closing: ExitStack) -> Instrument:
        if hardware is None:
            raise RuntimeError("this bench is only for checking")
        return named.table.open(hardware, closing)

    until = named.table.calibrated_until
    return Place(
        driver=named.driver,
        kind=named.table.kind,
        open=open_it,
        device=named.table.device,
        calibrated_until=until.isoformat() if until else "",
        shared=lock,
    )
