"""The services as systemd sees them: ready, alive while what they consist of answers, ended."""

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from station.outbox import Counts, Outbox, OutboxError
from station.start import ENGINE_THREADS, _feed_watchdog
from tests.systemd.notify_socket import Manager, manager

STATION = ("-m", "station", "station", "simulate", "--broker", "127.0.0.1:9", "--data")
HOST = ("-m", "host_agent", "run", "--broker", "127.0.0.1:9", "--listen", "127.0.0.1:0", "--data")
TWO_SECONDS = {"WATCHDOG_USEC": "2000000"}
NEVER_S = 0.2
"""How long nothing has to come for it to be nothing."""


@contextmanager
def service(
    arguments: tuple[str, ...], folder: Path, terminal: int | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", Manager]]:
    with manager(str(folder / "notify")) as systemd, (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **TWO_SECONDS, "NOTIFY_SOCKET": systemd.address},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.DEVNULL if terminal is None else terminal,
            stderr=errors if terminal is None else terminal,
            start_new_session=True,
        )
        try:
            yield process, systemd
        finally:
            process.kill()
            process.wait()


def hear_until(systemd: Manager, wanted: str) -> list[str]:
    heard = [systemd.hear()]
    while heard[-1] != wanted:
        heard.append(systemd.hear())
    return heard


@pytest.mark.parametrize("arguments", [STATION, HOST], ids=["station", "host"])
def test_a_service_says_that_it_is_ready_alive_and_stopping(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with service((*arguments, str(tmp_path / "data")), tmp_path) as (process, systemd):
        assert systemd.hear() == "READY=1"
        assert systemd.hear() == "WATCHDOG=1"
        assert systemd.hear() == "WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        assert set(hear_until(systemd, "STOPPING=1")) <= {"WATCHDOG=1", "STOPPING=1"}
        assert process.wait(30) == 0


def test_with_the_screen_the_same_holds_and_sigterm_gives_the_terminal_back(
    tmp_path: Path,
) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    shown = bytearray()

    def look() -> None:
        try:
            while piece := os.read(ours, 65536):
                shown.extend(piece)
        except OSError:  # the last who held the other end has closed it
            pass

    looking = threading.Thread(target=look)
    arguments = (*STATION, str(tmp_path / "data"), "--ui", "--speed", "1e6")
    with service(arguments, tmp_path, theirs) as (process, systemd):
        os.close(theirs)
        looking.start()
        assert systemd.hear() == "READY=1"
        assert systemd.hear() == "WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        hear_until(systemd, "STOPPING=1")
        assert process.wait(30) == 0
    looking.join()
    os.close(ours)
    assert b"\x1b[?1049h" in shown  # the alternate screen,
    assert shown.rfind(b"\x1b[?1049l") > shown.rfind(b"\x1b[?1049h")  # and back


def test_where_a_service_hangs_is_in_the_journal(tmp_path: Path) -> None:
    with service((*STATION, str(tmp_path / "data")), tmp_path) as (process, systemd):
        assert systemd.hear() == "READY=1"
        process.send_signal(signal.SIGABRT)  # as systemd does when the watchdog is not fed
        assert process.wait(30) == -signal.SIGABRT
    assert "in _wait" in (tmp_path / "stderr").read_text()


class StuckOutbox(Outbox):
    """Answers when it is let go of."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.let_go = threading.Event()

    def counts(self) -> Counts:
        self.let_go.wait()
        return super().counts()


class BrokenOutbox(Outbox):
    def counts(self) -> Counts:
        raise OutboxError("disk I/O error")


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    with manager(str(tmp_path / "notify")) as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", listening.address)
        yield listening


@pytest.fixture
def publisher() -> Iterator[None]:
    """A thread of that name, as in a station."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="publisher")
    thread.start()
    yield
    end.set()
    thread.join()


@pytest.mark.usefixtures("publisher")
def test_a_station_whose_outbox_hangs_feeds_no_watchdog(tmp_path: Path, systemd: Manager) -> None:
    outbox = StuckOutbox(tmp_path / "outbox.db")
    feeding = threading.Thread(target=_feed_watchdog, args=(outbox,))
    feeding.start()
    with pytest.raises(TimeoutError):
        systemd.hear(NEVER_S)
    outbox.let_go.set()
    assert systemd.hear() == "WATCHDOG=1"
    feeding.join()
    outbox.close()


@pytest.mark.usefixtures("publisher")
def test_a_bad_disk_is_no_reason_to_restart(tmp_path: Path, systemd: Manager) -> None:
    outbox = BrokenOutbox(tmp_path / "outbox.db")
    _feed_watchdog(outbox)
    assert systemd.hear() == "WATCHDOG=1"
    outbox.close()


def test_a_station_that_has_lost_a_part_feeds_no_watchdog(
    tmp_path: Path, systemd: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    there = {thread.name for thread in threading.enumerate()}
    assert ENGINE_THREADS - there == {"publisher"}
    _feed_watchdog(outbox)
    with pytest.raises(TimeoutError):
        systemd.hear(NEVER_S)
    assert "publisher" in caplog.text
    outbox.close()
