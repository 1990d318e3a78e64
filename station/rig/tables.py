"""An instrument's table in `station.toml`: read after its driver's schema, checked, and opened."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, get_args, get_origin

import msgspec

from drivers.buses import Hardware, Time
from drivers.capabilities import Instrument
from drivers.errors import DriverError
from drivers.find import name_of
from drivers.formats import usb_ports
from drivers.uncertain import Ranges
from drivers.wiring import Named, OneOf, Written
from records.toml.tables import inside, mistakes, suggest
from station.engine.step import BenchFault
from station.rig.accuracy import CertificateTable, accuracies, accuracy_mistakes
from station.rig.rehearsal import Nowhere, StandIn
from station.rig.schema import Schema, Whole, mark_of, unwrapped, without_none
from station.rig.wires import I2C, Key, Place, SerialPort, UsbPort, Usual, hubs_of

_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]{1,8}")

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class InstrumentTable:
    """An instrument's table that is right.

    `values` are its keys, with defaults; `objects` are what its names stand for, by key; `parts`
    are the tables of the parts that it is made of.
    """

    schema: Schema
    values: Mapping[str, Any]
    objects: Mapping[str, Any]
    parts: "tuple[InstrumentTable, ...]"

    @property
    def kind(self) -> type:
        return self.schema.kind

    @property
    def driver(self) -> str:
        """The driver's name, as the file says it."""
        return name_of(self.kind)

    @property
    def device(self) -> bool:
        """True of the device under test itself."""
        return self.schema.device

    @property
    def dead_man(self) -> bool:
        """True of an instrument that lets go by itself when the station falls silent."""
        return issubclass(self.kind, Instrument) and self.kind.dead_man

    @property
    def fixture_kind(self) -> str:
        """The kind of fixture board whose firmware the driver needs, or nothing."""
        return getattr(self.kind, "FIXTURE", "")

    @property
    def calibrated_until(self) -> date | None:
        until: date | None = self.values.get("calibrated_until")
        return until

    @property
    def certificate(self) -> str:
        """Return the number and date of its certificate; empty without one."""
        found: CertificateTable | None = self.values.get("certificate")
        return str(found) if found is not None else ""

    def accuracies(self) -> Mapping[str, Ranges]:
        """Return what is known of its quantities: by data sheet, file and certificate."""
        if not issubclass(self.kind, Instrument):
            return NOTHING
        return accuracies(self.kind, self.values)

    def places(self) -> tuple[Place, ...]:
        """Return where the instrument and its parts are connected."""
        found = [place for part in self.parts for place in part.places()]
        if self.schema.wire is not None:
            addresses = self.schema.addresses
            if "address" in self.values:
                addresses = (self.values["address"],)
            found += self.schema.wire.places(self.values, addresses)
        return tuple(found)

    def shares(self) -> tuple[str, ...]:
        """Return what others have in common with it: bus, hubs, and what its file says."""
        found = [shared for place in self.places() for shared in place.shares()]
        found += [hub for port in self.device_ports() for hub in hubs_of(usb_ports.parse(port))]
        return tuple(dict.fromkeys((*found, *self.values.get("in_common", ()))))

    @property
    def serial_port(self) -> str:
        """The instrument's serial port as the file names it; empty where it has none."""
        return next((one.port for one in self.places() if isinstance(one, SerialPort)), "")

    def occupies(self) -> tuple[str, ...]:
        """Return what is this instrument's alone, in words that are equal for the same thing."""
        return (*map(str, self.places()), *self._claimed())

    def device_ports(self) -> tuple[str, ...]:
        """Return the USB ports, such as `1-1.4`, that the device under test is plugged into."""
        own = [one.port for one in self.places() if self.device and isinstance(one, UsbPort)]
        marked = [
            self.values[name]
            for name, claims in self.schema.claims.items()
            if claims.device_port and self.values[name]
        ]
        return (*own, *marked)

    def open(self, hardware: Hardware, closing: ExitStack) -> Any:
        """Return the driver, which has verified who answers; `closing` gives back what it holds.

        Raises `DriverError`; `BenchFault` where it cannot be told whether a device is there.
        """
        schema, arguments = self.schema, self._arguments(hardware)
        if schema.parts is not None:
            arguments[schema.parts.name] = [part.open(hardware, closing) for part in self.parts]
        if schema.wire is not None:
            try:
                bus = schema.wire.open(hardware, self.values, self._usual(), closing)
            except schema.wire.missing as error:
                if schema.device:
                    raise BenchFault("bench.driver_fault", text=str(error)) from error
                raise
            arguments[schema.wire_name] = bus
        instrument = schema.build(**arguments)
        if callable(close := getattr(instrument, "close", None)):
            closing.callback(close)
        return instrument

    def rehearse(self) -> StandIn:
        """Build the driver without hardware, and return what stands for it in a whole.

        Raises `ValueError` for figures that the driver refuses.
        """
        schema, nowhere = self.schema, Nowhere()
        arguments = self._arguments(nowhere)
        if schema.parts is not None:
            arguments[schema.parts.name] = [part.rehearse() for part in self.parts]
        try:
            if schema.wire is not None:  # without multiplexers: none behind them is reached here
                with ExitStack() as closing:
                    values = {**self.values, "mux": ()}
                    arguments[schema.wire_name] = schema.wire.open(
                        nowhere, values, Usual(), closing
                    )
            schema.build(**arguments)
        except DriverError:
            pass
        return StandIn()

    def _usual(self) -> Usual:
        of_objects = (getattr(one, "baudrate", 0) for one in self.objects.values())
        baudrate = next(filter(None, of_objects), getattr(self.kind, "BAUDRATE", 0))
        return Usual(baudrate, getattr(self.kind, "TIMEOUT_S", Usual().timeout_s))

    def _arguments(self, hardware: Hardware) -> dict[str, Any]:
        given = {name: self.values[name] for name in self.schema.settings} | dict(self.objects)
        for name, hint in self.schema.injected.items():
            given[name] = hardware.time if hint is Time else hardware
        return given

    def _claimed(self) -> Iterator[str]:
        for name, claims in self.schema.claims.items():
            if self.values[name]:
                yield claims.text.format(self.values[name])
        for part in self.parts:
            yield from part._claimed()


def read(
    schema: Schema, raw: object, place: str, wrong: list[str], own: Mapping[str, Any] = NOTHING
) -> InstrumentTable | None:
    """Return the table that `raw` is, or None, with its mistakes added to `wrong`.

    `own` are the tables `[dialects.NAME]` of the file.
    """
    raw = _with_numbers(raw, schema.struct)
    found = mistakes(raw, schema.struct, place)
    given: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    objects: dict[str, Any] = {}
    for key in schema.keys:
        value, where = given.get(key.name, key.default), inside(place, key.name)
        if key.name in schema.named and isinstance(value, str):
            try:
                known = _known(schema.named[key.name], own)
                objects[key.name] = known[value]
            except KeyError:
                found.append(f"{where}: {value!r} is not known; {suggest(value, known)}")
            except ValueError as error:
                found += str(error).splitlines()
        elif key.name in given:
            found += _more_mistakes(key, value, where)
    found += accuracy_mistakes(schema.kind, given, place)
    parts: tuple[InstrumentTable, ...] = ()
    if not found and schema.parts is not None:
        parts = tuple(
            _read_parts(schema.parts, given, inside(place, schema.parts.name), found, own)
        )
    wrong += [mistake for mistake in dict.fromkeys(found) if mistake not in wrong]
    if found:
        return None
    values = msgspec.structs.asdict(msgspec.convert(raw, schema.struct))
    return InstrumentTable(schema, values, objects, parts)


def _read_parts(
    whole: Whole, given: Mapping[str, Any], place: str, wrong: list[str], own: Mapping[str, Any]
) -> Iterator[InstrumentTable]:
    """Read the tables of an instrument's parts, each with what they have in common."""
    wire = whole.schema.wire
    common = {key.name: given[key.name] for key in (wire.keys if wire else ()) if key.name in given}
    for number, one in enumerate(given[whole.name]):
        where = f"{place}[{number}]"
        if "channel" in one and wire is I2C:
            wrong.append(f"{where}: a multiplexer's channel stands in `mux`: {wire.example}")
        elif (table := read(whole.schema, {**common, **one}, where, wrong, own)) is not None:
            yield table


def _more_mistakes(key: Key, value: object, place: str) -> Iterator[str]:
    """Yield what is wrong with a value whose type is right."""
    bare, marks = unwrapped(key.hint)
    written, one_of = mark_of(marks, Written), mark_of(marks, OneOf)
    if written is not None and isinstance(value, str):
        try:
            written.parse(value)
        except ValueError as error:
            yield f"{place}: {error}"
    if one_of is not None and value not in one_of.values and not mistakes(value, bare):
        right = mark_of(marks, msgspec.Meta)
        shown = f"{value:#04x}" if key.name == "address" else repr(value)
        yield f"{place}: {shown} is not {right.description if right else one_of.values}"


def _with_numbers(raw: Any, hint: Any) -> Any:
    """Return `raw` with numbers where whole numbers stand as texts, such as "0x40"."""
    bare, _ = unwrapped(without_none(unwrapped(hint)[0]))
    if bare is int and isinstance(raw, str) and _HEXADECIMAL.fullmatch(raw):
        return int(raw, 16)
    if isinstance(raw, list) and get_origin(bare) is tuple:
        return [_with_numbers(one, get_args(bare)[0]) for one in raw]
    if isinstance(raw, Mapping) and isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        hints = {field.name: field.type for field in msgspec.structs.fields(bare)}
        return {name: _with_numbers(value, hints.get(name)) for name, value in raw.items()}
    return raw


def _known(named: Named, own: Mapping[str, Any]) -> Mapping[str, Any]:
    extended = getattr(named.known, "extended", None)
    if extended is None or not own:
        return named.known
    known: Mapping[str, Any] = extended(own)
    return known
