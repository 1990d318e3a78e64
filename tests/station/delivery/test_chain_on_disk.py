"""One chain without gap or fork, whatever is killed; delivered records are kept and sent again."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from records import Phrase, Receipt, Request, Stored, keys
from records.chain import audit
from records.messages import EventRecord, Held, Wanted, read_piece
from records.run import Attachment
from records.signing import header_of, split, verify
from records.verifying import Report, Source, check
from station.delivery import tables
from station.delivery.keeping import Keep
from station.delivery.known import NAME, Known, KnownFile
from station.delivery.outbox import Outbox, OutboxError, Waiting
from station.delivery.signer import Signer
from tests.records.examples import NOW
from tests.station.benches import make_draft


def run_of(outbox: Outbox, plan: bytes = b"") -> str:
    """Keep a run from beginning to end; return its id."""
    begun = outbox.begin(make_draft(), plan)
    outbox.finish(begun)
    return begun.record_id


def told(path: Path) -> Report:
    """Return an audit's report, with public keys alone, on everything ever signed here."""
    known = keys.known(path.parent)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT body FROM message ORDER BY id").fetchall()
    return check(Source("outbox", [body for (body,) in rows]), keys.verify_keys(known), known)


def deliver(outbox: Outbox, *some: Waiting) -> list[str]:
    return outbox.receipt(Receipt(tuple(Stored(one.record_id, one.sha256) for one in some)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


def test_records_plans_and_events_are_links_of_one_chain(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        run_of(outbox, b'{"schema":"pace.plan/1","plan":"p","kind":"k"}')
        outbox.add(
            EventRecord(
                record_id="e-1", station="pi-1", operator="", asset_tag="A", event="intake", at=NOW
            )
        )
        run_of(outbox, b'{"schema":"pace.plan/1","plan":"p","kind":"k"}')
        waiting = outbox.waiting()
        headers = [header_of(split(one.body).signature) for one in waiting]
        assert [one.position for one in headers] == [1, 2, 3, 4]
        assert len({one.chain for one in headers}) == 1
        assert outbox.counts().waiting == 3, "a plan is no record, and is there once"
        head = outbox.head()
        assert head is not None
        assert (head.position, head.digest) == (4, waiting[-1].sha256)
        public = keys.verify_keys(keys.known(path.parent))
        assert [verify(one.body, public) for one in waiting] == headers
    assert told(path).troubles == ()


def test_each_start_opens_a_chain_that_names_the_head_before_it(path: Path) -> None:
    chains = []
    for _ in range(3):
        with closing(Outbox(path)) as outbox:
            run_of(outbox)
            run_of(outbox)
            head = outbox.head()
            assert head is not None
            chains.append(head.chain)
    with closing(Outbox(path)) as idle:
        assert idle.head() == head, "a start without a record makes no chain"
    report = told(path)
    assert (len(set(chains)), report.chains, report.verified) == (3, 3, 6)
    assert report.troubles == ()


def test_nothing_begins_without_a_usable_key(path: Path) -> None:
    path.parent.mkdir()
    (path.parent / keys.FILE_NAME).write_text("not a key")
    (path.parent / keys.FILE_NAME).chmod(0o600)
    with closing(Outbox(path)) as outbox, pytest.raises(OutboxError, match="not a station's key"):
        outbox.begin(make_draft())


class Killed(Exception):
    """The process ends here."""


MOMENTS = ["before", "inserted", "head", "commit"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["finish", "recover", "break_off"])
def test_a_kill_at_every_point_leaves_no_gap_and_no_fork(
    path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, how: str
) -> None:
    """A change that is not committed has not happened: the next start continues the last commit."""
    first = Outbox(path)
    run_of(first)
    begun = first.begin(make_draft())
    first.close()
    other = Outbox(path)
    store, insert = Signer.store, tables.insert

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    def killed_after(work: Callable[..., None]) -> Callable[..., None]:
        def both(*arguments: Any, **named: Any) -> None:
            work(*arguments, **named)
            raise Killed

        return both

    if moment == "before":
        monkeypatch.setattr(Signer, "store", killed)
    elif moment == "inserted":
        monkeypatch.setattr("station.delivery.signer.tables.insert", killed_after(insert))
    else:
        monkeypatch.setattr(Signer, "store", killed_after(store))
    deeds: dict[str, Callable[[], object]] = {
        "finish": lambda: other.finish(begun),
        "recover": other.recover,
        "break_off": lambda: other.break_off(begun.record_id, Phrase(text="a bug")),
    }
    with pytest.raises(Killed):
        deeds[how]()
    monkeypatch.undo()
    if moment == "commit":  # the same process tries again
        other.finish(begun)
    other.close()
    with closing(Outbox(path)) as after:
        after.recover()
        run_of(after)
        assert after.counts().waiting == 3
    report = told(path)
    assert report.troubles == ()
    assert report.verified == 3


FOUR_SLOTS = """
import os, sys, threading
from pathlib import Path
from station.delivery.outbox import Outbox
from tests.station.benches import make_draft
outbox = Outbox(Path(sys.argv[1]))
outbox.recover()
gate = threading.Barrier(4)
def slot(name):
    while True:
        begun = outbox.begin(make_draft(slot=name))
        gate.wait()
        outbox.finish(begun)
        os.write(1, f"{begun.record_id}\\n".encode())  # whole, or not at all
for name in "abcd":
    threading.Thread(target=slot, args=(name,), daemon=True).start()
threading.Event().wait()
"""


def test_four_slots_that_finish_at_once_and_are_killed_leave_one_chain(path: Path) -> None:
    """SIGKILL at a random moment, five times on one file; each finished run is there once."""
    chance = random.Random(9)
    said: list[str] = []
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", FOUR_SLOTS, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
        timer = threading.Timer(chance.uniform(0.0, 0.3), process.kill)
        timer.start()
        said += [line.strip() for line in process.stdout if line.endswith("\n")]
        assert process.wait(60) == -signal.SIGKILL
        timer.join()
        process.stdout.close()
    with closing(Outbox(path)) as outbox:
        outbox.recover()
        kept = {one.record_id for one in outbox.waiting(100_000)}
    assert set(said) <= kept, "whoever heard that it is on the disk was told the truth"
    report = told(path)
    assert report.troubles == ()
    assert report.verified == report.messages == len(kept)


def test_a_copied_card_that_runs_twice_is_a_fork(path: Path, tmp_path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        run_of(outbox)
    twin = tmp_path / "twin" / "outbox.db"
    twin.parent.mkdir()
    for name in ("outbox.db", keys.FILE_NAME):
        (twin.parent / name).write_bytes((path.parent / name).read_bytes())
    os.chmod(twin.parent / keys.FILE_NAME, 0o600)
    bodies = []
    for one in (path, twin):
        with closing(Outbox(one)) as outbox:
            run_of(outbox)
            bodies += [each.body for each in outbox.waiting()]
    known = keys.known(path.parent)
    report = check(Source("both", set(bodies)), keys.verify_keys(known), known)
    assert [one.what for one in report.troubles] == ["fork"]


# Receipts, and what is kept after them


def test_a_receipt_with_another_digest_lets_go_of_nothing(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        record_id = run_of(outbox)
        assert outbox.receipt(Receipt((Stored(record_id, "0" * 64),))) == []
        assert outbox.counts().waiting == 1
        assert deliver(outbox, *outbox.waiting()) == [record_id]
        assert outbox.counts() == (1, 0, 0)


def test_what_was_delivered_can_be_asked_for_by_its_positions(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        ids = [run_of(outbox) for _ in range(5)]
        before = outbox.waiting()
        deliver(outbox, *before)
        head = outbox.head()
        assert head is not None
        assert outbox.send_again(Request((Wanted(head.chain, 2, 3), Wanted("other", 1, 9)))) == 2
        assert outbox.waiting() == before[1:3]
        assert outbox.counts() == (3, 2, 0)
        deliver(outbox, *outbox.waiting())
        assert outbox.counts() == (5, 0, 0)
        assert ids == [one.record_id for one in before]


def test_a_plan_is_asked_for_by_its_hash_and_never_put_away(path: Path) -> None:
    plan = b'{"schema":"pace.plan/1","plan":"p","kind":"k"}'
    with closing(Outbox(path, keep=Keep(days=0, mib=0))) as outbox:
        begun = outbox.begin(make_draft(plan_sha256="a" * 64), plan)
        outbox.finish(begun)
        deliver(outbox, *outbox.waiting())
        assert outbox.send_again(Request(plans=("a" * 64, "b" * 64))) == 1
        (again,) = outbox.waiting()
        assert split(again.body).record == plan


def test_delivered_records_leave_oldest_first_and_waiting_ones_never(path: Path) -> None:
    with closing(Outbox(path)) as outbox:
        for _ in range(10):
            run_of(outbox)
        size_bytes = len(outbox.waiting()[0].body)
        chain = outbox.head()
        assert chain is not None
    room = Keep(mib=3.5 * size_bytes / 1024 / 1024)
    with closing(Outbox(path, keep=room)) as outbox:
        for one in outbox.waiting()[:8]:
            deliver(outbox, one)
        assert outbox.counts() == (8, 2, 0)
        assert outbox.send_again(Request((Wanted(chain.chain, 1, 99),))) == 3
        assert outbox.counts() == (5, 5, 0)
    with closing(Outbox(path, keep=Keep(days=0))) as outbox:
        deliver(outbox, *outbox.waiting())
        assert outbox.send_again(Request((Wanted(chain.chain, 1, 99),))) == 0


@pytest.mark.parametrize("beside", [Known(version=tables.VERSION + 1), None])
def test_a_file_of_a_later_version_is_left_alone(path: Path, beside: Known | None) -> None:
    Outbox(path).close()
    (path.parent / NAME).unlink()
    if beside is not None:
        KnownFile(path.parent).write(beside)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {tables.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="update it"):
        Outbox(path)
    assert path.read_bytes() == before


# Attachments


def test_an_attachment_goes_piece_by_piece_and_on_from_what_the_host_holds(path: Path) -> None:
    photo = os.urandom(600_000)
    with closing(Outbox(path)) as outbox:
        one = outbox.attach("front.jpg", photo, "image/jpeg")
        assert one == Attachment("front.jpg", one.sha256, len(photo), "image/jpeg")
        held = b""
        for _ in range(2):
            piece = outbox.next_piece()
            assert piece is not None
            head, data = read_piece(piece.message)
            assert (head.offset_bytes, head.size_bytes) == (len(held), len(photo))
            held += data
            outbox.receipt(Receipt(attachments=(Held(one.sha256, len(held)),)))
    with closing(Outbox(path)) as outbox:
        outbox.receipt(Receipt(attachments=(Held(one.sha256, 1000),)))  # it was restored
        held = held[:1000]
        while (piece := outbox.next_piece()) is not None:
            head, data = read_piece(piece.message)
            assert head.offset_bytes == len(held)
            held += data
            outbox.receipt(Receipt(attachments=(Held(one.sha256, len(held)),)))
        assert held == photo
        outbox.send_again(Request(attachments=(one.sha256,)))
        assert outbox.next_piece() is not None


def test_an_attachment_whose_file_is_gone_says_so_and_holds_up_no_other(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Outbox(path)) as outbox:
        gone, there = outbox.attach("a", b"a" * 10), outbox.attach("b", b"b" * 10)
        (path.parent / "attachments" / gone.sha256).unlink()
        piece = outbox.next_piece()
        assert piece is not None
        assert piece.sha256 == there.sha256
    assert f"attachment {gone.sha256} is not sent" in caplog.text


def test_attachments_that_wait_are_never_put_away_and_delivered_ones_make_room(path: Path) -> None:
    with closing(Outbox(path, keep=Keep(attachments_mib=1.0))) as outbox:
        first = outbox.attach("a", os.urandom(700_000))
        with pytest.raises(OutboxError, match="wait for the host"):
            outbox.attach("b", os.urandom(700_000))
        outbox.receipt(Receipt(attachments=(Held(first.sha256, 700_000),)))
        outbox.attach("b", os.urandom(700_000))
        assert not (path.parent / "attachments" / first.sha256).exists()


def test_the_audit_finds_a_link_that_is_taken_out(path: Path) -> None:
    """The proofs above can fail."""
    with closing(Outbox(path)) as outbox:
        for _ in range(3):
            run_of(outbox)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM message WHERE id = 2")
        db.commit()
    assert [(one.what, one.position) for one in told(path).troubles] == [("missing", 2)]
    assert audit([]) == []
