"""One line: station, broker and host as processes, with a proxy before each of the two."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from sqlalchemy.exc import SQLAlchemyError

from chaos import held, witness
from chaos.audit import NEVER_FINISHED, Audit, Place, audit
from chaos.postgres import Server
from chaos.proxy import Proxy
from chaos.services import Service

ROOT = Path(__file__).resolve().parent.parent
SHIPPED_BROKER = ROOT / "systemd" / "mosquitto" / "pace.conf"
STATION = "demo"
SETTLES_WITHIN_S = 90.0
HOPELESS_S = 20.0
LEAST_FREE_MIB = 4
LOOK_S = 0.1


class NotReady(Exception):
    """A part of the line does not come up, or does not come to rest."""


class Line:
    """All of it in `folder`. `database` is a URL; empty is SQLite in the host's folder."""

    def __init__(self, folder: Path, chance: Random, *, database: str = "") -> None:
        self.folder, self.chance = folder, chance
        self.station_data, self.host_data = folder / "station", folder / "host"
        self.book = folder / "seen.jsonl"
        self.stations: tuple[str, ...] = (STATION,)
        self.destroyed: dict[str, Place] = {}
        self.forked = False
        self.backups = 0
        self._mounted: list[Path] = []
        for one in (self.station_data, self.host_data, folder / "broker"):
            one.mkdir(parents=True)
        self.broker_port = _free_port()
        self._write_broker()
        self.proxies = [Proxy(self.broker_port, chance) for _ in range(2)]
        self.url = database or held.sqlite_url(self.host_data)
        self._host = held.Host(self.url)
        self.broker = Service("broker", self._broker, folder / "broker", folder / "broker.log")
        self.host = Service("host", self._first_host, self.host_data, folder / "host.log")
        self.station = Service("station", self._station, self.station_data, folder / "station.log")
        self.services = [self.broker, self.host, self.station]

    def mount(self, size_mib: int) -> None:
        """Give station and host a disk each, of memory. Only root may."""
        for folder in (self.station_data, self.host_data):
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
            subprocess.run(mount, check=True)
            self._mounted.append(folder)

    def up(self) -> None:
        for one in self.services:
            one.up()

    def end(self) -> None:
        for one in (self.station, self.host, self.broker):
            one.end()
        for proxy in self.proxies:
            proxy.close()
        self._host.close()
        for folder in self._mounted:
            subprocess.run(["umount", str(folder)], check=True)

    def heal(self) -> None:
        """Take every fault off, and let everything run."""
        for proxy in self.proxies:
            if proxy.fault:
                proxy.fault = ""
                proxy.drop()
        self.up()

    def now(self) -> witness.Now:
        return witness.read(self.book)[1]

    def is_open(self) -> bool:
        """Tell whether the station's present process has opened."""
        now = self.now()
        return now.opened and now.started == self.station.starts and self.station.pid is not None

    def test(self, devices: int) -> None:
        """Let the station test devices, once it is open."""
        self.wait(self.is_open, "the station opens")
        self.station.say(f"go {devices}")

    def wait_shown(self, number: int, within_s: float = SETTLES_WITHIN_S) -> None:
        """Wait until the station's present process has shown so many verdicts."""
        self.wait(lambda: self.now().shown >= number, f"{number} verdicts are shown", within_s)

    def wait(self, condition: object, what: str, within_s: float = SETTLES_WITHIN_S) -> None:
        """Wait for a condition. Raises `NotReady`."""
        assert callable(condition)
        give_up_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > give_up_s:
                raise NotReady(f"not within {within_s:.0f} s: {what}; {self.now()}")
            time.sleep(LOOK_S)

    def settle(self, within_s: float = SETTLES_WITHIN_S) -> Audit:
        """Wait until nothing waits anywhere and the audit is clean; return the last audit.

        Raises `NotReady` where something waits for ever.
        """
        began_s = time.monotonic()
        give_up_s = began_s + within_s
        last, pause_s = None, LOOK_S
        while True:
            seen, now = witness.read(self.book)
            if self.is_open() and now.connected and not (now.waiting or now.busy):
                with contextlib.suppress(SQLAlchemyError):
                    last = audit(
                        seen,
                        self._host.held(*self.stations),
                        destroyed=self.destroyed,
                        forked=self.forked,
                    )
                    worse = last.altered or last.doubled  # and nothing mends that
                    if last.clean or (worse and time.monotonic() - began_s > HOPELESS_S):
                        return last
            if time.monotonic() > give_up_s:
                break
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 1.0)
        if last is None:
            raise NotReady(f"it does not come to rest: {witness.read(self.book)[1]}")
        return last

    def queue(self, records: int) -> None:
        """Let the station put short records into its outbox."""
        self.wait(self.is_open, "the station opens")
        self.station.say(f"queue {records}")

    def copy_of(self, folder: Path) -> Path:
        """Return where the copy of a folder is."""
        return self.folder / f"{folder.name}.copy"

    def keep_copy(self, folder: Path) -> None:
        """Copy a folder of a process that does not run."""
        shutil.rmtree(self.copy_of(folder), ignore_errors=True)
        shutil.copytree(folder, self.copy_of(folder))

    def put_back(self, folder: Path) -> None:
        """Put the copy in the place of what is there."""
        for one in folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        shutil.copytree(self.copy_of(folder), folder, dirs_exist_ok=True)

    def second_host(self) -> Service:
        """Return another host with a database of its own, which is to be started and ended."""
        data = self.folder / "host-2"
        data.mkdir(exist_ok=True)

        def command() -> Sequence[str]:
            return self._host_command(data, held.sqlite_url(data), "pace-host-2")

        return Service("host-2", command, data, self.folder / "host-2.log")

    def pace_host(self, *words: str) -> int:
        """Run a command of the host's, as a person would; return its exit code."""
        command = [sys.executable, "-m", "host_agent", *words]
        config = ["--config", str(self.folder / "pace-host.toml"), "--data", str(self.host_data)]
        with self.host.log.open("ab") as log:
            done = subprocess.run(
                [*command, *config], stdout=log, stderr=log, cwd=ROOT, check=False
            )
        return done.returncode

    def note_places(self) -> None:
        """Remember where each record stands that is at the station alone, before it is harmed.

        `pace outbox list` tells; what it does not list has no place yet.
        """
        command = [sys.executable, "-m", "station", "outbox", "list", "--json"]
        told = subprocess.run(
            [*command, "--data", str(self.station_data)],
            capture_output=True,
            cwd=ROOT,
            check=True,
        )
        for one in json.loads(told.stdout)["records"]:
            if one["state"] != "delivered" and one["chain"]:
                self.destroyed[one["record_id"]] = (one["chain"], one["position"])
        seen, _ = witness.read(self.book)
        ended = {one.record_id for one in seen.shown}
        for record_id in seen.begun.keys() - ended:
            self.destroyed.setdefault(record_id, NEVER_FINISHED)

    def _broker(self) -> Sequence[str]:
        mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto"
        return [mosquitto, "-c", str(self.folder / "mosquitto.conf")]

    def _first_host(self) -> Sequence[str]:
        return self._host_command(self.host_data, self.url, "pace-host")

    def _host_command(self, data: Path, url: str, client_id: str) -> Sequence[str]:
        config = self.folder / f"{client_id}.toml"
        config.write_text(
            f'[broker]\nport = {self.proxies[1].port}\nclient_id = "{client_id}"\n'
            f'[database]\nurl = "{url}"\n[web]\nlisten = "127.0.0.1:0"\n'
            f"[limits]\nleast_free_mib = {LEAST_FREE_MIB}\n"
        )
        ours = [sys.executable, "-m", "host_agent", "run", "--config", str(config)]
        return [*ours, "--data", str(data)]

    def _station(self) -> Sequence[str]:
        ours = [sys.executable, "-m", "chaos.programs.station", "--data", str(self.station_data)]
        more = ["--book", str(self.book), "--broker", str(self.proxies[0].port)]
        more += ["--seed", str(self.chance.randrange(10**6)), "--start", str(self.station.starts)]
        return [*ours, *more]

    def _write_broker(self) -> None:
        shipped = SHIPPED_BROKER.read_text()
        changed = re.sub(
            r"^listener .*$", f"listener {self.broker_port} 127.0.0.1", shipped, flags=re.M
        )
        if changed == shipped:
            raise ValueError(f"{SHIPPED_BROKER} has no listener")
        user = "user root\n" if os.geteuid() == 0 else ""
        where = f"persistence_location {self.folder / 'broker'}/\nlog_dest stderr\n"
        (self.folder / "mosquitto.conf").write_text(f"{user}{where}{changed}")


@contextlib.contextmanager
def running(
    folder: Path, chance: Random, *, disk_mib: int = 0, on_postgres: bool = False
) -> Iterator[Line]:
    """Yield a line that runs, and is ended afterwards, whatever happened.

    `disk_mib`: station and host have small disks of their own. `on_postgres`: the host keeps its
    records in a server of its own, which is one of the line's services.
    """
    with contextlib.ExitStack() as ending:
        database = ""
        if on_postgres:
            folder.mkdir(parents=True)
            server = Server(folder / "postgres.log")
            ending.callback(server.end)
            server.service.up()
            database = server.new_database()
        line = Line(folder, chance, database=database)
        ending.callback(line.end)
        if on_postgres:
            line.services.insert(0, server.service)
        if disk_mib:
            line.mount(disk_mib)
        line.up()
        yield line


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port: int = there.getsockname()[1]
        return port
