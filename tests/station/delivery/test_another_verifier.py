"""Messages of a station verify with joserfc alone, an implementation that knows nothing of ours."""

import base64
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, OKPKey

REGISTRY = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a station that has tested devices and delivered their records."""
    data = tmp_path_factory.mktemp("station")
    command = [sys.executable, "-m", "station", "demo", "--headless", "--runs", "2", "--seed", "1"]
    subprocess.run([*command, "--data", str(data)], check=True, capture_output=True, timeout=100)
    (found,) = data.rglob("outbox.db")
    return found.parent


def verified(message: bytes, key: OKPKey) -> dict[str, Any]:
    """Return the header of a detached JWS (RFC 7515, appendix F) that joserfc finds good."""
    line, _, record = message.partition(b"\n")
    protected, nothing, signature = line.decode().split(".")
    assert nothing == "", "the record is beside the signature, not in it"
    payload = base64.urlsafe_b64encode(record).decode().rstrip("=")
    whole = jws.deserialize_compact(f"{protected}.{payload}.{signature}", key, registry=REGISTRY)
    assert whole.payload == record
    header: dict[str, Any] = dict(whole.headers())
    return header


def test_each_message_of_an_outbox_verifies_by_joserfc_alone(folder: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "station", "key", "show", "--data", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    (key,) = KeySet.import_key_set(json.loads(shown.stdout)).keys
    assert isinstance(key, OKPKey)
    with closing(sqlite3.connect(folder / "outbox.db")) as db:
        messages = [body for (body,) in db.execute("SELECT body FROM message ORDER BY id")]
    headers = [verified(one, key) for one in messages]
    schemas = {json.loads(one.partition(b"\n")[2])["schema"] for one in messages}
    assert schemas == {"pace.run/2", "pace.plan/1"}
    assert len(messages) >= 4
    assert {one["alg"] for one in headers} == {"Ed25519"}
    assert {one["kid"] for one in headers} == {key.thumbprint()}
    assert [one["position"] for one in headers] == list(range(1, len(messages) + 1))
    for message in messages[:2]:
        altered = message.replace(b'"plan":"', b'"plan":"x', 1)
        assert altered != message
        with pytest.raises(BadSignatureError):
            verified(altered, key)
