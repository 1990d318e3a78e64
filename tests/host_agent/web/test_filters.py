"""Runs are found by what is asked for; what cannot be asked for is told with what can."""

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from host_agent.messages import Sorted
from host_agent.progress import Progress
from host_agent.store import RunSummary, Store
from host_agent.text import now_text
from host_agent.web import create_app, table
from host_agent.web.live import Live
from host_agent.web.manner import Manner
from records import Device, StationState, Verdict
from tests.host_agent.load import example_record, record_ending
from tests.host_agent.web.pages import Client, keep, page


def device(tag: str, kind: str = "laptop-adapter", number: str = "") -> Device:
    return Device(asset_tag=tag, kind=kind, serial_number=number)


@pytest.fixture
def found(client: Client, store: Store) -> Client:
    """Return a client of a host with six runs, of which three are derived."""
    at = [datetime(2026, 11, day, 23, 30, tzinfo=UTC) for day in range(1, 8)]
    keep(
        store,
        example_record("bench-1", 1, device=device("AT-0001", number="CN-77x"), started_at=at[1]),
        example_record(
            "bench-1", 2, device=device("Été-2", "lcd-monitor"), started_at=at[2], slot="B"
        ),
        example_record("bench-2", 3, device=device("100%_x"), started_at=at[3], marginal=False),
    )
    assert not store.derive()
    keep(
        store,
        record_ending(Verdict.FAIL, "bench-2", 4, device=device("AT-0004"), plan="adapter-90w"),
        example_record("bench-3", 5, device=device("AT-0005"), simulated=False, profile="pace-key"),
        record_ending(Verdict.INCOMPLETE, "bench-3", 6, device=device("at-0001"), started_at=at[5]),
    )
    return client


@pytest.mark.parametrize(
    ("address", "sequences"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("station=bench-1", [2, 1]),
        ("station=bench-1&station=bench-3", [6, 5, 2, 1]),
        ("station=bench-1&verdict=fail", []),
        ("kind=lcd-monitor", [2]),
        ("plan=adapter-90w", [4]),
        ("profile=pace-key", [5]),
        ("slot=B", [2]),
        ("slot=A&station=bench-1", [1]),
        ("verdict=pass", [5, 3, 2, 1]),
        ("verdict=marginal", [5, 2, 1]),
        ("verdict=MARGINAL&verdict=fail", [5, 4, 2, 1]),
        ("verdict=incomplete", [6]),
        ("simulated=no", [5]),
        ("simulated=yes&simulated=no", [6, 5, 4, 3, 2, 1]),
        ("unit=at-000", [6, 5, 4, 1]),
        ("unit=AT-0001", [6, 1]),
        ("unit=cn-77X", [1]),
        ("unit=ÉTÉ", [2]),
        ("unit=%25_", [3]),
        ("unit=__", []),
        ("unit=%25", [3]),
        ("unit=77x&unit=0004", [4, 1]),
        ("asset_tag=AT-0001", [1]),
        ("asset_tag=AT-0001&station=bench-3", []),
        ("from=2026-11-02T23:30Z&to=2026-11-04T23:30Z", [2, 1]),
        ("from=2026-11-02T23:30:01Z&to=2026-11-04T23:30:01Z", [3, 2]),
        ("from=2026-11-06T00:00%2B00:00&to=2026-11-07T00:00Z&verdict=incomplete", [6]),
        ("verdict=&station=&unit=+&from=&to=", [6, 5, 4, 3, 2, 1]),
    ],
)
def test_page_api_csv_and_summary_find_the_same_runs(
    found: Client, address: str, sequences: list[int]
) -> None:
    api = found.get(f"/api/runs?{address}")
    assert api.status_code == 200, api.text
    assert [run["sequence"] for run in api.json()["runs"]] == sequences
    rows = list(csv.DictReader(io.StringIO(found.get(f"/api/runs.csv?{address}").text)))
    assert [int(row["sequence"]) for row in rows] == sequences
    seen = page(found, f"/?{address}")
    ids = [run["record_id"] for run in api.json()["runs"]]
    assert [one.rpartition("/")[2] for one in seen.addresses() if "/runs/" in one] == ids
    counts = found.get(f"/api/summary?{address}").json()
    assert sum(number for name, number in counts.items() if name != "marginal") == len(sequences)


def test_runs_that_are_not_derived_yet_are_found_like_the_others(
    found: Client, store: Store
) -> None:
    asked = [f"/api/runs?{one}" for one in ("unit=at", "verdict=pass", "station=bench-3", "slot=A")]
    before = [found.get(one).json()["runs"] for one in asked]
    for portion in (1, 1, 9):
        store.derive(portion)
        assert [found.get(one).json()["runs"] for one in asked] == before
    store.forget_derived()
    assert [found.get(one).json()["runs"] for one in asked] == before
    assert found.get("/api/runs?profile=pace-key").status_code == 200


@pytest.mark.parametrize(
    ("address", "key", "nearest", "known"),
    [
        ("statoin=bench-1", "statoin", "station", "asset_tag"),
        ("zzz=1", "zzz", "", "station"),
        ("verdict=great", "verdict", "", "incomplete"),
        ("verdict=aborte", "verdict", "aborted", "marginal"),
        ("station=bench-9", "station", "bench-3", "bench-1"),
        ("kind=LCD-Monitr", "kind", "lcd-monitor", "laptop-adapter"),
        ("plan=adapter-90", "plan", "adapter-90w", "laptop-adapter"),
        ("profile=pace", "profile", "pace-key", "pace-key"),
        ("slot=C", "slot", "", "A"),
        ("simulated=maybe", "simulated", "", "yes"),
        ("from=yesterday", "from", "", "2026-11-29"),
        ("to=2026-02-30", "to", "", "2026-11-29"),
        ("to=9999-12-31", "to", "", "2026-11-29"),
        ("unit=%00", "unit", "", ""),
        ("station=bench-1&station=nobody", "station", "", "bench-1"),
    ],
)
def test_a_wrong_filter_is_told_with_the_known_ones_and_the_nearest_right_word(
    found: Client, address: str, key: str, nearest: str, known: str
) -> None:
    for path in ("/api/runs", "/api/runs.csv", "/api/summary"):
        answer = found.get(f"{path}?{address}")
        assert answer.status_code == 400
        (extra,) = answer.json()["extra"]
        assert (extra["key"], extra["nearest"]) == (key, nearest)
        assert not known or known in extra["known"]
    for path in ("/", "/fragment/runs"):
        seen = page(found, f"{path}?{address}", 400).text
        assert known in seen
        assert not nearest or f"Did you mean {nearest}?" in seen
        french = page(found, f"{path}?{address}&lang=fr", 400).text
        assert not nearest or f"Vouliez-vous dire {nearest} ?" in french


def test_a_day_is_one_of_the_hosts_zone(store: Store) -> None:
    for sequence, hour in enumerate((22, 23)):
        began = datetime(2026, 11, 5, hour, 30, tzinfo=UTC)
        keep(store, example_record("a", sequence, started_at=began))
    manner = Manner("en", ZoneInfo("Africa/Lagos"))  # an hour before UTC, the year round
    app = create_app(store, Progress(connected=True), Live(), names=[], manner=manner)

    def sequences(address: str) -> list[int]:
        answer = client.get(f"/api/runs?{address}").json()
        return [run["sequence"] for run in answer["runs"]]

    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert sequences("from=2026-11-06&to=2026-11-06") == [1]
        assert sequences("from=2026-11-05&to=2026-11-05") == [0]
        assert sequences("to=2026-11-06") == [1, 0]
        assert sequences("from=2026-11-06T00:30") == [1]
        seen = page(client, "/").text
        assert "2026-11-05 23:30:00 UTC 2026-11-06 00:30:00 WAT" in seen


def test_pages_are_turned_with_the_same_filters_and_language(client: Client, store: Store) -> None:
    keep(
        store,
        *(example_record("ab"[n % 2], n, device=device(f"AT-{n:03}")) for n in range(130)),
    )
    store.derive()
    address, seen = "/?station=a&unit=at-&verdict=pass&verdict=fail&lang=fr", 0
    while address:
        shown = page(client, address)
        assert "Essais" in shown.text
        rows = [one for one in shown.addresses() if "/runs/" in one]
        assert all("lang=fr" in one for one in rows)
        seen += len(rows)
        address = next((one for one in shown.addresses() if "before=" in one and one[0] == "/"), "")
    assert seen == 65


HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "a,b", 'a"b', "a;=1", "a\r\n=1", "é")


def test_no_text_of_a_csv_is_taken_for_a_formula(client: Client, store: Store) -> None:
    keep(store, *(example_record("a", n, operator=text) for n, text in enumerate(HOSTILE)))
    answer = client.get("/api/runs.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="runs.csv"'
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8"), newline=""))
    assert tuple(header) == table.HEADER
    operators = [row[header.index("operator")] for row in reversed(rows)]
    guarded = ["'" + one if one[0] in "=+-@\t＝" else one for one in HOSTILE]
    assert operators == guarded
    assert {row[header.index("duration_s")] for row in rows} == {"3.75"}


def test_the_header_of_a_csv_stays_and_has_all_that_a_summary_has() -> None:
    assert set(table.HEADER) == set(RunSummary.__struct_fields__) - {"id"}
    assert table.HEADER[:20] == (
        "record_id", "station", "sequence", "slot", "operator", "asset_tag", "kind", "maker",
        "model", "serial_number", "year", "plan", "profile", "verdict", "marginal", "simulated",
        "started_at", "received_at", "duration_s", "sha256",
    )  # fmt: skip


@given(st.text())
def test_a_neutral_text_begins_no_formula_and_keeps_what_it_says(text: str) -> None:
    written = table.neutral(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert written in (text, f"'{text}")


def test_a_csv_has_all_runs_however_many(client: Client, store: Store) -> None:
    keep(store, *(example_record("a", n) for n in range(1_001)))
    answer = client.get("/api/runs.csv").text
    sequences = [int(row["sequence"]) for row in csv.DictReader(io.StringIO(answer))]
    assert sequences == list(range(1_000, -1, -1))


def test_a_host_without_runs_says_that_there_is_nothing_to_choose(client: Client) -> None:
    assert "No runs here yet" in page(client, "/").text
    assert "no run has a value for it" in page(client, "/?plan=x", 400).text


def test_a_station_that_only_said_that_it_is_there_can_be_asked_for(
    client: Client, store: Store
) -> None:
    state = StationState(station="new-1", online=True)
    store.keep(Sorted([], {"new-1": (state, now_text())}, []))
    assert "No runs are as asked" in page(client, "/?station=new-1").text
