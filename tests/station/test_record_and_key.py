"""`pace record verify` and `pace key`: offline, with public keys alone, and honest about limits."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import Receipt, Stored, encode, keys
from records.messages import KeySet
from records.signing import encoded, split
from station.cli import main
from station.delivery.keeping import Keep
from station.delivery.outbox import Outbox
from tests.station.benches import make_draft

OLD = Path(__file__).parents[1] / "data" / "version_0_1"


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    """Return an outbox of two starts with five records in all."""
    path = tmp_path / "station" / "outbox.db"
    for number in (2, 3):
        with closing(Outbox(path)) as opened:
            for _ in range(number):
                opened.finish(opened.begin(make_draft()))
    return path


def exported(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as db:
        return [body for (body,) in db.execute("SELECT body FROM message ORDER BY id")]


@pytest.fixture
def key_file(outbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["key", "show", "--data", str(outbox.parent)]) == 0
    path = tmp_path / "keys.json"
    path.write_text(capsys.readouterr().out)
    return path


def verified(
    capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0
) -> dict[str, Any]:
    """Return the report on the one place that was asked about."""
    capsys.readouterr()
    assert main(["record", "verify", "--json", *map(str, words)]) == code
    (report,) = json.loads(capsys.readouterr().out).values()
    assert isinstance(report, dict)
    return report


def troubles(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["what"], one["position"]) for one in report["troubles"]]


def test_an_outbox_verifies_with_its_own_head(
    outbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = verified(capsys, "--outbox", outbox)
    assert (report["messages"], report["verified"], report["chains"]) == (5, 5, 2)
    assert (report["troubles"], report["cannot_know"]) == ([], [])


def test_a_file_verifies_and_a_lost_tail_is_not_known(
    outbox: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exported"
    path.write_bytes(b"\n".join(exported(outbox)[:4]) + b"\n")
    report = verified(capsys, path, "--keys", key_file)
    assert report["troubles"] == []
    assert any("after position 2" in one for one in report["cannot_know"])
    with closing(sqlite3.connect(outbox)) as db:
        (chain,) = db.execute("SELECT chain FROM head").fetchone()
    stated = verified(capsys, path, "--keys", key_file, "--head", f"{chain}:3", code=1)
    assert troubles(stated) == [("missing", 3)]
    assert stated["cannot_know"] == []


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda some: [some[0], some[1].replace(b"Ada", b"Eve"), *some[2:]], ("altered", 2)),
        (lambda some: [*some[:2], some[2], *some[4:]], ("missing", 2)),
        (lambda some: [some[0], *some[2:]], ("missing", 2)),
        (lambda some: [some[1], some[0], *some[2:]], ("order", 1)),
        (lambda some: [b"x" + some[0], *some[1:]], ("missing", 1)),
    ],
    ids=["altered", "missing", "missing at the end of a chain", "order", "no header"],
)
def test_the_first_trouble_is_named(
    outbox: Path,
    key_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Any,
    first: tuple[str, int],
) -> None:
    path = tmp_path / "exported"
    path.write_bytes(b"\n".join(change(exported(outbox))) + b"\n")
    report = verified(capsys, path, "--keys", key_file, code=1)
    assert first in troubles(report)


def test_a_station_that_was_copied_is_a_fork(
    outbox: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(outbox.parent, twin)
    for path in (outbox, twin / "outbox.db"):
        with closing(Outbox(path)) as opened:
            opened.finish(opened.begin(make_draft()))
    both = dict.fromkeys([*exported(outbox), *exported(twin / "outbox.db")])
    path = tmp_path / "exported"
    path.write_bytes(b"\n".join(both) + b"\n")
    assert ("fork", 1) in troubles(verified(capsys, path, "--keys", key_file, code=1))


def test_another_key_verifies_nothing(
    outbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    with closing(Outbox(other / "outbox.db")) as opened:
        opened.begin(make_draft())
    assert main(["key", "show", "--data", str(other)]) == 0
    stranger = tmp_path / "stranger.json"
    stranger.write_text(capsys.readouterr().out)
    report = verified(capsys, "--outbox", outbox, "--keys", stranger, code=1)
    assert {what for what, _ in troubles(report)} == {"unknown_key"}
    assert report["verified"] == 0


def test_what_was_put_away_is_told_as_unknown_and_not_as_lost(
    outbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Outbox(outbox, keep=Keep(days=0))) as opened:
        first = opened.waiting()[0]
        opened.receipt(Receipt((Stored(first.record_id, first.sha256),)))
    report = verified(capsys, "--outbox", outbox)
    assert (report["messages"], report["troubles"]) == (4, [])
    assert any("position 1 is missing here" in one for one in report["cannot_know"])


def test_records_of_0_1_are_unsigned_and_nobody_can_say_more(
    key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(OLD / "outbox.db", tmp_path)
    for words in (
        ["--outbox", tmp_path / "outbox.db"],
        [OLD / "records.jsonl"],
        ["--database", f"sqlite:///{OLD / 'host.db'}"],
    ):
        report = verified(capsys, *words, "--keys", key_file)
        assert report["unsigned"] == report["messages"] > 0
        assert "not signed" in report["cannot_know"][0]
    assert not list(OLD.glob("host.db-*")), "nothing is written where records are read"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--keys FILE is missing"),
        (["--keys", "{keys}"], "nothing to verify"),
        (["--keys", "nowhere"], "nowhere"),
        (["nowhere", "--keys", "{keys}"], "nowhere"),
        (["--outbox", "nowhere", "--keys", "{keys}"], "no such file"),
        (["--database", "mysql://u:secret@h/x", "--keys", "{keys}"], "mysql://h/x"),
        (["--database", "sqlite:////nowhere.db", "--keys", "{keys}"], "no such file"),
        (["{keys}", "--keys", "{keys}", "--head", "7"], "CHAIN:POSITION"),
        (["{keys}", "--keys", "{keys}", "--head", "chain:²"], "CHAIN:POSITION"),
    ],
)
def test_what_cannot_be_checked_is_exit_code_2(
    key_file: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    filled = [word.format(keys=key_file) for word in words]
    assert main(["record", "verify", *filled]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "secret" not in told


def test_a_rotated_key_is_endorsed_and_older_records_stay_good(
    outbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "rotate", "--data", str(outbox.parent), "--station", "pi-1"]) == 0
    assert "endorsed by" in capsys.readouterr().out
    with closing(Outbox(outbox)) as opened:
        opened.finish(opened.begin(make_draft()))
        public = opened.public_key("pi-1")
        assert public.endorsed_by
        assert opened.public_key("renamed").endorsed_by == ""
    report = verified(capsys, "--outbox", outbox)
    assert (report["verified"], report["troubles"]) == (6, [])
    kids = {split(one).signature.split(b".")[0] for one in exported(outbox)}
    assert len(kids) == 6


def test_a_revoked_key_is_not_believed_from_then_on(
    outbox: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = json.loads(key_file.read_text())
    known["keys"][0]["revoked_at"] = "2026-11-22T00:00:00Z"
    key_file.write_text(json.dumps(known))
    report = verified(capsys, "--outbox", outbox, "--keys", key_file, code=1)
    assert {what for what, _ in troubles(report)} == {"revoked"}
    known["keys"][0]["revoked_at"] = "9999-01-01T00:00:00Z"
    key_file.write_text(json.dumps(known))
    assert verified(capsys, "--outbox", outbox, "--keys", key_file)["verified"] == 5


def test_a_station_without_a_key_shows_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "show", "--data", str(tmp_path)]) == 1
    assert "no key yet" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_lost_its_signature_or_never_had_one_is_trouble(
    outbox: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only version 0.1 signed nothing; anybody can write a record of version 2 without a key."""
    good = exported(outbox)
    path = tmp_path / "exported"
    for forged in (
        encode(make_draft()),
        split(good[-1]).record,
        b"A" * 3000 + good[-1],  # longer than any signature
        b'{"schema":"pace.run/2","x":' + b"[" * 100_000,
    ):
        path.write_bytes(b"\n".join([*good, forged]) + b"\n")
        report = verified(capsys, path, "--keys", key_file, code=1)
        assert [what for what, _ in troubles(report)] == ["unsigned"]
        assert (report["verified"], report["unsigned"]) == (5, 0)


@pytest.mark.parametrize("deep", ["header", "record"])
def test_what_is_nested_too_deeply_is_altered_and_no_crash(
    outbox: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], deep: str
) -> None:
    good, path = exported(outbox), tmp_path / "exported"
    if deep == "header":
        bad = encoded(b'{"alg":"Ed25519","x":' + b"[" * 1400) + b"..AAAA\n{}"
    else:
        bad = split(good[0]).signature + b'\n{"schema":"pace.run/2","x":' + b"[" * 100_000
    path.write_bytes(b"\n".join([*good, bad]) + b"\n")
    report = verified(capsys, path, "--keys", key_file, code=1)
    assert "altered" in [what for what, _ in troubles(report)]


def test_a_stated_head_of_a_chain_that_is_gone_is_missing(
    outbox: Path, key_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(outbox)) as db:
        (chain,) = db.execute("SELECT chain FROM head").fetchone()
    path, rest = tmp_path / "exported", tmp_path / "rest"
    path.write_bytes(b"\n".join(exported(outbox)[:2]) + b"\n")
    rest.write_bytes(b"\n".join(exported(outbox)[2:]) + b"\n")
    words = ["record", "verify", "--keys", str(key_file), "--head", f"{chain}:3"]
    assert main([*words, str(path)]) == 1
    assert f"nothing of chain {chain}" in capsys.readouterr().err
    assert main([*words, str(path), str(rest)]) == 1, "the second goes on from what is in the first"
    assert "nothing of chain" not in capsys.readouterr().err


def test_what_a_revoked_key_signed_is_believed_only_where_it_was_received_before(
    outbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Times are compared as times. An offline verifier receives now, whatever a record says."""
    plan = b'{"schema":"pace.plan/1","plan":"p","kind":"k"}'
    with closing(Outbox(outbox)) as opened:
        opened.finish(opened.begin(make_draft(plan_sha256="0" * 64), plan))
    known = keys.known(outbox.parent)
    (started,) = {json.loads(split(one).record).get("started_at") for one in exported(outbox)} - {
        None
    }
    at = datetime.fromisoformat(started)
    for revoked_at, count in (
        ((at + timedelta(days=99999)).astimezone(timezone(timedelta(hours=-9))).isoformat(), 0),
        (at.astimezone(timezone(timedelta(hours=9))).isoformat(), 7),
        ((datetime.now(UTC) - timedelta(seconds=1)).isoformat(), 7),
        ((datetime.now(UTC) + timedelta(days=1)).isoformat(), 0),
        ("once upon a time", 7),
    ):
        path = tmp_path / "keys.json"
        revoked = msgspec.structs.replace(known.keys[0], revoked_at=revoked_at)
        path.write_bytes(msgspec.json.encode(KeySet((revoked,))))
        report = verified(capsys, "--outbox", outbox, "--keys", path, code=1 if count else 0)
        assert len(report["troubles"]) == count, revoked_at


def test_a_key_that_was_made_after_a_rotation_stays_known_at_the_next_one(
    outbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stolen key is moved away and the station makes one that no history holds yet."""
    rotate = ["key", "rotate", "--data", str(outbox.parent), "--station", "pi-1"]
    assert main(rotate) == 0
    (outbox.parent / keys.FILE_NAME).unlink()
    with closing(Outbox(outbox)) as opened:
        opened.finish(opened.begin(make_draft()))
    assert main(rotate) == 0
    report = verified(capsys, "--outbox", outbox)
    assert (report["verified"], report["troubles"]) == (6, [])


def test_what_a_power_cut_left_of_a_key_does_not_keep_the_next_from_being_made(
    tmp_path: Path,
) -> None:
    (tmp_path / f".{keys.FILE_NAME}.{os.getpid()}").write_bytes(b"half")
    assert keys.load_or_make(tmp_path) == keys.load_or_make(tmp_path)
