"""The far end of the line for tests of the station: hears records, and says what it is told to."""

import hashlib
import threading
from collections.abc import Callable
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from records import (
    PlanRecord,
    Receipt,
    Rejected,
    RunRecord,
    StationState,
    Stored,
    decode_run,
    decode_state,
    encode,
    topics,
)
from records.messages import Held, decode_plan, read_piece
from records.signing import digest, split
from station.delivery.outbox import Outbox

Address = tuple[str, int]


def runs_waiting(outbox: Outbox) -> list[RunRecord]:
    """Return the runs that wait for their receipts; plans wait beside them."""
    records = [split(one.body).record for one in outbox.waiting(10_000)]
    return [decode_run(one) for one in records if not one.startswith(PLAN)]


PLAN = b'{"schema":"pace.plan/'


class Host:
    """Listens to one station. While `confirming`, every record has its receipt at once."""

    def __init__(self, broker: Address, station: str = "pi-1", *, confirming: bool = True) -> None:
        self.confirming = confirming
        self.runs: list[RunRecord] = []
        self.bodies: list[bytes] = []
        self.states: list[StationState] = []
        self.retained: list[StationState] = []
        self.live: list[bytes] = []
        self.plans: dict[str, PlanRecord] = {}
        self.attachments: dict[str, bytes] = {}
        self._digests: dict[str, str] = {}
        self._station = station
        self._news = threading.Condition()
        self._listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(*broker)
        self._client.loop_start()

    def __enter__(self) -> "Host":
        if not self._listening.wait(30):
            raise TimeoutError("the broker lets nobody listen")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def ids(self) -> list[str]:
        with self._news:
            return [run.record_id for run in self.runs]

    def confirm(self, *ids: str, rejected: tuple[Rejected, ...] = ()) -> None:
        """Say that the messages of these records are stored, as they came last."""
        stored = tuple(Stored(record_id, self._digests.get(record_id, "")) for record_id in ids)
        self.say(encode(Receipt(stored=stored, rejected=rejected)))

    def say(self, payload: bytes) -> None:
        """Publish on the station's receipt topic, whatever it is."""
        self._client.publish(topics.receipt(self._station), payload, qos=1)

    def wait(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        with self._news:
            if not self._news.wait_for(condition, within_s):
                raise TimeoutError(f"{len(self.runs)} runs, {self.states[-1:]}")

    def wait_for(self, record: RunRecord) -> None:
        self.wait(lambda: any(run.record_id == record.record_id for run in self.runs))

    def _connected(self, *_: object) -> None:
        self._client.subscribe(f"{topics.PREFIX}/{self._station}/#", qos=1)

    def _hear(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        if topics.station_of(message.topic) != self._station:
            return  # amqtt tells everybody what is retained, whatever they asked for
        kind = message.topic.rpartition("/")[2]
        with self._news:
            if kind == "run":
                last = self._keep(bytes(message.payload))
            elif kind == "piece":
                self._take(bytes(message.payload))
            elif kind == "state":
                state = decode_state(message.payload)
                (self.retained if message.retain else self.states).append(state)
            elif kind == "live":
                self.live.append(bytes(message.payload))
            self._news.notify_all()
        if kind == "run" and self.confirming:
            self.confirm(last)

    def _take(self, body: bytes) -> None:
        """Take a piece as a host does: hold it behind what is here, and say how much that is."""
        head, data = read_piece(body)
        held = self.attachments.get(head.sha256, b"")
        if head.offset_bytes == len(held):
            held = self.attachments[head.sha256] = held + data
        self.say(encode(Receipt(attachments=(Held(head.sha256, len(held)),))))

    def _keep(self, body: bytes) -> str:
        """Keep a run, or apart from it a plan; return its id."""
        record = split(body).record
        if record.startswith(PLAN):
            record_id = hashlib.sha256(record).hexdigest()
            self.plans[record_id] = decode_plan(record)
        else:
            self.bodies.append(body)
            self.runs.append(decode_run(record))
            record_id = self.runs[-1].record_id
        self._digests[record_id] = digest(body)
        return record_id
