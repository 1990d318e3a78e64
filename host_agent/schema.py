"""The host's tables, one schema for SQLite and PostgreSQL.

`runs.record` is the truth: the bytes as the station sent them. The other columns of `runs` are
written with it, in the same commit; `steps` and `measurements` are derived from it afterwards and
can be made again at any time. Times are text, ISO 8601 in UTC with microseconds, and sort as such.
"""

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

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only for INTEGER


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),  # in the order of commits
    _text("record_id"),
    _text("station"),
    Column("sequence", BigInteger, nullable=False),
    _text("slot"),
    _text("operator"),
    _text("asset_tag"),
    _text("kind"),
    _text("maker"),
    _text("model"),
    _text("serial_number"),
    Column("year", BigInteger),
    _text("plan"),
    _text("verdict"),
    Column("marginal", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    _text("started_at"),
    _text("received_at"),
    Column("duration_s", Float, nullable=False),
    _text("sha256"),
    Column("record", LargeBinary, nullable=False),
    UniqueConstraint("record_id", name="runs_record_id"),
    Index("runs_station", "station", "id"),
    Index("runs_asset_tag", "asset_tag", "id"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", _Id, ForeignKey("runs.id", name="steps_run_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    _text("step"),
    _text("title"),
    _text("verdict"),
    _text("started_at"),
    Column("duration_s", Float, nullable=False),
    _text("clause"),
    _text("reason"),
    sqlite_with_rowid=False,
)

measurements = Table(
    "measurements",
    metadata,
    Column("run_id", _Id, ForeignKey("runs.id", name="measurements_run_id"), primary_key=True),
    Column("step_number", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    _text("name"),
    Column("value_number", Float),  # one of these three is set
    Column("value_text", Text),
    Column("value_bool", Boolean),
    _text("unit"),
    Column("limit_min", Float),
    Column("limit_max", Float),
    Column("limit_equals", Text),  # as JSON, so that 1, true and "1" stay apart
    Column("limit_guard", Float),
    Column("basis", Text),  # null: no limit
    Column("source", Text),
    Column("verdict", Text),  # null: nobody judged it
    Column("marginal", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

projection = Table(
    "projection",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run_id", _Id, nullable=False),  # all runs up to this one are derived
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _Id, primary_key=True),
    _text("topic"),
    _text("station"),
    _text("record_id"),
    _text("reason"),
    Column("size", BigInteger, nullable=False),  # of the whole message
    _text("sha256"),  # of the whole message
    Column("payload", LargeBinary, nullable=False),  # its beginning only when it was too large
    Column("times", BigInteger, nullable=False),  # a station sends again what has no receipt
    _text("first_received_at"),
    _text("last_received_at"),
    Column("released_at", Text),
    UniqueConstraint("sha256", "topic", name="quarantine_message"),
)

stations = Table(
    "stations",
    metadata,
    Column("station", Text, primary_key=True),
    Column("online", Boolean, nullable=False),
    _text("software"),
    Column("waiting", BigInteger, nullable=False),
    _text("slots"),  # JSON list of `SlotState`
    _text("received_at"),
)
