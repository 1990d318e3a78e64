"""The host as it runs: a process, a broker, and what goes wrong with both."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from records import encode
from tests.host_agent.load import example_record
from tests.host_agent.rig import (
    Broker,
    Program,
    Programs,
    eventually,
    needs_mosquitto,
    soon,
    speaker,
)

RECORDS = 8_000


def get(program: Program, path: str) -> Any:
    address = urlsplit(program.said["page"])
    connection = HTTPConnection(str(address.hostname), address.port, timeout=20)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def connected(program: Program) -> bool:
    return bool(get(program, "/api/health")["broker_connected"])


def stored(data: Path) -> int:
    """Count the runs from another process than the host's."""
    connection = sqlite3.connect(data / "host.db", timeout=20)
    try:
        return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
    finally:
        connection.close()


class Load:
    """Stations in processes of their own, as `python -m tests.host_agent.load`."""

    def __init__(self, broker: Broker, records: int = RECORDS) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.host_agent.load"),
                *("--broker", f"{broker[0]}:{broker[1]}", "--records", str(records)),
                *("--stations", "2", "--within", "90"),
            ],
            stdout=subprocess.PIPE,
        )

    def result(self) -> dict[str, float]:
        try:
            said, _ = self._process.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        assert self._process.returncode == 0
        answer: dict[str, float] = json.loads(said)
        return answer


def assert_each_is_stored_once(data: Path, program: Program) -> None:
    eventually(lambda: get(program, "/api/health")["stored"]["underived"] == 0)
    assert program.stop() == 0
    connection = sqlite3.connect(data / "host.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = "SELECT count(*), count(DISTINCT station || ' ' || sequence) FROM runs"
        assert connection.execute(query).fetchone() == (RECORDS, RECORDS)
        assert connection.execute("SELECT count(*) FROM measurements").fetchone() == (4 * RECORDS,)
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    finally:
        connection.close()


@needs_mosquitto
@pytest.mark.parametrize("version", ["3", "5"])
def test_killed_in_the_middle_of_a_burst_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, programs: Programs, version: str
) -> None:
    broker = programs.mosquitto().address
    data = tmp_path / "data"
    host = programs.host(data, broker, "--mqtt-version", version)
    eventually(lambda: connected(host))
    load = Load(broker)
    for enough in (300, 2000):
        eventually(lambda: stored(data) > enough)  # noqa: B023
        host.kill()
        assert stored(data) < RECORDS
        host = programs.host(data, broker, "--mqtt-version", version)
    result = load.result()
    assert (result["done"], result["rejected"]) == (RECORDS, 0)
    assert_each_is_stored_once(data, host)


@needs_mosquitto
def test_a_broker_killed_in_the_middle_of_a_burst_costs_nothing(
    tmp_path: Path, programs: Programs
) -> None:
    broker = programs.mosquitto()
    data = tmp_path / "data"
    host = programs.host(data, broker.address)
    eventually(lambda: connected(host))
    load = Load(broker.address)
    for enough in (300, 2000):
        eventually(lambda: stored(data) > enough)  # noqa: B023
        broker.kill()
        assert stored(data) < RECORDS
        broker.start()
    result = load.result()
    assert (result["done"], result["rejected"]) == (RECORDS, 0)
    assert_each_is_stored_once(data, host)


def test_ready_is_one_line_and_sigterm_and_sigint_are_a_clean_end(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        host = programs.host(tmp_path / "data", embedded)
        assert host.said.keys() == {"page", "database", "broker"}
        assert host.said["database"] == f"sqlite:///{tmp_path / 'data' / 'host.db'}"
        assert get(host, "/api/runs") == {"runs": [], "next": None, "standings": {}, "flags": {}}
        assert host.stop(number) == 0
        assert host.rest_of_stdout() == ""
        assert "Traceback" not in host.log.read_text()


def test_a_host_that_is_stopped_ends_open_live_pages(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    host = programs.host(tmp_path / "data", embedded)
    address = urlsplit(host.said["page"])
    connection = HTTPConnection(str(address.hostname), address.port, timeout=20)
    connection.request("GET", "/live")
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert host.stop() == 0
    assert response.read() == b""
    connection.close()
    assert "did not end by itself" not in host.log.read_text()


async def test_a_live_page_hears_of_a_new_run(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    host = programs.host(tmp_path / "data", embedded, "--mqtt-version", "3")
    await soon(lambda: connected(host))
    address = urlsplit(host.said["page"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /live HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        await reader.readuntil(b"\r\n\r\n")
        async with speaker(embedded, "live-1") as station:
            await station.say(encode(example_record("live-1", 1)))
            await reader.readuntil(b"event: runs")
    writer.close()
    await writer.wait_closed()


def test_two_hosts_do_not_share_a_file(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    programs.host(tmp_path / "data", embedded)
    second = subprocess.run(
        [sys.executable, "-m", "host_agent", "run", "--data", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert second.stdout == ""
    assert "another pace-host works with" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_one_clear_line(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    taken = urlsplit(programs.host(tmp_path / "a", embedded).said["page"]).netloc
    second = subprocess.run(
        [
            *(sys.executable, "-m", "host_agent", "run", "--data", str(tmp_path / "b")),
            *("--listen", taken),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1] == f"pace-host: {taken}: Address already in use"


def test_reading_while_the_host_writes_disturbs_nobody(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    host = programs.host(tmp_path / "data", embedded, "--mqtt-version", "3")
    eventually(lambda: connected(host))
    failures: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                get(host, "/api/runs?limit=100")
                get(host, "/api/health")
            except Exception as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    result = Load(embedded, 600).result()
    done.set()
    for reader in readers:
        reader.join()
    assert result["done"] == 600
    assert failures == []
