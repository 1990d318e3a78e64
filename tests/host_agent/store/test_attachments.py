"""An attachment comes in pieces, is whole or is not shown, and costs no record anything."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_agent.messages import Piece, Sorted, sort
from host_agent.mqtt import Message
from host_agent.store import Store
from host_agent.text import now_text
from records.messages import Held, PieceHead, piece
from records.run import Attachment
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store.evidence.signing import Card, tell
from tests.host_agent.store.filling import derive_all, rows

DATA = os.urandom(700_001)
SHA256 = hashlib.sha256(DATA).hexdigest()
PIECE_BYTES = 256 * 1024


def message(offset: int, data: bytes = DATA, sha256: str = SHA256, media: str = "") -> bytes:
    head = PieceHead(sha256=sha256, size_bytes=len(data), offset_bytes=offset, media_type=media)
    return piece(head, data[offset : offset + PIECE_BYTES])


def arrived(*messages: bytes) -> Sorted:
    return sort(
        [Message(1, b"pace/1/bench-1/piece", one, len(one)) for one in messages], now_text()
    )


def send(store: Store, *messages: bytes) -> Held:
    answer = arrived(*messages)
    assert not answer.refusals
    ((station, held),) = store.keep(answer).held
    assert station == "bench-1"
    return held


def whole(store: Store) -> bytes:
    path = store.attachment_file(SHA256)
    assert path is not None
    return path.read_bytes()


def test_pieces_become_a_file_and_each_is_answered_with_how_much_is_held(store: Store) -> None:
    held = 0
    for expected in (262_144, 524_288, 700_001):
        assert store.attachment_file(SHA256) is None
        answer = send(store, message(held))
        assert (answer.sha256, answer.held_bytes, answer.refused) == (SHA256, expected, "")
        held = answer.held_bytes
    assert whole(store) == DATA
    assert send(store, message(0)).held_bytes == 700_001
    assert [path.name for path in store.attachments_folder.iterdir()] == [SHA256]


def test_a_piece_that_comes_twice_or_too_early_changes_nothing(store: Store) -> None:
    assert send(store, message(524_288)).held_bytes == 0
    assert send(store, message(0), message(0)).held_bytes == 262_144
    assert send(store, message(524_288)).held_bytes == 262_144
    assert send(store, message(262_144), message(524_288)).held_bytes == 700_001
    assert whole(store) == DATA


def test_it_goes_on_after_a_break_from_what_is_on_the_disk(file_store: Store) -> None:
    send(file_store, message(0))
    with Store(file_store.shown_url) as after:
        part = after.attachments_folder / f"{SHA256}.part"
        part.write_bytes(DATA[:1000])  # the power took the rest
        answer = send(after, message(262_144))
        assert answer.held_bytes == 1000
        while answer.held_bytes < len(DATA):
            answer = send(after, message(answer.held_bytes))
        assert whole(after) == DATA


def test_a_file_that_got_its_name_before_the_power_went_is_whole(store: Store) -> None:
    send(store, message(0))
    (store.attachments_folder / f"{SHA256}.part").unlink()
    (store.attachments_folder / SHA256).write_bytes(DATA)
    assert send(store, message(0)).held_bytes == len(DATA)
    assert whole(store) == DATA


def test_a_file_that_is_gone_is_not_whole_and_may_come_again(store: Store) -> None:
    send(store, message(0), message(262_144), message(524_288))
    (store.attachments_folder / SHA256).unlink()
    assert store.attachment_file(SHA256) is None
    known = store.attachment(SHA256)
    assert known is not None
    assert (known.whole, known.held_bytes) == (False, 0)
    assert send(store, message(0), message(262_144), message(524_288)).held_bytes == len(DATA)
    assert whole(store) == DATA


def test_bytes_that_have_another_hash_are_refused_and_may_come_again(store: Store) -> None:
    other = b"x" * 10 + DATA[10:]
    for offset in (0, 262_144):
        send(store, message(offset, other))
    answer = send(store, message(524_288, other))
    assert (answer.held_bytes, answer.refused) == (0, "its bytes have another SHA-256")
    assert store.attachment_file(SHA256) is None
    assert send(store, message(0), message(262_144), message(524_288)).held_bytes == len(DATA)
    assert whole(store) == DATA
    assert store.attachment(SHA256) is not None


def test_an_attachment_of_no_bytes_is_whole_at_once(store: Store) -> None:
    nothing = hashlib.sha256(b"").hexdigest()
    assert send(store, message(0, b"", nothing)).refused == ""
    path = store.attachment_file(nothing)
    assert path is not None
    assert path.read_bytes() == b""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'host.db'}"
    with Store(url, attachments_quota_bytes=1_000_000) as opened:
        opened.open()
        yield opened


def test_what_exceeds_the_room_is_refused_in_words_and_records_are_not(small: Store) -> None:
    send(small, message(0))
    second = os.urandom(400_000)
    answer = send(small, message(0, second, hashlib.sha256(second).hexdigest()))
    assert answer.held_bytes == 0
    assert "1000000 bytes, is used up" in answer.refused
    assert send(small, message(262_144)).held_bytes == 524_288
    assert tell(small, "bench-1", Card().sign(example_record("bench-1", 1))).new == 1


def test_a_size_that_changes_is_refused(store: Store) -> None:
    send(store, message(0))
    assert "by its first piece" in send(store, message(0, DATA[:5000], SHA256)).refused
    assert send(store, message(262_144)).held_bytes == 524_288


def test_a_disk_that_takes_nothing_is_told_to_the_station(store: Store) -> None:
    store.attachments_folder.write_bytes(b"no folder")
    answer = send(store, message(0))
    assert answer.held_bytes == 0
    assert "the host cannot write it" in answer.refused


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "5E" * 32, "5e" * 32 + "\n", "x" * 64])
def test_no_piece_names_another_file(store: Store, sha256: str) -> None:
    answer = arrived(message(0, b"data", sha256))
    assert not answer.pieces
    assert "is not a SHA-256" in answer.refusals[0].reason


@given(st.binary(max_size=300))
def test_any_bytes_on_the_topic_of_pieces_are_a_piece_or_refused(payload: bytes) -> None:
    answer = arrived(payload)
    assert len(answer.pieces) + len(answer.refusals) == 1


def test_a_run_whose_attachment_is_missing_wants_it_until_its_last_piece(store: Store) -> None:
    attachment = Attachment(name="front.jpg", sha256=SHA256, size_bytes=len(DATA))
    odd = Attachment(name="x", sha256="../x", size_bytes=1)
    record = example_record("bench-1", 1, attachments=(attachment, odd), plan_sha256="")
    tell(store, "bench-1", Card().sign(record))
    derive_all(store)
    wanted = "SELECT kind, name FROM wanted"
    assert rows(store, wanted) == [("attachment", SHA256)]
    send(store, message(0))
    assert rows(store, wanted) == [("attachment", SHA256)]
    send(store, message(262_144), message(524_288))
    assert rows(store, wanted) == []
    store.forget_derived()
    derive_all(store)
    assert rows(store, wanted) == []


def test_only_media_types_that_look_like_one_are_kept(store: Store) -> None:
    found: list[Piece] = []
    for media in ("image/jpeg", "text/html; charset=x", "<script>", "IMAGE/PNG"):
        found += arrived(message(0, media=media)).pieces
    assert [one.media_type for one in found] == ["image/jpeg", "", "", ""]


def test_a_store_without_a_folder_refuses_attachments_and_nothing_else(
    postgres: PostgresServer,
) -> None:
    with Store(postgres.new_database()) as store:
        store.open()
        assert "there is no folder for attachments" in send(store, message(0)).refused
        assert tell(store, "bench-1", Card().sign(example_record("bench-1", 1))).new == 1
