"""SCPI queries for a number over pseudo-terminals: ours against PyVISA-py."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from benchmarks import peers
from benchmarks.children import HERE, ours, theirs
from benchmarks.pairs import Pairs, Patience, alternate
from benchmarks.results import Bound, Note, Result, Series, at_least

QUERIES = {1: 8000, 4: 5000}
BOUNDS: dict[int, Bound] = {1: at_least(2.5), 4: at_least(6)}
NAMES = {1: "one port, both its ends on one core", 4: "four ports in threads"}
ANY_CORE = "SCPI round trips, one port, the kernel choosing the cores of its ends"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    for ports in QUERIES:
        name = f"scpi.{ports}-port"
        title = f"SCPI round trips, {NAMES[ports]}: times PyVISA-py's rate"
        try:
            with one_core() if ports == 1 else nullcontext():
                found = _measured(ports, pairs, patience)
        except peers.NotThere as why:
            yield Result(name, title, None, BOUNDS[ports], remark=str(why))
        else:
            yield Result(name, title, found.times_faster, BOUNDS[ports], _series(found))
            if ports == 1:
                free = _measured(ports, pairs, patience)
                yield Note("scpi.any-core", ANY_CORE, _series(free))


@contextmanager
def one_core() -> Iterator[None]:
    """Keep what is started meanwhile on one core.

    A round trip is two switches between processes. On two cores each waits until an idle core is
    awake: 5 to 50 µs by processor and hypervisor, the same for ours and for the peer, and for
    neither to change. On one core the programs themselves are what is measured.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _measured(ports: int, pairs: int, patience: Patience) -> Pairs:
    pyvisa = peers.python_with(peers.PYVISA)
    count = QUERIES[ports]
    with _responders(ports) as paths:
        return alternate(
            pairs,
            lambda: 1 / ours("scpi_queries", count, *paths),
            lambda: 1 / theirs(pyvisa, "pyvisa_queries", count // 3, *paths),
            patience,
        )


def _series(found: Pairs) -> tuple[Series, ...]:
    return (
        Series("ours", "a second", [1 / cost for cost in found.ours]),
        Series("PyVISA-py", "a second", [1 / cost for cost in found.peers]),
    )


@contextmanager
def _responders(count: int) -> Iterator[list[str]]:
    """Start `count` instruments; yield the paths of their terminals."""
    program = peers.compiled(HERE / "programs" / "responder.c")
    processes = [subprocess.Popen([program], stdout=subprocess.PIPE) for _ in range(count)]
    try:
        yield [one.stdout.readline().decode().strip() for one in processes if one.stdout]
    finally:
        for process in processes:
            process.terminate()
            process.communicate()
