from collections.abc import Iterator
from pathlib import Path

import pytest

from host_agent.store import Store
from tests.host_agent.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield an open store on each kind of database."""
    url = f"sqlite:///{tmp_path / 'host.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    with Store(url, attachments=tmp_path / "attachments") as opened:
        opened.open()
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """Yield an open store on SQLite, for tests that only a file can show."""
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as opened:
        opened.open()
        yield opened
