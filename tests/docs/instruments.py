"""Write the reference of instruments from the signatures of their drivers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from drivers import capabilities as can
from drivers import find
from drivers.capabilities import Instrument
from station.rig.schema import COMMON, Schema, meaning, schema_of
from station.rig.wires import I2C, REQUIRED, Key
from tests.docs.toml_types import table, type_in_words, value_in_words

ABILITIES: tuple[type[Instrument], ...] = (
    can.PowerMeter,
    can.MainsMeter,
    can.LightMeter,
    can.LightArray,
    can.ColourMeter,
    can.FlickerMeter,
    can.SoundMeter,
    can.PowerSupply,
    can.ElectronicLoad,
    can.PortPower,
    can.PatternSource,
    can.KeyActuator,
    can.AtxPort,
    can.Ps2Port,
    can.Monitor,
    can.KeySource,
)


_PART_HEAD = ("key of a part", "type", "default", "meaning")
MOST_NAMES = 8  # that are listed where they are wanted


def schemas(folders: Sequence[Path] = ()) -> dict[str, Schema]:
    """Return the schema of every driver by its name, those of `folders` first."""
    return {name: schema_of(find.find(name, folders)) for name in find.names(folders)}


def plays(kind: type[object]) -> list[str]:
    return [ability.__name__ for ability in ABILITIES if issubclass(kind, ability)]


def overview(folders: Sequence[Path] = ()) -> str:
    rows = []
    for name, schema in schemas(folders).items():
        part = _first_line(schema).partition(". Datasheet")[0].rstrip(".")
        link = f"[`{name}`](#{name})"
        rows.append((link, part, _wire(schema), ", ".join(plays(schema.kind))))
    return table(("`driver`", "part", "connected by", "can play"), rows)


def keys(folders: Sequence[Path] = ()) -> str:
    parts = []
    for name, schema in schemas(folders).items():
        module = schema.kind.__module__
        says = (sys.modules[module].__doc__ or "").strip().split("\n\n")
        lines = [f"## {name}", "", *(_flowing(text) for text in _paragraphs(says))]
        if schema.device:
            lines += ["This is the device under test itself, not an instrument of the bench.", ""]
        path = f"{module.replace('.', '/')}.py"
        if Path(path).is_file():
            lines += [f"Source: [`{path}`](../../{path}).", ""]
        lines += [_keys_of(schema)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _paragraphs(says: list[str]) -> list[str]:
    """Return the paragraphs that are no drawings, which are indented."""
    return [text for text in says if not text.startswith(" ")]


def _flowing(text: str) -> str:
    return " ".join(text.split()) + "\n"


def _keys_of(schema: Schema) -> str:
    rows: list[tuple[str, ...]] = [_row(schema, key) for key in schema.keys]
    if schema.parts is not None:
        parts = schema.parts
        says = f"list of {parts.size or ''} tables".replace("  ", " ")
        rows.insert(0, (f"`{parts.name}`", says, "required", f"{parts.meaning}; see below"))
    rows.sort(key=lambda row: row[2] != "required")
    text = table(("key", "type", "default", "meaning"), rows)
    if schema.parts is None:
        return text
    part = schema.parts.schema
    common = " and ".join(f"`{key.name}`" for key in (part.wire.keys if part.wire else ()))
    part_rows = [_row(part, key) for key in part.keys if key not in COMMON]
    part_rows.sort(key=lambda row: row[2] != "required")
    return (
        f"{text}\n\nEach of `{schema.parts.name}` is a table. What they have in common of {common}"
        f" may stand beside them:\n\n{table(_PART_HEAD, part_rows)}"
    )


def _row(schema: Schema, key: Key) -> tuple[str, str, str, str]:
    hexadecimal = key.name == "address" and schema.wire is I2C
    default = "required"
    if key.default is not REQUIRED:
        default = value_in_words(key.default, hexadecimal=hexadecimal)
    if key.name == "baudrate":
        default = f"`0` ({schema.kind.BAUDRATE})"  # type: ignore[attr-defined]
    words = type_in_words(key.hint, hexadecimal=hexadecimal)
    if key.name in schema.named and len(known := schema.named[key.name].known) <= MOST_NAMES:
        words = f"one of {', '.join(f'`{name}`' for name in known)}"
    return f"`{key.name}`", words, default, meaning(key.hint)


def capabilities() -> str:
    rows = []
    found = schemas()
    for ability in ABILITIES:
        players = [f"`{name}`" for name, one in found.items() if issubclass(one.kind, ability)]
        rows.append((f"`{ability.__name__}`", _questions(ability), ", ".join(players)))
    return table(("capability", "what a step may ask of it", "drivers that can play it"), rows)


def _questions(ability: type[Instrument]) -> str:
    own = [name for name, value in vars(ability).items() if callable(value)]
    return ", ".join(f"`{name}`" for name in own if not name.startswith("_"))


def dialects() -> str:
    """Return a table of everything that a file may name and that has a baud rate."""
    rows = [
        (f"`{name}`", f"`{dialect}`", str(one.baudrate))
        for name, schema in schemas().items()
        for key, named in schema.named.items()
        if key == "dialect"
        for dialect, one in named.known.items()
    ]
    return table(("driver", "`dialect`", "its usual baud rate"), rows)


def _first_line(schema: Schema) -> str:
    return (sys.modules[schema.kind.__module__].__doc__ or "").strip().partition("\n")[0]


def _wire(schema: Schema) -> str:
    """Return how an instrument is connected, or its parts are."""
    of = schema.parts.schema if schema.parts is not None else schema
    words = of.wire.words if of.wire is not None else "USB"
    return f"{words} of the video output" if schema.device and of.wire is I2C else words
