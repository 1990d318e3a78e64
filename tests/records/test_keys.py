"""A station's key is made once and is its owner's alone; public keys have a thumbprint."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from records.keys import (
    FILE_NAME,
    KeyTrouble,
    check_endorsement,
    endorse,
    load_or_make,
    public_key,
    read_key_set,
    verify_key,
    verify_keys,
)
from records.messages import KeySet
from records.signing import NotGenuine


def test_a_key_is_made_at_the_first_start_and_is_the_same_at_the_next(tmp_path: Path) -> None:
    made = load_or_make(tmp_path / "data")
    path = tmp_path / "data" / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make(tmp_path / "data") == made
    assert [one.name for one in path.parent.iterdir()] == [FILE_NAME]


def test_a_systemd_credential_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "station-key").write_text("07" * 32 + "\n")
    assert load_or_make(tmp_path / "data") == SigningKey(b"\x07" * 32)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["", "07" * 31, "xx" * 32, "07" * 33, "ä"])
def test_a_damaged_key_is_never_overwritten(text: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyTrouble, match=FILE_NAME):
        load_or_make(tmp_path)
    assert path.read_text() == text


def test_a_key_that_others_may_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    load_or_make(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(KeyTrouble, match="chmod 600"):
        load_or_make(tmp_path)


def test_where_no_key_can_be_written_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(KeyTrouble, match="cannot be"):
        load_or_make(tmp_path / "data")
    assert os.listdir(tmp_path) == ["data"]


def test_public_keys_are_read_from_a_set_or_alone(tmp_path: Path) -> None:
    first, second = (public_key(SigningKey(bytes([n]) * 32), "accra-1") for n in (1, 2))
    (whole := tmp_path / "set.json").write_bytes(msgspec.json.encode(KeySet((first, second))))
    (alone := tmp_path / "one.json").write_bytes(msgspec.json.encode(first))
    assert read_key_set(whole).keys == (first, second)
    assert read_key_set(alone).keys == (first,)
    assert set(verify_keys(read_key_set(whole))) == {first.kid, second.kid}
    (bad := tmp_path / "bad.json").write_text("{}")
    for path in (bad, tmp_path / "nothing.json"):
        with pytest.raises(KeyTrouble, match=path.name):
            read_key_set(path)


def test_a_key_under_another_keys_name_is_refused() -> None:
    first, second = (public_key(SigningKey(bytes([n]) * 32)) for n in (1, 2))
    with pytest.raises(KeyTrouble, match="not the thumbprint"):
        verify_key(msgspec.structs.replace(first, kid=second.kid))
    with pytest.raises(KeyTrouble, match="no Ed25519 key"):
        verify_key(msgspec.structs.replace(first, x="AAAA"))


def test_an_old_key_endorses_its_successor_and_nothing_else() -> None:
    old, new, other = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
    fresh = endorse(public_key(new, "accra-1"), old)
    assert fresh.endorsed_by == public_key(old).kid
    check_endorsement(fresh, old.verify_key)
    moved = msgspec.structs.replace(fresh, station="accra-2")
    for wrong, by in ((fresh, other), (moved, old)):
        with pytest.raises(NotGenuine):
            check_endorsement(wrong, by.verify_key)
