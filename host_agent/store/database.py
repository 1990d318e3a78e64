"""Opens the database, alone and in the version of this software, and closes it.

A commit is on the disk when it returns: SQLite runs in WAL mode with synchronous FULL.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from host_agent.store import migration, migrations
from host_agent.store.errors import StoreError
from host_agent.store.room import Room
from host_agent.store.statements import Statements

_BUSY_S = 5.0
_LARGEST_WAL_AFTERWARDS_BYTES = 4 * 1024 * 1024


class Database:
    """One database. `open` it before use; `close` it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        *,
        attachments: Path | None = None,
        attachments_quota_bytes: int = 10 * 1024**3,
        least_free_bytes: int = 0,
        quarantine_quota_bytes: int = 256 * 1024**2,
    ) -> None:
        """`url` as SQLAlchemy has it: `sqlite:////var/lib/pace-host/host.db`.

        Files of attachments are in the folder `attachments`; None: beside the database's file, and
        nowhere where that is none, so that attachments are refused. With less than
        `least_free_bytes` on the disk nothing is taken; 0 watches nothing.
        """
        self.attachments_quota_bytes = attachments_quota_bytes
        self.quarantine_quota_bytes = quarantine_quota_bytes
        try:
            self._url = sa.make_url(url)
            self._engine = sa.create_engine(self._url, **_engine_arguments(self._url))
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise StoreError(f"{url!r} is no database this host can use: {error}") from error
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
        self._attachments_folder = attachments
        if attachments is None and self.file is not None:
            self._attachments_folder = self.file.with_name("attachments")
        folder = self._attachments_folder
        self.room = Room(None if folder is None else folder.parent, least_free_bytes)
        self._lock: int | None = None
        self._sql = Statements(self._engine.dialect)

    @property
    def shown_url(self) -> str:
        """The database's URL without its password."""
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

    def open(self) -> None:
        """Open for writing: alone, and brought to the version of this software.

        Raises `StoreError` if that cannot be done.
        """
        if self.file is not None:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock()
        try:
            with self._engine.begin() as connection:
                migration.upgrade(connection, self.shown_url)
        except DBAPIError as error:
            raise StoreError(f"{self.shown_url}: {error.orig}") from error

    def check_version(self) -> None:
        """Check, for reading only, that this software can read the database as it is.

        Raises `StoreError` if it cannot.
        """
        if self.file is not None and not self.file.exists():
            raise StoreError(f"{self.file} does not exist: `pace-host run` makes it")
        try:
            with self._engine.connect() as connection:
                version = migration.version(connection)
        except DBAPIError as error:
            raise StoreError(f"{self.shown_url}: {error.orig}") from error
        if version != migrations.HEAD:
            raise StoreError(
                f"{self.shown_url} has version {version or 'none'}, and this software reads "
                f"{migrations.HEAD}: `pace-host run` upgrades an older one"
            )

    def tidy(self) -> None:
        """Do in a quiet time what SQLite would otherwise do in the middle of some commit."""
        if self._is_sqlite:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close all connections, and let another host have the file."""
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def lock(self) -> None:
        """Keep every other host from the file until `close`. Raises `StoreError` if one has it."""
        if self.file is not None:
            self._take_lock(self.file.with_name(self.file.name + ".lock"))

    @property
    def file(self) -> Path | None:
        """The database's file; None where it is none, as with PostgreSQL."""
        if not self._is_sqlite or not self._url.database:
            return None
        return Path(self._url.database)

    def _take_lock(self, path: Path) -> None:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise StoreError(f"another pace-host works with {self.file}: stop it first") from error
        self._lock = lock


def _engine_arguments(url: sa.URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_S}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA wal_autocheckpoint = 16000")  # 64 MiB; `tidy` does it in quiet times
    cursor.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL_AFTERWARDS_BYTES}")
    cursor.close()
