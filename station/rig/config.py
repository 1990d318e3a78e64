"""Reads `station.toml`, and says all of its mistakes at once, each with what would be right."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from drivers import find
from records import topics, words
from records.toml.tables import (
    MistakesInFile,
    TableError,
    convert,
    inside,
    mistakes,
    read,
    suggest,
)
from station.console import WhenPlugged
from station.delivery.broker import BrokerAddress
from station.delivery.keeping import Keep
from station.engine import library as libraries
from station.engine.library import Library
from station.rig import tables, version_0_1
from station.rig.offers import LabelTable, Offered, Offers, ReadLibrary
from station.rig.rehearsal import Nowhere
from station.rig.schema import Schema, schema_of
from station.rig.slots import SlotConfig, StationConfig, instruments_at, open_bench, place_of
from station.rig.tables import InstrumentTable

__all__ = ["ConfigError", "SlotConfig", "StationConfig", "load", "open_bench"]

_DATA = "/var/lib/pace-station"
EVERY_SLOTS = ("clock", "operator")
_NAME = "up to 63 letters, digits, '-', '_' or '.', a letter or digit first"


class ConfigError(MistakesInFile):
    """Tells the mistakes of `station.toml`, one line each: file, place, and what would be right."""


class _SlotTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    equipment: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            min_length=1,
            description='what is tested there, such as ["laptop-adapter"]; `pace plan list`'
            " shows what there is",
        ),
    ]
    profile: str = "pace-key"
    roles: dict[str, Any] = {}
    shared: dict[str, str] = {}
    when_plugged: WhenPlugged = "offer"


Calibration = Literal["judge", "remark"]


class _StationTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    station: str
    operator: str = ""
    language: str = words.ENGLISH
    word_folders: tuple[str, ...] = ()
    data: str = _DATA
    library_folders: tuple[str, ...] = ()
    site: str = ""
    labels: dict[str, LabelTable] = {}
    driver_folders: tuple[str, ...] = ()
    broker: BrokerAddress = BrokerAddress()
    keep: Keep = Keep()
    calibration: Calibration = "judge"
    dialects: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    slots: dict[str, Any]


def load(path: Path, *, start_in: Path | None = None) -> StationConfig:
    """Return what the file describes, checked together with its plans. Touches no hardware.

    Every file of the library of equipment is read and checked, save at a start: then the compiled
    kinds in the station's data, the folder `start_in`, are enough. Raises `ConfigError` with every
    mistake.
    """

    def library(wanted: Sequence[str], folders: Sequence[Path]) -> Library:
        if start_in is not None:
            return libraries.load(wanted, folders, start_in / "library")
        whole = libraries.read(folders)
        return Library(whole.sha256, {kind: whole.kind(kind) for kind in wanted})

    try:
        reader = _Reader(read(path), path.parent, library)
    except TableError as error:
        raise ConfigError(*error.after(path)) from error
    if reader.wrong or reader.config is None:
        raise ConfigError(*(f"{path}: {mistake}" for mistake in reader.wrong))
    return reader.config


def data_of(path: Path) -> Path:
    """Return the folder of a station's data, as its file names it. Raises `ConfigError`."""
    try:
        named = read(path).get("data", _DATA)
    except TableError as error:
        raise ConfigError(*error.after(path)) from error
    return Path(named if isinstance(named, str) else _DATA)


class _Reader:
    """Reads one file. `wrong` are its mistakes; without any, `config` is what it describes."""

    def __init__(self, raw: dict[str, Any], folder: Path, library: ReadLibrary) -> None:
        self.wrong = list(version_0_1.in_station(raw))
        self._raw = raw = version_0_1.without(raw, version_0_1.OF_STATION)
        self.wrong += (found := mistakes(raw, _StationTable))
        self.config: StationConfig | None = None
        self._check_name("station", raw.get("station"))
        self._drivers = self._folders("driver_folders", folder)
        self._offers = self._read_offers(folder, library)
        self._words = self._folders("word_folders", folder)
        self._check_language(raw.get("language", words.ENGLISH))
        shared = {
            name: table
            for name, one in self._tables("shared").items()
            if (table := self._shared(name, one)) is not None
        }
        slots = {
            name: slot
            for name, one in self._tables("slots").items()
            if (slot := self._slot(name, one, shared)) is not None
        }
        if raw.get("slots") == {}:
            self.wrong.append("slots: a station needs at least one, as in [slots.left]")
        if found:
            return
        top = convert(raw, _StationTable)
        self.config = StationConfig(
            station=top.station,
            operator=top.operator,
            language=top.language,
            word_folders=self._words,
            data=Path(top.data),
            broker=top.broker,
            keep=top.keep,
            remarks_only=top.calibration == "remark",
            shared=shared,
            slots=slots,
            driver_folders=self._drivers,
        )
        self.wrong += self._offers.wrong
        self.wrong += _twice(self.config)
        devices = {port: slot.name for slot in slots.values() for port in slot.device_ports()}
        self.wrong += instruments_at(devices, self.config)

    def _read_offers(self, beside: Path, library: ReadLibrary) -> Offers:
        """Return what the slots' equipment offers: its library is read for all slots at once."""
        named = [one.get("equipment") for one in self._tables("slots").values()
                 if isinstance(one, dict)]  # fmt: skip
        lists = [one for one in named if one and not mistakes(one, tuple[str, ...])]
        labels = {
            key: convert(one, LabelTable)
            for key, one in self._tables("labels").items()
            if not mistakes(one, LabelTable)
        }
        site = self._raw.get("site", "")
        return Offers(
            labels,
            site if isinstance(site, str) else "",
            self._folders("library_folders", beside),
            tuple(dict.fromkeys(kind for kinds in lists for kind in kinds)),
            library,
        )

    def _tables(self, key: str) -> Mapping[str, Any]:
        found = self._raw.get(key, {})
        return found if isinstance(found, dict) else {}

    def _check_name(self, place: str, name: object) -> None:
        if isinstance(name, str) and not topics.STATION_NAME.fullmatch(name):
            self.wrong.append(f"{place}: {name!r} is not a name: {_NAME}")

    def _check_language(self, code: object) -> None:
        try:
            if isinstance(code, str):
                words.language(code, self._words)
        except (LookupError, words.PoError) as error:
            self.wrong.append(f"language: {error.args[0]}")

    def _folders(self, key: str, beside: Path) -> tuple[Path, ...]:
        given = self._raw.get(key, [])
        if mistakes(given, tuple[str, ...]):
            return ()
        folders = tuple(beside / one for one in given)
        self.wrong += [
            f"{key}: {str(folder)!r} is not a folder" for folder in folders if not folder.is_dir()
        ]
        return folders

    def _shared(self, name: str, raw: object) -> InstrumentTable | None:
        self._check_name("shared", name)
        place = inside("shared", name)
        table = self._instrument(place, raw)
        if table is not None and table.device:
            self.wrong.append(f"{place}: {table.driver} is a device under test, not shared")
        return table

    def _instrument(self, place: str, raw: object) -> InstrumentTable | None:
        """Return an instrument, or None where its table is wrong."""
        if not isinstance(raw, dict):
            said = f"an instrument is a table with its `driver`, not {raw!r}"
            self.wrong.append(f"{place}: {said}")
            return None
        schema = self._schema(f"{place}.driver", raw.get("driver"))
        if schema is None:
            return None
        fields = {name: value for name, value in raw.items() if name != "driver"}
        table = tables.read(schema, fields, place, self.wrong, self._tables("dialects"))
        if table is not None:
            try:
                table.rehearse()
            except ValueError as error:
                self.wrong.append(f"{place}: {error}")
        return table

    def _schema(self, place: str, driver: object) -> Schema | None:
        try:
            return schema_of(find.find(str(driver), self._drivers))
        except find.UnknownDriver:
            known = find.names(self._drivers)
            said = find.RENAMED.get(str(driver))
            hint = f"it is called {said} now" if said else suggest(str(driver), known)
            self.wrong.append(f"{place}: {driver!r} is no driver; {hint}")
        except (Exception, SystemExit) as error:  # a module of one's own raises what it likes
            self.wrong.append(f"{place}: {driver}: {type(error).__name__}: {error}")
        return None

    def _slot(
        self, name: str, raw: object, shared: Mapping[str, InstrumentTable]
    ) -> SlotConfig | None:
        place = inside("slots", name)
        self._check_name("slots", name)
        found = list[str]()
        if isinstance(raw, dict):
            found += [f"{place}.{old}" for old in version_0_1.in_slot(raw)]
            raw = version_0_1.without(raw, version_0_1.OF_SLOT)
            if found and "equipment" not in raw:  # told already what to write
                raw["equipment"] = ["laptop-adapter"]
        found += mistakes(raw, _SlotTable, place)
        self.wrong += found
        given = raw.get("roles") if isinstance(raw, dict) else None
        roles = {
            role: self._instrument(inside(f"{place}.roles", role), one)
            for role, one in (given.items() if isinstance(given, dict) else ())
        }
        if found:
            return None
        table = convert(raw, _SlotTable, place)
        self.wrong += _wrong_roles(place, table, roles, self._tables("shared"))
        right = {role: one for role, one in roles.items() if one is not None}
        playing = _playing(right, table.shared, shared)
        complete = playing.keys() == roles.keys() | table.shared.keys()
        kinds = {role: place_of(one, Nowhere()).kind for role, one in playing.items()}
        offered = Offered()
        if complete:
            offered = self._offers.plans(place, table.equipment, table.profile, kinds)
        kind = ", ".join(table.equipment)
        slot = SlotConfig(
            name, kind, offered.plans, right, table.shared, table.when_plugged, offered.asks
        )
        if len(right) == len(roles) and slot.when_plugged == "start" and not slot.device_ports():
            self.wrong.append(
                f"{place}.when_plugged: 'start' is for a slot with a device at a USB port, such as"
                " a keyboard; this one has none"
            )
        return slot


def _wrong_roles(
    place: str, table: _SlotTable, roles: Mapping[str, Any], shared: Mapping[str, Any]
) -> Iterator[str]:
    for role in EVERY_SLOTS:
        if role in roles or role in table.shared:
            yield f"{place}: every slot has its {role}; call the instrument otherwise"
    for role, instrument in table.shared.items():
        where = inside(f"{place}.shared", role)
        if instrument not in shared:
            yield f"{where}: no [shared.{instrument}]; {suggest(instrument, shared)}"
        if role in roles:
            yield f"{where}: the slot has its own {role}, too"


def _playing(
    own: Mapping[str, InstrumentTable],
    named: Mapping[str, str],
    shared: Mapping[str, InstrumentTable],
) -> dict[str, InstrumentTable]:
    """Return what plays each role of a slot, its own and shared ones."""
    return {**own, **{role: shared[name] for role, name in named.items() if name in shared}}


def _twice(config: StationConfig) -> Iterator[str]:
    """Yield what two instruments have both: a slot that was copied would judge its neighbour's."""
    owners: dict[str, str] = {}
    told = set[str]()
    for place, table in config.instruments().items():
        clashes = dict[str, str]()
        for wire in table.occupies():
            if wire in owners:
                clashes.setdefault(owners[wire], wire)
                told.add(wire)
            owners[wire] = owners.get(wire, place)
        for owner, wire in clashes.items():
            yield f"{place}: {wire} belongs to {owner}"
    slot_of: dict[str, str] = {}
    for slot in config.slots.values():
        for port in slot.device_ports():
            if slot_of.setdefault(port, slot.name) != slot.name and f"USB port {port}" not in told:
                whose = f"slots.{slot_of[port]}"
                yield f"slots.{slot.name}: at USB port {port} is the device of {whose}"
