"""A driver's constructor, read as the schema of its table in `station.toml`; see drivers.wiring."""

import functools
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from drivers.buses import Hardware, Time
from drivers.capabilities import Instrument
from drivers.wiring import At, Between, Claims, Named, OneOf, Parts, Written
from station.rig.accuracy import AccuracyTable, CertificateTable
from station.rig.wires import I2C, REQUIRED, WIRES, Key, Wire

Mark = TypeVar("Mark")

COMMON = (
    Key(
        "calibrated_until",
        Annotated[date | None, "the day until which its calibration holds; goes into every record"],
        None,
    ),
    Key(
        "accuracy",
        Annotated[
            dict[str, AccuracyTable],
            "its limits by quantity, such as `voltage_v`, where the data sheet gives none",
        ],
        {},
    ),
    Key(
        "certificate",
        Annotated[CertificateTable | None, "its certificate, in place of the data sheet"],
        None,
    ),
    Key(
        "in_common",
        Annotated[
            tuple[str, ...],
            "what it has in common with other instruments besides bus and hubs, such as a mains"
            " socket: an error of one casts doubt on the others",
        ],
        (),
    ),
)
"""The keys that every instrument's table may have; those of `OF_METERS` if it measures."""

OF_METERS = ("accuracy", "certificate")


class Whole(NamedTuple):
    """The parts of an instrument: `size` of them, or any number, in the parameter `name`."""

    name: str
    schema: "Schema"
    size: int
    meaning: str

    @property
    def hint(self) -> Any:
        """The type of the parts' tables, which are read one by one."""
        wire = self.schema.wire
        such = f" such as {wire.example}" if wire is not None else ""
        part = Annotated[dict[str, Any], msgspec.Meta(description=f"a table{such}")]
        size = msgspec.Meta(min_length=self.size or 1, max_length=self.size or None)
        return Annotated[tuple[part, ...], size]


@dataclass(frozen=True)
class Schema:
    """The keys of a driver's table, and the driver's parameter for each.

    `keys` are all keys of a table but that of `parts`. `settings` are the parameters that get a
    value as it stands there, `named` those that get an object of that name, `injected` those that
    get time or hardware. `addresses` are those on the bus that no table sets.
    """

    kind: type
    build: Callable[..., Any]
    keys: tuple[Key, ...]
    wire: Wire | None = None
    wire_name: str = ""
    addresses: tuple[int, ...] = ()
    settings: tuple[str, ...] = ()
    injected: Mapping[str, Any] = field(default_factory=dict)
    named: Mapping[str, Named] = field(default_factory=dict)
    claims: Mapping[str, Claims] = field(default_factory=dict)
    parts: Whole | None = None

    @property
    def device(self) -> bool:
        """True of the device under test itself."""
        return issubclass(self.kind, Instrument) and self.kind.under_test

    @functools.cached_property
    def struct(self) -> type[msgspec.Struct]:
        """The type that a table is converted to, with what the parts may have in common."""
        common = self.parts.schema.wire.keys if self.parts and self.parts.schema.wire else ()
        fields: list[Any] = [(key.name, key.hint | None, None) for key in common]
        fields += [
            (key.name, key.hint) if key.default is REQUIRED else (key.name, key.hint, key.default)
            for key in self.keys
        ]
        if self.parts is not None:
            fields.append((self.parts.name, self.parts.hint))
        return msgspec.defstruct(
            self.kind.__name__, fields, frozen=True, kw_only=True, forbid_unknown_fields=True
        )


def schema_of(kind: type) -> Schema:
    """Return the schema of a driver. Raises `TypeError` for a signature that no file can fill."""
    return _derived(kind, ())


@functools.cache
def _derived(kind: type, fixed: tuple[tuple[str, Any], ...]) -> Schema:
    """Return a schema without the settings `fixed`, which a whole chooses for its part."""
    build = getattr(kind, "connect", kind)
    hints = get_type_hints(build if build is not kind else kind.__init__, include_extras=True)  # type: ignore[misc]
    found: dict[str, Any] = {"injected": {}, "named": {}, "claims": {}}
    keys: list[Key] = []
    settings: list[str] = []
    for parameter in inspect.signature(build).parameters.values():
        name, where = parameter.name, f"{kind.__name__}.{parameter.name}"
        bare, marks = unwrapped(hints.get(name, Any))
        if name in dict(fixed):
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{where}: no file can say which keys these are")
        if bare in (Time, Hardware):
            found["injected"][name] = bare
        elif bare in WIRES:
            if "wire" in found:
                raise TypeError(f"{where}: a driver has one wire, and this is its second")
            addresses = mark_of(marks, At)
            found |= {"wire": WIRES[bare], "wire_name": name}
            found["addresses"] = addresses.addresses if addresses else ()
        elif (part := mark_of(marks, Parts)) is not None:
            if "parts" in found:
                raise TypeError(f"{where}: an instrument has parts of one kind")
            schema = _derived(part.kind, tuple(part.fixed.items()))
            found["parts"] = Whole(name, schema, part.size, _text(marks))
        elif "wire" in found and name in [key.name for key in found["wire"].keys]:
            settings.append(name)
        else:
            default = REQUIRED if parameter.default is parameter.empty else parameter.default
            if (claims := mark_of(marks, Claims)) is not None:
                found["claims"][name] = claims
            if (named := mark_of(marks, Named)) is not None:
                found["named"][name] = named
                if default is not REQUIRED:
                    default = next((n for n, one in named.known.items() if one is default), default)
            else:
                settings.append(name)
            hint = _hint_for_files(where, bare, marks, on_i2c=found.get("wire") is I2C)
            keys.append(Key(name, hint, default))
    of_wire = found["wire"].keys if "wire" in found else ()
    if fixed:
        build = functools.partial(build, **dict(fixed))
    return Schema(kind, build, (*of_wire, *keys, *_common(kind)), settings=tuple(settings), **found)


def _common(kind: type) -> tuple[Key, ...]:
    """Return the keys of every instrument; only one that measures has an accuracy."""
    measures = issubclass(kind, Instrument) and bool(kind.quantities)
    return tuple(key for key in COMMON if measures or key.name not in OF_METERS)


def meaning(hint: Any) -> str:
    """Return the text among the marks of a type, which says what its key means."""
    return _text(unwrapped(hint)[1])


def unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without its marks, and the marks."""
    if get_origin(hint) is Annotated:
        bare, *marks = get_args(hint)
        return bare, tuple(marks)
    return hint, ()


def without_none(hint: Any) -> Any:
    """Return what a file may say of a type: no file says that there is nothing."""
    some = [one for one in get_args(hint) if one is not types.NoneType]
    is_union = get_origin(hint) in (Union, types.UnionType)
    return some[0] if is_union and len(some) == 1 else hint


def _text(marks: tuple[Any, ...]) -> str:
    return next((mark for mark in marks if isinstance(mark, str) and mark), "")


def mark_of(marks: tuple[Any, ...], kind: type[Mark]) -> Mark | None:
    return next((mark for mark in marks if isinstance(mark, kind)), None)


def _hint_for_files(where: str, bare: Any, marks: tuple[Any, ...], *, on_i2c: bool) -> Any:
    """Return the type that a file's value is read as. Raises `TypeError` where there is none."""
    if mark_of(marks, Named) is not None:
        bare = str
    bare = without_none(bare)
    _check_that_a_file_can_say(where, bare)
    kept: list[Any] = [mark for mark in marks if isinstance(mark, str | Written)]
    between, one_of = mark_of(marks, Between), mark_of(marks, OneOf)
    if on_i2c and where.endswith(".address"):
        if between is not None:
            one_of = OneOf(tuple(range(int(between.low), int(between.high) + 1)))
        addresses = one_of.values if one_of is not None else tuple(range(0x08, 0x78))
        right = f"an address of this part: {_rows(addresses)}"
        kept += ["7-bit address on the bus", OneOf(addresses), msgspec.Meta(description=right)]
    elif between is not None:
        kept.append(msgspec.Meta(ge=between.low, le=between.high))
    elif one_of is not None:
        words = [f"{one:g}" if isinstance(one, float) else str(one) for one in one_of.values]
        kept += [one_of, msgspec.Meta(description=f"one of {', '.join(words)}")]
    annotated: Any = Annotated
    return annotated[(bare, *kept, "")]


def _rows(values: tuple[int, ...]) -> str:
    """Return numbers in hexadecimal, those in a row as `0x40 to 0x4f`."""
    rows: list[list[int]] = []
    for one in values:
        if rows and one == rows[-1][-1] + 1:
            rows[-1].append(one)
        else:
            rows.append([one])
    return ", ".join(
        f"{row[0]:#04x} to {row[-1]:#04x}" if len(row) > 1 else f"{row[0]:#04x}" for row in rows
    )


def _check_that_a_file_can_say(where: str, hint: Any) -> None:
    bare, _ = unwrapped(hint)
    if isinstance(bare, type) and issubclass(bare, tuple) and bare is not tuple:
        raise TypeError(
            f"{where}: a {bare.__name__} would be an array of its fields; mark it as Named"
        )
    if bare in (int, float, str, bool, date, types.NoneType) or get_origin(bare) is Literal:
        return
    if get_origin(bare) not in (tuple, list, Sequence, Union, types.UnionType):
        raise TypeError(f"{where}: no file can say a {getattr(bare, '__name__', bare)}")
    for inner in get_args(bare):
        if inner is not Ellipsis:
            _check_that_a_file_can_say(where, inner)
