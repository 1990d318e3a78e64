"""Brings a database to the version of this software, one host at a time."""

from pathlib import Path

import sqlalchemy as sa

from host_agent.store import migrations
from host_agent.store.errors import StoreError

_ADVISORY_LOCK = 0x7061_6365  # "pace": the number of a lock that all hosts of a database agree on


def version(connection: sa.Connection) -> str | None:
    """Return the version that alembic has noted; None for a new database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    noted = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if noted is None else str(noted)


def upgrade(connection: sa.Connection, shown_url: str) -> None:
    """Bring the database to this version, within the connection's transaction.

    A second host that starts at the same PostgreSQL waits until the first has committed. Raises
    `StoreError` when the database is of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    if (found := version(connection)) == migrations.HEAD:
        return
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
            f"{shown_url} has version {found}, which this software does not know: "
            f"it is older than the database"
        ) from error
