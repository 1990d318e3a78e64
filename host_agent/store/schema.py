"""Declares the host's tables, one schema for SQLite and PostgreSQL.

`runs.record` is the truth: the bytes as the station sent them. The other columns of `runs`, which
`host_agent.columns` declares, are written with it, in the same commit; `steps` and `measurements`
are derived from it afterwards. All of them can be made again at any time. Times are text, ISO 8601
in UTC with microseconds, and sort as such.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from host_agent import columns
from host_agent.columns import Mark
from records import Verdict

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only for INTEGER


def text_column(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


_TYPES: dict[type, type[TypeEngine[Any]]] = {
    str: Text,
    int: BigInteger,
    bool: Boolean,
    float: Float,
    bytes: LargeBinary,
    Verdict: Text,
}


def _run_column(declared: columns.Column) -> Column[Any]:
    """Return what a declared column is in the database."""
    if Mark.NUMBER in declared.marks:
        return Column(declared.name, Id, primary_key=True)
    return Column(declared.name, _TYPES[declared.kind], nullable=declared.nullable)


def _run_constraints() -> list[UniqueConstraint | Index]:
    """Return what the database keeps unique, and the indexes, newest run last in each."""
    return [
        *(
            UniqueConstraint(one.name, name=f"runs_{one.name}")
            for one in columns.COLUMNS
            if Mark.UNIQUE in one.marks
        ),
        *(
            Index(f"runs_{one.name}", one.name, "id")
            for one in columns.COLUMNS
            if Mark.INDEXED in one.marks
        ),
    ]


runs = Table("runs", metadata, *(_run_column(one) for one in columns.COLUMNS), *_run_constraints())

searched = Table(
    "searched",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", name="searched_run_id"), primary_key=True),
    *(
        Column(one.name, _TYPES[one.kind], nullable=one.nullable)
        for one in columns.COLUMNS
        if Mark.SEARCHED in one.marks
    ),
)
"""The columns of runs by which they are found, apart from the records, which are long."""

steps = Table(
    "steps",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", name="steps_run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    text_column("step"),
    text_column("title"),
    text_column("verdict"),
    text_column("started_at"),
    Column("duration_s", Float, nullable=False),
    text_column("clause"),
    text_column("reason"),
    sqlite_with_rowid=False,
)

measurements = Table(
    "measurements",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", name="measurements_run_id"), primary_key=True),
    Column("step_number", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    text_column("name"),
    Column("value_number", Float),  # one of these three is set
    Column("value_text", Text),
    Column("value_bool", Boolean),
    text_column("unit"),
    Column("limit_min", Float),
    Column("limit_max", Float),
    Column("limit_equals", Text),  # as JSON, so that 1, true and "1" stay apart
    Column("limit_guard", Float),
    Column("basis", Text),  # null: no limit
    Column("source", Text),
    Column("verdict", Text),  # null: not judged
    Column("marginal", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

projection = Table(
    "projection",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run_id", Id, nullable=False),
)
"""The progress of the lane that derives. `measurements`: the last run whose steps and measurements
are in their tables. `columns`: the last run whose columns an older version wrote, so that the lane
writes them again; 0 when there is none."""

totals = Table(
    "totals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""Numbers of runs, kept and not counted: `runs` are stored, `derived` are in the other tables."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    text_column("topic"),
    text_column("station"),
    text_column("record_id"),
    text_column("reason"),
    Column("size", BigInteger, nullable=False),  # of the whole message
    text_column("sha256"),  # of the whole message
    Column("payload", LargeBinary, nullable=False),  # its beginning only when it was too large
    Column("times", BigInteger, nullable=False),  # a station sends again what has no receipt
    text_column("first_received_at"),
    text_column("last_received_at"),
    Column("released_at", Text),
    UniqueConstraint("sha256", "topic", name="quarantine_message"),
    Index("quarantine_released_at", "released_at"),  # to count what waits without reading it
)

others = Table(  # what is kept beside the runs, see `messages.Other`
    "others",
    metadata,
    Column("id", Id, primary_key=True),
    text_column("record_id"),  # of a plan: the SHA-256 of its record
    text_column("station"),
    text_column("schema"),
    text_column("asset_tag"),  # of an event
    text_column("received_at"),
    text_column("sha256"),  # of the whole message: two stations sign one plan
    Column("record", LargeBinary, nullable=False),
    Column("signature", LargeBinary),
    Column("unread", Boolean, nullable=False),
    UniqueConstraint("sha256", name="others_sha256"),
    Index("others_record_id", "record_id", "id"),
    Index("others_asset_tag", "asset_tag", "id"),
    Index("others_unread", "unread", "id"),
)

flags = Table(
    "flags",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", name="flags_run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    text_column("what"),
    text_column("place"),
    text_column("text"),
    sqlite_with_rowid=False,
)
"""Contradictions of records with themselves, as the lane that derives found them."""

wanted = Table(
    "wanted",
    metadata,
    Column("kind", Text, primary_key=True),  # plan, attachment
    Column("name", Text, primary_key=True),  # its SHA-256
    Column("station", Text, primary_key=True),
    text_column("since"),
    Column("asked", Integer, nullable=False),
    text_column("ask_at"),
    Column("lost", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""Plans and attachments that records name and no station has sent yet."""

attachments = Table(
    "attachments",
    metadata,
    Column("sha256", Text, primary_key=True),
    text_column("station"),
    Column("size_bytes", BigInteger, nullable=False),
    text_column("media_type"),
    Column("held_bytes", BigInteger, nullable=False),
    Column("whole", Boolean, nullable=False),
    text_column("refused"),
    text_column("changed_at"),
)
"""Attachments of which a piece came. Their bytes are files."""

stations = Table(
    "stations",
    metadata,
    Column("station", Text, primary_key=True),
    Column("online", Boolean, nullable=False),
    text_column("software"),
    Column("waiting", BigInteger, nullable=False),
    text_column("slots"),  # JSON list of `SlotState`
    text_column("received_at"),
    Column("key", Text),  # JSON of its `PublicKey`; a last will says none, and the last one stays
    Column("head_chain", Text),
    Column("head_position", BigInteger),
    Column("head_digest", Text),
    Column("troubles", Text, nullable=False, server_default="[]"),  # JSON list of `Phrase`
)
