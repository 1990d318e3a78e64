"""A PostgreSQL server of its own in a temporary folder, reached over a socket file."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.host_agent.rig import eventually


def _program(name: str) -> str | None:
    """Debian keeps the programs of a server in a folder for each release, off the path."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, newest_first)]))


INITDB, POSTGRES = _program("initdb"), _program("postgres")
MISSING = "" if INITDB and POSTGRES else "PostgreSQL is missing: apt-get install postgresql"


class PostgresServer:
    """A running server; each test gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def new_database(self) -> str:
        """Return the URL of a fresh database, as SQLAlchemy has it."""
        name = f"host{next(self._numbers)}"
        with psycopg.connect(self.conninfo("/postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://pace@/{name}?host={self._folder}"

    def answers(self) -> bool:
        """Return whether the server takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.conninfo("/postgres")).close()
            return True
        return False

    def conninfo(self, url: str) -> str:
        """Return what psycopg itself wants for the database of a URL."""
        database = url.partition("?")[0].rpartition("/")[2]
        return f"host={self._folder} user=pace dbname={database}"


@contextlib.contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server without durability (no test cuts its power), and stop it again.

    It refuses to run as root, so that root starts it as `nobody`.
    """
    assert INITDB is not None
    assert POSTGRES is not None
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pace-pg-") as name:  # a socket's path must be short
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [INITDB, "-D", str(data), "-U", "pace", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(POSTGRES, "-D", str(data), "-k", str(folder), "-c", "listen_addresses="),
                    *("-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "jit=off"),
                ],
                stdout=log,
                stderr=log,
                user=user,
                cwd=folder,
            )
        server = PostgresServer(folder)
        try:
            eventually(server.answers, within_s=90.0)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # a "fast" end, whatever clients there are
            process.wait(timeout=30)
