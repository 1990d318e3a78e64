"""Lists of runs: a filter without hits answers as fast as one with, on either database."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.children import LONG_S, OURS, PROGRAMS, ROOT, Trouble, environment, scratch
from benchmarks.pairs import Patience
from benchmarks.results import Note, Result, at_most, seconds
from tests.host_agent import postgres

RUNS, ROUNDS = 50_000, 10
AS_FAST = at_most(1.0)
TITLE = f"A filter without hits among {RUNS} runs, {{}}: times the answer with hits"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    with scratch() as folder:
        yield from _measured("sqlite", "SQLite", f"sqlite:///{folder / 'host.db'}", pairs, patience)
    if postgres.MISSING:
        title = TITLE.format("PostgreSQL")
        yield Result("filters.postgresql", title, None, AS_FAST, remark=postgres.MISSING)
        return
    with postgres.running() as server:
        yield from _measured("postgresql", "PostgreSQL", server.new_database(), pairs, patience)


def _measured(
    name: str, called: str, url: str, pairs: int, patience: Patience
) -> Iterator[Result | Note]:
    patience.wait()
    command = [str(OURS), "-m", f"{PROGRAMS}.filters", url, str(RUNS), str(ROUNDS * pairs)]
    done = subprocess.run(
        command,
        cwd=Path(ROOT),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=5 * LONG_S,
        check=False,
    )
    if done.returncode != 0:
        raise Trouble(f"filters on {called}: {done.stderr[-2000:]}")
    found: dict[str, list[tuple[float, float]]] = json.loads(done.stdout)
    slowest = {
        filter_: median(none / some for some, none in both) for filter_, both in found.items()
    }
    worst = max(slowest, key=lambda filter_: slowest[filter_])
    series = (
        seconds("with hits", [some for some, _ in found[worst]]),
        seconds("without", [none for _, none in found[worst]]),
    )
    yield Result(
        f"filters.{name}",
        TITLE.format(called),
        slowest[worst],
        AS_FAST,
        series,
        remark=f"the slowest of {len(found)} filters: {worst}",
    )
