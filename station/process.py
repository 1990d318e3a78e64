"""The process of a station: its log, the signals that end it, its screen and its watchdog."""

import asyncio
import faulthandler
import logging
import queue
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from records.notify import sd_notify, watchdog_period_s
from records.words import Language
from station.delivery.outbox import OutboxError
from station.service import StationService

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""All end the same way, every bench made safe. A lost terminal hangs up."""

Ended = queue.SimpleQueue[int]
"""The numbers of the signals that told us to end."""

ANSWERS_WITHIN_S = 5.0

log = logging.getLogger(__name__)


@contextmanager
def logging_to(folder: Path, *, to_file: bool) -> Iterator[None]:
    """Log to the journal through stderr, or to a file while the screen is the operator's."""
    handler: logging.Handler = logging.StreamHandler()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if to_file:
            handler = logging.FileHandler(folder / "station.log", encoding="utf-8")
    except OSError as error:
        raise OutboxError(f"{folder}: nothing can be kept there: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = not to_file  # a full disk must not write over the screen
    try:
        yield
    finally:
        root.removeHandler(handler)
        with suppress(OSError):  # a full disk keeps no last line
            handler.close()


def hear_endings() -> Ended:
    """Take signals that end the station as messages, so that none stops it in the middle."""
    ended: Ended = queue.SimpleQueue()  # an Event.set could wait for its own lock

    def end(number: int, frame: FrameType | None) -> None:
        ended.put(number)

    for number in ENDING:
        signal.signal(number, end)
    return ended


def operate(service: StationService, ended: Ended, screen: Language | None) -> None:
    """Work until the operator quits or a signal comes. The main loop itself feeds the watchdog.

    `screen` is the language of the operator's screen; without one there is no screen.
    """
    try:
        if screen is not None:
            asyncio.run(_show(service, ended, screen))
        else:
            _wait(service, ended)
    finally:
        sd_notify("STOPPING=1")


def _wait(service: StationService, ended: Ended) -> None:
    faulthandler.enable()  # the watchdog's SIGABRT leaves in the journal where we hang
    sd_notify("READY=1")
    period_s = watchdog_period_s()
    while True:
        try:
            ended.get(timeout=period_s)
        except queue.Empty:
            feed_watchdog(service)
        else:
            return


async def _show(service: StationService, ended: Ended, words: Language) -> None:
    from station.ui.app import StationApp

    app = StationApp(service, words)
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    if not ended.empty():
        return
    watching = asyncio.create_task(_keep_watch(service))
    sd_notify("READY=1")
    try:
        await app.run_async(mouse=False)
    finally:
        watching.cancel()


async def _keep_watch(service: StationService) -> None:
    """Feed the watchdog in the screen's own loop: a screen that hangs is a station that hangs."""
    period_s = watchdog_period_s()
    while period_s is not None:
        await asyncio.sleep(period_s)
        await asyncio.to_thread(feed_watchdog, service)


def feed_watchdog(service: StationService) -> None:
    """Tell systemd that the station works, when all of it answers. May not return."""
    if silent := service.silent(ANSWERS_WITHIN_S):
        log.error("no answer, waiting for the watchdog: %s", ", ".join(silent))
    else:
        sd_notify("WATCHDOG=1")
