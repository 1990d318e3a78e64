"""The search for the driver of a wire's instrument: each driver of that wire is tried there."""

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from drivers import find
from drivers.buses import Hardware
from drivers.capabilities import Identity
from drivers.errors import DriverError, NoReply
from drivers.wiring import OneOf
from station.rig import tables
from station.rig.schema import Schema, mark_of, schema_of, unwrapped
from station.rig.wires import REQUIRED, Wire


class Answer(NamedTuple):
    """An instrument that answered: its driver, the table that found it, and who it is."""

    driver: str
    table: Mapping[str, Any]
    identity: Identity


def instruments_on(wire: Wire, folders: Sequence[Path] = ()) -> list[Schema]:
    """Return the instruments that are reached by a wire, those that speak plain text first.

    `folders` hold drivers besides the shipped ones. A binary frame may leave an instrument
    confused that expects text.
    """
    schemas = [schema_of(find.find(name, folders)) for name in find.names(folders)]
    return sorted(
        (one for one in schemas if one.wire is wire and not one.device),
        key=lambda one: not getattr(one.kind, "PLAIN_TEXT", False),
    )


def answers(
    hardware: Hardware, wire: Wire, place: Mapping[str, Any], folders: Sequence[Path] = ()
) -> Iterator[Answer]:
    """Yield every instrument that answers at a place, such as `{"port": "usb:1-1.2"}`.

    This talks to whatever is there, and switches off what it recognises. Drivers that must be told
    more than a name, such as their shunt, are not tried.
    """
    for schema in instruments_on(wire, folders):
        silent: set[Hashable] = set()
        for settings in _settings(schema):
            spoken = _spoken(schema, settings)
            table = tables.read(schema, {**place, **settings}, "", [])
            if table is None or (spoken and spoken in silent):
                continue
            with ExitStack() as closing:
                try:
                    identity: Identity = table.open(hardware, closing).identity
                except NoReply:
                    silent.add(spoken)
                    continue
                except (DriverError, ValueError):
                    continue
                yield Answer(table.driver, {**settings, **place}, identity)


def _spoken(schema: Schema, settings: Mapping[str, Any]) -> tuple[Hashable, ...]:
    """Return what the first question to an instrument depends on; empty where nothing tells."""
    return tuple(
        named.silent_alike(named.known[settings[name]])
        for name, named in schema.named.items()
        if named.silent_alike is not None and name in settings
    )


def _settings(schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield what a driver may be tried with: each name and each address that it may be given."""
    choices: list[list[tuple[str, Any]]] = []
    for key in schema.keys:
        if key.name in schema.named and key.default is REQUIRED:
            choices.append([(key.name, one) for one in schema.named[key.name].known])
        elif key.name == "address" and (one_of := mark_of(unwrapped(key.hint)[1], OneOf)):
            choices.append([(key.name, one) for one in one_of.values])
    for chosen in itertools.product(*choices):
        yield dict(chosen)
