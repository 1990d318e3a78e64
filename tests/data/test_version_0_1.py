"""Records as version 0.1 wrote them: this version reads all, and nothing is lost or altered."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from host_agent.store import Store
from records import decode_run, decode_state
from records.judging import contradictions
from records.version_1 import decode_receipt_v1
from station.delivery.outbox import Outbox

DATA = Path(__file__).parent / "version_0_1"
EXPECTED: dict[str, Any] = json.loads((DATA / "expected.json").read_bytes())
RECORDS: list[dict[str, Any]] = EXPECTED["records"]
BODIES = dict(
    zip(
        (told["record_id"] for told in RECORDS),
        (DATA / "records.jsonl").read_bytes().splitlines(),
        strict=True,
    )
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(params=["closed", "killed"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    """Yield a copy of the outbox: closed in good order, and as SIGKILL left it."""
    if request.param == "closed":
        shutil.copy(DATA / "outbox.db", tmp_path)
    else:
        shutil.copytree(DATA / "outbox-wal", tmp_path, dirs_exist_ok=True)
    with closing(Outbox(tmp_path / "outbox.db")) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a copy of the host's database, brought to this version."""
    shutil.copy(DATA / "host.db", tmp_path)
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as opened:
        opened.open()
        yield opened


@pytest.mark.parametrize("told", RECORDS, ids=lambda told: told["asset_tag"])
def test_a_record_decodes(told: dict[str, Any]) -> None:
    body = BODIES[told["record_id"]]
    assert sha256(body) == told["sha256"]
    record = decode_run(body)
    assert not contradictions(record, version=1)
    assert {
        "record_id": record.record_id,
        "station": record.station,
        "sequence": record.sequence,
        "slot": record.slot,
        "kind": record.device.kind,
        "asset_tag": record.device.asset_tag,
        "plan": record.plan,
        "verdict": record.verdict,
        "marginal": record.marginal,
        "simulated": record.simulated,
        "steps": len(record.steps),
        "measurements": sum(len(step.measurements) for step in record.steps),
    }.items() <= told.items()


def test_the_records_cover_every_verdict_and_kind() -> None:
    assert {told["verdict"] for told in RECORDS} == {"pass", "fail", "error", "aborted"}
    assert {told["kind"] for told in RECORDS} == {"laptop adapter", "LCD monitor", "USB keyboard"}
    assert any(told["marginal"] for told in RECORDS)
    assert any(not body.isascii() for body in BODIES.values())


def test_the_outbox_hands_out_what_waits_as_it_was_written(outbox: Outbox) -> None:
    assert outbox.counts()._asdict() == EXPECTED["outbox"]["counts"]
    waiting = outbox.waiting()
    assert [one.record_id for one in waiting] == EXPECTED["outbox"]["waiting"]
    assert [one.body for one in waiting] == [BODIES[one.record_id] for one in waiting]


def test_the_outbox_offers_again_what_was_rejected(outbox: Outbox) -> None:
    outbox.offer_again()
    offered = {one.record_id: one.body for one in outbox.waiting()}
    for record_id in EXPECTED["outbox"]["rejected"]:
        assert offered[record_id] == BODIES[record_id]


def test_runs_that_were_cut_are_recovered_as_aborted(outbox: Outbox) -> None:
    recovered = outbox.recover()
    told = EXPECTED["outbox"]["cut"]
    assert [
        {
            "record_id": one.record_id,
            "sequence": one.sequence,
            "slot": one.slot,
            "asset_tag": one.device.asset_tag,
        }
        for one in recovered
    ] == [{key: one[key] for key in ("record_id", "sequence", "slot", "asset_tag")} for one in told]
    for record, expected in zip(recovered, told, strict=True):
        assert record.verdict == "aborted"
        assert not contradictions(record)
        assert [(step.step, step.verdict, len(step.measurements)) for step in record.steps] == [
            (step["step"], step["verdict"], step["measurements"]) for step in expected["steps"]
        ]
    assert outbox.counts().waiting == EXPECTED["outbox"]["counts"]["waiting"] + len(told)


def test_the_host_serves_every_record_as_it_came(store: Store) -> None:
    told = {one["record_id"]: one for one in RECORDS if one["where"] == "host"}
    assert store.counts().runs == len(told) == EXPECTED["host"]["counts"]["runs"]
    told_verdicts = dict(EXPECTED["host"]["verdicts"])
    assert told_verdicts.pop("skipped") == 0  # no run was skipped, and none can be
    assert store.verdicts() == {"incomplete": 0} | told_verdicts
    for record_id, one in told.items():
        stored = store.run(record_id)
        assert stored is not None
        assert stored.record == BODIES[record_id]
        assert stored.summary.sha256 == sha256(stored.record) == one["sha256"]
        assert (stored.summary.station, stored.summary.verdict) == (one["station"], one["verdict"])


def test_the_host_keeps_its_quarantine(store: Store) -> None:
    told = EXPECTED["host"]["quarantine"]
    assert store.quarantined_number() == sum(not one["released_at"] for one in told)
    for one in told:
        found = store.quarantined_message(one["id"])
        assert found is not None
        quarantined, payload = found
        assert payload == (DATA / "refused" / f"{one['id']:02}").read_bytes()
        assert quarantined.reason == one["reason"]
        assert quarantined.topic == one["topic"]
        assert quarantined.times == one["times"]
        assert quarantined.released_at == one["released_at"]
        assert quarantined.complete is one["complete"]
        assert not quarantined.complete or sha256(payload) == quarantined.sha256


def test_the_host_knows_its_stations(store: Store) -> None:
    assert [(one.station, one.online) for one in store.stations()] == [
        (one["station"], one["online"]) for one in EXPECTED["host"]["stations"]
    ]


def test_the_other_messages_decode() -> None:
    for name, told in EXPECTED["messages"]["files"].items():
        assert sha256((DATA / name).read_bytes()) == told["sha256"], name
    assert decode_state((DATA / "state.json").read_bytes()).online
    assert decode_state((DATA / "state-waiting.json").read_bytes()).waiting > 0
    assert not decode_state((DATA / "state-gone.json").read_bytes()).online
    receipt = decode_receipt_v1((DATA / "receipt.json").read_bytes())
    assert [one for one in receipt.stored if one in BODIES]
    assert {one.record_id: one.reason for one in receipt.rejected} == EXPECTED["outbox"]["rejected"]
