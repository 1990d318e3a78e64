"""Bytes that are damaged, numbers that no table takes, a key that is gone: no result is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from records import Measurement, Phrase, Receipt, Request, Stored, Verdict, keys
from records.messages import Wanted
from records.verdicts import CONCLUDE, MAKE_SAFE
from station.delivery.journal import DAMAGED
from station.delivery.keeping import Keep
from station.delivery.outbox import KeyUnusable, Outbox
from station.engine.events import Measured, StepFinished, StepStarted
from tests.records.examples import step
from tests.station.benches import make_draft

NOT_UTF_8 = b'{"type":"StepFinished","record":{"test":"\xff"}}'
TOO_DEEP = b'{"type":"StepFinished","record":' + b"[" * 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


def cut_run(path: Path, *events: StepStarted | StepFinished) -> str:
    """Leave a run behind that was broken off after `events`; return its id."""
    with closing(Outbox(path)) as outbox:
        begun = outbox.begin(make_draft())
        for event in events:
            outbox.note(begun.record_id, event)
    return begun.record_id


@pytest.mark.parametrize("damage", [NOT_UTF_8, TOO_DEEP], ids=["not UTF-8", "too deep"])
@pytest.mark.parametrize("table", ["draft", "journal"])
def test_damaged_bytes_keep_no_other_run_from_its_record(
    path: Path, damage: bytes, table: str
) -> None:
    damaged, sound = cut_run(path), cut_run(path, StepStarted(0, Phrase("title.A"), "a.a"))
    with closing(sqlite3.connect(path)) as db:
        if table == "draft":
            db.execute("UPDATE draft SET body = ? WHERE record_id = ?", (damage, damaged))
        else:
            db.execute("INSERT INTO journal (record_id, body) VALUES (?, ?)", (damaged, damage))
        db.commit()
    with closing(Outbox(path)) as outbox:
        recovered = [one.record_id for one in outbox.recover()]
    assert recovered == ([sound] if table == "draft" else [damaged, sound])


def test_a_digit_that_changed_in_a_journal_is_in_no_record(path: Path) -> None:
    """It reads as well as before: 19.66 V would become 18.66 V."""
    begun, volts = StepStarted(0, Phrase("title.A"), "a.a"), Measurement("volts", 19.66, "V")
    with closing(Outbox(path)) as outbox:
        draft = outbox.begin(make_draft())
        for event in (begun, Measured(volts), Measured(volts)):
            outbox.note(draft.record_id, event)
    with closing(sqlite3.connect(path)) as db:
        changed = "UPDATE journal SET body = CAST(replace(body, '19.66', '18.66') AS BLOB)"
        assert db.execute(f"{changed} WHERE rowid = 2").rowcount == 1
        db.commit()
    with closing(Outbox(path)) as outbox:
        (record,) = outbox.recover()
    (step,) = [one for one in record.steps if one.test == "a.a"]
    assert [one.value for one in step.measurements] == [19.66]
    assert DAMAGED in [one.reason for one in record.steps]


def test_a_letter_that_changed_in_a_draft_makes_no_record_and_is_told(path: Path) -> None:
    cut_run(path)
    with closing(sqlite3.connect(path)) as db:
        changed = "UPDATE draft SET body = CAST(replace(body, 'pi-1', 'pi-3') AS BLOB)"
        assert db.execute(changed).rowcount == 1
        db.commit()
    for _ in range(2):
        with closing(Outbox(path)) as outbox:
            assert outbox.recover() == ()
            assert [one.id for one in outbox.troubles()] == ["outbox.run_damaged"]


def test_a_run_whose_journal_lost_a_test_does_not_pass(path: Path) -> None:
    """Rows that cannot be read may hold a FAIL of a test that nothing requires."""
    cut = cut_run(
        path,
        StepStarted(0, Phrase("title.Voltage"), "power.voltage"),
        StepFinished(step()),
        StepFinished(step(name=MAKE_SAFE, test=MAKE_SAFE, measurements=())),
    )
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO journal (record_id, body) VALUES (?, ?)", (cut, b'{"type":"StepFin')
        )
        db.commit()
    with closing(Outbox(path)) as outbox:
        (record,) = outbox.recover()
    assert record.verdict is Verdict.ABORTED
    (concluded,) = (one.reason for one in record.steps if one.step == CONCLUDE)
    assert concluded == DAMAGED


def test_a_run_that_was_cut_waits_for_its_key_and_what_is_finished_does_not(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        finished = outbox.begin(make_draft())
        outbox.finish(finished)
    cut = cut_run(path, StepStarted(0, Phrase("title.A"), "a.a"))
    key = path.parent / keys.FILE_NAME
    text = key.read_text()
    key.write_text("rubbish")
    with closing(Outbox(path)) as outbox:
        with pytest.raises(KeyUnusable, match="not a station's key"):
            outbox.recover()
        assert [one.record_id for one in outbox.waiting()] == [finished.record_id]
    key.write_text(text)
    with closing(Outbox(path)) as outbox:
        assert [one.record_id for one in outbox.recover()] == [cut]


def test_no_key_is_needed_where_nothing_was_cut(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
    (path.parent / keys.FILE_NAME).write_text("rubbish")
    with closing(Outbox(path)) as outbox:
        assert outbox.recover() == ()


def test_a_damaged_history_of_keys_is_said_as_trouble_of_the_key(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
        (path.parent / keys.HISTORY).write_text("rubbish")
        with pytest.raises(KeyUnusable, match=keys.HISTORY):
            outbox.public_key("pi-1")


@pytest.mark.parametrize(
    ("first", "last", "again"),
    [
        (1, 2**63, 1),
        (-(2**70), 2**70, 1),
        (0, 2**64 - 1, 1),
        (2**63, 2**64, 0),
        (-5, -1, 0),
        (2, 1, 0),
    ],
)
def test_a_request_for_any_positions_is_answered(
    path: Path, first: int, last: int, again: int
) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
        (one,) = outbox.waiting()
        outbox.receipt(Receipt((Stored(one.record_id, one.sha256),)))
        assert (head := outbox.head()) is not None
        assert outbox.send_again(Request((Wanted(head.chain, first, last),))) == again
        assert outbox.counts().waiting == again


def test_a_delivery_before_the_clock_was_set_keeps_no_later_one_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day_s, now_s = 86400.0, 1_800_000_000.0
    with closing(Outbox(path, keep=Keep(days=1.0))) as outbox:
        for at_s in (10.0, now_s, now_s + 3 * day_s):
            monkeypatch.setattr("station.delivery.keeping.time.time", lambda at_s=at_s: at_s)
            outbox.finish(outbox.begin(make_draft()))
            (one,) = outbox.waiting()
            outbox.receipt(Receipt((Stored(one.record_id, one.sha256),)))
    with closing(sqlite3.connect(path)) as db:
        kept = [row[0] for row in db.execute("SELECT delivered_at FROM outbox ORDER BY id")]
    assert kept == [10.0, now_s + 3 * day_s]
