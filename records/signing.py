"""Sign a record as it is sent, and verify it with public keys alone.

A signed message is one line of ASCII, the signature, and the record's own bytes after the newline:

    eyJhbGciOiJFZDI1NTE5Iiwi…..6rXb…\\n{"schema":"pace.run/2",…}

The line is a JWS in compact form with detached content (RFC 7515, 3.1 and appendix F), algorithm
"Ed25519" (RFC 9864, 2.2). Its protected header says which link of which chain the record is. A
message without such a line is an unsigned record.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

ALGORITHM = "Ed25519"
LONGEST_SIGNATURE = 2048
"""Bytes of the first line at the most; ours have about 420."""


class NotGenuine(Exception):
    """The signature does not fit the record, or no known key made it."""


class UnknownKey(NotGenuine):
    """No known key made the signature, so it is unknown whether it fits."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The protected header. `position` counts from 1; `previous` is the digest of the link before.

    The first link of a chain names the last head that its station knew: its digest, and where it
    was, `after_position` of `after_chain`. Those are empty only for the first chain of all.
    """

    alg: str
    kid: str
    chain: str
    position: int
    previous: str = ""
    after_chain: str = ""
    after_position: int = 0


class Message(NamedTuple):
    """A message in its two parts. `signature` is empty where the record is not signed."""

    signature: bytes
    record: bytes


_decode_header = msgspec.json.Decoder(Header).decode
_encode_header = msgspec.json.Encoder().encode


def sign(record: bytes, key: "SigningKey", header: Header) -> bytes:
    """Return the message that carries `record`, signed as the link that `header` names."""
    protected = encoded(_encode_header(header))
    signature = key.sign(b".".join((protected, encoded(record)))).signature
    return b"".join((protected, b"..", encoded(signature), b"\n", record))


def split(message: bytes) -> Message:
    """Return the parts of a message: one that begins with its record is unsigned."""
    if message[:1] in (b"{", b""):
        return Message(b"", message)
    end = message.find(b"\n", 0, LONGEST_SIGNATURE)
    return Message(message[:end], message[end + 1 :]) if end > 0 else Message(b"", message)


def header_of(signature: bytes) -> Header:
    """Return what the signature's line says of itself, unverified. Raises `NotGenuine`."""
    protected, _, _ = signature.partition(b"..")
    try:
        header = _decode_header(decoded(protected))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotGenuine(f"the signature has no header: {error}") from error
    if header.alg != ALGORITHM:
        raise NotGenuine(f"the algorithm is {header.alg!r}, and a station signs with {ALGORITHM}")
    if header.position < 1:
        raise NotGenuine(f"the position is {header.position}, and the first one is 1")
    return header


def verify(message: bytes, keys: Mapping[str, "VerifyKey"]) -> Header:
    """Return the header of a message whose signature fits. `keys` are named by their thumbprint.

    Raises `NotGenuine`, or `UnknownKey` where none of `keys` made it.
    """
    signature, record = split(message)
    if not signature:
        raise NotGenuine("the record is not signed")
    header = header_of(signature)
    key = keys.get(header.kid)
    if key is None:
        raise UnknownKey(f"no known key has the thumbprint {header.kid}")
    from nacl.exceptions import BadSignatureError  # not before there is something to verify

    protected, _, made = signature.partition(b"..")
    try:
        key.verify(b".".join((protected, encoded(record))), decoded(made))
    except (BadSignatureError, ValueError) as error:
        raise NotGenuine("the signature does not fit the record") from error
    return header


def digest(message: bytes) -> str:
    """Return the SHA-256 of a message as it is sent, in hexadecimal: signature and record."""
    return hashlib.sha256(message).hexdigest()


def thumbprint(key: "VerifyKey") -> str:
    """Return the name of a public key: RFC 7638 over its JWK of RFC 8037, appendix A.3."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{encoded(bytes(key)).decode()}"}}'
    return encoded(hashlib.sha256(jwk.encode()).digest()).decode()


def encoded(data: bytes) -> bytes:
    """Return base64url without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")


def decoded(text: bytes) -> bytes:
    """Return what base64url without padding stands for. Raises `ValueError` for any other text."""
    try:
        data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(f"not base64url: {text[:40]!r}") from error
    if encoded(data) != text:  # Python passes over what is no letter of the alphabet
        raise ValueError(f"not base64url: {text[:40]!r}")
    return data
