"""The station's memory of its own runs: of a unit, of how long a plan takes, and of today."""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import date, datetime
from statistics import median
from typing import NamedTuple

import msgspec

from records import RunRecord, Verdict, signing
from station.console import BeforeNotice, Earlier, TodayNotice
from station.delivery.outbox import Outbox, OutboxError

log = logging.getLogger(__name__)

MOST_RUNS = 2000
"""Runs that are remembered: the last ones, of which the station still has the records."""
PAGE = 50
TOLD = 3
"""Earlier verdicts of a unit that are told at its scan."""
TIMES = 9
"""Durations of a plan that its expected time is the median of."""


class _Device(msgspec.Struct, frozen=True):
    asset_tag: str = ""


class _Run(msgspec.Struct, frozen=True):
    """The part of a run's record that is read, of any version."""

    record_id: str
    device: _Device
    plan: str
    verdict: Verdict
    started_at: datetime
    duration_s: float
    marginal: bool = False


class Run(NamedTuple):
    """One run, as far as it is remembered."""

    record_id: str
    asset_tag: str
    plan: str
    ending: str
    started_at: datetime
    duration_s: float


_decode = msgspec.json.Decoder(_Run).decode


def read(message: bytes) -> Run:
    """Return what is remembered of a record as it was sent. Raises `msgspec.MsgspecError`."""
    return remembered(_decode(signing.split(message).record))


def remembered(run: RunRecord | _Run) -> Run:
    """Return what is remembered of a run."""
    marginal = run.verdict is Verdict.PASS and run.marginal
    return Run(
        run.record_id,
        run.device.asset_tag,
        run.plan,
        "marginal" if marginal else str(run.verdict),
        run.started_at,
        run.duration_s,
    )


class History:
    """Remembers runs. It may be asked and told from any thread.

    `timed`: the durations of records are those of a clock on the wall. A simulated rig's are not.
    """

    def __init__(self, today: Callable[[], date] = date.today, *, timed: bool = True) -> None:
        self._today = today
        self._timed = timed
        self._lock = threading.Lock()
        self._runs: deque[Run] = deque(maxlen=MOST_RUNS)  # the newest first
        self._known: set[str] = set()
        self._took_s: dict[str, deque[float]] = {}

    def load(self, outbox: Outbox) -> None:
        """Read the runs of which the station has the records, page by page, the newest first."""
        before_id: int | None = None
        while len(self._runs) < MOST_RUNS:
            try:
                page = outbox.runs(before_id, PAGE)
            except OutboxError as error:
                log.warning("earlier runs are not remembered: %s", error)
                return
            if not page:
                return
            before_id = page[-1][0]
            for _, message in page:
                try:
                    self._add(read(message), newest=False)
                except (msgspec.MsgspecError, ValueError):
                    log.warning("an earlier run cannot be read, and is not remembered")

    def finished(self, run: Run, took_s: float) -> None:
        """Remember a run that has just ended, and how long it took on the wall's clock."""
        self._add(run, newest=True)
        with self._lock:
            if run.ending in ("pass", "marginal"):
                self._took_s.setdefault(run.plan, deque(maxlen=TIMES)).append(took_s)

    def before(self, slot: str, asset_tag: str, plan: str) -> BeforeNotice:
        """Return what is known as a run begins: the unit's last verdicts, and the expected time."""
        with self._lock:
            same = [run for run in self._runs if run.asset_tag == asset_tag]
            times_s = list(self._took_s.get(plan, ()))
            if not times_s and self._timed:
                times_s = [
                    run.duration_s
                    for run in self._runs
                    if run.plan == plan and run.ending in ("pass", "marginal")
                ][:TIMES]
        earlier = tuple(Earlier(run.ending, run.started_at) for run in same[:TOLD])
        return BeforeNotice(slot, asset_tag, earlier, median(times_s) if times_s else None)

    def today(self) -> TodayNotice:
        """Return how many runs of today ended how, by the date of this machine."""
        today = self._today()
        with self._lock:
            endings = Counter(
                run.ending for run in self._runs if run.started_at.astimezone().date() == today
            )
        passed = endings["pass"] + endings["marginal"]
        return TodayNotice(endings.total(), passed, endings["fail"], endings["error"])

    def _add(self, run: Run, *, newest: bool) -> None:
        with self._lock:
            if run.record_id in self._known:
                return
            self._known.add(run.record_id)
            if newest:
                self._runs.appendleft(run)
            else:
                self._runs.append(run)
