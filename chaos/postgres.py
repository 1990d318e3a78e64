"""A PostgreSQL server of the harness's own, which is killed like everything else."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from chaos.services import Service

STARTS_WITHIN_S = 60.0
USER = "nobody"
"""The server refuses to run as root, which starts it as this user."""


def program(name: str) -> str | None:
    """Return the newest of Debian's programs, which are in a folder for each release."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, newest_first), os.environ["PATH"]]))


def missing() -> str:
    """Return what a machine lacks for a server, in words."""
    found = program("initdb") and program("postgres")
    return "" if found else "PostgreSQL is missing: apt-get install postgresql"


class Server:
    """A server in a folder of its own, reached by a socket; it syncs as it does by default."""

    def __init__(self, log: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pace-pg-"))  # a socket's path must be short
        user = USER if os.geteuid() == 0 else None
        if user:
            shutil.chown(self.folder, user)
        self._data = self.folder / "data"
        initdb = [str(program("initdb")), "-D", str(self._data), "-U", "pace", "-A", "trust"]
        subprocess.run([*initdb, "-E", "UTF8"], check=True, capture_output=True, user=user,
                       cwd=self.folder)  # fmt: skip
        self.service = Service("postgres", self._command, self._data, log)
        self._databases = 0

    def new_database(self) -> str:
        """Return the URL of a fresh database, as SQLAlchemy has it."""
        self._databases += 1
        name = f"host{self._databases}"
        give_up_s = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                with psycopg.connect(
                    f"host={self.folder} user=pace dbname=postgres", autocommit=True
                ) as connection:
                    connection.execute(f"CREATE DATABASE {name}".encode())
            except psycopg.OperationalError:
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.1)
            else:
                return f"postgresql+psycopg://pace@/{name}?host={self.folder}"

    def end(self) -> None:
        self.service.end()
        shutil.rmtree(self.folder)

    def _command(self) -> list[str]:
        postgres = [str(program("postgres")), "-D", str(self._data), "-k", str(self.folder)]
        postgres += ["-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "jit=off"]
        if os.geteuid() != 0:
            return postgres
        return ["setpriv", "--reuid", USER, "--clear-groups", *postgres]
