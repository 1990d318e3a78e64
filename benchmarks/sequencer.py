"""A step with one limit, and its share of a durable record: ours against OpenHTF."""

from collections.abc import Iterator
from contextlib import suppress
from statistics import median

from benchmarks import peers
from benchmarks.broker import broker
from benchmarks.children import ours, scratch, theirs
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Note, Result, at_least, at_most, seconds

STEPS, MANY_STEPS = 200, 2000
FASTER = at_least(10)
NO_DEARER = at_most(1.1)


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    yield _against_openhtf(pairs, patience)
    yield _many_steps(pairs, patience)
    with suppress(peers.NotThere):
        yield _on_line(pairs, patience)


def _against_openhtf(pairs: int, patience: Patience) -> Result:
    title = f"Sequencer, {STEPS} steps with one limit, record made durable: times faster a step"
    try:
        openhtf = peers.python_with(peers.OPENHTF)
    except peers.NotThere as why:
        return Result("sequencer.step", title, None, FASTER, remark=str(why))

    def our_step_s() -> float:
        with scratch() as folder:
            taken_s: list[float] = ours("sequencer", STEPS, 12, folder, 0)[str(STEPS)]
        return median(taken_s[2:]) / STEPS

    def their_step_s() -> float:
        with scratch() as folder:
            taken_s: list[float] = theirs(openhtf, "openhtf_steps", STEPS, 5, folder)
        return median(taken_s[1:]) / STEPS

    found = alternate(pairs, our_step_s, their_step_s, patience)
    series = (seconds("ours", found.ours), seconds("OpenHTF", found.peers))
    return Result("sequencer.step", title, found.times_faster, FASTER, series)


def _many_steps(pairs: int, patience: Patience) -> Result:
    """In one process, in turns: the machine's moods are longer than a record takes."""
    few, many = [], []
    for _ in range(pairs):
        patience.wait()
        with scratch() as folder:
            sizes = f"{STEPS},{MANY_STEPS}"
            taken_s = ours("sequencer", sizes, 9, folder, 0)
        few.append(median(taken_s[str(STEPS)][1:]) / STEPS)
        many.append(median(taken_s[str(MANY_STEPS)][1:]) / MANY_STEPS)
    return Result(
        "sequencer.many",
        f"Sequencer, a step of {MANY_STEPS} against one of {STEPS}: times the cost",
        median(dear / cheap for dear, cheap in zip(many, few, strict=True)),
        NO_DEARER,
        (seconds(f"{MANY_STEPS} steps", many), seconds(f"{STEPS} steps", few)),
    )


def _on_line(pairs: int, patience: Patience) -> Note:
    """Measure the same with a broker, to which every event and the record go."""
    steps_s = []
    for _ in range(pairs):
        patience.wait()
        with scratch() as folder, broker(folder) as line:
            taken_s: list[float] = ours("sequencer", STEPS, 12, folder, line.port)[str(STEPS)]
        steps_s.append(median(taken_s[2:]) / STEPS)
    title = f"A step of {STEPS} with a broker, to which every event and the record go"
    return Note("sequencer.online", title, (seconds("ours", steps_s),))
