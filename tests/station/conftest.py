from collections.abc import Iterator
from pathlib import Path

import pytest

from station.delivery.broker import BrokerAddress
from tests.host_agent.rig import MOSQUITTO, Mosquitto, Programs, programs_in


@pytest.fixture(scope="session")
def lasting_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with programs_in(tmp_path_factory.mktemp("brokers")) as started:
        yield started


@pytest.fixture(scope="session")
def lasting_mosquitto(lasting_programs: Programs) -> BrokerAddress:
    """Return one broker for all tests; stations have names of their own."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is missing: apt-get install mosquitto")
    host, port = lasting_programs.mosquitto().address
    return BrokerAddress(host=host, port=port)


@pytest.fixture(scope="session")
def lasting_embedded(lasting_programs: Programs) -> BrokerAddress:
    host, port = lasting_programs.embedded_broker()
    return BrokerAddress(host=host, port=port, mqtt_version=3)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Yield a broker that the test may kill and start again."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is missing: apt-get install mosquitto")
    with programs_in(tmp_path) as started:
        yield started.mosquitto()
