"""A new column of a run is one line and a migration, and is everywhere then."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from host_agent import columns
from host_agent.columns import Mark, Of, columns_of
from host_agent.store import RunSummary, Store, migrations, schema
from records import RunRecord, Verdict, encode
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store.filling import derive_all, keep

ROOT = Path(columns.__file__).parents[1]

THE_PLACE = "    plan: Annotated[str, Mark.SEARCHED]\n"
THE_LINE = "    software: str\n"
THE_MIGRATION = f'''
import sqlalchemy as sa
from alembic import op
from host_agent.store.migrations import derive_again

revision = "9999"
down_revision = "{migrations.HEAD}"


def upgrade() -> None:
    op.add_column("runs", sa.Column("software", sa.Text, nullable=False, server_default=""))
    derive_again()
'''

WITH_THE_NEW_COLUMN = """
import json, sys
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from litestar.testing import TestClient
from host_agent import columns
from host_agent.progress import Progress
from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.store import RunFilter, Store, schema
from host_agent.web import create_app
from host_agent.web.live import Live

url, new = sys.argv[1], sys.argv[2].encode()
with Store(url) as store:
    store.open()
    upgraded = [run.software for run in store.latest_runs(RunFilter(), limit=9)]
    store.keep(sort([Message(1, b"pace/1/a/run", new, len(new))], "2026-11-29T00:00:00.000000Z"))
    while store.derive():
        pass
    with store._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
        stored = connection.exec_driver_sql("SELECT software FROM runs ORDER BY id").scalars().all()
    app = create_app(store, Progress(connected=True), Live(), names=["testserver.local"])
    with TestClient(app) as client:
        shown = client.get("/api/runs").json()["runs"]
        described = client.get("/schema/openapi.json").text
    print(json.dumps({
        "upgraded": upgraded,
        "stored": list(stored),
        "summaries": [run.software for run in store.latest_runs(RunFilter(), limit=9)],
        "api": [run["software"] for run in shown],
        "described": '"software"' in described.split("RunSummary")[-1],
        "same": [str(one) for one in differences],
        "rows": "software" in columns.ROW,
    }))
"""


def changed_host(folder: Path) -> Path:
    """Return a copy of the host whose runs have one more column."""
    for package in ("host_agent", "records"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignore)
    declaration = folder / "host_agent" / "columns.py"
    text = declaration.read_text()
    assert text.count(THE_PLACE) == 1
    declaration.write_text(text.replace(THE_PLACE, THE_PLACE + THE_LINE))
    versions = folder / "host_agent" / "store" / "migrations"
    (versions / "versions" / "v9999_software.py").write_text(THE_MIGRATION)
    head = (versions / "__init__.py").read_text()
    (versions / "__init__.py").write_text(head.replace(f'"{migrations.HEAD}"', '"9999"'))
    return folder


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_line_and_a_migration_add_a_column_everywhere(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'host.db'}"
    if kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    with Store(url) as store:
        store.open()
        keep(store, *(example_record("a", n, software=f"pace {n}") for n in range(2)))
        derive_all(store)
    said = subprocess.run(
        [
            *(sys.executable, "-c", WITH_THE_NEW_COLUMN, url),
            encode(example_record("a", 2, software="pace 2")).decode(),
        ],
        env={**os.environ, "PYTHONPATH": str(changed_host(tmp_path / "changed"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {
        "upgraded": ["", ""],
        "stored": ["pace 0", "pace 1", "pace 2"],
        "summaries": ["pace 2", "pace 1", "pace 0"],
        "api": ["pace 2", "pace 1", "pace 0"],
        "described": True,
        "same": [],
        "rows": True,
    }


def test_the_table_the_rows_and_the_summaries_have_the_same_columns() -> None:
    table = [column.name for column in schema.runs.c]
    assert table == [column.name for column in columns.COLUMNS]
    assert list(columns.ROW) == table[1:]
    assert [*RunSummary.__struct_fields__, "record", "signature", "unit"] == table
    arrived = {"received_at", "sha256", "record", "signature"}
    assert set(columns.ROW) - set(columns.TAKEN) == arrived


def test_each_column_has_the_value_that_stands_in_the_record() -> None:
    record = example_record("a", 7)
    values = dict(zip(columns.TAKEN, columns.taken(record), strict=True))
    assert values["asset_tag"] == record.device.asset_tag
    assert values["year"] is None
    assert values["verdict"] == "pass"
    assert type(values["verdict"]) is str
    assert values["started_at"] == record.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = dict(zip(columns.ROW, columns.row(record, "now", "5e", b"{}"), strict=True))
    arrived = {"received_at": "now", "sha256": "5e", "record": b"{}", "signature": None}
    assert row == values | arrived


def test_a_whole_number_beyond_64_bits_is_named() -> None:
    for name, record in (
        ("sequence", example_record("a", 2**63)),
        ("year", with_year(-(2**63) - 1)),
    ):
        said = columns.too_wide(columns.row(record, "", "", b""))
        assert said.startswith(f"{name} ")
        assert said.endswith("needs more than 64 bits")
    assert columns.too_wide(columns.row(with_year(2**63 - 1), "", "", b"")) == ""


def with_year(year: int) -> RunRecord:
    record = example_record("a", 1)
    return msgspec.structs.replace(record, device=msgspec.structs.replace(record.device, year=year))


def test_a_declaration_says_type_place_and_marks() -> None:
    class Declared(msgspec.Struct):
        plain: str
        at: Annotated[str | None, Of("device.at", str), Mark.INDEXED]
        verdict: Verdict
        truth: bool

    plain, at, verdict, truth = columns_of(Declared)
    assert (plain.kind, plain.nullable, plain.path) == (str, False, "plain")
    assert (at.kind, at.nullable, at.path, at.marks) == (
        str,
        True,
        "device.at",
        frozenset({Mark.INDEXED}),
    )
    assert verdict.path == "verdict.value"
    assert truth.path == "truth.real"
