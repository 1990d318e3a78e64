"""Bounds the connections of browsers: their number, and how long one may take to ask.

A connection that has not asked within `ASK_WITHIN_S`, by one byte a second or by none, is closed.
Beyond `MOST_CONNECTIONS` the one that has been idle for longest makes room for the next, so that
idle connections keep no page away.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
ASK_WITHIN_S = 10.0


class BoundedProtocol(H11Protocol):
    """Serves one connection within the bounds of all."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._idle_since_s = self.loop.time()
        self._looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and close another one where there are too many."""
        super().connection_made(transport)
        self._idle_since_s = self.loop.time()
        self._look_again()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._idle_since_s = self.loop.time()
        super().on_response_complete()

    @property
    def is_answering(self) -> bool:
        """True between the end of a request's header and the end of its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> None:
        idle = [
            one
            for one in self.connections
            if isinstance(one, BoundedProtocol) and not one.is_answering
        ]
        if idle:
            min(idle, key=lambda one: one._idle_since_s).transport.abort()
        else:
            self.transport.abort()

    def _look_again(self) -> None:
        """Close the connection when it has been idle for too long."""
        if self.transport.is_closing():
            return
        waited_s = self.loop.time() - self._idle_since_s
        if not self.is_answering and waited_s >= ASK_WITHIN_S:
            self.transport.abort()
            return
        pause_s = ASK_WITHIN_S if self.is_answering else ASK_WITHIN_S - waited_s
        self._looking = self.loop.call_later(pause_s, self._look_again)
