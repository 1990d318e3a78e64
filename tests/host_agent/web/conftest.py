from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from tests.host_agent.web.pages import Client


@pytest.fixture
def progress() -> Progress:
    return Progress(connected=True)


@pytest.fixture
def client(store: Store, progress: Progress) -> Iterator[Client]:
    app = create_app(store, progress, Live(), names=["pace.example.org"])
    with TestClient(app, base_url="http://127.0.0.1") as one:
        yield one
