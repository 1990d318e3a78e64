"""SCPI dialects: how a family of supplies or loads is spoken to, read from tables.

The shipped dialects stand in `scpi_supplies.toml` and `scpi_loads.toml` beside this module, each
with its source. A station's own ones come to them by `Dialects.extended`.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from drivers.instruments.power.dialect_tables import (
    AnswerForm,
    Line,
    Pattern,
    Table,
    did_you_mean,
    lines_without,
    read_table,
)
from drivers.wiring import Between, OneOf

MOST_CHANNELS = 8  # of one instrument: an eight-output mainframe is the largest made
MOST_V, MOST_A, MOST_W, MOST_OHM = 2000.0, 2000.0, 50000.0, 1e7  # sanity, for ratings in tables
ENDS = {"LF": "\n", "CR LF": "\r\n", "CR": "\r"}
FIELDS = ("maker", "model", "serial_number", "firmware")

Plain = Line(fills=(), per_channel=False)
Ask = Line()
SetValue = Line(fills=("channel", "value"), needs=("value",))
SetState = Line(fills=("channel", "state"), needs=("state",))

Volts = Annotated[float, Between(0.0, MOST_V)]
Amperes = Annotated[float, Between(0.0, MOST_A)]
Watts = Annotated[float, Between(0.0, MOST_W)]
Ohms = Annotated[float, Between(0.0, MOST_OHM)]
Channel = Annotated[int, Between(1, MOST_CHANNELS)]
Forms = tuple[Annotated[str, AnswerForm()], ...]


class Dialect(Table):
    """The common part of a supply's and a load's dialect. Empty text: no such words.

    In a text that is sent, `{channel}`, `{value}`, `{state}` and `{range}` are filled in.
    """

    source: str
    """Programming manual and section, or the public code that does it so."""
    identity: Annotated[str, Pattern()]
    """Regular expression on maker and model in `*IDN?`, such as `RIGOL TECHNOLOGIES,DP832`."""
    except_identity: Annotated[str, Pattern()] = ""
    """The same for instruments that these words would drive blindly."""
    identity_fields: tuple[Annotated[str, OneOf((*FIELDS, ""))], ...] = FIELDS
    identity_separator: str = ","
    channels: Channel = 1
    baudrate: Annotated[int, Between(300, 4_000_000)] = 9600
    command_end: Annotated[str, OneOf(tuple(ENDS))] = "LF"
    answer_end: Annotated[str, OneOf(tuple(ENDS))] = "LF"
    acknowledgement: str = ""
    """The word that answers each command, such as `OK`."""
    refusals: tuple[str, ...] = ()
    """The words that answer it when the instrument says no."""
    error_query: Annotated[str, Plain] = ""
    pause_s: Annotated[float, Between(0.0, 5.0)] = 0.0
    """Between any two lines."""
    trailing_s: Annotated[float, Between(0.0, 5.0)] = 0.0
    """Rubbish follows some answers: how long the line takes to be quiet again."""
    remote: Annotated[str, Plain] = ""
    switch: Annotated[str, SetState]
    ask_switch: Annotated[str, Ask]
    states: tuple[str, ...] = ("OFF", "ON")
    """The words that `{state}` becomes."""
    off_answers: tuple[str, ...] = ("0", "OFF")
    on_answers: tuple[str, ...] = ("1", "ON")
    answers_v: Forms = ("{number}",)
    """Forms of an answer in volts; the first that fits is taken. Likewise below."""
    answers_a: Forms = ("{number}",)
    answers_w: Forms = ("{number}",)
    answers_ohm: Forms = ("{number}",)

    def mistakes(self) -> Iterator[str]:
        """Yield what does not fit together, each with the place where it stands."""
        if not self.source.strip():
            yield ".source: name the programming manual and its section"
        if len(self.states) != 2:
            yield f".states: two words are wanted, for off and on, not {len(self.states)}"
        if "model" not in self.identity_fields or not self.identity_separator:
            yield ".identity_fields: `*IDN?` must tell the model, with a separator"
        if self.refusals and not self.acknowledgement:
            yield ".refusals: they need an acknowledgement"
        if self.channels > 1:
            for place in lines_without(self, "channel"):
                yield f"{place}: {self.channels} channels, so each line must fill in {{channel}}"


class Protection(Table):
    """The words that set one protection, switch it, and ask for both."""

    set_level: Annotated[str, SetValue]
    ask_level: Annotated[str, Ask]
    switch: Annotated[str, SetState]
    ask_switch: Annotated[str, Ask]


class Rating(Table):
    """The rating of an output, where the instrument does not tell it."""

    model: Annotated[str, Pattern()]
    """Regular expression on the model in `*IDN?`."""
    max_v: Volts
    max_a: Amperes
    channels: tuple[Channel, ...] = ()
    """The outputs it is about; none named: all."""


class OutputRange(Table):
    """One of several ranges of an output, of which the instrument must be told."""

    name: str
    max_v: Volts
    max_a: Amperes
    model: Annotated[str, Pattern()] = ".*"


class SupplyDialect(Dialect):
    """The words of a family of supplies."""

    set_voltage: Annotated[str, SetValue]
    set_current: Annotated[str, SetValue]
    ask_voltage: Annotated[str, Ask]
    ask_current: Annotated[str, Ask]
    ask_switch: Annotated[str, Line(per_channel=False)]
    switch_bits: tuple[Annotated[int, Between(1, 0x80000000)], ...] = ()
    """If `ask_switch` is answered with a register of all channels: the bit of each."""
    measure_all: Annotated[str, Ask] = ""
    """A question that is answered with volts, amperes and perhaps watts, in place of the next."""
    measure_voltage: Annotated[str, Ask] = ""
    measure_current: Annotated[str, Ask] = ""
    measure_power: Annotated[str, Ask] = ""
    ask_max_voltage: Annotated[str, Ask] = ""
    ask_max_current: Annotated[str, Ask] = ""
    ratings: tuple[Rating, ...] = ()
    ranges: tuple[OutputRange, ...] = ()
    """In the order in which they are preferred."""
    select_range: Annotated[str, Line(fills=("channel", "range"), needs=("range",))] = ""
    ask_range: Annotated[str, Ask] = ""
    resolution_v: Volts = 0.01
    """The coarsest step of a set value in the family: how far off it may read back."""
    resolution_a: Amperes = 0.01
    over_voltage: Protection | None = None
    over_current: Protection | None = None

    def mistakes(self) -> Iterator[str]:
        yield from super().mistakes()
        if bool(self.measure_all) == bool(self.measure_voltage and self.measure_current):
            yield ": either measure_all, or both measure_voltage and measure_current"
        if bool(self.ask_max_voltage) != bool(self.ask_max_current):
            yield ": ask_max_voltage and ask_max_current belong together"
        if bool(self.ranges) != bool(self.select_range and self.ask_range):
            yield ": ranges, select_range and ask_range belong together"
        if self.switch_bits and len(self.switch_bits) != self.channels:
            yield f".switch_bits: {len(self.switch_bits)} bits for {self.channels} channels"
        if self.channels > 1 and not self.switch_bits and "{channel}" not in self.ask_switch:
            yield f".ask_switch: {self.channels} channels, so it must fill in {{channel}}"


class LoadRating(Table):
    """The rating of a model. `model` is a regular expression on the model in `*IDN?`."""

    model: Annotated[str, Pattern()]
    max_v: Volts
    max_a: Amperes
    max_w: Watts
    min_ohm: Ohms
    max_ohm: Ohms


class Limits(Table):
    """Questions for what the load takes, where it tells."""

    max_voltage: Annotated[str, Ask]
    max_current: Annotated[str, Ask]
    max_power: Annotated[str, Ask]
    min_resistance: Annotated[str, Ask]
    max_resistance: Annotated[str, Ask]


class Mode(Table):
    """One mode of a load: the words that select it, and the answers to `ask_function` then."""

    function: Annotated[str, Ask]
    level: Annotated[str, SetValue]
    ask_level: Annotated[str, Ask]
    answers: tuple[str, ...] = ()


class LoadDialect(Dialect):
    """The words of a family of loads."""

    current: Mode
    voltage: Mode
    resistance: Mode
    power: Mode
    measure_voltage: Annotated[str, Ask]
    measure_current: Annotated[str, Ask]
    measure_power: Annotated[str, Ask] = ""
    ask_function: Annotated[str, Ask] = ""
    prepare: tuple[Annotated[str, Ask], ...] = ()
    """The commands that bring a load from any state into plain operation, in its widest range."""
    ratings: tuple[LoadRating, ...] = ()
    limits: Limits | None = None
    resolution_v: Volts = 0.001
    """The coarsest step of a set value at the low end; and so on."""
    resolution_a: Amperes = 0.001
    resolution_w: Watts = 0.001
    resolution_ohm: Ohms = 0.001

    def mistakes(self) -> Iterator[str]:
        yield from super().mistakes()
        if not (self.ratings or self.limits):
            yield ": either ratings or limits must tell what the load takes"
        for name in ("current", "voltage", "resistance", "power"):
            if self.ask_function and not getattr(self, name).answers:
                yield f".{name}: the key 'answers' is missing, which ask_function needs"


D = TypeVar("D", bound=Dialect)


def spoken_to_alike(dialect: "SupplyDialect | LoadDialect") -> tuple[int, str, str]:
    """Return what a dialect's first question depends on: baud rate and ends of lines."""
    return dialect.baudrate, dialect.command_end, dialect.answer_end


class Dialects(Mapping[str, D], Generic[D]):
    """The dialects of one kind by name. Their file is read when the first is asked for.

    `kind` is what the table of a station's own dialect says of itself: "supply" or "load".
    """

    KINDS = ("supply", "load")

    def __init__(
        self, kind: str, made: type[D], tables: Callable[[], Mapping[str, object]]
    ) -> None:
        self.kind = kind
        self._made = made
        self._load = tables
        self._tables: Mapping[str, object] | None = None
        self._read: dict[str, D] = {}

    def __getitem__(self, name: str) -> D:
        if name not in self._read:
            mistakes: list[str] = []
            dialect = self._dialect(name, name, mistakes)
            if dialect is None or mistakes:
                raise ValueError("\n".join(mistakes))
            self._read[name] = dialect
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def extended(self, own: Mapping[str, object], place: str = "dialects") -> "Dialects[D]":
        """Return these dialects and, of a station's `own` tables, those of this kind.

        Each own table has a key `kind`; names must be new. Raises `ValueError` with a line for
        each mistake, which begins with its place, such as `dialects.my-supply.set_voltage`.
        """
        mistakes: list[str] = []
        mine: dict[str, object] = {}
        for name, table in own.items():
            kind = table.get("kind") if isinstance(table, Mapping) else None
            if name in self._known():
                mistakes.append(f"{place}.{name}: a shipped dialect has this name, take another")
            elif kind not in self.KINDS:
                mistakes.append(f'{place}.{name}.kind: say "supply" or "load", not {kind!r}')
            elif kind == self.kind and isinstance(table, Mapping):
                mine[name] = {key: value for key, value in table.items() if key != "kind"}
        both = Dialects(self.kind, self._made, lambda: {**self._known(), **mine})
        for name in mine:
            if (dialect := both._dialect(name, f"{place}.{name}", mistakes)) is not None:
                both._read[name] = dialect
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return both

    def _known(self) -> Mapping[str, object]:
        if self._tables is None:
            self._tables = self._load()
        return self._tables

    def _dialect(self, name: str, place: str, mistakes: list[str]) -> D | None:
        merged = self._merged(name, place, mistakes)
        return None if merged is None else read_table(self._made, merged, place, mistakes)

    def _merged(self, name: str, place: str, mistakes: list[str]) -> Mapping[str, object] | None:
        """Return the table `name` over the one it is based on; a key replaces the whole key."""
        chain: list[Mapping[str, object]] = []
        seen: list[object] = []
        at: object = name
        while at is not None:
            if at in seen:
                mistakes.append(
                    f"{place}.based_on: {' → '.join(map(str, [*seen, at]))} is a circle"
                )
                return None
            table = self._known().get(at) if isinstance(at, str) else None
            if table is None and seen:
                hint = did_you_mean(str(at), self._known())
                mistakes.append(f"{place}.based_on: there is no dialect {at!r}{hint}")
                return None
            if table is None:
                raise KeyError(name)
            if not isinstance(table, Mapping):
                mistakes.append(f"{place}: a table is wanted, not {table!r}")
                return None
            chain.append(table)
            seen.append(at)
            at = table.get("based_on")
        merged: dict[str, object] = {}
        for table in reversed(chain):
            merged.pop("source", None)  # of the one it is based on: an own one has its own
            merged.update(table)
        merged.pop("based_on", None)
        return merged


def _shipped(file: str) -> Callable[[], Mapping[str, object]]:
    def load() -> Mapping[str, object]:
        import tomllib  # a station without SCPI instruments never needs it

        return tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))

    return load


SUPPLIES: Dialects[SupplyDialect] = Dialects(
    "supply", SupplyDialect, _shipped("scpi_supplies.toml")
)
LOADS: Dialects[LoadDialect] = Dialects("load", LoadDialect, _shipped("scpi_loads.toml"))
