"""Eight slots at work at once: how much longer than one of them alone would have to wait."""

from collections.abc import Iterator
from statistics import median

from benchmarks import peers
from benchmarks.broker import broker
from benchmarks.children import OURS, ours, scratch, theirs
from benchmarks.pairs import Patience
from benchmarks.results import Note, Result, Series, at_most

SLOTS, STEPS, DWELL_S = 8, 200, 0.005
IDEAL_S = STEPS * DWELL_S
OVER_IDEAL = at_most(8, "%")
TITLE = f"{SLOTS} slots at once, {STEPS} steps of {DWELL_S * 1000:.0f} ms: over the ideal"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    """On line, as a station is: every event also goes out on the live topic."""
    try:
        yield _measured(pairs, patience)
    except peers.NotThere as why:
        yield Result("slots.parallel", TITLE, None, OVER_IDEAL, remark=str(why))


def _measured(pairs: int, patience: Patience) -> Result:
    over, bare, spent = [], [], []
    for _ in range(pairs):
        patience.wait()
        with scratch() as folder, broker(folder) as line:
            found = ours("slots", SLOTS, STEPS, DWELL_S, 4, folder, line.port)
        over.append(_over(median(found["taken_s"][1:])))
        spent.append(100 * median(found["spent_s"][1:]) / IDEAL_S)
        bare.append(_over(theirs(OURS, "threads", SLOTS, STEPS, DWELL_S)))
    return Result(
        "slots.parallel",
        TITLE,
        median(over),
        OVER_IDEAL,
        (
            Series("ours", "%", over),
            Series("bare threads", "%", bare),
            Series("processor time", "% of a core", spent),
        ),
    )


def _over(taken_s: float) -> float:
    return 100 * (taken_s / IDEAL_S - 1)
