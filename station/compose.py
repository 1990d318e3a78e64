"""From a command to a running station, and to its orderly end."""

import asyncio
import faulthandler
import json
import logging
import math
import queue
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from records.notify import sd_notify, watchdog_period_s
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.publisher import BrokerAddress
from station.engine.clock import Clock
from station.rig.config import ConfigError, StationConfig, load
from station.service import StationService

if TYPE_CHECKING:
    from station.simulate.operator import SimulatedLine

DEMO_RIG = Path(__file__).parent / "demo.toml"
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""All end the same way, every bench made safe. A lost terminal hangs up."""

Ended = queue.SimpleQueue[int]
"""The numbers of the signals that told us to end."""

WATCHED_SPEED = 20.0
DELIVERY_S = 60.0
ANSWERS_WITHIN_S = 5.0
REPORTED = ("pass", "fail", "marginal", "aborted", "error")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Simulation:
    """What `pace station simulate` was asked for."""

    data: Path
    config: Path | None = None
    ui: bool = False
    runs: int | None = None
    seed: int = 1
    speed: float | None = None
    broker: str | None = None
    mqtt_version: int | None = None
    page: str = ""


def run_station(path: Path, *, ui: bool, data: Path | None = None) -> int:
    """The station on real hardware, until it is told to end. Raises `ConfigError`."""
    from drivers.linux.local import LocalHardware
    from station.rig.hotplug import watching

    config = load(path)
    folder = data or config.data
    hardware = LocalHardware()
    ended = _hear_endings()
    with _logging(folder, to_file=ui), _outbox(folder) as outbox:
        everything = dict.fromkeys(["", *config.slots], hardware)
        service = StationService(config, everything, outbox)
        try:
            service.open()
            with watching(config, service):
                _operate(service, ended, ui=ui)
        finally:
            service.close()
            hardware.close()
    return 0


def simulate_station(asked: Simulation) -> int:
    """The same on a simulated rig. With `runs`: test so many, deliver them, report on stdout.

    Exit code 0 when every verdict was the one its device calls for and everything was delivered.
    """
    from station.simulate.operator import SimulatedLine
    from station.simulate.rig import SimulatedRig

    config = _with_broker(load(asked.config or DEMO_RIG), asked)
    speed = asked.speed or (WATCHED_SPEED if asked.ui else math.inf)
    rig = SimulatedRig(config, speed=speed)
    ended = _hear_endings() if asked.runs is None else queue.SimpleQueue()
    with _logging(asked.data, to_file=asked.ui), _outbox(asked.data) as outbox:
        service = StationService(
            config,
            rig.hardware,
            outbox,
            new_clock=lambda slot: Clock(rig.worlds[slot].time, speed=speed),
            simulated=True,
        )
        line = SimulatedLine(service, rig, seed=asked.seed, pause_s=2.5 if asked.ui else 0.0)
        service.listen(line.hear)
        service.fly(line.take_over, page=asked.page)
        try:
            service.open()
            line.begin(asked.runs)
            if asked.runs is None:
                _operate(service, ended, ui=asked.ui)
                return 0
            return _report(line, outbox, asked.runs)
        finally:
            line.take_over()
            service.close()


def _with_broker(config: StationConfig, asked: Simulation) -> StationConfig:
    host, _, port = (asked.broker or "").rpartition(":")
    changes: dict[str, str | int] = {}
    if asked.broker:
        if not host or not port.isdigit():
            raise ConfigError(f"--broker {asked.broker!r} is not HOST:PORT")
        changes = {"host": host, "port": int(port)}
    if asked.mqtt_version:
        changes["mqtt_version"] = asked.mqtt_version
    try:
        broker: BrokerAddress = msgspec.structs.replace(config.broker, **changes)
    except ValueError as error:
        raise ConfigError(f"--broker: {error}") from error
    return msgspec.structs.replace(config, broker=broker)


@contextmanager
def _outbox(folder: Path) -> Iterator[Outbox]:
    outbox = Outbox(folder / "outbox.db")
    try:
        yield outbox
    finally:
        outbox.close()


@contextmanager
def _logging(folder: Path, *, to_file: bool) -> Iterator[None]:
    """To the journal through stderr, or to a file while the screen belongs to the operator."""
    handler: logging.Handler = logging.StreamHandler()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if to_file:
            handler = logging.FileHandler(folder / "station.log", encoding="utf-8")
    except OSError as error:
        raise OutboxError(f"{folder}: nothing can be kept there: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = not to_file  # a full disk must not write over the screen
    try:
        yield
    finally:
        root.removeHandler(handler)
        with suppress(OSError):  # a full disk keeps no last line
            handler.close()


def _hear_endings() -> Ended:
    """From now on nobody who wants us to end stops us in the middle of something."""
    ended: Ended = queue.SimpleQueue()  # an Event.set could wait for its own lock

    def end(number: int, frame: FrameType | None) -> None:
        ended.put(number)

    for number in ENDING:
        signal.signal(number, end)
    return ended


def _operate(service: StationService, ended: Ended, *, ui: bool) -> None:
    """Until the operator quits or we are told to end. The main loop itself feeds the watchdog."""
    try:
        if ui:
            asyncio.run(_show(service, ended))
        else:
            _wait(service, ended)
    finally:
        sd_notify("STOPPING=1")


def _wait(service: StationService, ended: Ended) -> None:
    faulthandler.enable()  # the watchdog's SIGABRT leaves in the journal where we hang
    sd_notify("READY=1")
    period_s = watchdog_period_s()
    while True:
        try:
            ended.get(timeout=period_s)
        except queue.Empty:
            _feed_watchdog(service)
        else:
            return


async def _show(service: StationService, ended: Ended) -> None:
    from station.ui.app import StationApp

    app = StationApp(service)
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    if not ended.empty():
        return
    watching = asyncio.create_task(_keep_watch(service))
    sd_notify("READY=1")
    try:
        await app.run_async(mouse=False)
    finally:
        watching.cancel()


async def _keep_watch(service: StationService) -> None:
    """In the screen's own loop, so that a screen that hangs is a station that hangs."""
    period_s = watchdog_period_s()
    while period_s is not None:
        await asyncio.sleep(period_s)
        await asyncio.to_thread(_feed_watchdog, service)


def _feed_watchdog(service: StationService) -> None:
    """Tell systemd that the station works, when all of it answers. May not return."""
    if silent := service.silent(ANSWERS_WITHIN_S):
        log.error("no answer, waiting for the watchdog: %s", ", ".join(silent))
    else:
        sd_notify("WATCHDOG=1")


def _report(line: "SimulatedLine", outbox: Outbox, runs: int) -> int:
    from station.simulate.operator import judge

    done = -1
    while not line.wait_for(runs, timeout_s=1.0):
        if done < len(line.finished) < runs:
            done = len(line.finished)
            print(f"{done} of {runs} devices tested", file=sys.stderr)
    print(f"{len(line.finished)} of {runs} devices tested", file=sys.stderr)
    records = [record for _, record in line.finished]
    deadline_s = time.monotonic() + DELIVERY_S
    while (counts := outbox.counts()).waiting and time.monotonic() < deadline_s:
        time.sleep(0.05)
    wrong = judge(line.finished)
    for complaint in wrong:
        print(f"WRONG VERDICT {complaint}", file=sys.stderr)
    verdicts = Counter("marginal" if one.marginal else str(one.verdict) for one in records)
    summary = {
        "runs": len(records),
        "waiting": counts.waiting + counts.rejected,
        "verdicts": {kind: verdicts[kind] for kind in REPORTED},
        "record_ids": [record.record_id for record in records],
        "wrong_verdicts": len(wrong),
    }
    print(json.dumps(summary), flush=True)
    return 1 if wrong or counts.waiting or counts.rejected else 0
