from collections.abc import Iterator
from pathlib import Path

import pytest

from host_agent.store import Store
from tests.host_agent import postgres as postgres_server
from tests.host_agent.rig import MOSQUITTO, Broker, Programs, programs_in


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def _lasting_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with programs_in(tmp_path_factory.mktemp("brokers")) as started:
        yield started


@pytest.fixture(scope="session")
def embedded(_lasting_programs: Programs) -> Broker:
    """Return the broker that comes with us, for all tests. Stations have names of their own."""
    return _lasting_programs.embedded_broker()


@pytest.fixture(scope="session")
def mosquitto(_lasting_programs: Programs) -> Broker:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is missing: apt-get install mosquitto")
    return _lasting_programs.mosquitto().address


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.PostgresServer]:
    if postgres_server.MISSING:
        pytest.skip(postgres_server.MISSING)
    with postgres_server.running() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as opened:
        opened.open()
        yield opened
