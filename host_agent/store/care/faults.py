"""Tells whose fault an error of the database is: the row's, or the database's own.

A row that no database takes goes to the quarantine, alone. Everything else is tried again, until
the database is well: no connection, no room, a lock, a server that is going down.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError

_OF_THE_ROW = ("22", "23", "54")
"""Classes of SQLSTATE (PostgreSQL 15, appendix A): data exception, integrity constraint violation,
program limit exceeded. An index entry that is too large is of the last one."""

_OF_THE_FILE = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_SCHEMA,
    }
)


def is_of_the_row(error: Exception) -> bool:
    """Return whether an error comes of a row's values, and would come again with the same row."""
    if isinstance(error, OverflowError | ValueError | TypeError):  # of the driver, before it asked
        return True
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    cause = error.orig
    if isinstance(cause, OverflowError | ValueError | TypeError):
        return True
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in _OF_THE_ROW
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return (code & 0xFF) not in _OF_THE_FILE
    # Without a code the driver itself refused a value: sqlite3 and psycopg each have two such.
    return type(cause).__name__ in ("ProgrammingError", "InterfaceError", "DataError")
