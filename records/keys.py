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
    """Raises `NotGenuine` where `by` did not endorse `fresh`."""
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
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials and (given := Path(credentials) / CREDENTIAL).exists():
        return _read(given, private=False)
    path = folder / FILE_NAME
    with contextlib.suppress(FileNotFoundError):
        return _read(path, private=True)
    return make(path)


def make(path: Path) -> SigningKey:
    """Write a new key to `path`, whole or not at all, for its owner alone. Raises `KeyTrouble`."""
    key = SigningKey.generate()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(key).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise KeyTrouble(
            f"{path}: the station's key cannot be written: {error.strerror}"
        ) from error
    return key


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
