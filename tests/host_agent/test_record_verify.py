"""`pace record verify --database` reads a host's PostgreSQL, with public keys alone."""

import json
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from host_agent.store import Store
from records.messages import KeySet, PlanRecord
from station.cli import main
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store.evidence.signing import Card, tell
from tests.host_agent.store.test_migration import VERSION_0_1


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture
def keys(card: Card, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(msgspec.json.encode(KeySet((card.public,))))
    return path


def verified(
    url: str, keys: Path, capsys: pytest.CaptureFixture[str], status: int
) -> dict[str, Any]:
    assert main(["record", "verify", "--database", url, "--keys", str(keys), "--json"]) == status
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    (found,) = report.values() if len(report) == 1 else (report,)
    return found[0] if isinstance(found, list) else found


def test_records_in_postgresql_verify_and_what_was_altered_or_deleted_is_named(
    postgres: PostgresServer, card: Card, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_database()
    records = [example_record("bench-1", n) for n in range(4)]
    with Store(url) as store:
        store.open()
        tell(store, "bench-1", card.sign(PlanRecord(plan="p", kind="k")))
        tell(store, "bench-1", *(card.sign(one) for one in records))
    report = verified(url, keys, capsys, 0)
    assert (report["messages"], report["verified"], report["chains"]) == (5, 5, 1)
    assert report["troubles"] == []
    with psycopg.connect(postgres.conninfo(url)) as connection:
        connection.execute("DELETE FROM runs WHERE record_id = %s", [records[1].record_id])
        connection.execute(
            "UPDATE runs SET record = convert_to(replace(convert_from(record, 'UTF8'),"
            " '\"Olga\"', '\"Ilga\"'), 'UTF8') WHERE record_id = %s",
            [records[2].record_id],
        )
    troubles = verified(url, keys, capsys, 1)["troubles"]
    assert {one["what"] for one in troubles} >= {"missing", "altered"}
    assert records[2].record_id in {one["record_id"] for one in troubles}
    assert ("missing", 3) in {(one["what"], one["position"]) for one in troubles}


def test_a_postgresql_of_version_0_1_has_unsigned_records(
    postgres: PostgresServer, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_database()
    with psycopg.connect(postgres.conninfo(url)) as connection:
        connection.execute(VERSION_0_1.read_bytes())
    report = verified(url, keys, capsys, 0)
    assert (report["messages"], report["unsigned"]) == (3, 3)


@pytest.mark.parametrize("way", ["absent", "empty"])
def test_a_postgresql_that_cannot_be_read_is_exit_code_2_without_its_password(
    postgres: PostgresServer, keys: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    url = postgres.new_database().replace("pace@", "pace:secret@")
    if way == "absent":
        url = url.replace("/host", "/nowhere")
    assert main(["record", "verify", "--database", url, "--keys", str(keys)]) == 2
    told = capsys.readouterr().err
    assert "postgresql" in told
    assert "secret" not in told
