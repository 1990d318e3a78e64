"""Declares the columns of a run, once.

Each field of `RunSummary` and `RunRow` is a column of the table `runs`: its name, its type, and in
`Annotated` where in the record it stands. From here come the table (`store.schema`), the row that
the ingest writes (`row`), what is derived again from the records (`taken`), and the summaries of
pages and API (`RunSummary` itself). A new column is one line here and a migration.
"""

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from host_agent.text import bounded, is_plain, utc_text
from records import Device, RunRecord, Verdict

Row = tuple[object, ...]


class Of(NamedTuple):
    """The place of a column's value in the record, and what is made of it.

    Without this mark the value stands in the record under the column's own name.
    """

    path: str
    made_by: Callable[[Any], object] | None = None


class Mark(StrEnum):
    """The other properties of a column."""

    NUMBER = "number"  # the database numbers the rows, in the order of commits
    ARRIVAL = "arrival"  # comes of the message, and not of what the record says
    UNIQUE = "unique"
    INDEXED = "indexed"
    SEARCHED = "searched"  # stands in the table `searched`, too


def _unit(device: Device) -> str:
    return f"{device.asset_tag}\n{device.serial_number}".casefold()


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its steps. Times are UTC."""

    id: Annotated[int, Mark.NUMBER]
    record_id: Annotated[str, Mark.UNIQUE]
    station: Annotated[str, Mark.INDEXED, Mark.SEARCHED]
    sequence: int
    slot: Annotated[str, Mark.SEARCHED]
    operator: str
    asset_tag: Annotated[str, Of("device.asset_tag"), Mark.INDEXED, Mark.SEARCHED]
    kind: Annotated[str, Of("device.kind"), Mark.SEARCHED]
    maker: Annotated[str, Of("device.maker")]
    model: Annotated[str, Of("device.model")]
    serial_number: Annotated[str, Of("device.serial_number")]
    year: Annotated[int | None, Of("device.year")]
    plan: Annotated[str, Mark.SEARCHED]
    profile: Annotated[str, Mark.SEARCHED]
    verdict: Annotated[Verdict, Mark.SEARCHED]
    marginal: Annotated[bool, Mark.SEARCHED]
    simulated: Annotated[bool, Mark.SEARCHED]
    started_at: Annotated[str, Of("started_at", utc_text), Mark.SEARCHED]
    received_at: Annotated[str, Mark.ARRIVAL]
    duration_s: float
    sha256: Annotated[str, Mark.ARRIVAL]


class RunRow(RunSummary, frozen=True, kw_only=True):
    """A run as the table `runs` keeps it: what stands here is in no summary."""

    record: Annotated[bytes, Mark.ARRIVAL]
    """As the station sent it."""
    signature: Annotated[bytes | None, Mark.ARRIVAL]
    """The line that came before it: with it, `sha256` is that of the whole message."""
    unit: Annotated[str, Of("device", _unit), Mark.SEARCHED]
    """Asset tag and serial number, without the difference of upper and lower case."""


class Column(NamedTuple):
    """A column of the table `runs`. `kind` is a Python type without `None`."""

    name: str
    kind: type
    nullable: bool
    marks: frozenset[Mark]
    of: Of

    @property
    def taken(self) -> bool:
        """True if the value stands in the record, from which it can be derived again."""
        return not self.marks & {Mark.NUMBER, Mark.ARRIVAL}

    @property
    def path(self) -> str:
        """The value's path, in the form that the databases' drivers take at once.

        `sqlite3` asks its adapters about a `bool`, at half a microsecond each; its `real` is 0 or
        1, and no `bool`.
        """
        if issubclass(self.kind, bool):
            return f"{self.of.path}.real"
        return f"{self.of.path}.value" if issubclass(self.kind, StrEnum) else self.of.path


def columns_of(declaration: type[msgspec.Struct]) -> tuple[Column, ...]:
    """Return the columns that a struct declares, in its order."""
    hints = get_type_hints(declaration, include_extras=True)
    return tuple(_column(name, hints[name]) for name in declaration.__struct_fields__)


def _column(name: str, hint: Any) -> Column:
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    members = [one for one in get_args(kind) if one is not NoneType] or [kind]
    return Column(
        name=name,
        kind=members[0],
        nullable=NoneType in get_args(kind),
        marks=frozenset(mark for mark in marks if isinstance(mark, Mark)),
        of=next((mark for mark in marks if isinstance(mark, Of)), Of(name)),
    )


COLUMNS = columns_of(RunRow)

TAKEN = tuple(column.name for column in COLUMNS if column.taken)
"""The columns that stand in the record, in the order of `taken`."""

ROW = tuple(column.name for column in COLUMNS if Mark.NUMBER not in column.marks)
"""The columns of a new row, in the order of `row`."""

_PLAIN = [column for column in COLUMNS if column.taken and column.of.made_by is None]
_MADE = [column for column in COLUMNS if column.taken and column.of.made_by is not None]
_plain: Callable[[RunRecord], Row] = attrgetter(*(column.path for column in _PLAIN))
_made = [
    (attrgetter(column.path), column.of.made_by)
    for column in _MADE
    if column.of.made_by is not None
]
_GATHERED = [
    *(column.name for column in (*_PLAIN, *_MADE)),
    "received_at",
    "sha256",
    "record",
    "signature",
]
_as_taken: Callable[[Row], Row] = itemgetter(*(_GATHERED.index(name) for name in TAKEN))
_as_row: Callable[[Row], Row] = itemgetter(*(_GATHERED.index(name) for name in ROW))
_WHOLE_NUMBERS = [
    (ROW.index(one.name), one.name) for one in COLUMNS if one.taken and one.kind is int
]
_INT64 = range(-(2**63), 2**63)


def too_wide(row: Row) -> str:
    """Return which whole number of a row no database keeps, in words; empty when all fit."""
    for at, name in _WHOLE_NUMBERS:
        value = row[at]
        if value is not None and value not in _INT64:
            return f"{name} {value} needs more than 64 bits"
    return ""


MOST_CHARACTERS = 200
"""The longest text of a column: an index of PostgreSQL takes 2 704 bytes (`nbtree`, a third of a
page), and a list shows no more. The record itself is kept whole."""


def _bounded(values: Row) -> Row:
    for one in values:
        if isinstance(one, str) and not (len(one) <= MOST_CHARACTERS and is_plain(one)):
            return tuple(
                bounded(each, MOST_CHARACTERS) if isinstance(each, str) else each for each in values
            )
    return values


def taken(record: RunRecord) -> Row:
    """Return what `TAKEN` stands for. Truths are 0 and 1, and texts are bounded."""
    made = [make(get(record)) for get, make in _made]
    return _as_taken(_bounded((*_plain(record), *made)))


SEARCHED = tuple(column.name for column in COLUMNS if Mark.SEARCHED in column.marks)
"""The columns of the table `searched`, after `run_id`."""


def row(
    record: RunRecord, received_at: str, sha256: str, payload: bytes, signature: bytes = b""
) -> Row:
    """Return what `ROW` stands for. Truths are 0 and 1, and texts are bounded."""
    made = [make(get(record)) for get, make in _made]
    said = _bounded((*_plain(record), *made))
    return _as_row((*said, received_at, sha256, payload, signature or None))
