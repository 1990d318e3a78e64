"""A killed station's supply and load are off within 2 s, and the next station waits for that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.sim.faults import Mute
from drivers.sim.hardware import SerialDevice
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.instruments.power.ka3000 import SimulatedKa3000
from drivers.sim.linux.pty import PtyHost
from drivers.sim.world import Circuit
from station.supervisor import AtWork, Supervisor, listen, supervise, supervised

SAFE_WITHIN_S = 2.0
ALL_PROCESSES_MIB = 50.0
STATION = """
station = "pi-1"
operator = "Ada"

[labels.adapter]
equipment = "laptop-adapter"
nameplate = {{ output_v = 19.5, output_a = 2.31, efficiency_mark = "VI" }}

[slots.left]
equipment = ["laptop-adapter"]

[slots.left.roles]
mains_meter = {{ driver = "pzem004t", port = "/dev/never-opened" }}
meter = {{ driver = "ina228", bus = 99, address = 0x40, shunt_ohm = 0.005 }}
load = {{ driver = "it8500", port = "{load}" }}
supply = {{ driver = "ka3000", port = "{supply}" }}
"""


class Switchable:
    """A twin at a port, which may fall silent."""

    def __init__(self, twin: SerialDevice) -> None:
        self.now = self.twin = twin

    def receive(self, data: bytes) -> bytes:
        return self.now.receive(data)


class Bench:
    """A supply and a load on ptys of this computer, and stations that drive them."""

    def __init__(self, folder: Path, hosting: ExitStack) -> None:
        circuit = Circuit(None)
        self.supply = SimulatedKa3000(circuit, time=time)
        self.load = SimulatedIt8500(circuit)
        self.supply_port, self.load_port = Switchable(self.supply), Switchable(self.load)
        self.file = folder / "station.toml"
        self.file.write_text(
            STATION.format(
                load=hosting.enter_context(PtyHost(self.load_port)),
                supply=hosting.enter_context(PtyHost(self.supply_port)),
            )
        )
        self._hosting = hosting

    def start(self) -> tuple[subprocess.Popen[str], int]:
        """Start a station with a run under way. Return it, and its supervisor's process id."""
        station = subprocess.Popen(
            [sys.executable, "-m", "tests.station.killed.killed_station", str(self.file)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hosting.enter_context(station)  # closes its pipe, and waits for its end
        self._hosting.callback(station.kill)
        assert station.stdout is not None
        line = station.stdout.readline()
        assert line, "the station did not start"
        return station, int(line)

    @property
    def is_safe(self) -> bool:
        return not (self.supply.output.on or self.load.on)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as hosting:
        yield Bench(tmp_path, hosting)


def time_until(condition: Callable[[], object], within_s: float = 20.0) -> float:
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() - start_s < within_s
        os.sched_yield()
    return time.monotonic() - start_s


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pss_mib(pid: int) -> float:
    """Return the memory of a process, what it shares with others divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (line,) = [one for one in lines if one.startswith("Pss:")]
    return int(line.split()[1]) / 1024


def test_what_a_killed_station_drove_is_safe_within_two_seconds(bench: Bench) -> None:
    station, supervisor = bench.start()
    assert bench.supply.output.on
    assert bench.load.on
    both, child = pss_mib(station.pid) + pss_mib(supervisor), pss_mib(supervisor)
    assert both <= ALL_PROCESSES_MIB, f"{child:.1f} MiB of it are the supervisor's"
    station.kill()
    took_s = time_until(lambda: bench.is_safe)
    print(f"safe after {took_s:.2f} s; {both:.1f} MiB, of which {child:.1f} are the supervisor's")
    assert took_s <= SAFE_WITHIN_S
    time_until(lambda: not is_there(supervisor))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGABRT, signal.SIGINT])
def test_a_supervisor_outlives_the_signals_that_end_a_station(
    bench: Bench, number: signal.Signals
) -> None:
    station, supervisor = bench.start()
    os.kill(supervisor, number)
    assert is_there(supervisor)
    station.kill()
    assert time_until(lambda: bench.is_safe) <= SAFE_WITHIN_S
    time_until(lambda: not is_there(supervisor))


def test_a_mute_instrument_does_not_delay_the_others(bench: Bench) -> None:
    station, supervisor = bench.start()
    bench.supply_port.now = Mute()
    station.kill()
    assert time_until(lambda: not bench.load.on) <= SAFE_WITHIN_S
    assert bench.supply.output.on
    time_until(lambda: not is_there(supervisor))


def test_the_next_station_begins_when_the_supervisor_is_done(tmp_path: Path) -> None:
    pids: list[int] = []
    done = tmp_path / "done"
    release_read, release_write = os.pipe()

    def slow(at_work: AtWork) -> None:
        os.read(release_read, 1)
        done.write_text(" ".join(at_work))

    first = supervise(tmp_path, slow)
    pids.append(first.pid)
    assert first.take_bench(0.0)
    first.began("left", {"load"})
    os.close(first._pipe)  # as the kernel does for a killed station
    os.close(first._lock)
    with supervised(tmp_path, lambda at_work: None) as second:
        assert not second.take_bench(0.1)
        os.write(release_write, b"!")
        assert second.take_bench(20.0)
        assert done.read_text() == "left"
    os.waitpid(first.pid, 0)
    os.close(release_read)
    os.close(release_write)


def test_an_end_in_order_calls_nothing(tmp_path: Path) -> None:
    called = tmp_path / "called"

    def note(at_work: AtWork) -> None:
        called.touch()

    with supervised(tmp_path, note) as supervisor:
        supervisor.take_bench()
        supervisor.began("left", {"load"})
        supervisor.ended("left")
    assert not called.exists()


def test_only_slots_with_a_run_under_way_are_made_safe() -> None:
    reading, writing = os.pipe()
    supervisor = Supervisor(0, writing, writing)
    supervisor.began("left", {"load", "atx"})
    supervisor.began("right", {"supply"})
    supervisor.ended("left")
    os.close(writing)
    assert listen(reading) == {"right": frozenset({"supply"})}


def test_a_station_goes_on_without_its_supervisor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with supervised(tmp_path, lambda at_work: None) as supervisor:
        os.kill(supervisor.pid, signal.SIGKILL)
        time_until(lambda: not is_there(supervisor.pid))
        supervisor.began("left", {"load"})
    assert "the supervisor is gone" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_whole_station_has_a_supervisor_that_ends_after_it(
    bench: Bench, tmp_path: Path, number: signal.Signals
) -> None:
    command = ["station", "run", "--config", str(bench.file), "--data", str(tmp_path / "data")]
    with subprocess.Popen([sys.executable, "-m", "station", *command]) as station:
        try:
            outbox = tmp_path / "data" / "outbox.db"
            time_until(lambda: outbox.exists() and bool(children_of(station.pid)), 60.0)
            time_until(lambda: children_of(station.pid) and bench.load.remote, 60.0)
            (supervisor,) = children_of(station.pid)
            both = pss_mib(station.pid) + pss_mib(supervisor)
            print(f"{both:.1f} MiB")
            assert both <= ALL_PROCESSES_MIB
            station.send_signal(number)
            assert station.wait(30) == (0 if number is signal.SIGTERM else -number)
            time_until(lambda: not is_there(supervisor))
        finally:
            station.kill()


def children_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
