"""A signature on a record: what it adds to a run, and how many a host verifies on one core."""

from collections.abc import Iterator
from statistics import median

from benchmarks.children import ours
from benchmarks.pairs import Patience
from benchmarks.results import Note, Result, at_least, at_most

ROUNDS = 2000
CHEAP = at_most(1.0, "ms")
QUICK = at_least(8000, "a second")


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    signed_s, verified_s = [], []
    for _ in range(pairs):
        patience.wait()
        one_s, other_s = ours("signing", ROUNDS)
        signed_s.append(one_s)
        verified_s.append(other_s)
    title = "Signing a record of 40 measurements, header and encoding included"
    yield Result("signing.run", title, median(signed_s) * 1000, CHEAP)
    yield Result(
        "signing.verified", "Records that one core verifies", 1 / median(verified_s), QUICK
    )
