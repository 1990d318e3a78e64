"""Takes records from the broker into the store, and sends receipts after the commit, never before.

    broker ─► Session ─► waiting ─► one transaction ─► acknowledge · receipts
                          (chunks)   (in a thread)       (one for each station)

While a batch is being written the next one gathers, so that the disk's slowness makes batches
larger and not the station's wait longer. Whatever fails before the commit leaves the message with
the broker and the record in its station's outbox; both send it again, and the store absorbs that.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from host_agent import messages
from host_agent.evidence_lane import EvidenceLane
from host_agent.messages import Other, Piece, Sorted
from host_agent.mqtt import Address, Message, MqttError, Session, UnsupportedVersion, Version
from host_agent.progress import Progress
from host_agent.receipts import receipts_of
from host_agent.store import FullError, Kept, Store
from host_agent.text import now_text
from records import topics

log = logging.getLogger(__name__)

_BATCH_MESSAGES = 1000
_BATCH_BYTES = 16 * 1024 * 1024
_WAITING_MESSAGES = 4000
_WAITING_BYTES = 64 * 1024 * 1024
_QUIET_S = 0.05
_LAG_S = 10.0
_GOODBYE_WITHIN_S = 5.0
_FIRST_BACKOFF_S = 0.1
_LAST_BACKOFF_S = 10.0


class Ingest:
    """Ingests until it is cancelled or told to `stop`; neither broker nor database can end it."""

    def __init__(
        self,
        address: Address,
        store: Store,
        *,
        version: Version | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`version` None: MQTT 5, and 3.1.1 where the broker does not know that.

        `changed` is called in the loop after each commit, and when the broker comes or goes.
        """
        self.progress = Progress()
        self._address, self._store, self._changed = address, store, changed
        self._version: Version | None = version
        self._spoken: Version | None = version
        self._session: Session | None = None
        self._lane = EvidenceLane(store, self.progress, self._ask, changed)
        self._waiting: deque[_Chunk] = deque()
        self._waiting_bytes = 0
        self._something = asyncio.Event()
        self._stopping = asyncio.Event()
        self._underived_since_s: float | None = 0.0  # an earlier process may have left something
        self._derive_again_s = 0.0
        self.progress.behind_since_s = time.monotonic()

    async def run(self) -> None:
        """Ingest until `stop`, and return when what had arrived is stored."""
        with ThreadPoolExecutor(1, thread_name_prefix="store") as writer:
            listening = asyncio.create_task(self._listen())
            verifying = asyncio.create_task(self._lane.run(writer))
            try:
                await self._keep_all(writer)
            finally:
                listening.cancel()
                verifying.cancel()
                await asyncio.wait([listening, verifying])
                if self._session is not None:
                    await self._say_goodbye(self._session)

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is here has been stored."""
        self._stopping.set()
        self._something.set()
        if self._session is not None:
            self._session.pause()

    async def _say_goodbye(self, session: Session) -> None:
        """Disconnect once the last acknowledgements are out; the broker keeps the session."""
        try:
            async with asyncio.timeout(_GOODBYE_WITHIN_S):
                await session.disconnect()
        except TimeoutError:
            session.abort()

    # The broker's side

    async def _listen(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        said = ""
        while True:
            try:
                session = await self._connect()
            except Exception as error:  # of the broker, the network, or a name that is none
                why = str(error) or type(error).__name__
            else:
                backoff_s, said = _FIRST_BACKOFF_S, ""
                await asyncio.wait([session.lost])
                why = session.lost.result()
                self._session = None
                self.progress.connected = False
            self.progress.broker_trouble = why
            self._changed()
            if why != said:  # once, and not every ten seconds of a night
                log.warning(
                    "broker %s:%d: %s; trying again", self._address.host, self._address.port, why
                )
                said = why
            await asyncio.sleep(backoff_s * random.uniform(0.8, 1.2))
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    async def _connect(self) -> Session:
        try:
            session = await Session.connect(self._address, self._spoken, self._receive)
        except UnsupportedVersion:
            self._spoken = self._version  # another broker than before: find out again
            raise
        self._session = session
        try:
            await session.subscribe(topics.ALL_RUNS, topics.ALL_STATES)
        except BaseException:
            self._session = None
            session.abort()
            raise
        await self._subscribe_to_pieces(session)
        self._spoken = session.version
        self.progress.connected, self.progress.broker_trouble = True, ""
        self.progress.broker_refusals = session.refusals
        self._changed()
        log.info(
            "listening at %s:%d, MQTT %d", self._address.host, self._address.port, session.version
        )
        return session

    async def _subscribe_to_pieces(self, session: Session) -> None:
        """Ask for attachments, too. A broker with the rules of 0.1 refuses; records still come."""
        try:
            await session.subscribe(topics.ALL_PIECES)
            self.progress.pieces_trouble = ""
        except MqttError as error:
            if session.lost.done():
                raise
            self.progress.pieces_trouble = str(error)
            log.warning("attachments do not come: %s", error)

    def _receive(self, session: Session, arrived: list[Message]) -> None:
        """Sort a chunk of messages and queue it.

        It is sorted here and not in the store's thread: the disk is slow without needing Python.
        """
        chunk = _Chunk(
            session,
            [message.packet_id for message in arrived],
            messages.sort(arrived, now_text()),
            sum(len(message.payload) for message in arrived),
        )
        self._waiting.append(chunk)
        self.progress.waiting += len(arrived)
        self._waiting_bytes += chunk.size
        if self.progress.waiting > _WAITING_MESSAGES or self._waiting_bytes > _WAITING_BYTES:
            session.pause()
        self._something.set()

    # The store's side

    async def _keep_all(self, writer: ThreadPoolExecutor) -> None:
        while True:
            if self._late():
                await self._derive(writer)
            if self._waiting:
                await self._keep_batch(writer)
            elif self._stopping.is_set():
                return
            elif not await self._something_within(self._patience_s()):
                await self._derive(writer)

    async def _keep_batch(self, writer: ThreadPoolExecutor) -> None:
        batch = self._take()
        others: list[Other] = []
        pieces: list[Piece] = []
        arrived = Sorted([], {}, [], others, pieces)
        for chunk in batch:
            arrived.runs.extend(chunk.arrived.runs)
            arrived.states.update(chunk.arrived.states)
            arrived.refusals.extend(chunk.arrived.refusals)
            others.extend(chunk.arrived.others)
            pieces.extend(chunk.arrived.pieces)
        kept = await self._until_kept(writer, arrived)
        if kept is None:
            return
        await self._answer(batch, receipts_of(arrived, kept))
        self._lane.wake()
        self.progress.stored += kept.new
        self.progress.stored_again += kept.again
        if refused := [*arrived.refusals, *kept.conflicts]:
            self.progress.refused += len(refused)
            last = refused[-1]
            log.warning("%d quarantined; from %s: %s", len(refused), last.topic, last.reason)
        if kept.new and self._underived_since_s is None:
            self._underived_since_s = self.progress.behind_since_s = time.monotonic()
        self._changed()

    async def _answer(self, batch: "list[_Chunk]", receipts: list[tuple[str, bytes]]) -> None:
        """Acknowledge the messages of the present session, and publish all receipts.

        A session that ended took its packet identifiers with it.
        """
        session = self._session
        if session is None:
            return
        for chunk in batch:
            if chunk.session is session:
                session.acknowledge(chunk.packet_ids)
        for station, receipt in receipts:
            session.publish(topics.receipt(station), receipt)
        await session.drain()

    def _ask(self, station: str, request: bytes) -> bool:
        """Send a request to a station. Return whether there is a broker that takes it."""
        if self._session is None:
            return False
        self._session.publish(topics.receipt(station), request)
        return True

    def _take(self) -> "list[_Chunk]":
        batch: list[_Chunk] = []
        number = size = 0
        while self._waiting and number < _BATCH_MESSAGES and size < _BATCH_BYTES:
            chunk = self._waiting.popleft()
            batch.append(chunk)
            number += len(chunk.packet_ids)
            size += chunk.size
        self.progress.waiting -= number
        self._waiting_bytes -= size
        if self._session is not None and not self._stopping.is_set():
            self._session.resume()
        return batch

    async def _until_kept(self, writer: ThreadPoolExecutor, arrived: Sorted) -> Kept | None:
        """Try until the database takes a batch; return None when the ingest is to stop before."""
        loop = asyncio.get_running_loop()
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                kept = await loop.run_in_executor(writer, self._store.keep, arrived)
            except FullError as error:  # the store has said so in the log
                self.progress.store_trouble, self.progress.store_is_full = str(error), True
            except Exception as error:
                if not self.progress.store_trouble:
                    log.exception("records cannot be stored; trying again")
                self.progress.store_trouble, self.progress.store_is_full = str(error), False
            else:
                if self.progress.store_trouble:
                    log.warning("the database takes records again")
                    self.progress.store_trouble = ""
                return kept
            if await self._stopped_within(backoff_s):
                return None
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    async def _derive(self, writer: ThreadPoolExecutor) -> None:
        """Derive one portion; records that arrive meanwhile wait that long.

        After a failure the next portion has to wait ten seconds, and no record does.
        """
        loop, progress = asyncio.get_running_loop(), self.progress
        try:
            there_may_be_more = await loop.run_in_executor(writer, self._store.derive)
        except Exception as error:
            why = str(error) or type(error).__name__
            if why != progress.derive_trouble:
                log.exception("steps and measurements cannot be derived now; trying again")
            progress.derive_trouble = why
            self._derive_again_s = time.monotonic() + _LAST_BACKOFF_S
            self._changed()
            return
        progress.behind_since_s, progress.derive_trouble = time.monotonic(), ""
        if not there_may_be_more:
            self._underived_since_s = progress.behind_since_s = None
            await self._tidy(writer)

    async def _tidy(self, writer: ThreadPoolExecutor) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(writer, self._store.tidy)
        except Exception:
            log.exception("the database cannot be tidied now")

    def _patience_s(self) -> float | None:
        if self._underived_since_s is None:
            return None
        return max(_QUIET_S, self._derive_again_s - time.monotonic())

    def _late(self) -> bool:
        since_s, now_s = self._underived_since_s, time.monotonic()
        return since_s is not None and now_s > self._derive_again_s and now_s - since_s > _LAG_S

    async def _something_within(self, seconds: float | None) -> bool:
        self._something.clear()
        return await _within(seconds, self._something)

    async def _stopped_within(self, seconds: float) -> bool:
        return await _within(seconds, self._stopping)


async def _within(seconds: float | None, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


class _Chunk(NamedTuple):
    """Holds the messages that one read from the socket brought."""

    session: Session
    packet_ids: list[int]
    arrived: Sorted
    size: int


async def probe(address: Address, version: Version | None) -> str:
    """Return why a broker does not take the host as a client; empty when it does.

    With a user name it may take the place of a host that runs, which connects again at once and
    finds its session as it was.
    """
    if not address.username:  # with one, brokers may name the session after it: it must not end
        address = replace(address, client_id=f"{address.client_id}-check", session_expiry_s=0)
    try:
        session = await Session.connect(address, version, lambda session, arrived: None)
        await session.disconnect()
    except (MqttError, OSError) as error:
        return str(error) or type(error).__name__
    return ""
