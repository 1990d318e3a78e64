"""The station without its screen: how soon it is ready, and what it holds; and `pace --help`."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.children import OURS, PEERS, ROOT, Memory, Service, environment, ours, scratch
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Note, Result, Series, at_most, seconds

READY = at_most(2)
ENGINE = at_most(45, "MiB")
HELP = at_most(2)
LIBRARY = at_most(20, "ms")
PLAN = at_most(2, "ms")

SETTLE_S = 1.0
HELP_RUNS = 5
PLAN_ROUNDS = 20
PLAN_KEYS = ("start_s", "plan_s", "first_s")


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    yield _ready(pairs, patience)
    yield _memory(pairs, patience)
    yield _help(pairs, patience)
    yield from _plans(pairs)


def write_config(folder: Path) -> Path:
    """Write the demonstration's rig: four slots with nineteen instruments, none of them here."""
    config = folder / "station.toml"
    demo = (ROOT / "station" / "demo.toml").read_text()
    config.write_text(demo + "\n[broker]\nport = 1\n")
    return config


def _station(folder: Path) -> list[str]:
    command = [str(OURS), "-m", "station", "station", "run"]
    return [*command, "--config", str(write_config(folder)), "--data", str(folder)]


def _ready(pairs: int, patience: Patience) -> Result:
    title = "`pace station run`, from exec to READY=1: times OpenHTF until its first test could run"
    try:
        openhtf = peers.python_with(peers.OPENHTF)
    except peers.NotThere as why:
        return Result("start.ready", title, None, READY, remark=str(why))

    def our_start_s() -> float:
        with scratch() as folder:
            return _ready_s(_station(folder), folder)

    def their_start_s() -> float:
        with scratch() as folder:
            return _ready_s([str(openhtf), str(PEERS / "openhtf_ready.py")], folder)

    found = alternate(pairs, our_start_s, their_start_s, patience)
    series = (seconds("ours", found.ours), seconds("OpenHTF", found.peers))
    return Result("start.ready", title, found.times_the_peer, READY, series)


def _ready_s(command: Sequence[str], folder: Path) -> float:
    service = Service(command, folder)
    service.stop()
    return service.ready_s


def _memory(pairs: int, patience: Patience) -> Result:
    """Measure the command at rest, and eight slots that have tested 1600 steps four times."""
    resting: list[Memory] = []
    for _ in range(max(1, pairs // 2)):
        with scratch() as folder:
            service = Service(_station(folder), folder)
            try:
                time.sleep(SETTLE_S)
                resting.append(service.memory())
            finally:
                service.stop()
    with scratch() as folder:
        busy = ours("slots", 8, 200, 0.001, 4, folder, 0)["peak_mib"]
    return Result(
        "start.memory",
        "The station without its screen, at rest and after 32 runs of 200 steps: largest resident"
        " set",
        max(busy, *(one.peak for one in resting)),
        ENGINE,
        (
            Series("resident", "MiB", [one.rss for one in resting]),
            Series("proportional", "MiB", [one.pss for one in resting]),
            Series("after 32 runs", "MiB", [busy]),
        ),
    )


def _plans(pairs: int) -> Iterator[Result]:
    """Measure what a start loads of 17 kinds × 4 profiles, and the slowest plan of three kinds."""
    found = []
    for _ in range(pairs):
        with scratch() as folder:
            found.append(ours("plans", folder, PLAN_ROUNDS))
    starts, plans, firsts = ([1e3 * one[key] for one in found] for key in PLAN_KEYS)
    yield Result(
        "start.library",
        "What a start loads of the library of equipment: 3 of 17 kinds × 4 profiles, compiled",
        median(starts),
        LIBRARY,
        (Series("compiled", "ms", starts), Series("all files read and checked", "ms", firsts)),
    )
    yield Result(
        "start.plan",
        "One plan resolved and hashed: the slowest of three kinds",
        median(plans),
        PLAN,
        (Series("plan", "ms", plans),),
    )


def _help(pairs: int, patience: Patience) -> Result:
    pace = OURS.with_name("pace")
    found = alternate(
        pairs,
        lambda: _help_s([str(pace), "--help"]),
        lambda: _help_s([str(OURS), str(PEERS / "bare_argparse.py"), "--help"]),
        patience,
    )
    return Result(
        "start.help",
        "`pace --help`: times a bare argparse script",
        found.times_the_peer,
        HELP,
        (seconds("ours", found.ours), seconds("bare argparse", found.peers)),
    )


def _help_s(command: Sequence[str]) -> float:
    """Return the quickest of a few runs: time above that is the machine's."""
    taken_s = []
    for _ in range(HELP_RUNS):
        start_s = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env=environment())
        taken_s.append(time.perf_counter() - start_s)
    return min(taken_s)
