import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from host_agent import web as web_package
from host_agent.messages import Sorted, sort
from host_agent.mqtt import Message
from host_agent.progress import STANDS_STILL_S, Progress
from host_agent.store import Store
from host_agent.text import now_text
from host_agent.web.guard import Guard
from records import (
    Basis,
    Device,
    InstrumentUsed,
    Limit,
    Measurement,
    Phrase,
    RunRecord,
    SlotState,
    StationState,
    StepRecord,
    Verdict,
    encode,
)
from tests.host_agent.load import example_record, record_ending
from tests.host_agent.web.pages import HOSTILE, Client, Page, keep, page


def full_record() -> RunRecord:
    record = example_record("bench-1", 4)
    judged = (
        Measurement(
            name="no-load power",
            value=0.0712,
            unit="W",
            limit=Limit(
                basis=Basis.SOURCE, source="EU 2019/1782, Annex II 1(b)", max=0.1, unit="W"
            ),
            verdict=Verdict.PASS,
        ),
        Measurement(
            name="regulation",
            value=0.048,
            limit=Limit(
                basis=Basis.PROPOSAL, source="EU 2019/1782", min=-0.05, max=0.05, guard=0.005
            ),
            verdict=Verdict.PASS,
            marginal=True,
        ),
        Measurement(
            name="lamp",
            value=False,
            limit=Limit(basis=Basis.GENERAL, equals=True),
            verdict=Verdict.FAIL,
        ),
        Measurement(name="label", value=HOSTILE),
        Measurement(name="count", value=10**400),
    )
    failed = StepRecord(
        test="adapter.regulation",
        step="adapter.regulation",
        title=Phrase(text="Regulation"),
        verdict=Verdict.FAIL,
        started_at=record.started_at,
        clause="7.3",
        measurements=judged,
        reason=Phrase(text=HOSTILE),
    )
    return example_record(
        "bench-1",
        4,
        verdict=Verdict.FAIL,
        marginal=False,
        steps=(*record.steps, failed),
        clock_synchronised=False,
        instruments=(
            InstrumentUsed(
                role="load",
                driver="it8500",
                maker="ITECH",
                model="IT8512A+",
                serial_number="80012",
                calibrated_until="2027-03-01",
            ),
        ),
    )


def test_the_latest_runs_say_verdicts_in_words_newest_first(client: Client, store: Store) -> None:
    keep(
        store,
        record_ending(Verdict.FAIL, "bench-1", 1, simulated=False),
        example_record("bench-1", 2),
    )
    seen = page(client, "/")
    assert seen.text.index("PASS, MARGINAL AT-000002 simulated") < seen.text.index("FAIL AT-000001")
    assert "laptop adapter Delta ADP-65 laptop-adapter bench-1, A" in seen.text
    assert "3.75 s" in seen.text
    assert Page(client.get("/fragment/runs").text).text.count(" simulated ") == 1
    assert ("td", {"class": "verdict fail"}) in seen.elements


def test_runs_are_filtered_by_station_verdict_and_asset_tag(client: Client, store: Store) -> None:
    keep(
        store,
        example_record("bench-1", 1),
        record_ending(Verdict.ERROR, "bench-2", 2),
    )
    assert "AT-000002" not in page(client, "/?station=bench-1&verdict=&asset_tag=").text
    assert "AT-000001" not in page(client, "/?verdict=error").text
    assert "No runs are as asked" in page(client, "/?asset_tag=AT-000003").text
    chosen = page(client, "/?verdict=error&station=bench-2")
    checked = {(a["name"], a["value"]) for _, a in chosen.elements if "checked" in a}
    assert checked == {("verdict", "error"), ("station", "bench-2")}
    both = page(client, "/?station=bench-1&station=bench-2&verdict=error&verdict=marginal").text
    assert "AT-000001" in both
    assert "AT-000002" in both


def test_more_runs_than_a_page_holds_are_turned_to(client: Client, store: Store) -> None:
    keep(store, *(example_record("a", sequence) for sequence in range(60)))
    first = page(client, "/?station=a")
    (older,) = [address for address in first.addresses() if "before=" in address]
    second = page(client, older)
    assert "AT-000009" in second.text
    assert "AT-000010" not in second.text
    assert "/static/live.js" in first.addresses()
    assert "/static/live.js" not in second.addresses()


def test_stations_are_shown_with_what_they_do(client: Client, store: Store) -> None:
    slots = (
        SlotState(slot="A", asset_tag="AT-7", plan="laptop", step=Phrase("title.adapter.overload")),
        SlotState(slot="B", asset_tag="AT-6", verdict=Verdict.FAIL),
        SlotState(slot="C"),
    )
    states = {
        "bench-1": (StationState(station="bench-1", online=True, waiting=3, slots=slots), "x"),
        "bench-2": (StationState(station="bench-2", online=False), "2026-11-22T12:00:00.000000Z"),
    }
    store.keep(Sorted([], states, []))
    seen = page(client, "/").text
    assert "bench-1 online 3 waiting A AT-7 Overload and recovery B AT-6 FAIL C free" in seen
    assert "bench-2 offline since 2026-11-22 12:00:00" in seen


def test_stations_are_not_called_online_by_a_host_that_hears_nothing(
    client: Client, store: Store, progress: Progress
) -> None:
    when = "2026-11-22T12:00:00.000000Z"
    states = {
        "bench-1": (StationState(station="bench-1", online=True, waiting=3), when),
        "bench-2": (StationState(station="bench-2", online=False), when),
    }
    store.keep(Sorted([], states, []))
    progress.connected = False
    for path in ("/", "/fragment/runs"):
        seen = page(client, path)
        assert "bench-1 last known online 3 waiting said 2026-11-22 12:00:00" in seen.text
        assert "bench-2 last known offline said 2026-11-22 12:00:00" in seen.text
        classes = {attrs.get("class") for _, attrs in seen.elements}
        assert "unknown" in classes
        assert not classes & {"online", "offline"}
    progress.connected = True
    assert "bench-1 online 3 waiting" in page(client, "/").text


def test_what_is_wrong_is_said_on_the_first_page(
    client: Client, store: Store, progress: Progress
) -> None:
    assert "Not connected" not in page(client, "/").text
    progress.connected = False
    progress.broker_trouble = "Connection refused"
    progress.store_trouble = "database or disk is full"
    progress.broker_refusals["pace/1/a/receipt"] = "not authorized"
    progress.derive_trouble = "no memory"
    store.keep(sort([Message(1, b"pace/1/a/run", b"nonsense", 8)], now_text()))
    seen = page(client, "/").text
    assert "Not connected to the broker, stations keep their records: Connection refused" in seen
    assert "refuses what the host publishes to pace/1/a/receipt: not authorized" in seen
    assert "The tables of steps and measurements stand still: no memory" in seen
    assert "Records cannot be stored now, stations keep them: database or disk is full" in seen
    assert "1 message in quarantine" in seen


def test_one_run_in_full(client: Client, store: Store) -> None:
    record = full_record()
    keep(store, record)
    seen = page(client, f"/runs/{record.record_id}")
    spaced = seen.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "AT-000004 FAIL simulated" in seen.text
    assert "by a clock that was not synchronised" in seen.text
    assert "No-load power 0.0712 W ≤ 0.1 W PASS From the source: EU 2019/1782, Annex II" in spaced
    assert "Regulation 0.048 -0.05 … 0.05 marginal within 0.005 PASS, MARGINAL" in spaced
    assert "Lamp no yes needed FAIL General engineering knowledge, from no text" in spaced
    assert f"Count {hex(10**400)} not judged" in spaced
    assert "clause 7.3" in seen.text
    assert "electronic load ITECH IT8512A+ 80012 2027-03-01 it8500" in seen.text
    assert f"/api/runs/{record.record_id}/record" in seen.addresses()


def test_a_proposal_is_never_printed_as_a_standards_text(client: Client, store: Store) -> None:
    record = full_record()
    keep(store, record)
    seen = page(client, f"/runs/{record.record_id}").text
    assert "This project’s own proposal: EU 2019/1782" in seen
    assert seen.count("From the source") == 1


@pytest.mark.parametrize("path", ["/", "/fragment/runs", "/quarantine", "/runs/{}"])
def test_hostile_input_stays_text(client: Client, store: Store, path: str) -> None:
    record = example_record(
        "bench-1",
        1,
        slot=HOSTILE,
        operator=HOSTILE,
        plan=HOSTILE,
        profile=HOSTILE,
        software=HOSTILE,
        plan_sha256=HOSTILE,
        device=Device(
            asset_tag=HOSTILE, kind=HOSTILE, maker=HOSTILE, model=HOSTILE, serial_number=HOSTILE
        ),
        instruments=(InstrumentUsed(role=HOSTILE, driver=HOSTILE, calibrated_until=HOSTILE),),
        steps=full_record().steps,
        verdict=Verdict.FAIL,
        marginal=False,
    )
    keep(store, record)
    slots = (SlotState(slot=HOSTILE, asset_tag=HOSTILE, step=HOSTILE),)
    state = StationState(station="bench-1", online=True, software=HOSTILE, slots=slots)
    store.keep(Sorted([], {"bench-1": (state, now_text())}, []))
    hostile_json = b'{"schema":"<script>alert(1)</script>"}'
    store.keep(
        sort(
            [Message(1, f"pace/1/{HOSTILE}/run".encode(), hostile_json, len(hostile_json))],
            now_text(),
        )
    )
    seen = page(client, path.format(record.record_id))
    assert {tag for tag, _ in seen.elements} <= {
        *("html", "head", "meta", "title", "link", "script", "noscript", "body", "a", "header"),
        *("nav", "main", "h1", "h2", "h3", "form", "label", "input", "datalist", "option"),
        *("select", "button", "div", "p", "section", "ul", "li", "span", "b", "table", "thead"),
        *("tr", "th", "tbody", "td", "time", "dl", "dt", "dd", "code"),
        *("details", "summary", "fieldset", "legend", "caption"),
    }
    scripts = [attrs for tag, attrs in seen.elements if tag == "script"]
    assert all(attrs == {"src": "/static/live.js", "defer": None} for attrs in scripts)
    assert not any(name.startswith("on") for _, attrs in seen.elements for name in attrs)
    assert "{{7*7}}" in seen.text


def test_filters_that_are_hostile_stay_text(client: Client) -> None:
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    seen = page(client, f"/?unit={hostile}&asset_tag=%22%20x=%22")
    assert [attrs for tag, attrs in seen.elements if tag == "script"] == [
        {"src": "/static/live.js", "defer": None}
    ]
    assert any(attrs.get("value") == '"><script>alert(1)</script>' for _, attrs in seen.elements)
    for address in (f"/?station={hostile}", f"/?{hostile}=1", f"/?lang={hostile}"):
        refused = page(client, address, 400)
        assert "script" not in {tag for tag, _ in refused.elements}
        assert '"><script>alert(1)</script>' in refused.text


def test_nothing_on_a_page_asks_another_site_for_anything(client: Client, store: Store) -> None:
    record = full_record()
    keep(store, record)
    for path in ("/", f"/runs/{record.record_id}", "/quarantine"):
        seen = page(client, path)
        assert all(re.match(r"[/#?]", address) for address in seen.addresses())
        assert not any("style" in attrs or tag == "style" for tag, attrs in seen.elements)
    for name in (Path(web_package.__file__).parent / "static").iterdir():
        text = name.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in re.sub(r"(?m)//.*$", "", text) if name.suffix == ".js" else True
        assert "http" not in text


@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/style.css", "/nope", "/api/nope"])
def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:8480", True),
        ("192.168.1.7", True),
        ("[::1]:8480", True),
        ("localhost:1", True),
        ("LOCALHOST.", True),
        ("pace.example.org", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_only_addresses_and_known_names_are_answered(host: str, answered: bool) -> None:
    async def nowhere(*_: object) -> None:
        raise AssertionError

    assert Guard(nowhere, ["pace.example.org"]).answers_to(host) is answered


def test_a_site_under_another_name_gets_nothing(client: Client) -> None:
    response = client.get("/api/runs", headers={"host": "evil.example"})
    assert response.status_code == 421
    assert "runs" not in response.text


def test_a_page_that_does_not_exist_is_a_page_and_json_is_json(client: Client) -> None:
    assert "Not found" in page(client, "/runs/nobody", 404).text
    answer = client.get("/api/runs/nobody")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no run 'nobody' is stored here"
    assert client.post("/").status_code == 405
    assert client.get("/runs/..%2f..%2fetc%2fpasswd").status_code == 404
    assert client.get("/static/..%2f__init__.py").status_code == 404


@pytest.mark.parametrize("number", ["9" * 23, str(2**63), "9" * 5000])
def test_a_number_beyond_the_databases_is_the_askers_mistake(client: Client, number: str) -> None:
    assert "That did not work" in page(client, f"/?before={number}", 400).text
    answer = client.get(f"/api/runs?before={number}")
    assert answer.status_code == 400
    assert answer.json()["extra"][0]["key"] == "before"
    for sign in ("", "-"):
        answer = client.get(f"/api/quarantine/{sign}{number}/payload")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"


def test_the_largest_number_of_a_database_is_a_number(client: Client, store: Store) -> None:
    keep(store, example_record("a", 1))
    assert "AT-000001" in page(client, f"/?before={2**63 - 1}").text
    assert len(client.get(f"/api/runs?before={2**63 - 1}").json()["runs"]) == 1
    for number in (2**63 - 1, -(2**63) + 1):
        assert client.get(f"/api/quarantine/{number}/payload").status_code == 404


@pytest.mark.parametrize("path", ["/", "/quarantine", "/api/runs", "/api/summary"])
def test_a_fault_of_ours_is_told_plainly_and_logged_in_full(
    client: Client, store: Store, path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(tmp_path / "host.db")) as db, db:
        for table in ("runs", "quarantine"):
            db.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
    told = "The host could not do that. Its log says why."
    if path.startswith("/api"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (500, told)
    else:
        assert told in page(client, path, 500).text
    (entry,) = [one for one in caplog.records if one.name == "host_agent.web.pages"]
    assert entry.getMessage() == f"GET {path}"
    assert "no such table" in caplog.text
    assert "Traceback" in caplog.text


def test_the_api_shows_runs_and_turns_pages(client: Client, store: Store) -> None:
    keep(store, *(example_record("a", sequence) for sequence in range(5)))
    first = client.get("/api/runs?limit=2&station=a").json()
    assert [run["sequence"] for run in first["runs"]] == [4, 3]
    second = client.get(f"/api/runs?limit=4&before={first['next']}").json()
    assert [run["sequence"] for run in second["runs"]] == [2, 1, 0]
    assert second["next"] is None
    assert first["runs"][0]["marginal"] is True
    assert client.get("/api/runs?verdict=error").json()["runs"] == []
    for wrong in ("limit=0", "limit=5000", "limit=x", "verdict=great", "before=-1"):
        answer = client.get(f"/api/runs?{wrong}")
        assert answer.status_code == 400, wrong
        assert answer.json()["extra"][0]["key"] == wrong.split("=")[0]


def test_the_api_shows_a_run_and_its_verbatim_record(client: Client, store: Store) -> None:
    record = full_record()
    keep(store, record)
    answer = client.get(f"/api/runs/{record.record_id}").json()
    assert answer["summary"]["verdict"] == "fail"
    assert answer["record"]["schema"] == "pace.run/2"
    assert answer["record"]["steps"][2]["measurements"][0]["value"] == 0.0712
    verbatim = client.get(f"/api/runs/{record.record_id}/record")
    assert verbatim.content == encode(record)
    assert verbatim.headers["content-type"] == "application/json"


def test_the_api_shows_stations_quarantine_summary_and_health(
    client: Client, store: Store, progress: Progress
) -> None:
    keep(store, example_record("a", 1), record_ending(Verdict.ERROR, "a", 2))
    store.keep(sort([Message(1, b"pace/1/a/run", b"\xff\0<", 3)], now_text()))
    store.keep(Sorted([], {"a": (StationState(station="a", online=True), now_text())}, []))
    assert client.get("/api/stations").json()["stations"][0]["online"] is True
    (one,) = client.get("/api/quarantine").json()["quarantine"]
    assert one["size"] == 3
    payload = client.get(f"/api/quarantine/{one['id']}/payload")
    assert payload.content == b"\xff\0<"
    assert payload.headers["content-type"] == "application/octet-stream"
    assert "attachment" in payload.headers["content-disposition"]
    assert client.get("/api/quarantine/99/payload").status_code == 404
    assert client.get("/api/summary").json()["error"] == 1
    health = client.get("/api/health").json()
    assert (health["status"], health["troubles"]) == ("ok", [])
    assert health["stored"] == {"runs": 2, "quarantined": 1, "underived": 2, "unread": 0}
    assert health["unverified"] == 2
    for field, value in (
        ("connected", False),
        ("store_trouble", "disk full"),
        ("broker_refusals", {"pace/1/a/receipt": "not authorized"}),
        ("derive_trouble", "disk full"),
        ("behind_since_s", time.monotonic() - STANDS_STILL_S - 1),
    ):
        before = getattr(progress, field)
        setattr(progress, field, value)
        health = client.get("/api/health").json()
        assert (health["status"], len(health["troubles"])) == ("degraded", 1), field
        setattr(progress, field, before)
    assert client.get("/api/health").json()["status"] == "ok"


def test_the_api_describes_itself(client: Client) -> None:
    answer = client.get("/schema/openapi.json")
    description = answer.json()
    assert description["openapi"].startswith("3.")
    assert set(description["paths"]) == {
        "/api/runs",
        "/api/runs.csv",
        "/api/runs/{record_id}",
        "/api/runs/{record_id}/record",
        "/api/runs/{record_id}/message",
        "/api/plans/{sha256}",
        "/api/units/{asset_tag}/events",
        "/api/findings",
        "/api/attachments/{sha256}",
        "/api/keys",
        "/api/summary",
        "/api/stations",
        "/api/quarantine",
        "/api/quarantine/{number}/payload",
        "/api/health",
    }
    assert "RunSummary" in str(description["components"]["schemas"].keys())
    for path in ("/schema", "/schema/swagger", "/schema/redoc", "/schema/elements"):
        assert "<script" not in client.get(path).text


def test_the_script_is_short(client: Client) -> None:
    response = client.get("/static/live.js")
    assert "javascript" in response.headers["content-type"]
    assert len(response.text.splitlines()) < 60
