"""Fill a host's database with runs, and time lists of runs whose filter has hits and has none.

    python -m benchmarks.programs.filters URL RUNS ROUNDS

One line of JSON: for each filter pairs of seconds, of an answer with hits and of one without.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar.testing import TestClient

from host_agent.messages import Run, Sorted, read_again
from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.text import now_text
from host_agent.web import create_app
from host_agent.web.live import Live
from records import Device, RunRecord, Verdict, encode
from tests.host_agent.load import example_record

PORTION = 1000

FILTERS = {
    "part of a tag": ("unit=at-0", "unit=zzz"),
    "station and verdict": ("station=bench-1&verdict=pass", "station=bench-1&verdict=error"),
    "kind and slot": ("kind=kind-1&slot=B", "kind=kind-1&slot=A"),
    "day": ("from=2026-11-01&to=2026-12-31", "from=2027-01-01&to=2027-01-31"),
    "real, by part of a serial number": ("simulated=yes&unit=sn", "simulated=no&unit=sn"),
}
"""A filter with hits and one without; both name only values that runs have."""


def records(number: int) -> Iterator[RunRecord]:
    """Yield runs of four stations, each with its own kind of equipment and its own slot."""
    for n in range(number):
        one = example_record(f"bench-{n % 4}", n)
        device = Device(
            asset_tag=f"AT-{n:06d}", kind=f"kind-{n % 4}", serial_number=f"SN{n * 7919 % 10**8:08d}"
        )
        verdict = Verdict.ERROR if n % 4 == 2 and n % 10 == 0 else one.verdict
        yield msgspec.structs.replace(
            one, device=device, slot="ABCD"[n % 4], verdict=verdict, simulated=True
        )


def fill(store: Store, number: int) -> None:
    """Store runs as they would have come, and derive them."""
    waiting: list[Run] = []
    for record in records(number):
        run = read_again(encode(record), record.station, now_text())
        assert isinstance(run, Run)
        waiting.append(run)
        if len(waiting) == PORTION:
            store.keep(Sorted(waiting, {}, []))
            waiting = []
    store.keep(Sorted(waiting, {}, []))
    while store.derive(PORTION):
        pass


def timed(client: TestClient[Any], address: str, hits: bool) -> float:
    """Return how long an answer takes, in s, and check that it has hits, or none."""
    begun_s = time.perf_counter()
    answer = client.get(f"/api/runs?{address}")
    taken_s = time.perf_counter() - begun_s
    assert bool(answer.json()["runs"]) is hits, answer.text[:300]
    return taken_s


def main() -> None:
    url, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with Store(url) as store:
        store.open()
        fill(store, number)
        app = create_app(store, Progress(connected=True), Live(), names=[])
        found: dict[str, list[tuple[float, float]]] = {}
        with TestClient(app, base_url="http://127.0.0.1") as client:
            for name, (some, none) in FILTERS.items():
                pairs = [
                    (timed(client, some, True), timed(client, none, False))
                    for _ in range(rounds + 1)
                ]
                found[name] = pairs[1:]
    json.dump(found, sys.stdout)
    print()


if __name__ == "__main__":
    main()
