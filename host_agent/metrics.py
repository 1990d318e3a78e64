"""Writes the figures of the host and its stations as Prometheus reads them.

A figure of a station is what the station said last, or what its newest run says; the host measures
nothing there. Names and labels are kept over releases: alert rules and dashboards stand on them.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from host_agent.progress import Progress
from host_agent.store import DamageError, RunFilter, StationSummary, Store
from records import RunRecord, decode_run
from records.reading import UNREADABLE

MOST_STATIONS = 500
"""Stations with figures of their own: those heard last. A hostile one invents any number."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(store: Store, progress: Progress) -> bytes:
    """Return all figures in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(store, progress))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, store: Store, progress: Progress) -> None:
        self._store, self._progress = store, progress

    def collect(self) -> Iterator[Metric]:
        """Yield every figure of this moment."""
        yield from self._of_the_ingest()
        yield from self._of_the_store()
        yield from self._of_the_disk()
        yield from self._of_findings()
        stations = sorted(self._store.stations(), key=lambda one: one.received_at, reverse=True)
        yield from self._of_stations(stations[:MOST_STATIONS])
        yield from self._of_newest_runs(stations[:MOST_STATIONS])

    def _of_the_ingest(self) -> Iterator[Metric]:
        progress = self._progress
        info = GaugeMetricFamily("pace_host_info", "The host's software.", labels=["software"])
        info.add_metric([version("pace-station")], 1)
        yield info
        yield _gauge(
            "pace_host_broker_connected", "1 while the broker is there.", progress.connected
        )
        yield _gauge("pace_host_waiting", "Messages that wait to be stored.", progress.waiting)
        yield _gauge(
            "pace_host_troubles",
            "Things that are wrong now, as the page says them.",
            len(progress.troubles()) + len(self._store.evidence_troubles()),
        )
        for name, text, number in (
            ("pace_host_stored", "Records stored since the start.", progress.stored),
            (
                "pace_host_repeated",
                "Records that came again.",
                progress.stored_again,
            ),
            ("pace_host_refused", "Messages refused since the start.", progress.refused),
        ):
            yield CounterMetricFamily(name, text, value=number)

    def _of_the_store(self) -> Iterator[Metric]:
        counts = self._store.counts()
        for name, text, number in (
            ("pace_host_runs", "Runs that are stored.", counts.runs),
            ("pace_host_quarantined", "Messages in quarantine, not released.", counts.quarantined),
            ("pace_host_underived", "Runs whose rows are not made yet.", counts.underived),
            ("pace_host_unread", "Records that only a later version reads.", counts.unread),
            ("pace_host_unverified", "Signatures not looked at yet.", self._store.unverified()),
        ):
            yield _gauge(name, text, number)
        damaged = GaugeMetricFamily(
            "pace_host_damaged", "Stored things that lost their hash.", labels=["kind"]
        )
        number_of = Counter(one.kind for one in self._store.damaged())
        for kind in ("run", "other", "attachment", "quarantine"):
            damaged.add_metric([kind], number_of[kind])
        yield damaged

    def _of_the_disk(self) -> Iterator[Metric]:
        room = self._store.room
        free_bytes = room.free_bytes()
        if free_bytes is not None:
            yield _gauge("pace_host_disk_free_bytes", "Free room for the host's data.", free_bytes)
        yield _gauge("pace_host_disk_floor_bytes", "Below it nothing is taken.", room.floor_bytes)

    def _of_findings(self) -> Iterator[Metric]:
        findings = GaugeMetricFamily(
            "pace_station_findings",
            "Gaps, forks and breaks of a station's chains, not closed.",
            labels=["station", "kind", "state"],
        )
        found = Counter((one.station, one.kind, one.state) for one in self._store.findings())
        for labels, number in found.most_common(MOST_STATIONS):
            findings.add_metric(labels, number)
        yield findings

    def _of_stations(self, stations: list[StationSummary]) -> Iterator[Metric]:
        online = _of_station("pace_station_online", "1 while the station is at the broker.")
        heard = _of_station(
            "pace_station_heard_timestamp_seconds", "When its state came last, Unix time."
        )
        waiting = _of_station("pace_station_waiting", "Records that wait at the station.")
        troubles = _of_station("pace_station_troubles", "Troubles of its disk that it states.")
        software = GaugeMetricFamily(
            "pace_station_info", "The station's software.", labels=["station", "software"]
        )
        stated = self._store.station_troubles()
        for one in stations:
            online.add_metric([one.station], one.online)
            heard.add_metric([one.station], datetime.fromisoformat(one.received_at).timestamp())
            waiting.add_metric([one.station], one.waiting)
            troubles.add_metric([one.station], stated.get(one.station, 0))
            if one.software:
                software.add_metric([one.station, one.software[:100]], 1)
        yield from (online, heard, waiting, troubles, software)

    def _of_newest_runs(self, stations: list[StationSummary]) -> Iterator[Metric]:
        ran = _of_station("pace_station_run_timestamp_seconds", "When its newest run began.")
        clock = _of_station(
            "pace_station_clock_synchronised", "1 if its clock was right in its newest run."
        )
        due = GaugeMetricFamily(
            "pace_station_calibration_due_timestamp_seconds",
            "When an instrument's calibration ends, Unix time, by the newest run.",
            labels=["station", "role"],
        )
        for one in stations:
            record = self._newest_run(one.station)
            if record is None:
                continue
            began = record.started_at
            began = began if began.tzinfo else began.replace(tzinfo=UTC)
            ran.add_metric([one.station], began.timestamp())
            clock.add_metric([one.station], record.clock_synchronised)
            for role, until in _calibrations(record).items():
                due.add_metric([one.station, role], until)
        yield from (ran, clock, due)

    def _newest_run(self, station: str) -> RunRecord | None:
        for listed in self._store.latest_runs(RunFilter(station=(station,)), limit=1):
            try:
                stored = self._store.run(listed.record_id)
                return None if stored is None else decode_run(stored.record)
            except (DamageError, *UNREADABLE):
                return None
        return None


def _calibrations(record: RunRecord) -> dict[str, float]:
    """Return when the calibration of each role ends, where the record says a date."""
    found: dict[str, float] = {}
    for one in record.instruments[:50]:
        try:
            until = date.fromisoformat(one.calibrated_until[:10])
        except ValueError:
            continue
        found[one.role[:100]] = datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp()
    return found


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _of_station(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["station"])
