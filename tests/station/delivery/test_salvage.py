"""A damaged, cut or emptied outbox: what reads is delivered, and the station goes on."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from records import Receipt, Request, Stored, keys
from records.messages import Head, Wanted
from records.signing import Header, header_of, split, verify
from station.delivery import known
from station.delivery.outbox import Outbox
from tests.station.benches import make_draft
from tests.station.delivery.test_damage import flipped

RUNS = 6
PLAN = b'{"schema":"pace.plan/1","plan":"p","kind":"k"}'


class Sound:
    """A closed outbox: some of its messages were delivered, and one run was broken off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(Outbox(path)) as outbox:
            for number in range(RUNS):
                outbox.finish(outbox.begin(make_draft(profile="x" * 3000 * number), PLAN))
            self.messages = {one.record_id: one.body for one in outbox.waiting()}
            first = outbox.waiting()[:2]
            outbox.receipt(Receipt(tuple(Stored(one.record_id, one.sha256) for one in first)))
            self.waiting = {one.record_id for one in outbox.waiting()}
            self.begun = outbox.begin(make_draft()).record_id
            head = outbox.head()
            assert head is not None
            self.head: Head = head


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return Sound(tmp_path_factory.mktemp("sound") / "outbox.db")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def copied(sound: Sound, scratch: Path) -> Path:
    shutil.rmtree(scratch / "data", ignore_errors=True)
    shutil.copytree(sound.path.parent, scratch / "data")
    return scratch / "data" / sound.path.name


def goes_on(sound: Sound, path: Path) -> tuple[set[str], tuple[str, ...], Header]:
    """Go on with this outbox. Return what waits of before, what is told, and the next link.

    Whatever has happened, no message is another than it was, and no number is used again.
    """
    with closing(Outbox(path)) as outbox:
        before = {one.record_id: one.body for one in outbox.waiting()}
        assert before.items() <= sound.messages.items()
        told = tuple(one.id for one in outbox.troubles())
        outbox.recover()
        fresh = outbox.begin(make_draft())
        outbox.finish(fresh)
        assert fresh.sequence > RUNS + 1
        (last,) = [one for one in outbox.waiting() if one.record_id == fresh.record_id]
    public = keys.verify_keys(keys.known(path.parent))
    verify(last.body, public)
    return set(before), told, header_of(split(last.body).signature)


@settings(max_examples=150, deadline=None)
@given(bit=st.integers(0, 10**7))
@example(bit=144)  # the header's write version
@example(bit=152)  # and its read version
def test_whatever_bit_flips_in_the_file_nothing_is_altered_and_what_is_missing_is_told(
    sound: Sound, scratch: Path, bit: int
) -> None:
    path = copied(sound, scratch)
    path.write_bytes(flipped(path.read_bytes(), bit))
    sent, told, link = goes_on(sound, path)
    assert sound.waiting <= sent or told != ()
    assert link.chain != sound.head.chain
    assert len(sound.waiting - sent) <= 4, "the records of one page, and no others"


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 0.999))
def test_a_file_that_is_cut_off_gives_what_is_left_of_it(
    sound: Sound, scratch: Path, share: float
) -> None:
    path = copied(sound, scratch)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    sent, told, link = goes_on(sound, path)
    assert sound.waiting <= sent or told != ()
    after = (link.after_chain, link.after_position)
    first = link.position == 1  # else the run that was broken off came before it
    assert after == ((sound.head.chain, sound.head.position) if first else ("", 0))


@pytest.mark.parametrize("how", ["empty", "gone", "nulls", "new"])
def test_an_emptied_outbox_goes_on_after_the_head_that_the_file_beside_it_names(
    sound: Sound, scratch: Path, tmp_path: Path, how: str
) -> None:
    path = copied(sound, scratch)
    if how == "new":
        Outbox(tmp_path / "outbox.db").close()
        path.write_bytes((tmp_path / "outbox.db").read_bytes())
    elif how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\0" * 8192 if how == "nulls" else b"")
    sent, told, link = goes_on(sound, path)
    assert sent == set()
    assert told != ()
    head = sound.head
    assert (link.position, link.previous) == (1, head.digest)
    assert (link.after_chain, link.after_position) == (head.chain, head.position)


def test_an_older_copy_delivers_what_it_has_and_goes_on_after_the_newest_head(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
    older = path.read_bytes()
    with closing(Outbox(path)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
        head = outbox.head()
    assert head is not None
    path.write_bytes(older)
    with closing(Outbox(path)) as outbox:
        assert len(outbox.waiting()) == 1
        assert outbox.troubles()[0].id == "outbox.older_copy"
        assert outbox.begin(make_draft()).sequence > 2
        assert outbox.head() == head


def test_what_was_delivered_is_still_here_after_a_salvage(sound: Sound, scratch: Path) -> None:
    path = copied(sound, scratch)
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    with closing(Outbox(path)) as outbox:
        assert {one.record_id for one in outbox.waiting()} == sound.waiting
        assert outbox.counts().delivered == 1
        assert outbox.send_again(Request((Wanted(sound.head.chain, 1, 99),))) == 2
        assert {one.record_id: one.body for one in outbox.waiting()} == sound.messages
        (broken_off,) = outbox.recover()
        assert broken_off.record_id == sound.begun


def test_a_swap_that_a_power_cut_broke_off_is_finished_at_the_next_start(
    sound: Sound, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(sound, scratch)
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    with monkeypatch.context() as cut:
        cut.setattr("os.replace", lambda old, new: Path(old).rename(new) and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Outbox(path)
    with closing(Outbox(path)) as outbox:
        assert {one.record_id for one in outbox.waiting()} == sound.waiting
    assert len(list(path.parent.glob("outbox.damaged-*.db"))) == 1


def test_a_file_that_goes_bad_while_it_is_open_is_set_aside_and_work_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        for _ in range(RUNS):
            outbox.finish(outbox.begin(make_draft()))
    with closing(Outbox(path)) as outbox:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 3 * 4096)
        outbox._do(lambda db: db.execute("PRAGMA shrink_memory").fetchall())
        fresh = outbox.begin(make_draft())
        outbox.finish(fresh)
        assert fresh.sequence > RUNS
        assert fresh.record_id in {one.record_id for one in outbox.waiting()}
        assert outbox.troubles()[0].id == "outbox.set_aside"


def test_one_torn_slot_of_the_file_beside_it_leaves_the_other(tmp_path: Path) -> None:
    file = known.KnownFile(tmp_path)
    for sequence in (1, 2, 3):
        file.write(known.Known(chain="c", position=sequence, digest="d", sequence=sequence))
    path = tmp_path / known.NAME
    data = bytearray(path.read_bytes())
    newest = known.read(tmp_path)
    assert newest is not None
    data[newest.count % 2 * known.SLOT_BYTES + 80] ^= 1
    path.write_bytes(data)
    older = known.read(tmp_path)
    assert (newest.sequence, older and older.sequence) == (3, 2)
    path.write_bytes(b"anything")
    assert known.read(tmp_path) is None
