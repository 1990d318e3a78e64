"""Tells open pages that something new is stored."""

import asyncio
from collections.abc import AsyncIterator

_AT_MOST_EVERY_S = 0.5
_HEARTBEAT_S = 15.0


class Live:
    """Tells listening pages that something changed. For one event loop."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()
        self._closed = False

    def changed(self) -> None:
        for listener in self._listeners:
            listener.set()

    def close(self) -> None:
        """End all streams; a server that stops waits for them."""
        self._closed = True
        self.changed()

    async def changes(self) -> AsyncIterator[bool]:
        """Yield True on something new, and False every 15 s, so that a dead peer is noticed."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            while not self._closed:
                try:
                    async with asyncio.timeout(_HEARTBEAT_S):
                        await news.wait()
                except TimeoutError:
                    yield False
                    continue
                if self._closed:
                    return
                news.clear()
                yield True
                await asyncio.sleep(_AT_MOST_EVERY_S)
        finally:
            self._listeners.discard(news)
