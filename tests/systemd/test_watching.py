"""Every figure that Prometheus and Grafana are given exists, and each alert fires."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from host_agent.metrics import MOST_STATIONS, exposition
from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from records import InstrumentUsed, Phrase, StationState, encode
from tests.host_agent.load import example_record
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import derive_all

SYSTEMD = Path(__file__).parents[2] / "systemd"
ALERTS = SYSTEMD / "prometheus" / "pace-alerts.yml"
DASHBOARD = SYSTEMD / "grafana" / "pace-dashboard.json"
HOW_TO = SYSTEMD.parent / "docs" / "how-to" / "watch-the-line.md"

NAMED = re.compile(r"\bpace_[a-z_]+")


def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("needs promtool: apt install prometheus")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a host's store in which every figure has a value."""
    with Store(f"sqlite:///{tmp_path / 'host.db'}", least_free_bytes=1) as opened:
        opened.open()
        card = Card()
        meter = InstrumentUsed(role="meter", driver="ut61e", calibrated_until="2027-03-01")
        card.sign(example_record("bench-1", 1))  # never comes
        record = example_record("bench-1", 2, instruments=(meter,), clock_synchronised=False)
        tell(opened, "bench-1", card.sign(record))
        trouble = (Phrase(text="disk full"),)
        state = card.state(software="pace 0.1.0", waiting=3, troubles=trouble)
        tell(opened, "bench-1", state, topic="state")
        settle(opened)
        derive_all(opened)
        yield opened


@pytest.fixture
def figures(store: Store) -> str:
    return exposition(store, Progress(connected=True, stored=7)).decode()


def value(figures: str, name: str) -> float:
    (line,) = [one for one in figures.splitlines() if one.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_figures_say_what_host_and_station_say(figures: str) -> None:
    assert value(figures, "pace_host_stored_total") == 7
    assert value(figures, "pace_host_runs") == 1
    assert value(figures, 'pace_station_waiting{station="bench-1"}') == 3
    assert value(figures, 'pace_station_troubles{station="bench-1"}') == 1
    assert value(figures, 'pace_station_clock_synchronised{station="bench-1"}') == 0
    assert value(figures, 'pace_station_info{software="pace 0.1.0",station="bench-1"}') == 1
    due = 'pace_station_calibration_due_timestamp_seconds{role="meter",station="bench-1"}'
    assert value(figures, due) == 1_803_859_200  # date -u -d 2027-03-01 +%s
    gap = 'pace_station_findings{kind="missing",state="open",station="bench-1"}'
    assert value(figures, gap) == 1


def test_the_host_serves_them(store: Store) -> None:
    app = create_app(store, Progress(connected=True), Live(), names=[])
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "pace_host_broker_connected 1.0" in answer.text


def test_a_name_with_any_letters_and_a_thousand_of_them_make_no_other_figure(store: Store) -> None:
    for number in range(MOST_STATIONS + 20):
        name = f"ghost-{number}"
        state = StationState(station=name, online=True, software='a"\n} pace_host_runs 99')
        tell(store, name, encode(state), topic="state")
    figures = exposition(store, Progress()).decode()
    assert value(figures, "pace_host_runs") == 1
    assert figures.count("pace_station_online{") == MOST_STATIONS


def test_promtool_is_content_with_figures_and_rules(figures: str) -> None:
    tool = promtool()
    checked = subprocess.run(
        [tool, "check", "metrics"], input=figures, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    checked = subprocess.run(
        [tool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def exprs(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for name, one in found.items():
            if name == "expr":
                yield one
            else:
                yield from exprs(one)
    elif isinstance(found, list):
        for one in found:
            yield from exprs(one)


def test_every_figure_that_rules_and_dashboard_name_exists(figures: str) -> None:
    known = set(NAMED.findall(figures))
    dashboard = json.loads(DASHBOARD.read_text())
    asked = list(exprs(dashboard))
    assert len(asked) >= len(dashboard["panels"]) == 17
    in_rules = set(NAMED.findall(ALERTS.read_text()))
    in_dashboard = set(NAMED.findall("\n".join(asked)))
    assert in_rules - known == set()
    assert in_dashboard - known == set()
    assert len(in_rules) > 10


def test_the_dashboard_asks_the_source_that_is_provisioned_and_no_panel_twice() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert "uid: pace-prometheus" in (SYSTEMD / "grafana" / "pace-datasource.yml").read_text()
    for panel in dashboard["panels"]:
        assert {one["datasource"]["uid"] for one in panel["targets"]} == {"pace-prometheus"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_the_how_to_says_what_to_do_about_each_alert() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    text = HOW_TO.read_text()
    assert len(alerts) == 16
    assert [name for name in alerts if f"`{name}`" not in text] == []


BENCH = '{instance="h",job="pace-host",station="bench-1"}'
HOST = '{instance="h",job="pace-host"}'
FIRING: dict[str, dict[str, str]] = {
    "PaceHostDown": {f"up{HOST}": "0x600"},
    "PaceBrokerAway": {f"pace_host_broker_connected{HOST}": "0x600"},
    "PaceHostDiskFull": {
        f"pace_host_disk_free_bytes{HOST}": "100x600",
        f"pace_host_disk_floor_bytes{HOST}": "200x600",
    },
    "PaceHostDiskLow": {
        f"pace_host_disk_free_bytes{HOST}": "10000000-10000x600",
        f"pace_host_disk_floor_bytes{HOST}": "200x600",
    },
    "PaceDamaged": {'pace_host_damaged{instance="h",kind="run"}': "1x600"},
    "PaceTablesStandStill": {f"pace_host_underived{HOST}": "5x600"},
    "PaceQuarantine": {f"pace_host_refused_total{HOST}": "0+1x600"},
    "PaceRecordsUnread": {f"pace_host_unread{HOST}": "2x600"},
    "PaceStationSilent": {
        f"pace_station_online{BENCH}": "0x600",
        f"pace_station_heard_timestamp_seconds{BENCH}": "0x600",
    },
    "PaceStationWaiting": {f"pace_station_waiting{BENCH}": "4x600"},
    "PaceStationTrouble": {f"pace_station_troubles{BENCH}": "1x600"},
    "PaceGap": {'pace_station_findings{kind="missing",state="open",station="bench-1"}': "1x600"},
    "PaceChain": {'pace_station_findings{kind="fork",state="open",station="bench-1"}': "1x600"},
    "PaceClock": {f"pace_station_clock_synchronised{BENCH}": "0x600"},
    "PaceCalibrationDue": {
        'pace_station_calibration_due_timestamp_seconds{role="meter",station="bench-1"}': "1x600"
    },
    "PaceSoftwareDrift": {
        'pace_station_info{software="a",station="bench-1"}': "1x600",
        'pace_station_info{software="b",station="bench-2"}': "1x600",
    },
}
QUIET = {
    f"up{HOST}": "1x600",
    f"pace_host_broker_connected{HOST}": "1x600",
    f"pace_host_disk_free_bytes{HOST}": "10000x600",
    f"pace_host_disk_floor_bytes{HOST}": "200x600",
    'pace_host_damaged{instance="h",kind="run"}': "0x600",
    f"pace_host_underived{HOST}": "0x600",
    f"pace_host_refused_total{HOST}": "7x600",
    f"pace_host_unread{HOST}": "0x600",
    f"pace_station_online{BENCH}": "1x600",
    f"pace_station_waiting{BENCH}": "0 1 2 0x600",
    f"pace_station_troubles{BENCH}": "0x600",
    f"pace_station_clock_synchronised{BENCH}": "1x600",
    'pace_station_calibration_due_timestamp_seconds{role="meter",station="bench-1"}': "9e9x600",
    'pace_station_info{software="a",station="bench-1"}': "1x600",
    'pace_station_info{software="a",station="bench-2"}': "1x600",
}


def rule_test(folder: Path, series: dict[str, str]) -> set[str]:
    """Return the alerts that fire after two days of these series, as promtool has it."""
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    test = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "5m",
        "tests": [
            {
                "interval": "5m",
                "input_series": [{"series": one, "values": v} for one, v in series.items()],
                "alert_rule_test": [
                    {"eval_time": "49h", "alertname": name, "exp_alerts": []} for name in names
                ],
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(json.dumps(test))  # JSON is YAML
    ran = subprocess.run(
        [promtool(), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    said = ran.stdout + ran.stderr
    fired = set(re.findall(r"alertname: *(\w+)", said))
    assert (ran.returncode == 0) is (not fired), said
    return fired


def test_on_a_quiet_line_no_alert_fires(tmp_path: Path) -> None:
    assert rule_test(tmp_path, QUIET) == set()


def test_each_alert_fires_for_what_it_names(tmp_path: Path) -> None:
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert set(FIRING) == set(names)
    everything = {}
    for series in FIRING.values():
        everything.update(series)
    fired = rule_test(tmp_path, everything | FIRING["PaceHostDiskLow"])
    assert fired | {"PaceHostDiskFull"} == set(names)
    assert "PaceHostDiskFull" in rule_test(tmp_path, FIRING["PaceHostDiskFull"])
