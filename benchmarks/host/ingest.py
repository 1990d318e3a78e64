"""Records over MQTT into SQLite: our host against Node-RED, and both killed on the way."""

import json
import shutil
import sqlite3
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks import peers
from benchmarks.broker import Broker, broker
from benchmarks.children import OURS, PEERS, PROGRAMS, ROOT, Trouble, environment, scratch
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Note, Result, Series, at_least, at_most

RECORDS, STATIONS = 20_000, 4
KILL_AT = RECORDS // 4
FASTER = at_least(5)
NONE = at_most(0, "records")
RATE = f"Ingest of {RECORDS} records of 1 KiB into SQLite, with receipts: times Node-RED's rate"
KILLED = (
    f"Host killed with SIGKILL at {KILL_AT} of {RECORDS} records, started again: lost or doubled"
)

LOOK_S = 0.01
PATIENCE_S = 60.0
STILL_S = 5.0
TOPIC = "pace/1/+/run"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    try:
        node, modules = peers.tool("node"), peers.node_red()
    except peers.NotThere as why:
        yield Result("ingest.rate", RATE, None, FASTER, remark=str(why))
        yield _killed(pairs)
        return

    def node_red(line: Broker, folder: Path) -> NodeRed:
        return NodeRed(line, folder, node, modules)

    yield _rate(node_red, pairs, patience)
    yield _killed(pairs)
    with suppress(peers.NotThere):
        yield Note("ingest.node-red", "Node-RED, killed likewise", _told([_kill(node_red)]))


def _rate(node_red: "Make", pairs: int, patience: Patience) -> Result:
    try:
        found = alternate(
            pairs,
            lambda: _seconds_a_record(Host),
            lambda: _seconds_a_record(node_red),
            patience,
        )
    except peers.NotThere as why:
        return Result("ingest.rate", RATE, None, FASTER, remark=str(why))
    series = (
        Series("ours", "a second", [1 / cost for cost in found.ours]),
        Series("Node-RED", "a second", [1 / cost for cost in found.peers]),
    )
    return Result("ingest.rate", RATE, found.times_faster, FASTER, series)


def _killed(pairs: int) -> Result:
    try:
        killed = [_kill(Host) for _ in range(max(1, pairs // 2))]
    except peers.NotThere as why:
        return Result("ingest.killed", KILLED, None, NONE, remark=str(why))
    worst = max(one.lost + one.doubled + one.unconfirmed for one in killed)
    return Result("ingest.killed", KILLED, worst, NONE, _told(killed))


class Consumer(ABC):
    """A process that brings what the broker has into the table `runs` of a database."""

    sends_receipts: bool
    id_column: str

    def __init__(self, line: Broker, folder: Path, database: Path) -> None:
        self._line = line
        self._folder = folder
        self._database = database
        self._log = folder / "consumer.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    def start(self) -> None:
        """Return when it has subscribed."""
        before = self._line.subscriptions(TOPIC)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=environment(),
            )
        give_up_s = time.monotonic() + PATIENCE_S
        while self._line.subscriptions(TOPIC) == before:
            if time.monotonic() > give_up_s or self._process.poll() is not None:
                self.kill()
                raise Trouble(f"{type(self).__name__}: {self._log.read_text()[-2000:]}")
            time.sleep(LOOK_S)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def newest(self) -> int:
        """Return the number of rows, told by the last one's number, without counting."""
        return self._ask("SELECT max(rowid) FROM runs")

    def rows(self) -> int:
        return self._ask("SELECT count(*) FROM runs")

    def different(self) -> int:
        return self._ask(f"SELECT count(DISTINCT {self.id_column}) FROM runs")

    def wait_for(self, rows: int, patience_s: float = PATIENCE_S) -> float:
        """Wait until there are `rows`, or none came for `patience_s`; return the time, in s."""
        seen, seen_s = -1, time.monotonic()
        while (newest := self.newest()) < rows:
            if newest != seen:
                seen, seen_s = newest, time.monotonic()
            elif time.monotonic() - seen_s > patience_s:
                break
            time.sleep(LOOK_S)
        return time.monotonic()

    def _ask(self, query: str) -> int:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            (answer,) = database.execute(query).fetchone()
        return int(answer or 0)


class Host(Consumer):
    """Ours, as it is started in production."""

    sends_receipts = True
    id_column = "record_id"

    def __init__(self, line: Broker, folder: Path) -> None:
        super().__init__(line, folder, folder / "host.db")

    def command(self) -> Sequence[str]:
        command = [str(OURS), "-m", "host_agent", "run", "--data", str(self._folder)]
        return [*command, "--broker", f"127.0.0.1:{self._line.port}", "--listen", "127.0.0.1:0"]


class NodeRed(Consumer):
    """MQTT in, a function that reads the record, the SQLite node; no receipts: that favours it.

    Its database is in WAL mode with SQLite's own synchronous FULL; its rows are short.
    """

    sends_receipts = False
    id_column = "record_id"

    def __init__(self, line: Broker, folder: Path, node: str, modules: Path) -> None:
        super().__init__(line, folder, folder / "node-red.db")
        self._node, self._modules = node, modules
        self._user = folder / "node-red"
        self._user.mkdir()
        shutil.copy(PEERS / "node_red_settings.js", self._user / "settings.js")
        flows = (PEERS / "node_red_flows.json").read_text()
        flows = flows.replace("@PORT@", str(line.port)).replace("@DATABASE@", str(self._database))
        (self._user / "flows.json").write_text(flows)
        with closing(sqlite3.connect(self._database)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(
                "CREATE TABLE runs (record_id TEXT UNIQUE, station TEXT, verdict TEXT, record BLOB)"
            )
            database.commit()

    def command(self) -> Sequence[str]:
        red = self._modules / "node_modules" / "node-red" / "red.js"
        return [self._node, str(red), "--userDir", str(self._user)]


class Publisher:
    """The stations. They have encoded everything when this returns."""

    def __init__(self, port: int) -> None:
        command = [str(OURS), "-m", f"{PROGRAMS}.publisher", str(port), "load"]
        self._process = subprocess.Popen(
            [*command, str(RECORDS), str(STATIONS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        if self._process.stdout is None or self._process.stdout.readline() != "ready\n":
            raise Trouble("the publisher is not ready")

    def begin(self) -> None:
        self._say()

    def until_receipted(self, patience_s: float = PATIENCE_S) -> "Published":
        """Wait until the publisher ends, which it does once every record has its receipt."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return self.end()

    def end(self) -> "Published":
        if self._process.poll() is not None and self._process.stdout is not None:
            return Published(**json.loads(self._process.stdout.read()))
        told, _ = self._process.communicate("\n", timeout=PATIENCE_S)
        return Published(**json.loads(told))

    def _say(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()


class Published(NamedTuple):
    """Times are of the monotonic clock, which all processes share."""

    began_s: float
    receipted_s: float
    receipted: int


class Killed(NamedTuple):
    """`unconfirmed` records have no receipt, where receipts are sent."""

    lost: int
    doubled: int
    unconfirmed: int


Make = Callable[[Broker, Path], Consumer]


def _seconds_a_record(make: Make) -> float:
    """From the first byte that is sent to the last row, and to its receipt where there is one."""
    with _consumer(make) as (line, consumer):
        publisher = Publisher(line.port)
        publisher.begin()
        stored_s = consumer.wait_for(RECORDS)
        told = publisher.until_receipted() if consumer.sends_receipts else publisher.end()
        if consumer.rows() != RECORDS or consumer.different() != RECORDS:
            raise Trouble(
                f"{consumer.different()} of {RECORDS} records are in {consumer.rows()} rows"
            )
        if consumer.sends_receipts and told.receipted != RECORDS:
            raise Trouble(f"{told.receipted} of {RECORDS} records have a receipt")
        ended_s = told.receipted_s if consumer.sends_receipts else stored_s
        return (ended_s - told.began_s) / RECORDS


def _kill(make: Make) -> Killed:
    with _consumer(make) as (line, consumer):
        publisher = Publisher(line.port)
        publisher.begin()
        consumer.wait_for(KILL_AT)
        consumer.kill()
        consumer.start()
        if consumer.sends_receipts:
            told = publisher.until_receipted()
            unconfirmed = RECORDS - told.receipted
        else:
            consumer.wait_for(RECORDS, STILL_S)
            publisher.end()
            unconfirmed = 0
        rows, different = consumer.rows(), consumer.different()
        return Killed(RECORDS - different, rows - different, unconfirmed)


def _told(killed: Sequence[Killed]) -> tuple[Series, ...]:
    columns = zip(*killed, strict=True)
    return tuple(
        Series(name, "records", column)
        for name, column in zip(("lost", "doubled", "without receipt"), columns, strict=True)
    )


@contextmanager
def _consumer(make: Make) -> Iterator[tuple[Broker, Consumer]]:
    with scratch() as folder, broker(folder) as line:
        consumer = make(line, folder)
        consumer.start()
        try:
            yield line, consumer
        finally:
            consumer.kill()
