"""Damage is said on page and API and in health, and `pace-host verify` finds it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from host_agent.cli import main
from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from records import encode
from tests.host_agent.load import example_record
from tests.host_agent.store.evidence.signing import tell
from tests.host_agent.store.filling import derive_all
from tests.host_agent.store.test_damage import rot

GOOD, BAD = example_record("bench-1", 1), example_record("bench-1", 2)


@pytest.fixture
def damaged(store: Store) -> Store:
    """Return a store with two runs, of which the second rotted after it was derived."""
    tell(store, "bench-1", encode(GOOD), encode(BAD))
    derive_all(store)
    rot(store, "runs", BAD.record_id, b'"value":19.52', b'"value":18.52')
    return store


@pytest.fixture
def client(damaged: Store) -> Iterator[TestClient[Any]]:
    app = create_app(damaged, Progress(connected=True), Live(), names=[])
    with TestClient(app, base_url="http://127.0.0.1") as one:
        yield one


@pytest.mark.parametrize(
    "path", ["/runs/{}", "/api/runs/{}", "/api/runs/{}/record", "/api/runs/{}/message"]
)
def test_a_damaged_record_is_said_and_never_served(client: TestClient[Any], path: str) -> None:
    assert client.get(path.format(GOOD.record_id)).status_code == 200
    answer = client.get(path.format(BAD.record_id))
    assert answer.status_code == 500
    assert "is damaged on the host&#39;s disk" in answer.text.replace("'", "&#39;")
    assert "18.5" not in answer.text
    assert client.get("/api/runs").json()["standings"][BAD.record_id]["state"] == "damaged"
    health = client.get("/api/health").json()
    assert health["status"] == "degraded"
    assert "1 records of runs" in health["troubles"][0]
    assert "Damaged on the host" in client.get("/").text


def test_verify_prints_what_is_wrong_and_ends_with_1(
    damaged: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--data", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    found, summary = out.splitlines()
    assert found.startswith(f"damaged: the record {BAD.record_id} of bench-1 is damaged")
    assert summary == "2 runs, 0 other messages, 0 attachments, 0 in quarantine: see above"
    assert err == "pace-host: 1 mistake\n"
    assert main(["verify", "--json", "--data", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["what"] == "damaged"
    tell(damaged, "bench-1", encode(BAD))
    derive_all(damaged)
    assert main(["verify", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("in quarantine: all is well\n")


def test_verify_of_a_file_that_is_no_database_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.db").write_bytes(b"no database" * 1000)
    assert main(["verify", "--data", str(tmp_path)]) == 1
    assert "file is not a database" in capsys.readouterr().err
