"""Keep a station's key, and the public keys that records are verified with.

The private key is a file of 32 bytes in hexadecimal that only its owner reads, or a systemd
credential. Public keys are a JWK Set (RFC 7517, 5) with two members of our own: `station`, whose
key it is, and `revoked_at`, from when on nothing that it signed is believed.
"""

import contextlib
import os
from pathlib import Path

import msgspec
from nacl.signing import SigningKey, VerifyKey

from records.messages import KeySet, PublicKey
from records.signing import NotGenuine, decoded, encoded, thumbprint

CREDENTIAL = "station-key"
"""The name of the systemd credential that holds the key."""
FILE_NAME = "station.key"
HISTORY = "station-keys.json"
"""The public keys of a station whose key was rotated, beside the private one."""


class KeyTrouble(Exception):
    """A key cannot be used. Says which file, and what to do."""


def verify_key(public: PublicKey) -> VerifyKey:
    """Return the key itself. Raises `KeyTrouble` where `x` is none, or `kid` another's name."""
    try:
        key = VerifyKey(decoded(public.x.encode()))
    except (ValueError, TypeError) as error:
        raise KeyTrouble(f"{public.kid}: `x` is no Ed25519 key: {error}") from error
    if thumbprint(key) != public.kid:
        raise KeyTrouble(f"{public.kid}: this is not the thumbprint of `x`")
    return key


def verify_keys(known: KeySet) -> dict[str, VerifyKey]:
    """Return the keys of a set by thumbprint. Raises `KeyTrouble`."""
    return {one.kid: verify_key(one) for one in known.keys}


def read_key_set(path: Path) -> KeySet:
    """Return the public keys in a file, which holds a JWK Set or one JWK. Raises `KeyTrouble`."""
    try:
        raw = path.read_bytes()
        if b'"keys"' in raw:
            return msgspec.json.decode(raw, type=KeySet)
        return KeySet((msgspec.json.decode(raw, type=PublicKey),))
    except OSError as error:
        raise KeyTrouble(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeyTrouble(f"{path}: no JWK Set: {error}") from error


def public_key(key: SigningKey, station: str = "") -> PublicKey:
    """Return the public half of `key`."""
    half = key.verify_key
    return PublicKey(kid=thumbprint(half), x=encoded(bytes(half)).decode(), station=station)


def endorse(fresh: PublicKey, by: SigningKey) -> PublicKey:
    """Return `fresh` with the signature of an older key, which says that it is its successor."""
    made = by.sign(_what_is_endorsed(fresh)).signature
    return msgspec.structs.replace(
        fresh, endorsed_by=thumbprint(by.verify_key), endorsement=encoded(made).decode()
    )


def check_endorsement(fresh: PublicKey, by: VerifyKey) -> None:
    """Raise `NotGenuine` where `by` did not endorse `fresh`."""
    try:
        by.verify(_what_is_endorsed(fresh), decoded(fresh.endorsement.encode()))
    except Exception as error:
        raise NotGenuine(f"{fresh.kid} is not endorsed by {fresh.endorsed_by}") from error


def _what_is_endorsed(fresh: PublicKey) -> bytes:
    return f"pace.key/1 {fresh.station} {fresh.kid} {fresh.x}".encode()


def load_or_make(folder: Path) -> SigningKey:
    """Return the station's key: the systemd credential, the file in `folder`, or a new file there.

    Raises `KeyTrouble` for a file that others may read, that is no key, or cannot be made.
    """
    if (given := _credential()) is not None:
        return _read(given, private=False)
    path = folder / FILE_NAME
    with contextlib.suppress(FileNotFoundError):
        return _read(path, private=True)
    return make(path)


def endorsed(folder: Path, key: SigningKey, station: str) -> PublicKey:
    """Return the public half of the station's key, with the older key's word for it, if any.

    Where the station was renamed since, the older key's word was for another name, and is left out.
    """
    fresh = public_key(key, station)
    for known in reversed(history(folder).keys):
        if known.kid == fresh.kid and known.station == station:
            return known
    return fresh


def history(folder: Path) -> KeySet:
    """Return the public keys that this station has had, oldest first. Raises `KeyTrouble`."""
    path = folder / HISTORY
    return read_key_set(path) if path.exists() else KeySet()


def known(folder: Path) -> KeySet:
    """Return every public key of the station, without making one. Raises `KeyTrouble`."""
    had = history(folder)
    path = _credential() or folder / FILE_NAME
    if not path.exists():
        if not had.keys:
            raise KeyTrouble(f"{path}: no key yet: the station makes one at its first run")
        return had
    now = public_key(_read(path, private=_credential() is None))
    if any(one.kid == now.kid for one in had.keys):
        return had
    return KeySet((*had.keys, now))


def rotate(folder: Path, station: str) -> PublicKey:
    """Make a new key, endorsed by the present one, which is no longer kept. Raises `KeyTrouble`.

    The public halves stay in the folder, so that older records can be verified.
    """
    if _credential() is not None:
        raise KeyTrouble(
            f"the key is the systemd credential {CREDENTIAL}: make a new one where that comes from"
        )
    old = load_or_make(folder)
    key = SigningKey.generate()
    fresh = endorse(public_key(key, station), old)
    known = history(folder).keys
    former = public_key(old, station)
    if former.kid not in {one.kid for one in known}:
        known = (*known, former)
    _write(folder / HISTORY, msgspec.json.encode(KeySet((*known, fresh))) + b"\n", 0o644)
    _write(folder / FILE_NAME, bytes(key).hex().encode() + b"\n", 0o600)
    return fresh


def make(path: Path) -> SigningKey:
    """Write a new key to `path`, whole or not at all, for its owner alone. Raises `KeyTrouble`."""
    key = SigningKey.generate()
    _write(path, bytes(key).hex().encode() + b"\n", 0o600)
    return key


def _write(path: Path, content: bytes, mode: int) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)  # of a process of the same number before a power cut
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise KeyTrouble(f"{path}: it cannot be written: {error.strerror}") from error


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    given = Path(folder) / CREDENTIAL
    return given if folder and given.exists() else None


def _read(path: Path, *, private: bool) -> SigningKey:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise KeyTrouble(f"{path}: the station's key cannot be read: {error}") from error
    if private and mode & 0o077:
        raise KeyTrouble(f"{path}: others may read the station's key: chmod 600 {path}")
    try:
        return SigningKey(bytes.fromhex(text))
    except (ValueError, TypeError) as error:
        raise KeyTrouble(
            f"{path}: not a station's key (64 hexadecimal digits): put back the right file, or move"
            " this one away and a new key is made at the next start"
        ) from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
