"""The Textual program around the controls: a queue for notices, a few timers, one widget.

The station calls from its threads and never waits for the screen. Notices are taken from the queue
ten times a second, which is as fast as anybody reads, and only lines that changed are sent to the
terminal.
"""

import os
import queue
import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.events import Event, Key, Paste
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from records.words import Language
from station.console import Console, Notice
from station.ui.controls import Controls
from station.ui.look import signs_for
from station.ui.screen import ScreenPainter

REFRESH_S = 0.1
POLL_S = 0.02


class Face(Widget):
    """A widget that shows lines, and sends the terminal those that are new."""

    def __init__(self, repaint: Callable[[], None]) -> None:
        """`repaint` is called when there is another size to fill."""
        super().__init__()
        self._repaint = repaint
        self._lines: list[Strip] = []

    def on_resize(self) -> None:
        self._repaint()

    def show(self, lines: list[Strip]) -> None:
        known, self._lines = self._lines, lines
        if len(known) != len(lines):
            self.refresh()
            return
        width = self.size.width
        changed = [
            Region(0, y, width, 1)
            for y, (old, new) in enumerate(zip(known, lines, strict=True))
            if old is not new
        ]
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width)


class StationApp(App[None]):
    """The screen of one station."""

    TITLE = "PACE"
    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { overflow: hidden; } Face { width: 100%; height: 100%; }"
    AUTO_FOCUS: ClassVar[str | None] = None

    def __init__(self, console: Console, words: Language | None = None) -> None:
        super().__init__()
        self._console = console
        self._notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.controls = Controls(console, words)
        self._painter = ScreenPainter(
            self.controls, signs_for(os.environ), colours=not self.no_color
        )
        self._face = Face(self._paint)
        self._poll_timer: Timer | None = None
        self._painted_second = 0

    def compose(self) -> ComposeResult:
        yield self._face

    def on_mount(self) -> None:
        self._console.listen(self._notices.put)
        self.set_interval(REFRESH_S, self.refresh_screen)
        self._poll_timer = self.set_interval(POLL_S, self._poll_soon, pause=True)
        self.refresh_screen()

    async def on_event(self, event: Event) -> None:
        """Hand keys to the controls, in the order of pressing and before any widget.

        Keys that went through different queues could overtake each other, and an answer reach a
        slot that was selected after it.
        """
        if isinstance(event, Key):
            self._pressed(event)
        elif isinstance(event, Paste):
            self.controls.paste(event.text, event.time)
            self._paint()
        else:
            await super().on_event(event)

    def refresh_screen(self) -> None:
        """Take in what the station has told, and show it."""
        now_s = time.monotonic()
        heard = self._notices.qsize()
        for _ in range(heard):
            self.controls.hear(self._notices.get(), now_s)
        self.controls.tick(now_s)
        if heard or int(now_s) != self._painted_second:  # clocks go on by themselves
            self._paint()
        if self.controls.bell:
            self.controls.bell = False
            self.bell()
        if self.controls.quit_wanted:
            self.exit()

    def _pressed(self, event: Key) -> None:
        self.controls.press(event.key, event.character, event.time)
        if self.controls.reader.waiting and self._poll_timer is not None:
            self._poll_timer.resume()
        if self.controls.quit_wanted:
            self.exit()
        self._paint()

    def _poll_soon(self) -> None:
        """Poll after the keys that have already arrived."""
        self.call_later(self._poll)

    def _poll(self) -> None:
        self.controls.poll(time.monotonic())
        if not self.controls.reader.waiting and self._poll_timer is not None:
            self._poll_timer.pause()
        self._paint()

    def _paint(self) -> None:
        width, height = self._face.size
        if width and height:
            now_s, clock = time.monotonic(), time.strftime("%H:%M")
            self._face.show(self._painter.paint(width, height, now_s, clock))
            self._painted_second = int(now_s)


def run_ui(console: Console) -> None:
    """Show the station until the operator quits. The mouse stays with the terminal."""
    StationApp(console).run(mouse=False)
