"""Tests of the tools that do harm: the write log of a power cut, and the proxy."""

import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from chaos import write_log
from chaos.proxy import Frames, Proxy

COMMITS = 12

PROGRAM = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
for number in range(int(sys.argv[2])):
    db.execute("INSERT INTO t VALUES (?)", (number,))
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a log, the folder before, and the folder that a killed program left."""
    if not shutil.which("strace"):
        pytest.skip("strace is missing: apt-get install strace")
    here = tmp_path_factory.mktemp("logged")
    before, folder, log = here / "before", here / "data", here / "log"
    folder.mkdir()
    shutil.copytree(folder, before)
    program = [sys.executable, "-c", PROGRAM, str(folder / "t.db"), str(COMMITS)]
    done = subprocess.run([*write_log.command(log), *program], capture_output=True, check=False)
    if not (folder / "t.db").exists():
        pytest.skip(f"strace may not trace here: {done.stderr.decode()[-200:]}")
    return log, before, folder


def rows_after(logged: tuple[Path, Path, Path], log: Path, folder: Path, seed: int) -> int:
    shutil.copytree(logged[2], folder)
    told = write_log.cut(log, logged[1], folder, Random(seed))
    assert told.synced + told.unsynced > COMMITS
    with closing(sqlite3.connect(folder / "t.db")) as db:
        try:
            return int(db.execute("SELECT count(*) FROM t").fetchone()[0])
        except sqlite3.Error:
            return 0


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_takes_no_commit_of_a_program_that_syncs(
    logged: tuple[Path, Path, Path], tmp_path: Path, seed: int
) -> None:
    log = moved(logged, tmp_path)
    assert rows_after(logged, log, tmp_path / "data", seed) == COMMITS


def test_a_power_cut_takes_commits_of_a_program_that_does_not_sync(
    logged: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """So the kind can fail."""
    left = []
    for seed in range(6):
        here = tmp_path / str(seed)
        here.mkdir()
        log = moved(logged, here)
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(one for one in lines if "sync" not in one[:40]))
        left.append(rows_after(logged, log, here / "data", seed))
    assert min(left) < COMMITS


def moved(logged: tuple[Path, Path, Path], tmp_path: Path) -> Path:
    """Return the log as if the program had written into `tmp_path / "data"`."""
    folder = tmp_path / "data"
    log = tmp_path / "log"
    text = logged[0].read_text()
    old, new = (
        "".join(f"\\x{byte:02x}" for byte in str(one).encode()) for one in (logged[2], folder)
    )
    assert old in text
    log.write_text(text.replace(old, new))
    return log


PUBLISH = bytes([0x32, 5]) + b"\x00\x01abc"
PING = bytes([0xC0, 0])


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def carried(broker: socket.socket, fault: str, sent: bytes, seed: int) -> bytes:
    """Return what the broker gets of what a client sends through a proxy before it closes."""
    proxy = Proxy(broker.getsockname()[1], Random(seed))
    proxy.fault = fault
    got = bytearray()

    def hear() -> None:
        connection, _ = broker.accept()
        with connection:
            while data := connection.recv(65536):
                got.extend(data)

    hearing = threading.Thread(target=hear)
    hearing.start()
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        hearing.join(10)
    proxy.close()
    return bytes(got)


def test_without_a_fault_every_byte_passes(broker: socket.socket) -> None:
    sent = PUBLISH * 50 + PING
    assert carried(broker, "", sent, 1) == sent


def test_doubled_messages_come_twice_and_all_else_once(broker: socket.socket) -> None:
    got = carried(broker, "duplicate", PUBLISH * 50 + PING, 1)
    frames = list(Frames().take(got))
    assert frames.count(PING) == 1
    assert 50 < frames.count(PUBLISH) < 100


def test_reordered_messages_come_all_but_in_another_order(broker: socket.socket) -> None:
    numbered = [PUBLISH[:-1] + bytes([number]) for number in range(50)]
    got = list(Frames().take(carried(broker, "reorder", b"".join([*numbered, PING]), 1)))
    assert sorted(got) == sorted([*numbered, PING])
    assert got != [*numbered, PING]


def test_a_cut_connection_passes_only_its_beginning(broker: socket.socket) -> None:
    sent = PUBLISH * 10_000
    got = carried(broker, "cut", sent, 1)
    assert sent.startswith(got)
    assert len(got) < len(sent)
