"""The host's database: what stations said, durable before anybody hears that it is.

Writing is for one thread, reading for any number. A commit is on the disk when it returns (SQLite
in WAL mode with synchronous FULL). SQLAlchemy Core says what is written; the hot path hands its
rows to the driver as they are.
"""

import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from host_agent import migrations, projection, schema
from host_agent.messages import Refusal, Run, Sorted, now_text, read_run
from records import SlotState, StationState, Verdict, decode_run

_ROWS_ARE_AT_FAULT = (DataError, IntegrityError, ProgrammingError, OverflowError, ValueError)
_IDS_PER_QUERY = 500
_NAMED_PLACE = re.compile(r"%\((\w+)\)s")


class StoreError(Exception):
    """The database cannot be used, and what to do about it."""


class Kept(NamedTuple):
    """What a commit did. `conflicts` are in the quarantine, with the refusals."""

    conflicts: list[Refusal]
    new: int
    again: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run without its steps. Times are UTC."""

    id: int
    record_id: str
    station: str
    sequence: int
    slot: str
    operator: str
    asset_tag: str
    kind: str
    maker: str
    model: str
    serial_number: str
    year: int | None
    plan: str
    verdict: Verdict
    marginal: bool
    simulated: bool
    started_at: str
    received_at: str
    duration_s: float
    sha256: str


class StoredRun(NamedTuple):
    summary: RunSummary
    record: bytes
    """As the station sent it."""


class RunFilter(msgspec.Struct, frozen=True):
    """Empty means any. `asset_tag` is compared as a whole."""

    station: str = ""
    verdict: Verdict | None = None
    asset_tag: str = ""


class StationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`received_at` is when the station last said so; a broker tells that it is gone."""

    station: str
    online: bool
    software: str
    waiting: int
    slots: list[SlotState]
    received_at: str


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is no record, and why. `complete`: all its bytes are kept."""

    id: int
    topic: str
    station: str
    record_id: str
    reason: str
    size: int
    complete: bool
    sha256: str
    times: int
    first_received_at: str
    last_received_at: str
    released_at: str | None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`underived` runs are stored, and their steps and measurements not yet in tables."""

    runs: int
    quarantined: int
    underived: int


class Store:
    """One database. `open` it before use; `close` it, or use it as a context manager."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy has it: `sqlite:////var/lib/pace-host/host.db`."""
        try:
            self._url = sa.make_url(url)
            self._engine = sa.create_engine(self._url, **_engine_arguments(self._url))
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise StoreError(f"{url!r} is no database this host can use: {error}") from error
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
        self._lock: int | None = None
        self._sql = _Statements(self._engine.dialect)

    @property
    def shown_url(self) -> str:
        """Without its password."""
        return self._url.render_as_string(hide_password=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def open(self) -> None:
        """For writing: alone, and brought to this software's version. `StoreError` if it cannot."""
        if self._file is not None:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock(self._file.with_name(self._file.name + ".lock"))
        try:
            with self._engine.begin() as connection:
                if (version := _version(connection)) != migrations.HEAD:
                    _upgrade(connection, version, self.shown_url)
        except DBAPIError as error:
            raise StoreError(f"{self.shown_url}: {error.orig}") from error

    def check_version(self) -> None:
        """For reading only: `StoreError` when this software cannot read it as it is."""
        if self._file is not None and not self._file.exists():
            raise StoreError(f"{self._file} does not exist: `pace-host run` makes it")
        try:
            with self._engine.connect() as connection:
                version = _version(connection)
        except DBAPIError as error:
            raise StoreError(f"{self.shown_url}: {error.orig}") from error
        if version != migrations.HEAD:
            raise StoreError(
                f"{self.shown_url} has version {version or 'none'}, and this software reads "
                f"{migrations.HEAD}: `pace-host run` upgrades an older one"
            )

    # Writing

    def keep(self, arrived: Sorted) -> Kept:
        """All of it in one commit; durable on return. Database errors come out as they are.

        A record that only the database objects to goes to the quarantine alone, and takes
        nobody with it.
        """
        try:
            return self._keep(arrived)
        except _ROWS_ARE_AT_FAULT:
            if len(arrived.runs) == 0:
                raise
        kept = self._keep(Sorted([], arrived.states, arrived.refusals))
        for run in arrived.runs:
            try:
                one = self._keep(Sorted([run], {}, []))
            except _ROWS_ARE_AT_FAULT as error:
                refusal = _refusal(run, f"the database cannot keep it: {error}")
                self._keep(Sorted([], {}, [refusal]))
                one = Kept([refusal], 0, 0)
            kept = Kept(kept.conflicts + one.conflicts, kept.new + one.new, kept.again + one.again)
        return kept

    def derive(self, limit: int = 200) -> bool:
        """Steps and measurements of up to `limit` runs more. Whether there may be others."""
        done = schema.projection.c.run_id
        runs = schema.runs.c
        with self._engine.begin() as connection:
            last = connection.execute(sa.select(done)).scalar_one()
            waiting = connection.execute(
                sa.select(runs.id, runs.record).where(runs.id > last).order_by(runs.id).limit(limit)
            ).all()
            if not waiting:
                return False
            steps: list[projection.Row] = []
            measurements: list[projection.Row] = []
            for run_id, body in waiting:
                record = decode_run(body)
                steps += projection.step_rows(run_id, record)
                measurements += projection.measurement_rows(run_id, record)
            if steps:
                connection.exec_driver_sql(self._sql.insert_step, steps)
            if measurements:
                connection.exec_driver_sql(self._sql.insert_measurement, measurements)
            connection.execute(sa.update(schema.projection).values(run_id=waiting[-1].id))
        return len(waiting) == limit

    def tidy(self) -> None:
        """For quiet times: what SQLite would otherwise do in the middle of some commit."""
        if self._is_sqlite:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def forget_derived(self) -> None:
        """Empty the derived tables; `derive` fills them again."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(schema.measurements))
            connection.execute(sa.delete(schema.steps))
            connection.execute(sa.update(schema.projection).values(run_id=0))

    def release(self, quarantine_id: int) -> str:
        """Try a quarantined message again: its record_id, stored now. `StoreError` says why not."""
        table = schema.quarantine.c
        with self._engine.begin() as connection:
            row = connection.execute(
                sa.select(schema.quarantine).where(table.id == quarantine_id)
            ).one_or_none()
        if row is None:
            raise StoreError(f"nothing in the quarantine has the number {quarantine_id}")
        if row.size > len(row.payload):
            raise StoreError(
                f"{row.size} bytes came, and only the first {len(row.payload)} are kept"
            )
        received_at = now_text()
        run = read_run(row.payload, row.station, received_at)
        if isinstance(run, str):
            raise StoreError(f"still refused: {run}")
        kept = self.keep(Sorted([run], {}, []))
        if kept.conflicts:
            raise StoreError(f"still refused: {kept.conflicts[0].reason}")
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(schema.quarantine)
                .where(table.id == quarantine_id)
                .values(released_at=received_at)
            )
        return run.record_id

    # Reading

    def latest_runs(
        self, which: RunFilter, *, limit: int, before: int | None = None
    ) -> list[RunSummary]:
        """Newest first; `before` is the `id` of the last run of the page before."""
        query = sa.select(*_SUMMARY).order_by(schema.runs.c.id.desc()).limit(limit)
        for name, wanted in (("station", which.station), ("asset_tag", which.asset_tag)):
            if wanted:
                query = query.where(schema.runs.c[name] == wanted)
        if which.verdict is not None:
            query = query.where(schema.runs.c.verdict == which.verdict.value)
        if before is not None:
            query = query.where(schema.runs.c.id < before)
        with self._engine.connect() as connection:
            return [RunSummary(**row._mapping) for row in connection.execute(query)]

    def run(self, record_id: str) -> StoredRun | None:
        query = sa.select(*_SUMMARY, schema.runs.c.record).where(
            schema.runs.c.record_id == record_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        columns = dict(row._mapping)
        record = columns.pop("record")
        return StoredRun(RunSummary(**columns), record)

    def stations(self) -> list[StationSummary]:
        """In the order of their names; also those that never said how they are."""
        known = schema.stations.c
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(schema.stations).order_by(known.station)).all()
        return [
            StationSummary(
                station=row.station,
                online=row.online,
                software=row.software,
                waiting=row.waiting,
                slots=msgspec.json.decode(row.slots, type=list[SlotState]),
                received_at=row.received_at,
            )
            for row in rows
        ]

    def quarantined(self, *, limit: int) -> list[Quarantined]:
        """Newest first."""
        query = _QUARANTINED.order_by(schema.quarantine.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [_quarantined(row) for row in connection.execute(query)]

    def quarantined_message(self, quarantine_id: int) -> tuple[Quarantined, bytes] | None:
        """With what is kept of its bytes."""
        query = _QUARANTINED.add_columns(schema.quarantine.c.payload).where(
            schema.quarantine.c.id == quarantine_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (_quarantined(row), row.payload)

    def quarantined_number(self) -> int:
        """Of those that nobody has released."""
        with self._engine.connect() as connection:
            return connection.execute(_QUARANTINED_NUMBER).scalar_one()

    def counts(self) -> Counts:
        """Looks at every run: for a monitor once in a while."""
        runs = schema.runs.c
        derived = sa.select(schema.projection.c.run_id).scalar_subquery()
        query = sa.select(
            sa.select(sa.func.count()).select_from(schema.runs).scalar_subquery(),
            _QUARANTINED_NUMBER.scalar_subquery(),
            sa.select(sa.func.count()).where(runs.id > derived).scalar_subquery(),
        )
        with self._engine.connect() as connection:
            stored, quarantined, underived = connection.execute(query).one()
        return Counts(runs=stored, quarantined=quarantined, underived=underived)

    def verdicts(self, station: str = "") -> dict[str, int]:
        """How many runs ended how; `marginal` ones are counted among `pass` as well."""
        runs = schema.runs.c
        query = sa.select(
            runs.verdict,
            sa.func.count(),
            sa.func.sum(sa.case((runs.marginal, 1), else_=0)),
        ).group_by(runs.verdict)
        if station:
            query = query.where(runs.station == station)
        counted = {verdict.value: 0 for verdict in Verdict} | {"marginal": 0}
        with self._engine.connect() as connection:
            for verdict, number, marginal in connection.execute(query):
                counted[verdict] = number
                counted["marginal"] += marginal
        return counted

    # Inside

    @property
    def _file(self) -> Path | None:
        if not self._is_sqlite or not self._url.database:
            return None
        return Path(self._url.database)

    def _take_lock(self, path: Path) -> None:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise StoreError(f"another pace-host works with {self._file}: stop it first") from error
        self._lock = lock

    def _keep(self, arrived: Sorted) -> Kept:
        runs, refusals = arrived.runs, list(arrived.refusals)
        conflicts: list[Refusal] = []
        new = 0
        with self._engine.begin() as connection:
            if runs:
                rows = runs if self._is_sqlite else [_with_truths(run) for run in runs]
                new = connection.exec_driver_sql(self._sql.insert_run, rows).rowcount
                if new != len(runs):
                    conflicts = self._conflicts(connection, runs)
            if refusals or conflicts:
                poison = [_quarantine_row(one) for one in (*refusals, *conflicts)]
                connection.exec_driver_sql(self._sql.upsert_quarantine, poison)
            if arrived.states:
                states = [_state_row(*state) for state in arrived.states.values()]
                connection.exec_driver_sql(self._sql.upsert_station, states)
        return Kept(conflicts, new, len(runs) - new - len(conflicts))

    def _conflicts(self, connection: sa.Connection, runs: Sequence[Run]) -> list[Refusal]:
        """Those whose record_id is stored with other content."""
        columns = schema.runs.c
        stored: dict[str, str] = {}
        ids = list({run.record_id for run in runs})
        for start in range(0, len(ids), _IDS_PER_QUERY):
            some = ids[start : start + _IDS_PER_QUERY]
            query = sa.select(columns.record_id, columns.sha256).where(columns.record_id.in_(some))
            stored.update((record_id, sha256) for record_id, sha256 in connection.execute(query))
        return [
            _refusal(run, f"record {run.record_id} is stored with other content")
            for run in runs
            if stored[run.record_id] != run.sha256
        ]


class _Statements:
    """SQL for rows as tuples, in the driver's own style."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
        quarantine, stations = insert(schema.quarantine), insert(schema.stations)
        self.insert_run = self._text(
            insert(schema.runs).on_conflict_do_nothing(index_elements=["record_id"]), Run._fields
        )
        self.insert_step = self._text(insert(schema.steps), _names(schema.steps.c))
        self.insert_measurement = self._text(
            insert(schema.measurements), _names(schema.measurements.c)
        )
        self.upsert_quarantine = self._text(
            quarantine.on_conflict_do_update(
                index_elements=["sha256", "topic"],
                set_={
                    "times": schema.quarantine.c.times + sa.literal_column("1"),
                    "reason": quarantine.excluded.reason,
                    "last_received_at": quarantine.excluded.last_received_at,
                    "released_at": sa.null(),
                },
            ),
            _names(schema.quarantine.c)[1:-1],  # all but `id` and `released_at`
        )
        self.upsert_station = self._text(
            stations.on_conflict_do_update(
                index_elements=["station"],
                set_={
                    name: stations.excluded[name]
                    for name in _names(schema.stations.c)
                    if name != "station"
                },
            ),
            _names(schema.stations.c),
        )

    def _text(self, statement: sa.Insert, columns: Sequence[str]) -> str:
        """psycopg knows places by name, `%(station)s`, and by order, `%s`; rows have an order."""
        compiled = statement.compile(dialect=self._dialect, column_keys=list(columns))
        text = str(compiled)
        places = compiled.positiontup or _NAMED_PLACE.findall(text)
        if list(places) != list(columns):
            raise TypeError(f"{text} does not take {columns} in this order")
        return _NAMED_PLACE.sub("%s", text)


def _with_truths(run: Run) -> Run:
    """PostgreSQL takes no number for a truth."""
    return run._replace(marginal=bool(run.marginal), simulated=bool(run.simulated))


def _names(columns: Iterable[sa.Column[object]]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


_SUMMARY = [schema.runs.c[name] for name in RunSummary.__struct_fields__]
_QUARANTINED_NUMBER = sa.select(sa.func.count()).where(schema.quarantine.c.released_at.is_(None))
_QUARANTINED = sa.select(
    *(schema.quarantine.c[name] for name in Quarantined.__struct_fields__ if name != "complete"),
    sa.func.length(schema.quarantine.c.payload).label("kept_bytes"),
)


def _quarantined(row: sa.Row[*tuple[Any, ...]]) -> Quarantined:
    columns = {
        name: row._mapping[name] for name in Quarantined.__struct_fields__ if name != "complete"
    }
    return Quarantined(complete=row.kept_bytes == row.size, **columns)


def _refusal(run: Run, reason: str) -> Refusal:
    return Refusal(
        topic=f"pace/1/{run.station}/run",
        station=run.station,
        record_id=run.record_id,
        reason=reason,
        received_at=run.received_at,
        size=len(run.record),
        sha256=run.sha256,
        payload=run.record,
    )


def _quarantine_row(refusal: Refusal) -> tuple[object, ...]:
    return (
        refusal.topic,
        refusal.station,
        refusal.record_id,
        refusal.reason,
        refusal.size,
        refusal.sha256,
        refusal.payload,
        1,
        refusal.received_at,
        refusal.received_at,
    )


def _state_row(state: StationState, received_at: str) -> tuple[object, ...]:
    slots = msgspec.json.encode(state.slots).decode()
    return (state.station, state.online, state.software, state.waiting, slots, received_at)


def _engine_arguments(url: sa.URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 5.0}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA wal_autocheckpoint = 16000")  # 64 MiB; `tidy` does it in quiet times
    cursor.close()


def _version(connection: sa.Connection) -> str | None:
    """What alembic has noted; None for a database that is new."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if version is None else str(version)


def _upgrade(connection: sa.Connection, version: str | None, shown_url: str) -> None:
    from alembic import command  # a third of a second that a database of today does not need
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a table is made, or nothing is
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"{shown_url} has version {version}, which this software does not know: "
            f"it is older than the database"
        ) from error
