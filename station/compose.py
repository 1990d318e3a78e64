"""A station from its parts: on real hardware, or on a simulated rig."""

import json
import logging
import math
import queue
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from records import words
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.process import hear_endings, logging_to, operate
from station.rig.config import ConfigError, StationConfig, data_of, load
from station.service import StationService
from station.service.identifying import FILE, Labels
from station.service.letting_go import make_safe_at_once
from station.supervisor import AtWork, supervised

if TYPE_CHECKING:
    from station.simulate.handover import Handover
    from station.simulate.operator import SimulatedLine

log = logging.getLogger(__name__)

DEMO_RIG = Path(__file__).parent / "demo.toml"
WATCHED_SPEED = 20.0
NOISE = "station.log"
"""The log takes what is printed while the screen has the terminal."""
REPORTED = ("pass", "fail", "marginal", "incomplete", "aborted", "error")


@dataclass(frozen=True)
class Simulation:
    """The arguments of `pace station simulate`."""

    data: Path
    config: Path | None = None
    ui: bool = False
    runs: int | None = None
    seed: int = 1
    speed: float | None = None
    broker: str | None = None
    mqtt_version: int | None = None
    language: str | None = None
    page: str = ""


def run_station(path: Path, *, ui: bool, data: Path | None = None) -> int:
    """Run the station on real hardware until it is told to end. Raises `ConfigError`."""
    from drivers.linux.local import LocalHardware
    from station.rig.hotplug import watching

    folder = data or data_of(path)
    config = load(path, start_in=folder)
    hardware = LocalHardware()
    ended = hear_endings()
    with (
        logging_to(folder, to_file=ui),
        supervised(folder, partial(make_safe_after_kill, config)) as supervisor,
        _outbox(folder, config) as outbox,
    ):
        supervisor.take_bench()
        everything = dict.fromkeys(["", *config.slots], hardware)
        labels = Labels(folder / FILE)
        service = StationService(config, everything, outbox, labels=labels, supervisor=supervisor)
        try:
            service.open()
            with watching(config, service):
                operate(service, ended, config.words if ui else None, folder / NOISE)
        finally:
            service.close()
            hardware.close()
    return 0


def make_safe_after_kill(config: StationConfig, at_work: AtWork) -> None:
    """Make the benches of broken-off runs safe, in the supervisor's process."""
    from drivers.linux.local import LocalHardware

    log.warning("the station was killed in the middle of runs in %s", ", ".join(at_work))
    start_s = time.monotonic()
    with LocalHardware() as hardware:
        troubles = make_safe_at_once(config, hardware, at_work)
    took_s = time.monotonic() - start_s
    log.warning("its benches let go in %.2f s; troubles: %s", took_s, troubles or "none")


def simulate_station(asked: Simulation) -> int:
    """Run the station on a simulated rig. With `runs`: test that many, deliver, report on stdout.

    Exit code 0 when every verdict was the one its device calls for and everything was delivered.
    """
    from station.simulate.handover import Handover
    from station.simulate.operator import SimulatedLine
    from station.simulate.rig import SimulatedRig

    config = _as_asked(load(asked.config or DEMO_RIG, start_in=asked.data), asked)
    speed = asked.speed or (WATCHED_SPEED if asked.ui else math.inf)
    rig = SimulatedRig(config, speed=speed)
    ended = hear_endings() if asked.runs is None else queue.SimpleQueue()
    with logging_to(asked.data, to_file=asked.ui), _outbox(asked.data, config) as outbox:
        service = StationService(
            config,
            rig.hardware,
            outbox,
            new_clock=lambda slot: Clock(rig.worlds[slot].time, speed=speed),
            simulated=True,
            labels=Labels(asked.data / FILE),
        )
        line = SimulatedLine(service, rig, seed=asked.seed, pause_s=2.5 if asked.ui else 0.0)
        handover = Handover()
        service.listen(line.hear)
        service.listen(handover.hear)
        service.fly(line.take_over, page=asked.page)
        try:
            service.open()
            line.begin(asked.runs)
            if asked.runs is None:
                operate(service, ended, config.words if asked.ui else None, asked.data / NOISE)
                return 0
            return _report(line, handover, outbox, asked.runs)
        finally:
            line.take_over()
            service.close()


def _as_asked(config: StationConfig, asked: Simulation) -> StationConfig:
    host, _, port = (asked.broker or "").rpartition(":")
    changes: dict[str, str | int] = {}
    if asked.broker:
        if not host or not port.isdigit():
            raise ConfigError(f"--broker {asked.broker!r} is not HOST:PORT")
        changes = {"host": host, "port": int(port)}
    if asked.mqtt_version:
        changes["mqtt_version"] = asked.mqtt_version
    spoken = asked.language or config.language
    try:
        words.language(spoken, config.word_folders)
    except LookupError as error:
        raise ConfigError(f"--language: {error.args[0]}") from error
    try:
        broker: BrokerAddress = msgspec.structs.replace(config.broker, **changes)
    except ValueError as error:
        raise ConfigError(f"--broker: {error}") from error
    return msgspec.structs.replace(config, broker=broker, language=spoken)


@contextmanager
def _outbox(folder: Path, config: StationConfig) -> Iterator[Outbox]:
    outbox = Outbox(folder / "outbox.db", keep=config.keep)
    try:
        yield outbox
    finally:
        outbox.close()


def _report(line: "SimulatedLine", handover: "Handover", outbox: Outbox, runs: int) -> int:
    from station.simulate.operator import judge

    done = -1
    while not line.wait_for(runs, timeout_s=1.0):
        if done < len(line.finished) < runs:
            done = len(line.finished)
            print(f"{done} of {runs} devices tested", file=sys.stderr)
    print(f"{len(line.finished)} of {runs} devices tested", file=sys.stderr)
    records = [one.record for one in line.finished]
    counts = handover.wait(outbox.counts, lambda text: print(text, file=sys.stderr, flush=True))
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
