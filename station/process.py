"""The process of a station: its log, the signals that end it, its screen and its watchdog."""

import asyncio
import faulthandler
import logging
import os
import queue
import signal
import sys
import time
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
CANNOT_START_S = 10.0
"""The pause before a station that cannot start ends, so that it is not started without a break."""

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
        raise OutboxError("outbox.failed", place=str(folder), error=str(error.strerror)) from error
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


class ScreenFailed(Exception):
    """The screen broke off by a fault of its own. The benches are made safe all the same."""


@contextmanager
def terminal_for_the_screen(noise: Path) -> Iterator[None]:
    """Give the terminal to the screen alone: what else is printed goes to the file `noise`.

    Libraries and child processes print to file descriptors 1 and 2. The screen itself is drawn
    through `sys.__stderr__`, and learns its size from `sys.__stdout__`: these keep the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    terminal, kept = (sys.__stdout__, sys.__stderr__), [os.dup(1), os.dup(2)]
    try:
        with noise.open("ab") as file, os.fdopen(os.dup(2), "w", encoding="utf-8") as own:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            sys.__stdout__ = sys.__stderr__ = own  # type: ignore[misc]
            yield
    finally:
        sys.__stdout__, sys.__stderr__ = terminal  # type: ignore[misc]
        for number, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number)
            os.close(before)


def hear_endings() -> Ended:
    """Take signals that end the station as messages, so that none stops it in the middle."""
    ended: Ended = queue.SimpleQueue()  # an Event.set could wait for its own lock

    def end(number: int, frame: FrameType | None) -> None:
        ended.put(number)

    for number in ENDING:
        signal.signal(number, end)
    return ended


def wait_before_the_end() -> None:
    """Wait under a service manager, which starts us again at once and never gives up.

    A signal ends us in the middle of it.
    """
    if "NOTIFY_SOCKET" in os.environ:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        time.sleep(CANNOT_START_S)


def operate(
    service: StationService, ended: Ended, screen: Language | None, noise: Path = Path(os.devnull)
) -> None:
    """Work until the operator quits or a signal comes. The main loop itself feeds the watchdog.

    `screen` is the language of the operator's screen; without one there is no screen. `noise` is a
    file for what others print meanwhile. Raises `ScreenFailed`.
    """
    try:
        if screen is not None:
            with terminal_for_the_screen(noise):
                code = asyncio.run(_show(service, ended, screen))
            if code:
                raise ScreenFailed(f"the screen broke off by a fault of its own: see {noise}")
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


async def _show(service: StationService, ended: Ended, words: Language) -> int:
    from station.ui.app import StationApp

    app = StationApp(service, words)
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    if not ended.empty():
        return 0
    watching = asyncio.create_task(_keep_watch(service))
    sd_notify("READY=1")
    try:
        await app.run_async(mouse=False)
    finally:
        watching.cancel()
    return app.return_code or 0


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
