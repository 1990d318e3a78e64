"""The lane of evidence: signatures, chains, keys, and what stations are asked for again.

It has a thread of its own for reading and cryptography. What comes of it is written by the store's
one writer, in short commits, and only while no record waits there: no receipt waits for this lane.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from host_agent.progress import Progress
from host_agent.store import Store
from records import encode
from records.chain import Link

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_LOOK_EVERY_S = 5.0
_AFTER_TROUBLE_S = 10.0
_NAMED = 5
_POLITE_S = 0.02
_POLITE_AT_MOST_S = 10.0


class EvidenceLane:
    """Runs beside the ingest until it is cancelled; nothing that it meets can end it."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        ask: Callable[[str, bytes], bool],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`ask` sends a request to a station, and returns whether there is a broker for it."""
        self._store, self._progress, self._ask, self._changed = store, progress, ask, changed
        self._news = asyncio.Event()
        self._heads: dict[str, Link] = {}

    def wake(self) -> None:
        """Look for messages at once: some have been stored."""
        self._news.set()

    async def run(self, writer: ThreadPoolExecutor) -> None:
        """Run the lane for its whole life. `writer` is the store's one thread for writing."""
        with ThreadPoolExecutor(1, thread_name_prefix="evidence") as reader:
            while True:
                self._news.clear()
                try:
                    more = await self._portion(reader, writer)
                    self._progress.evidence_trouble = ""
                except Exception as error:
                    why = str(error) or type(error).__name__
                    if why != self._progress.evidence_trouble:
                        log.exception("signatures cannot be verified now; trying again")
                    self._progress.evidence_trouble = why
                    await asyncio.sleep(_AFTER_TROUBLE_S)
                    continue
                if not more:
                    await self._news_within(_LOOK_EVERY_S)

    async def _portion(self, reader: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> bool:
        """Do one portion of what there is. Return whether there is more."""
        store = self._store
        if (portion := await self._in(reader, store.signed_portion)) is not None:
            await self._in(writer, store.note_links, portion)
            self._changed()
            if portion.more:
                return True
        if offered := await self._in(reader, store.offers):
            await self._in(writer, store.note_offers, offered)
        if again := await self._in(reader, store.verified_again):
            await self._in(writer, store.note_verified_again, again)
            return True
        heads = await self._in(reader, store.heads)
        if fresh := {name: head for name, head in heads.items() if self._heads.get(name) != head}:
            await self._in(writer, store.audit_heads, fresh)
            self._heads = heads
        await self._ask_again(reader, writer)
        return False

    async def _ask_again(self, reader: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
        """Ask stations for what is missing, as often as it is due."""
        if not self._progress.connected:
            return
        dues = await self._in(reader, self._store.due_requests)
        asked = [due for due in dues if self._ask(due.station, encode(due.request))]
        if asked:
            await self._in(writer, self._store.note_asked, asked)
            names = ", ".join(due.station for due in asked[:_NAMED])
            more = f" and {len(asked) - _NAMED} more" if len(asked) > _NAMED else ""
            log.info("asked %s%s for records again", names, more)
            self._changed()

    async def _in(
        self, thread: ThreadPoolExecutor, work: Callable[..., Result], *arguments: object
    ) -> Result:
        """Do some work in a thread, once no record waits to be stored, or after ten seconds."""
        since_s = time.monotonic()
        while self._progress.waiting and time.monotonic() - since_s < _POLITE_AT_MOST_S:
            await asyncio.sleep(_POLITE_S)
        return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)

    async def _news_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
