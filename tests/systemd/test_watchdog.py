"""The services as systemd sees them: ready, alive while what they consist of answers, ended."""

import math
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

import msgspec
import pytest

from records import StationState
from station.compose import DEMO_RIG
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Counts, Outbox, OutboxError
from station.delivery.publisher import Delivery, Publisher
from station.engine.clock import Clock
from station.engine.events import Event
from station.engine.prompts import Prompter
from station.engine.slot import Slot
from station.process import feed_watchdog
from station.rig.config import load
from station.service import StationService
from station.simulate.rig import SimulatedRig
from tests.systemd.notify_socket import Manager, manager

STATION = ("-m", "station", "station", "simulate", "--broker", "127.0.0.1:9", "--data")
HOST = ("-m", "host_agent", "run", "--broker", "127.0.0.1:9", "--listen", "127.0.0.1:0", "--data")
TWO_SECONDS = {"WATCHDOG_USEC": "2000000"}
NEVER_S = 0.2
"""The time, in s, in which nothing must come to count as nothing."""


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
    # At the devices' own speed: a traceback of threads that race along may itself crash.
    with service((*STATION, str(tmp_path / "data"), "--speed", "1"), tmp_path) as (
        process,
        systemd,
    ):
        assert systemd.hear() == "READY=1"
        process.send_signal(signal.SIGABRT)  # as systemd does when the watchdog is not fed
        assert process.wait(30) == -signal.SIGABRT
    assert "in _wait" in (tmp_path / "stderr").read_text()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    with manager(str(tmp_path / "notify")) as listening:
        monkeypatch.setenv("NOTIFY_SOCKET", listening.address)
        yield listening


class StuckOutbox(Outbox):
    """Answers when it is let go of."""

    let_go = threading.Event()

    def counts(self) -> Counts:
        self.let_go.wait()
        return super().counts()


class BrokenOutbox(Outbox):
    broken = False

    def counts(self) -> Counts:
        if self.broken:
            raise OutboxError("outbox.failed", place="/data", error="disk I/O error")
        return super().counts()


@contextmanager
def opened(outbox: Outbox) -> Iterator[StationService]:
    """Yield a station on a simulated rig, at no broker."""
    config = load(DEMO_RIG)
    nowhere = msgspec.structs.replace(config.broker, port=9)
    config = msgspec.structs.replace(config, broker=nowhere)
    rig = SimulatedRig(config, speed=math.inf)
    station = StationService(
        config, rig.hardware, outbox, new_clock=lambda slot: Clock(rig.worlds[slot].time)
    )
    station.open()
    try:
        yield station
    finally:
        station.close()


def test_a_station_whose_parts_all_answer_feeds_the_watchdog(
    tmp_path: Path, systemd: Manager
) -> None:
    with opened(Outbox(tmp_path / "outbox.db")) as station:
        feed_watchdog(station)
        assert systemd.hear() == "WATCHDOG=1"


def test_a_station_whose_outbox_hangs_feeds_no_watchdog(tmp_path: Path, systemd: Manager) -> None:
    outbox = StuckOutbox(tmp_path / "outbox.db")
    outbox.let_go.set()
    with opened(outbox) as station:
        outbox.let_go.clear()
        feeding = threading.Thread(target=feed_watchdog, args=(station,))
        feeding.start()
        with pytest.raises(TimeoutError):
            systemd.hear(NEVER_S)
        outbox.let_go.set()
        assert systemd.hear() == "WATCHDOG=1"
        feeding.join()


def test_a_bad_disk_is_no_reason_to_restart(tmp_path: Path, systemd: Manager) -> None:
    outbox = BrokenOutbox(tmp_path / "outbox.db")
    with opened(outbox) as station:
        outbox.broken = True
        feed_watchdog(station)
        outbox.broken = False
        assert systemd.hear() == "WATCHDOG=1"


def test_a_publisher_whose_loop_hangs_does_not_answer(tmp_path: Path) -> None:
    let_go = threading.Event()

    def hang(delivery: Delivery) -> None:
        let_go.wait()

    outbox = Outbox(tmp_path / "outbox.db")
    publisher = Publisher(
        "here",
        BrokerAddress(port=9),
        outbox,
        state=lambda: StationState(station="here", online=True),
        on_delivery=hang,
    )
    assert not publisher.answers(NEVER_S)  # it has not even begun
    publisher.start()
    assert not publisher.answers(NEVER_S)
    let_go.set()
    assert publisher.answers(60)
    publisher.close()
    assert not publisher.answers(NEVER_S)
    outbox.close()


def test_a_station_that_is_closed_has_lost_its_publisher(tmp_path: Path, systemd: Manager) -> None:
    with opened(Outbox(tmp_path / "outbox.db")) as station:
        pass
    feed_watchdog(station)
    with pytest.raises(TimeoutError):
        systemd.hear(NEVER_S)


def test_a_run_hangs_when_it_was_stopped_and_does_not_end() -> None:
    going, let_go = threading.Event(), threading.Event()

    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        going.set()
        let_go.wait()
        yield from ()

    slot = Slot("left", lambda name, event: None)
    slot.cancel()
    assert not slot.overdue(-1.0)  # nothing runs
    slot.start(begin)
    going.wait()
    assert not slot.overdue(-1.0)  # this one has not been stopped, however long it takes
    slot.cancel()
    assert slot.overdue(-1.0)
    assert not slot.overdue(60.0)
    let_go.set()
    slot.join()
    assert not slot.overdue(-1.0)
