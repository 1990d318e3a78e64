"""A host beside a broker: what is missing is asked for, and pages and API say what is verified."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from host_agent import evidence_lane
from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.store.evidence import auditing
from host_agent.text import now_text
from host_agent.web import create_app
from host_agent.web.live import Live
from records import PlanRecord, encode, topics
from records.messages import PieceHead, Wanted, piece
from records.run import Attachment
from records.signing import digest
from tests.host_agent.load import example_record
from tests.host_agent.rig import Broker, soon, speaker
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import derive_all
from tests.host_agent.test_ingest import address, ingesting
from tests.host_agent.web.pages import HOSTILE, page

PLAN = PlanRecord(plan="p", kind="k")


async def test_a_missing_record_and_a_missing_plan_are_asked_for_and_the_gap_closes(
    store: Store, embedded: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(evidence_lane, "_LOOK_EVERY_S", 0.05)
    name = "gap-1"
    card = Card(name)
    plan_sha256 = digest(encode(PLAN))
    plan = card.sign(PLAN)
    runs = [card.sign(example_record(name, number, plan_sha256=plan_sha256)) for number in range(4)]
    async with (
        ingesting(store, address(embedded)) as ingest,
        speaker(embedded, name) as station,
    ):
        await station.say(card.state(head=None), topics.state(name))
        for message in (runs[0], runs[3]):
            await station.say(message)
        await soon(lambda: any(one.plans for one in station.requests))
        gap = Wanted(chain=card.chain, first=3, last=4)
        await soon(lambda: any(gap in one.records for one in station.requests))
        asked = {one for request in station.requests for one in request.records}
        assert asked <= {gap, Wanted(chain=card.chain, first=1, last=1)}
        assert {one for request in station.requests for one in request.plans} == {plan_sha256}
        for message in (plan, runs[1], runs[2]):
            await station.say(message)
        await soon(lambda: store.findings() == [] and store.plan(plan_sha256) is not None)
        await soon(lambda: len(station.stored) == 5)
        assert ingest.progress.evidence_trouble == ""
    assert [one.state for one in store.station_keys()] == ["offered"]


async def test_a_lane_that_cannot_go_on_says_so_and_records_are_stored_all_the_same(
    store: Store, embedded: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(limit: int = 0) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(store, "signed_portion", broken)
    record = example_record("lane-1", 1)
    async with (
        ingesting(store, address(embedded)) as ingest,
        speaker(embedded, "lane-1") as station,
    ):
        await station.say(encode(record))
        await soon(lambda: station.stored == [record.record_id])
        await soon(lambda: ingest.progress.evidence_trouble == "no memory")
        assert "Signatures are not verified now: no memory" in ingest.progress.troubles()


@pytest.fixture
def client(store: Store) -> Iterator[TestClient[Any]]:
    app = create_app(store, Progress(connected=True), Live(), names=[])
    with TestClient(app, base_url="http://127.0.0.1") as one:
        yield one


def test_pages_and_api_say_of_each_run_whether_it_is_verified_and_by_which_key(
    store: Store, client: TestClient[Any]
) -> None:
    card = Card()
    plan_sha256 = digest(encode(PLAN))
    record = example_record("bench-1", 1, plan_sha256=plan_sha256)
    message = card.sign(record)
    tell(store, "bench-1", message)
    derive_all(store)
    assert "received" in page(client, "/").text
    path = f"/runs/{record.record_id}"
    assert "not here: its station is asked for it" in page(client, path).text
    tell(store, "bench-1", card.state(), topic="state")
    settle(store)
    assert "key not confirmed" in page(client, "/").text
    assert "offered, not confirmed" in page(client, "/evidence").text
    store.trust(card.public.kid)
    seen = page(client, path).text
    assert "verified: a trusted key of its station signed it" in seen
    assert f"Key {card.public.kid} , position 1" in seen
    detail = client.get(f"/api/runs/{record.record_id}").json()
    assert detail["standing"]["state"] == "verified"
    assert (detail["flags"], detail["plan"]) == ([], "missing")
    listed = client.get("/api/runs").json()
    assert listed["standings"][record.record_id]["kid"] == card.public.kid
    assert client.get(f"/api/runs/{record.record_id}/message").content == message
    assert client.get(f"/api/runs/{record.record_id}/record").content == encode(record)
    assert client.get(f"/api/plans/{plan_sha256}").status_code == 404
    tell(store, "bench-1", card.sign(PLAN))
    assert client.get(f"/api/plans/{plan_sha256}").content == encode(PLAN)
    assert client.get("/api/keys").json()["keys"][0]["state"] == "trusted"


def test_what_contradicts_itself_is_marked_in_the_list_and_told_on_its_page(
    store: Store, client: TestClient[Any]
) -> None:
    record = example_record("bench-1", 1, duration_s=-4.0)
    tell(store, "bench-1", encode(record))
    derive_all(store)
    assert "contradicts itself" in page(client, "/").text
    assert "the run took -4.0 s" in page(client, f"/runs/{record.record_id}").text
    assert client.get("/api/runs").json()["flags"][record.record_id] >= 1


def test_gaps_and_what_is_not_read_are_troubles_of_health_and_first_page(
    store: Store, client: TestClient[Any]
) -> None:
    card = Card()
    card.sign(example_record("bench-1", 1))
    later = encode(example_record("bench-1", 2)).replace(b"pace.run/2", b"pace.run/3")
    tell(store, "bench-1", card.state(head=None), topic="state")
    tell(store, "bench-1", card.sign(later))
    settle(store)
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE findings SET found_at = '2026'")
    health = client.get("/api/health").json()
    assert health["status"] == "degraded"
    assert health["stored"]["unread"] == 1
    assert any("position 1 is missing" in one for one in health["troubles"])
    assert any("1 record is not read by this version" in one for one in health["troubles"])
    for path in ("/", "/evidence"):
        assert "position 1 is missing" in page(client, path).text
    (finding,) = client.get("/api/findings").json()["findings"]
    store.close_finding(finding["id"], "a test")
    assert client.get("/api/findings").json()["findings"] == []
    assert len(client.get("/api/findings?closed=true").json()["findings"]) == 1


def test_hostile_flags_findings_and_keys_stay_text(store: Store, client: TestClient[Any]) -> None:
    card = Card()
    card.sign(b"{}")
    first = example_record("bench-1", 1)
    steps = tuple(
        msgspec.structs.replace(one, step=HOSTILE, duration_s=-1.0) for one in first.steps
    )
    record = example_record("bench-1", 1, steps=steps)
    tell(store, "bench-1", card.state(head=None), topic="state")
    tell(store, "bench-1", card.sign(record))
    derive_all(store)
    settle(store)
    assert store.flags(1)
    assert store.findings()
    with store._engine.begin() as connection:  # what an older host may have let in
        connection.execute(
            sa.text("UPDATE findings SET text = :said, chain = :said"), {"said": HOSTILE}
        )
    for path in (f"/runs/{record.record_id}", "/evidence", "/"):
        seen = page(client, path)
        assert "img" not in {tag for tag, _ in seen.elements}
        assert not any(name.startswith("on") for _, attrs in seen.elements for name in attrs)
    assert "onerror" in page(client, "/evidence").text


PICTURE, PAGE = b"\xff\xd8\xff a picture", b"<script>alert(1)</script>"


def test_attachments_are_on_the_page_of_their_run_and_only_pictures_are_shown_in_place(
    store: Store, client: TestClient[Any]
) -> None:
    named = [
        Attachment(name="front.jpg", sha256=hashlib.sha256(PICTURE).hexdigest(), size_bytes=14),
        Attachment(name=HOSTILE, sha256=hashlib.sha256(PAGE).hexdigest(), size_bytes=25),
        Attachment(name="lost.png", sha256="5e" * 32, size_bytes=9),
    ]
    record = example_record("bench-1", 1, attachments=tuple(named))
    tell(store, "bench-1", Card().sign(record))
    for one, data, media in ((named[0], PICTURE, "image/jpeg"), (named[1], PAGE, "text/html")):
        head = PieceHead(sha256=one.sha256, size_bytes=len(data), offset_bytes=0, media_type=media)
        payload = piece(head, data)
        topic = topics.piece("bench-1").encode()
        store.keep(sort([Message(1, topic, payload, len(payload))], now_text()))
    seen = page(client, f"/runs/{record.record_id}")
    assert "lost.png 9 bytes, not here: its station is asked for it" in seen.text
    assert "script" not in {tag for tag, _ in seen.elements}
    shown = client.get(f"/api/attachments/{named[0].sha256}")
    assert shown.content == PICTURE
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["content-disposition"].startswith("inline")
    saved = client.get(f"/api/attachments/{named[1].sha256}")
    assert saved.content == PAGE
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"].startswith("attachment")
    assert saved.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in saved.headers["content-security-policy"]
    for name in (named[2].sha256, "..%2F..%2Fetc%2Fpasswd", "x"):
        assert client.get(f"/api/attachments/{name}").status_code == 404


async def test_a_piece_over_the_broker_is_answered_with_what_is_held(
    store: Store, embedded: Broker
) -> None:
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    head = PieceHead(sha256=sha256, size_bytes=len(PICTURE), offset_bytes=0)
    async with (
        ingesting(store, address(embedded)),
        speaker(embedded, "pieces-1") as station,
    ):
        await station.say(piece(head, PICTURE), topics.piece("pieces-1"))
        await soon(lambda: station.held == {sha256: len(PICTURE)})
    path = store.attachment_file(sha256)
    assert path is not None
    assert path.read_bytes() == PICTURE
