"""SCPI round trips over a pseudo-terminal, with timeout and conversion: ours against PyVISA."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import peers
from benchmarks.children import HERE, ours, theirs
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Bound, Note, Result, Series, at_least

QUERIES = {1: 8000, 4: 5000}
BOUNDS: dict[int, Bound] = {1: at_least(2.5), 4: at_least(6)}
NAMES = {1: "one port", 4: "four ports in threads"}


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    for ports in QUERIES:
        name = f"scpi.{ports}-port"
        title = f"SCPI round trips, {NAMES[ports]}: times PyVISA-py's rate"
        try:
            yield _measured(name, title, ports, pairs, patience)
        except peers.NotThere as why:
            yield Result(name, title, None, BOUNDS[ports], remark=str(why))


def _measured(name: str, title: str, ports: int, pairs: int, patience: Patience) -> Result:
    pyvisa = peers.python_with(peers.PYVISA)
    count = QUERIES[ports]
    with _responders(ports) as paths:
        found = alternate(
            pairs,
            lambda: 1 / ours("scpi_queries", count, *paths),
            lambda: 1 / theirs(pyvisa, "pyvisa_queries", count // 3, *paths),
            patience,
        )
    series = (
        Series("ours", "a second", [1 / cost for cost in found.ours]),
        Series("PyVISA-py", "a second", [1 / cost for cost in found.peers]),
    )
    return Result(name, title, found.times_faster, BOUNDS[ports], series)


@contextmanager
def _responders(count: int) -> Iterator[list[str]]:
    """So many instruments, by the path of their terminal."""
    program = peers.compiled(HERE / "programs" / "responder.c")
    processes = [subprocess.Popen([program], stdout=subprocess.PIPE) for _ in range(count)]
    try:
        yield [one.stdout.readline().decode().strip() for one in processes if one.stdout]
    finally:
        for process in processes:
            process.terminate()
            process.communicate()
