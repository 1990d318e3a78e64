"""Records are signed as they are sent, and anybody can verify them with public keys alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from nacl.signing import SigningKey

from records.signing import (
    ALGORITHM,
    Header,
    NotGenuine,
    UnknownKey,
    decoded,
    digest,
    encoded,
    sign,
    split,
    thumbprint,
    verify,
)

KEY = SigningKey(bytes(range(32)))
KID = thumbprint(KEY.verify_key)
KEYS = {KID: KEY.verify_key}
HEADER = Header(alg=ALGORITHM, kid=KID, chain="c1", position=7, previous="ab" * 32)
RECORD = '{"schema":"pace.run/2","record_id":"r1","operator":"Åse"}'.encode()


def test_a_signed_message_is_a_line_and_the_records_own_bytes() -> None:
    message = sign(RECORD, KEY, HEADER)
    line, _, rest = message.partition(b"\n")
    assert rest == RECORD
    assert line.count(b".") == 2
    assert split(message) == (line, RECORD)
    assert verify(message, KEYS) == HEADER


def test_the_signature_is_the_same_to_the_byte_in_ten_years() -> None:
    """RFC 8032 signs deterministically, and the header is encoded in one way."""
    line = split(sign(b'{"schema":"pace.run/2"}', KEY, HEADER)).signature
    protected, _, signature = line.partition(b"..")
    assert decoded(protected) == (
        b'{"alg":"Ed25519","kid":"1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y",'
        b'"chain":"c1","position":7,"previous":"' + b"ab" * 32 + b'"}'
    )
    assert digest(signature) == "3cdfe89870e38a3acd9c321dd013ffd1ecb6294feda7eea0f0a77cdfaff3f5ac"


def test_another_librarys_verifier_agrees() -> None:
    line, record = split(sign(RECORD, KEY, HEADER))
    public = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": encoded(bytes(KEY.verify_key)).decode()}
    )
    assert public.thumbprint() == KID
    protected, _, signature = line.decode().split(".")
    registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
    whole = f"{protected}.{encoded(record).decode()}.{signature}"
    read = jws.deserialize_compact(whole, public, registry=registry)
    assert read.payload == RECORD
    assert json.loads(decoded(protected.encode()))["position"] == 7


@given(st.binary(max_size=300), st.data())
def test_a_changed_byte_anywhere_is_found(record: bytes, data: st.DataObject) -> None:
    message = sign(b"{" + record, KEY, HEADER)
    place = data.draw(st.integers(0, len(message) - 1))
    changed = bytearray(message)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NotGenuine):
        verify(bytes(changed), KEYS)


@given(st.binary(max_size=400))
def test_whatever_arrives_is_verified_or_refused_and_raises_nothing_else(message: bytes) -> None:
    signature, record = split(message)
    if signature:
        assert signature + b"\n" + record == message
    else:
        assert record == message
    with pytest.raises(NotGenuine):
        verify(message, KEYS)


@given(st.binary(max_size=100))
def test_base64url_has_one_form(data: bytes) -> None:
    assert decoded(encoded(data)) == data
    assert b"=" not in encoded(data)


@pytest.mark.parametrize("text", [b"ab=", b"a b", b"ab\n", b"a+b/", b"aa=="])
def test_another_form_of_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        decoded(text)


def test_an_unsigned_record_says_so() -> None:
    assert split(RECORD) == (b"", RECORD)
    with pytest.raises(NotGenuine, match="not signed"):
        verify(RECORD, KEYS)


def test_a_key_that_nobody_knows_is_told_from_a_false_signature() -> None:
    message = sign(RECORD, KEY, HEADER)
    with pytest.raises(UnknownKey, match=KID):
        verify(message, {})
    other = SigningKey(bytes(32))
    with pytest.raises(NotGenuine, match="does not fit"):
        verify(sign(RECORD, other, HEADER), KEYS)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (Header(alg="none", kid=KID, chain="c", position=1), "algorithm is 'none'"),
        (Header(alg="EdDSA", kid=KID, chain="c", position=1), "algorithm is 'EdDSA'"),
        (Header(alg=ALGORITHM, kid=KID, chain="c", position=0), "position is 0"),
    ],
)
def test_a_header_that_cannot_be_is_refused_though_its_signature_fits(
    header: Header, why: str
) -> None:
    with pytest.raises(NotGenuine, match=why):
        verify(sign(RECORD, KEY, header), KEYS)


def test_no_other_record_fits_a_signature() -> None:
    line, _ = split(sign(RECORD, KEY, HEADER))
    with pytest.raises(NotGenuine):
        verify(line + b"\n" + RECORD.replace(b"r1", b"r2"), KEYS)
