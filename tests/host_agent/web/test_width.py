"""No page scrolls sideways, on a telephone or on a desk; looked at in a real browser."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from host_agent.config import ListenAddress
from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.progress import Progress
from host_agent.service import _bound
from host_agent.store import Store
from host_agent.text import now_text
from host_agent.web import create_app
from host_agent.web.live import Live
from records import Verdict
from tests.host_agent.load import example_record, record_ending
from tests.host_agent.rig import eventually
from tests.host_agent.web.chromium import Chromium
from tests.host_agent.web.pages import keep
from tests.host_agent.web.test_pages import full_record
from tests.pictures.browser import NoBrowser, find

LONG = "W" * 300

try:
    find()
    MISSING = ""
except NoBrowser:
    MISSING = "chromium is missing: apt-get install chromium"

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    """Yield the address of pages, served to a browser."""
    app = create_app(store, Progress(), Live(), names=[])
    with _bound(ListenAddress("127.0.0.1", 0)) as sock:
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
            )
        )
        thread = threading.Thread(target=server.run, args=([sock],))
        thread.start()
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def test_no_page_scrolls_sideways(chromium: Chromium, store: Store, address: str) -> None:
    full = full_record()
    wide = example_record(LONG, 2, slot=LONG, operator=LONG, plan=LONG, profile=LONG, software=LONG)
    keep(store, full, wide, *(record_ending(one, "a", 3) for one in (Verdict.ERROR, Verdict.FAIL)))
    message = LONG.encode()
    store.keep(sort([Message(1, f"pace/1/{LONG}/run".encode(), message, 300)], now_text()))
    store.derive()
    pages = ["/", f"/?station=a&station={LONG}&unit=w", "/stations", "/quarantine", "/evidence"]
    pages += ["/health", f"/?wrong={LONG}", f"/runs/{full.record_id}", f"/runs/{wide.record_id}"]
    seen = {}
    for path in pages:
        for width_px in (390, 1200):
            for language in ("en", "fr"):
                chromium.show(f"{address}{path}", width_px, language=language)
                assert chromium.evaluate("document.documentElement.lang") == language
                seen[path[:20], width_px, language] = chromium.evaluate(
                    "document.documentElement.scrollWidth"
                )
    assert {place: px for place, px in seen.items() if px > place[1]} == {}


def test_the_check_of_width_can_fail(chromium: Chromium, address: str) -> None:
    chromium.show(f"{address}/", 390)
    assert chromium.evaluate("innerWidth") == 390
    chromium.evaluate("document.body.style.width = '500px'")
    assert chromium.evaluate("document.documentElement.scrollWidth") > 390


def test_filters_work_without_javascript(chromium: Chromium, store: Store, address: str) -> None:
    keep(store, example_record("a", 1), record_ending(Verdict.FAIL, "b", 2))
    chromium.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.show(f"{address}/", 390)
        form = "document.querySelector('form')"
        chromium.evaluate(f"{form}.querySelector('[value=b]').checked = true")
        chromium.evaluate(f"{form}.querySelector('[name=unit]').value = 'at-'")
        asked = chromium.evaluate(f"new URLSearchParams(new FormData({form})).toString()")
        chromium.show(f"{address}/?{asked}", 390)
        tags = "[...document.querySelectorAll('tbody th a')].map(a => a.textContent).join()"
        assert chromium.evaluate(tags) == "AT-000002"
    finally:
        chromium.call("Emulation.setScriptExecutionDisabled", value=False)
