"""Carries records from the outbox to the host, until the host says it has them.

The broker's acknowledgement proves nothing (a broker that is killed forgets what it acknowledged),
so a record is sent again until its receipt is here: after every reconnect, and after pauses that
double from the first to the last of `RESEND_S`.
"""

import asyncio
import contextlib
import logging
import os
import random
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiomqtt
import msgspec

from records import Phrase, Receipt, Request, StationState, encode, topics
from records.reading import UNREADABLE
from records.version_1 import ReceiptV1
from station.delivery.broker import BrokerAddress
from station.delivery.in_flight import InFlight
from station.delivery.outbox import Outbox, OutboxError, Waiting

log = logging.getLogger(__name__)

_decode_from_host = msgspec.json.Decoder(Receipt | Request | ReceiptV1).decode

CANCELLED_AGAIN_S = 0.5

NO_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


class Delivery(NamedTuple):
    """The state of the connection, the counts of records, and troubles of the outbox."""

    connected: bool
    delivered: int
    waiting: int
    rejected: int
    troubles: tuple[Phrase, ...] = ()


class _Client(aiomqtt.Client):
    """Says in the log what a broker refuses; by MQTT 5, as 3.1.1 acknowledges what it drops."""

    _refusal = ""

    def _on_publish(self, client: Any, userdata: Any, mid: int, code: Any, given: Any) -> None:
        if code.is_failure and str(code) != self._refusal:
            self._refusal = str(code)
            log.warning("the broker refuses what this station publishes: %s", code)
        super()._on_publish(client, userdata, mid, code, given)


def _check_granted(name: str, codes: Iterable[Any]) -> None:
    """Check that the broker grants a subscription. Raises `aiomqtt.MqttError` with its reason."""
    for code in codes:
        if int(getattr(code, "value", code)) >= _REFUSED:
            topic = topics.receipt(name)
            raise aiomqtt.MqttError(f"the broker refuses the subscription to {topic}: {code}")


_REFUSED = 0x80  # reason codes from here on are refusals: MQTT 5.0, 2.4; in 3.1.1 SUBACK's only one


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until each has ended: one that waits in a library may swallow a cancellation.

    `asyncio.wait_for` does so before Python 3.12 (its issue 86296). A conversation that waited for
    such a task would go on sending, and never hear a receipt again.
    """
    left: set[asyncio.Task[None]] = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCELLED_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # it is the first one's that is told


class Publisher:
    """Sends from an event loop in a thread of its own; may be called from any thread."""

    RESEND_S = (2.0, 60.0)
    WINDOW = 64
    LIVE_S = 0.1
    BACKOFF_S = (0.5, 60.0)
    PATIENCE_S = 10.0

    def __init__(
        self,
        station: str,
        broker: BrokerAddress,
        outbox: Outbox,
        *,
        state: Callable[[], StationState],
        on_delivery: Callable[[Delivery], None],
    ) -> None:
        """`state` says what is to be retained; `on_delivery` hears every change of the counts."""
        self._station = station
        self._broker = broker
        self._outbox = outbox
        self._state = state
        self._on_delivery = on_delivery
        self._connected = False
        self._in_flight = InFlight(*self.RESEND_S)
        self._live: deque[bytes] = deque(maxlen=1000)
        self._loop = asyncio.new_event_loop()
        self._records_wake = asyncio.Event()
        self._piece_settled = asyncio.Event()
        self._state_wake = asyncio.Event()
        self._live_wake = asyncio.Event()
        self._reported: Delivery | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to the broker and end. What waits keeps waiting on disk."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._loop.close()

    def answers(self, within_s: float) -> bool:
        """Tell whether its loop turns: for a watchdog."""
        turned = threading.Event()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(within_s if self._thread.is_alive() else 0.0)

    def wake(self) -> None:
        """Look for a new record."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._on_record)

    def state_changed(self) -> None:
        """Send the state, which is another one now."""
        self._wake_up(self._state_wake)

    def tell_live(self, payload: bytes) -> None:
        """Send a notice to the live topic if that is possible now; else it is forgotten."""
        if self._connected:
            self._live.append(payload)
            self._wake_up(self._live_wake)

    def _wake_up(self, sleeper: asyncio.Event) -> None:
        """Wake a task, once: runs tell of thousands of events a second, and that costs more.

        A task clears the event before it looks for what there is to do.
        """
        if not sleeper.is_set() and self._thread.is_alive():
            self._loop.call_soon_threadsafe(sleeper.set)

    def _on_record(self) -> None:
        self._records_wake.set()
        self._piece_settled.set()
        if not self._connected:  # it is not sent, and yet it is to be seen waiting
            self._report()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._report()
        work = asyncio.create_task(self._stay_connected())
        await self._stop.wait()
        while not work.done():  # a client that breaks while it leaves swallows a cancellation
            work.cancel()
            await asyncio.wait({work}, timeout=1.0)

    async def _stay_connected(self) -> None:
        delay_s = self.BACKOFF_S[0]
        while not self._stop.is_set():
            try:
                async with self._client() as client:
                    log.info("connected to %s:%d", self._broker.host, self._broker.port)
                    delay_s = self.BACKOFF_S[0]
                    await self._converse(client)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                log.warning("%s:%d: %s", self._broker.host, self._broker.port, error)
            except OutboxError as error:
                log.warning("%s", error)
            except Exception:  # whatever it is, the records that wait must go on being sent
                log.exception("the conversation with the broker broke off")
            finally:
                self._set_connected(connected=False)
            await asyncio.sleep(delay_s * random.uniform(0.75, 1.25))
            delay_s = min(delay_s * 2, self.BACKOFF_S[1])

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        password = None
        if broker.password_file:
            password = Path(os.path.expandvars(broker.password_file)).read_text().strip()
        five = broker.mqtt_version == 5
        gone = StationState(station=self._station, online=False)
        return _Client(
            broker.host,
            broker.port,
            username=broker.username or None,
            password=password,
            identifier=f"pace-station-{self._station}",
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else True,
            will=aiomqtt.Will(topics.state(self._station), encode(gone), qos=1, retain=True),
            keepalive=30,
            socket_options=NO_DELAY,
            tls_context=ssl.create_default_context() if broker.tls else None,
            timeout=self.PATIENCE_S,
        )

    async def _converse(self, client: aiomqtt.Client) -> None:
        """Talk until the connection breaks, which the first task to notice raises."""
        for name in self._names():
            _check_granted(name, await client.subscribe(topics.receipt(name), qos=1))
        self._in_flight.forget()
        self._set_connected(connected=True)
        tasks = [
            asyncio.create_task(job(client))
            for job in (
                self._hear_host,
                self._send_records,
                self._send_pieces,
                self._send_state,
                self._send_live,
            )
        ]
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._publish_state(client, StationState(station=self._station, online=False))
            raise
        finally:
            await _end(tasks)

    def _names(self) -> frozenset[str]:
        """Return this station's name, and its older ones that waiting records still say."""
        return self._outbox.stations() | {self._station}

    async def _hear_host(self, client: aiomqtt.Client) -> None:
        ours = {topics.receipt(name) for name in self._names()}
        async for message in client.messages:
            if str(message.topic) not in ours:  # some brokers send what was not subscribed to
                continue
            try:
                said = _decode_from_host(bytes(message.payload))
            except (*UNREADABLE, TypeError) as error:
                log.warning("%s: not a receipt: %s", message.topic, error)
                continue
            match said:
                case Receipt():
                    for record_id in self._outbox.receipt(said):
                        self._in_flight.received(record_id)
                    if said.attachments:
                        self._piece_settled.set()
                    self._report()
                case Request():
                    again = self._outbox.send_again(said)
                    if again:  # else they are on their way, or gone, and the host tells that
                        log.info("the host asks for records again: %d are sent", again)
                    self._report()
                    self._piece_settled.set()
                case ReceiptV1():  # for stations of version 0.1: it names no content
                    continue
            self._records_wake.set()

    async def _send_records(self, client: aiomqtt.Client) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._records_wake.clear()
            for record in self._next_records():
                with self._in_flight.sending(record.record_id, loop.time()):
                    await client.publish(self._topic(record), record.body, qos=1)
            self._report()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.RESEND_S[0] / 4):
                    await self._records_wake.wait()

    def _topic(self, record: Waiting) -> str:
        """Return the topic of the name that a record says: the host refuses it under any other."""
        return topics.run(record.station or self._station)

    async def _send_pieces(self, client: aiomqtt.Client) -> None:
        """Send attachments piece by piece, each when the host holds the one before."""
        pause_s = self.RESEND_S[0]
        before: tuple[str, int] | None = None
        while True:
            self._piece_settled.clear()
            piece = self._outbox.next_piece()
            if piece is None:
                before, pause_s = None, self.RESEND_S[0]
                await self._piece_settled.wait()
                continue
            here = (piece.sha256, piece.offset_bytes)
            pause_s = min(pause_s * 2, self.RESEND_S[1]) if here == before else self.RESEND_S[0]
            before = here
            await client.publish(topics.piece(self._station), piece.message, qos=1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._piece_settled.wait()

    def _next_records(self) -> tuple[Waiting, ...]:
        """Return the oldest that wait and are not on their way, or have been for too long."""
        on_their_way = self._in_flight.on_their_way(self._loop.time())
        room = self.WINDOW - len(on_their_way)
        return self._outbox.waiting(room, but_not=on_their_way) if room > 0 else ()

    async def _send_state(self, client: aiomqtt.Client) -> None:
        """Send the state whenever it has changed, at most once a second."""
        last: StationState | None = None
        while True:
            self._state_wake.clear()
            if (state := self._state()) != last:
                await self._publish_state(client, state)
                last = state
            await asyncio.sleep(1.0)
            await self._state_wake.wait()

    async def _publish_state(self, client: aiomqtt.Client, state: StationState) -> None:
        await client.publish(
            topics.state(self._station), encode(state), qos=1, retain=True, timeout=2.0
        )

    async def _send_live(self, client: aiomqtt.Client) -> None:
        """Send what happens within `LIVE_S` as one list: a message costs more than a step."""
        self._live.clear()
        while True:
            await self._live_wake.wait()
            await asyncio.sleep(self.LIVE_S)
            self._live_wake.clear()
            if happened := [self._live.popleft() for _ in range(len(self._live))]:
                listed = b"[" + b",".join(happened) + b"]"
                await client.publish(topics.live(self._station), listed, qos=0)

    def _set_connected(self, *, connected: bool) -> None:
        if connected != self._connected:
            self._connected = connected
            self._report()

    def _report(self) -> None:
        try:
            delivery = Delivery(self._connected, *self._outbox.counts(), self._outbox.troubles())
        except OutboxError as error:
            log.warning("%s", error)
            return
        if delivery != self._reported:
            self._reported = delivery
            self._state_wake.set()
            try:
                self._on_delivery(delivery)
            except Exception:
                log.exception("a listener raised on %s", delivery)
