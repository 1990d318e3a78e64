"""A result is never lost or doubled, whatever is killed, switched off or full."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import (
    Measurement,
    Phrase,
    Receipt,
    Rejected,
    RunRecord,
    StepRecord,
    Stored,
    Verdict,
    decode_run,
    encode,
)
from records.signing import digest, split
from station.delivery.journal import POWER_CUT
from station.delivery.outbox import Counts, Outbox, OutboxError
from station.engine.events import (
    Answered,
    Measured,
    RunStarted,
    Shown,
    StepFinished,
    StepStarted,
    Waiting,
)
from tests.records.examples import step
from tests.station.benches import make_draft

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VOLTS = Measured(Measurement(name="volts", value=5.0, unit="V"))
AMPERES = Measured(Measurement(name="amperes", value=0.5, unit="A"))


def step_record(name: str, verdict: Verdict = Verdict.PASS) -> StepRecord:
    return StepRecord(
        test=name, step=name, title=Phrase(text=name), verdict=verdict, started_at=NOON
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    outbox = Outbox(path)
    yield outbox
    outbox.close()


def complete(outbox: Outbox, verdict: Verdict = Verdict.PASS) -> RunRecord:
    """Keep a run from beginning to end, and return it."""
    begun = outbox.begin(make_draft())
    record = make_draft(record_id=begun.record_id, sequence=begun.sequence, verdict=verdict)
    outbox.finish(record)
    return record


def waiting(outbox: Outbox) -> list[RunRecord]:
    return [decode_run(split(one.body).record) for one in outbox.waiting()]


DIGESTS: dict[str, str] = {}


def receipt(outbox: Outbox, stored: Sequence[str], rejected: Sequence[str] = ()) -> Counts:
    """Take a receipt of these records, as they wait, with a digest each; return the counts."""
    digests = DIGESTS
    digests.update((one.record_id, one.sha256) for one in outbox.waiting())
    outbox.receipt(
        Receipt(
            tuple(Stored(one, digests.get(one, "")) for one in stored),
            tuple(Rejected(one, "why", digests.get(one, "")) for one in rejected),
        )
    )
    return outbox.counts()


# The way of a record


def test_a_record_waits_until_the_host_has_it(outbox: Outbox) -> None:
    record = complete(outbox)
    assert waiting(outbox) == [record]
    assert receipt(outbox, [record.record_id]) == Counts(delivered=1, waiting=0, rejected=0)
    assert waiting(outbox) == []


def test_a_record_waits_through_a_restart_to_the_last_byte(path: Path) -> None:
    before = Outbox(path)
    record = complete(before)
    before.close()
    after = Outbox(path)
    (one,) = after.waiting()
    assert (one.record_id, one.station) == (record.record_id, "pi-1")
    assert split(one.body).record == encode(record)
    assert one.sha256 == digest(one.body)
    assert after.recover() == ()
    after.close()


def test_records_are_numbered_without_gaps_and_numbers_are_never_used_again(path: Path) -> None:
    first = Outbox(path)
    numbers = [complete(first).sequence for _ in range(3)]
    receipt(first, [one.record_id for one in first.waiting()])
    first.close()
    second = Outbox(path)
    numbers += [complete(second).sequence for _ in range(2)]
    second.close()
    assert numbers == [1, 2, 3, 4, 5]


def test_many_slots_begin_at_once_and_each_has_its_number(outbox: Outbox) -> None:
    numbers: list[int] = []

    def work() -> None:
        numbers.extend(complete(outbox).sequence for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers) == list(range(1, 161))
    assert outbox.counts().waiting == 160


def test_the_oldest_are_sent_first_and_those_under_way_are_passed_over(outbox: Outbox) -> None:
    ids = [complete(outbox).record_id for _ in range(5)]
    assert [one.record_id for one in outbox.waiting(2)] == ids[:2]
    assert [one.record_id for one in outbox.waiting(2, but_not=ids[:3])] == ids[3:]
    assert [one.record_id for one in outbox.waiting(2, but_not=ids[1:3])] == [ids[0], ids[3]]


def test_a_record_finished_twice_is_there_once(outbox: Outbox) -> None:
    record = complete(outbox)
    outbox.finish(record)
    assert waiting(outbox) == [record]


# Receipts


def test_a_receipt_counts_once(outbox: Outbox) -> None:
    record = complete(outbox)
    for _ in range(3):
        assert receipt(outbox, [record.record_id] * 2) == Counts(1, 0, 0)


def test_a_receipt_for_what_is_not_here_changes_nothing(outbox: Outbox) -> None:
    record = complete(outbox)
    assert receipt(outbox, ["", "nobody"], ["nobody"]) == Counts(0, 1, 0)
    assert waiting(outbox) == [record]


def test_a_receipt_does_not_end_a_run_that_is_going_on(outbox: Outbox) -> None:
    begun = outbox.begin(make_draft())
    assert receipt(outbox, [begun.record_id]) == Counts(0, 0, 0)
    assert [one.record_id for one in outbox.recover()] == [begun.record_id]


def test_a_rejected_record_is_kept_and_not_sent_again(path: Path) -> None:
    outbox = Outbox(path)
    record = complete(outbox)
    assert receipt(outbox, [], [record.record_id]) == Counts(0, 0, 1)
    assert outbox.waiting() == ()
    outbox.close()
    after = Outbox(path)
    assert after.counts() == Counts(0, 0, 1)
    assert after.waiting() == ()
    after.close()
    with sqlite3.connect(path) as db:
        query = "SELECT body, rejected FROM outbox JOIN message USING (id)"
        ((message, rejected),) = db.execute(query).fetchall()
    db.close()
    assert (split(message).record, rejected) == (encode(record), "why")


def test_a_rejected_record_that_the_host_takes_after_all_is_delivered(outbox: Outbox) -> None:
    record = complete(outbox)
    receipt(outbox, [], [record.record_id])
    assert receipt(outbox, [record.record_id]) == Counts(1, 0, 0)


def test_a_rejected_record_is_offered_again_when_asked_for(outbox: Outbox) -> None:
    record = complete(outbox)
    receipt(outbox, [], [record.record_id])
    outbox.offer_again()
    assert [one.record_id for one in outbox.waiting()] == [record.record_id]


def test_what_was_stored_cannot_be_rejected_afterwards(outbox: Outbox) -> None:
    record = complete(outbox)
    assert receipt(outbox, [record.record_id], [record.record_id]) == Counts(1, 0, 0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["run", "store", "reject", "restart", "begin"]), st.integers(0, 9)
        ),
        max_size=25,
    )
)
def test_whatever_happens_every_run_is_in_one_place(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]]
) -> None:
    """Delivered, waiting or rejected: each run is counted once, and no number twice."""
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    outbox = Outbox(path)
    begun: list[str] = []
    stored, rejected, open_runs = set[str](), set[str](), set[str]()
    for deed, number in story:
        one = begun[number % len(begun)] if begun else "nobody"
        match deed:
            case "run":
                begun.append(complete(outbox).record_id)
            case "begin":
                begun.append(outbox.begin(make_draft()).record_id)
                open_runs.add(begun[-1])
            case "store":
                receipt(outbox, [one])
                stored |= {one} if one in begun and one not in open_runs else set()
            case "reject":
                receipt(outbox, [], [one])
                rejected |= {one} if one in begun and one not in open_runs else set()
            case "restart":
                outbox.close()
                outbox = Outbox(path)
                assert {each.record_id for each in outbox.recover()} == open_runs
                open_runs.clear()
    kept = rejected - stored
    counts = outbox.counts()
    assert counts == Counts(
        delivered=len(stored),
        waiting=len(begun) - len(stored) - len(kept) - len(open_runs),
        rejected=len(kept),
    )
    left = waiting(outbox)
    assert len({record.sequence for record in left}) == len(left)
    outbox.close()


# Power cuts


def cut(outbox: Outbox, path: Path) -> Outbox:
    """Copy the file as if the power had gone: only committed data are in it."""
    outbox.counts()  # what was noted before is committed with this
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    return Outbox(copy)


def test_a_run_that_was_broken_off_comes_back_with_what_was_measured(
    outbox: Outbox, path: Path
) -> None:
    begun = outbox.begin(make_draft())
    outbox.note(begun.record_id, StepFinished(step_record("bench.open")))
    outbox.note(begun.record_id, StepStarted(0, Phrase(text="No load"), "adapter.no_load"))
    outbox.note(begun.record_id, VOLTS)
    outbox.note(begun.record_id, AMPERES)
    after = cut(outbox, path)
    (record,) = after.recover()
    assert record.verdict is Verdict.ABORTED
    assert (record.record_id, record.sequence) == (begun.record_id, begun.sequence)
    assert record.device == begun.device
    assert [(one.step, one.verdict) for one in record.steps] == [
        ("bench.open", Verdict.PASS),
        ("adapter.no_load", Verdict.ABORTED),
        ("bench.make_safe", Verdict.ABORTED),
    ]
    assert record.steps[1].measurements == (VOLTS.measurement, AMPERES.measurement)
    assert record.steps[1].reason == record.steps[2].reason == POWER_CUT
    assert waiting(after) == [record]
    after.close()


def test_a_broken_off_run_comes_back_once(outbox: Outbox, path: Path) -> None:
    outbox.begin(make_draft())
    after = cut(outbox, path)
    assert len(after.recover()) == 1
    assert after.recover() == ()
    assert len(waiting(after)) == 1
    after.close()


def test_runs_of_several_slots_do_not_mix(outbox: Outbox, path: Path) -> None:
    one, two = outbox.begin(make_draft(slot="left")), outbox.begin(make_draft(slot="right"))
    outbox.note(one.record_id, StepStarted(0, Phrase(text="A"), "a.a"))
    outbox.note(two.record_id, StepStarted(0, Phrase(text="B"), "b.b"))
    outbox.note(one.record_id, VOLTS)
    outbox.note(two.record_id, AMPERES)
    after = cut(outbox, path)
    left, right = after.recover()
    assert (left.slot, right.slot) == ("left", "right")
    assert [m.name for m in left.steps[0].measurements] == ["volts"]
    assert [m.name for m in right.steps[0].measurements] == ["amperes"]
    after.close()


def test_a_record_that_was_on_disk_stays_as_it_is(outbox: Outbox, path: Path) -> None:
    record = complete(outbox)
    after = cut(outbox, path)
    assert after.recover() == ()
    assert waiting(after) == [record]
    after.close()


def test_a_run_that_had_made_its_bench_safe_was_over_and_is_concluded(
    outbox: Outbox, path: Path
) -> None:
    begun = outbox.begin(make_draft())
    outbox.note(begun.record_id, StepFinished(step_record("bench.open")))
    outbox.note(begun.record_id, StepStarted(0, Phrase(text="Voltage"), "power.voltage"))
    outbox.note(begun.record_id, StepFinished(step()))
    outbox.note(begun.record_id, StepFinished(step_record("bench.make_safe")))
    after = cut(outbox, path)
    (record,) = after.recover()
    assert [one.step for one in record.steps].count("bench.make_safe") == 1
    assert record.verdict is Verdict.PASS
    assert record.not_safe == ()
    after.close()


def test_only_what_belongs_into_a_record_is_written_down(outbox: Outbox, path: Path) -> None:
    begun = outbox.begin(make_draft())
    for event in (
        RunStarted(begun.record_id, 1, begun.device, Phrase("plan.p"), ()),
        Shown("keyboard", {"layout": "iso-105"}),
        Waiting("probe", "right"),
        Answered("y"),
    ):
        outbox.note(begun.record_id, event)
    outbox.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM journal").fetchone() == (0,)
    db.close()


def test_a_journal_that_another_version_wrote_keeps_no_station_from_starting(path: Path) -> None:
    """An unreadable journal is kept for people, and the rest comes back."""
    outbox = Outbox(path)
    bad, good = outbox.begin(make_draft()), outbox.begin(make_draft())
    outbox.note(good.record_id, StepStarted(0, Phrase(text="A"), "a.a"))
    outbox.note(good.record_id, VOLTS)
    outbox.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE draft SET body = ? WHERE record_id = ?", (b"{", bad.record_id))
        db.execute(
            "INSERT INTO journal (record_id, body) VALUES (?, ?)",
            (good.record_id, b'{"type":"Sniffed","what":1}'),
        )
    db.close()
    after = Outbox(path)
    (record,) = after.recover()
    assert record.record_id == good.record_id
    assert [m.name for m in record.steps[0].measurements] == ["volts"]
    after.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT record_id FROM draft").fetchall() == [(bad.record_id,)]
    db.close()


def test_a_run_that_cannot_go_on_is_an_error_with_what_was_measured(outbox: Outbox) -> None:
    begun = outbox.begin(make_draft())
    outbox.note(begun.record_id, StepStarted(0, Phrase(text="No load"), "adapter.no_load"))
    outbox.note(begun.record_id, VOLTS)
    record = outbox.break_off(begun.record_id, Phrase(text="a bug"))
    assert record.verdict is Verdict.ERROR
    assert record.steps[0].measurements == (VOLTS.measurement,)
    assert {one.reason for one in record.steps} == {Phrase(text="a bug")}
    assert waiting(outbox) == [record]
    assert outbox.recover() == ()


KILLED = """
import sys
from pathlib import Path
from station.engine.events import Measured, StepStarted
from station.delivery.outbox import Outbox
from records import Measurement, Phrase
from tests.records.examples import step
from tests.station.benches import make_draft

outbox = Outbox(Path(sys.argv[1]))
done = outbox.begin(make_draft())
outbox.finish(make_draft(record_id=done.record_id, sequence=done.sequence))
begun = outbox.begin(make_draft())
outbox.note(begun.record_id, StepStarted(0, Phrase(text="A"), "a.a"))
outbox.note(begun.record_id, Measured(Measurement(name="volts", value=5.0, unit="V")))
third = outbox.begin(make_draft())
print(done.record_id, begun.record_id, third.record_id, flush=True)
for number in range(10**9):
    outbox.note(third.record_id, Measured(Measurement(name="n", value=number)))
    outbox.counts()
"""


def test_after_kill_9_in_the_middle_of_writing_nothing_is_lost_or_doubled(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    done, begun, third = process.stdout.readline().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()

    after = Outbox(path)
    recovered = {one.record_id: one for one in after.recover()}
    assert set(recovered) == {begun, third}
    assert [one.record_id for one in after.waiting()] == [done, begun, third]
    assert [m.name for m in recovered[begun].steps[0].measurements] == ["volts"]
    assert complete(after).sequence == 4
    after.close()


# A disk that takes no more


FULL = """
import json, resource, sys
from pathlib import Path
from station.delivery.outbox import Outbox, OutboxError
from tests.records.examples import step
from tests.station.benches import make_draft

path = Path(sys.argv[1])
outbox = Outbox(path)
begun = [outbox.begin(make_draft()) for _ in range(3)]
most = path.stat().st_size + Path(f"{path}-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
kept, refused, why = [], [], ""
def big(one):
    return make_draft(record_id=one.record_id, sequence=one.sequence, plan="x" * 200_000)
for one in begun:
    try:
        outbox.finish(big(one))
        kept.append(one.record_id)
    except OutboxError as error:
        refused.append(one.record_id)
        why = [error.phrase.id, error.phrase.values]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
for one in begun:
    outbox.finish(big(one))
outbox.close()
print(json.dumps([kept, refused, why]))
"""


def test_a_full_disk_refuses_a_record_and_takes_it_when_there_is_room(path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    kept, refused, why = json.loads(told.stdout)
    assert refused
    assert why == ["outbox.failed", {"place": str(path), "error": "disk I/O error"}]
    after = Outbox(path)
    assert after.recover() == ()
    assert {one.record_id for one in after.waiting()} == {*kept, *refused}
    after.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="File exists"):
        Outbox(tmp_path / "file" / "outbox.db")


def test_a_file_that_is_no_database_is_told_and_set_aside_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but somebody's notes" * 100)
    before = path.read_bytes()
    outbox = Outbox(path)
    record = complete(outbox)
    assert waiting(outbox) == [record]
    (aside,) = path.parent.glob("outbox.damaged-*.db")
    assert outbox.troubles()[0].values["file"] == aside.name
    assert aside.read_bytes() == before
    outbox.close()


# Two on one folder


def test_two_stations_on_one_folder_are_refused(path: Path) -> None:
    first = Outbox(path)
    record = complete(first)
    with pytest.raises(OutboxError) as refused:
        Outbox(path, patience_s=0.05)
    assert refused.value.phrase.id == "outbox.in_use"
    assert waiting(first) == [record]
    first.close()
    after = Outbox(path)
    assert waiting(after) == [record]
    after.close()


# Closing


def test_closing_writes_what_was_noted(path: Path) -> None:
    outbox = Outbox(path)
    begun = outbox.begin(make_draft())
    outbox.note(begun.record_id, StepStarted(0, Phrase(text="A"), "a.a"))
    outbox.note(begun.record_id, VOLTS)
    outbox.close()
    after = Outbox(path)
    (record,) = after.recover()
    assert record.steps[0].measurements == (VOLTS.measurement,)
    after.close()


def test_a_closed_outbox_says_so_instead_of_keeping_anybody_waiting(path: Path) -> None:
    outbox = Outbox(path)
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError, match="closed"):
        outbox.counts()
    with pytest.raises(OutboxError, match="closed"):
        outbox.begin(make_draft())


def test_whoever_comes_while_it_closes_is_served_or_told(path: Path) -> None:
    outbox = Outbox(path)
    outcomes: list[str] = []

    def work() -> None:
        while True:
            try:
                complete(outbox)
                outcomes.append("kept")
            except OutboxError:
                outcomes.append("told")
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while outcomes.count("kept") < 20:
        threading.Event().wait(0.001)
    outbox.close()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    after = Outbox(path)
    after.recover()
    assert after.counts().waiting >= outcomes.count("kept")
    after.close()
