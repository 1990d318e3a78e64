"""Bits that change on the disk: nothing is delivered as good that is not what was stored."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import Phrase, Receipt, Stored
from station.delivery.outbox import Counts, Outbox
from tests.station.benches import make_draft

RECORDS = 3


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Return a closed outbox in which three runs wait, and their messages by id."""
    path = tmp_path_factory.mktemp("stored") / "outbox.db"
    with closing(Outbox(path)) as outbox:
        for _ in range(RECORDS):
            outbox.finish(outbox.begin(make_draft()))
        return path, {one.record_id: one.body for one in outbox.waiting()}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def copied(stored: Path, scratch: Path) -> Path:
    """Return the outbox of a fresh copy of the whole folder."""
    shutil.rmtree(scratch / "data", ignore_errors=True)
    shutil.copytree(stored.parent, scratch / "data")
    return scratch / "data" / stored.name


def flipped(data: bytes, bit: int) -> bytes:
    byte, place = divmod(bit % (len(data) * 8), 8)
    return data[:byte] + bytes([data[byte] ^ 1 << place]) + data[byte + 1 :]


@settings(max_examples=40, deadline=None)
@given(number=st.integers(1, RECORDS), bit=st.integers(0, 10**6))
def test_a_message_with_a_flipped_bit_is_set_aside_and_the_others_are_sent(
    stored: tuple[Path, dict[str, bytes]], scratch: Path, number: int, bit: int
) -> None:
    path = copied(stored[0], scratch)
    with closing(sqlite3.connect(path)) as db:
        (body,) = db.execute("SELECT body FROM message WHERE id = ?", (number,)).fetchone()
        db.execute("UPDATE message SET body = ? WHERE id = ?", (flipped(body, bit), number))
        db.commit()
    with closing(Outbox(path)) as outbox:
        assert [one.body for one in outbox.waiting()] == [
            one for at, one in enumerate(stored[1].values(), start=1) if at != number
        ]
        assert outbox.counts() == Counts(0, RECORDS - 1, 0)
        assert outbox.troubles() == (Phrase("outbox.damaged", {"count": 1}),)


@settings(max_examples=60, deadline=None)
@given(
    column=st.sampled_from(["sha256", "record_id", "station", "chain"]),
    number=st.integers(1, RECORDS),
    bit=st.integers(0, 10**4),
)
def test_whatever_bit_of_a_row_flips_its_record_is_sent_as_it_is_or_not_at_all(
    stored: tuple[Path, dict[str, bytes]], scratch: Path, column: str, number: int, bit: int
) -> None:
    path = copied(stored[0], scratch)
    with closing(sqlite3.connect(path)) as db:
        select = f"SELECT CAST({column} AS BLOB) FROM outbox WHERE id = ?"
        (text,) = db.execute(select, (number,)).fetchone()
        update = f"UPDATE outbox SET {column} = CAST(? AS TEXT) WHERE id = ?"
        db.execute(update, (flipped(text, bit), number))
        db.commit()
    with closing(Outbox(path)) as outbox:
        sent = {one.record_id: one.body for one in outbox.waiting()}
        assert {one.station for one in outbox.waiting()} == {"pi-1"}
        if column == "sha256":  # the signature proves the message
            assert sent == stored[1]
            assert outbox.troubles() == ()
        assert sent.items() <= stored[1].items()
        assert len(sent) == RECORDS or outbox.troubles() != ()


def test_a_message_that_is_gone_is_told(
    stored: tuple[Path, dict[str, bytes]], scratch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = copied(stored[0], scratch)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM message WHERE id = 2")
        db.commit()
    with closing(Outbox(path)) as outbox:
        assert len(outbox.waiting()) == RECORDS - 1
    assert "its message is gone" in caplog.text


def test_what_rotted_after_it_was_sent_is_settled_by_the_hosts_receipt(
    stored: tuple[Path, dict[str, bytes]], scratch: Path
) -> None:
    path = copied(stored[0], scratch)
    with closing(Outbox(path)) as outbox:
        sent = outbox.waiting()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE message SET body = x'00' WHERE id = 1")
        db.commit()
    with closing(Outbox(path)) as outbox:
        assert len(outbox.waiting()) == RECORDS - 1
        outbox.receipt(Receipt(tuple(Stored(one.record_id, one.sha256) for one in sent)))
        assert outbox.counts() == Counts(RECORDS, 0, 0)
        assert outbox.troubles() == ()
