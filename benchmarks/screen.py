"""The operator's screen: its first paint against a hello-world program, and values as they come."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.children import HERE, OURS, PEERS, Screen, scratch
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Note, Result, Series, at_most, seconds
from benchmarks.start import write_config

FIRST_PAINT = at_most(1.5)
LIVE = at_most(5, "%")
ENGINE_AND_UI = at_most(75, "MiB")

VALUES = 500
USUAL, ENDLESS = (120, 40), (100, 520)
WARM_S, WATCHED_S = 3.0, 6.0
LAST_LINE = b"Ctrl+Q"
PROGRAMS = HERE / "programs"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    yield _first_paint(pairs, patience)
    yield from _whole_station(pairs, patience)
    yield from _live_values(pairs, patience)


def _first_paint(pairs: int, patience: Patience) -> Result:
    found = alternate(
        pairs,
        lambda: _paint_s([str(OURS), str(PROGRAMS / "first_paint.py")]),
        lambda: _paint_s([str(OURS), str(PEERS / "hello.py")]),
        patience,
    )
    return Result(
        "screen.first-paint",
        "First paint of the screen at 80×24, from exec to its last line: times hello-world Textual",
        found.times_the_peer,
        FIRST_PAINT,
        (seconds("ours", found.ours), seconds("hello-world", found.peers)),
    )


def _paint_s(command: Sequence[str]) -> float:
    screen = Screen(command, columns=80, lines=24)
    try:
        return screen.wait_for(LAST_LINE)
    finally:
        screen.end()


def _whole_station(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    """Measure the command itself, on this machine's buses, where no instrument of the rig is."""
    rss, pss, painted_s = [], [], []
    for _ in range(pairs):
        patience.wait()
        with scratch() as folder:
            command = [str(OURS), "-m", "station", "station", "run", "--ui"]
            command += ["--config", str(write_config(folder)), "--data", str(folder)]
            screen = Screen(command, columns=120, lines=40)
            try:
                painted_s.append(screen.wait_for(LAST_LINE))
                screen.read_for(WARM_S)
                memory = screen.memory()
            finally:
                screen.end()
        rss.append(memory.peak)
        pss.append(memory.pss)
    yield Result(
        "screen.memory",
        "`pace station run --ui` with four slots, engine and screen: largest resident set",
        max(rss),
        ENGINE_AND_UI,
        (Series("resident", "MiB", rss), Series("proportional", "MiB", pss)),
    )
    yield Note(
        "screen.station",
        "`pace station run --ui`, from exec to the last line of its first screen",
        (seconds("ours", painted_s),),
    )


def _live_values(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    shares, peaks = _watched(USUAL, pairs, patience)
    yield Result(
        "screen.live",
        f"{VALUES} measured values changing ten times a second, in the list of a screen of 120×40:"
        " share of a core",
        median(shares),
        LIVE,
        (Series("ours", "%", shares), Series("resident", "MiB", peaks)),
    )
    shares, _ = _watched(ENDLESS, pairs // 3, patience)
    title = f"The same on a terminal of {ENDLESS[1]} lines, which shows them all"
    yield Note("screen.live-all", title, (Series("ours", "%", shares),))


def _watched(
    size: tuple[int, int], times: int, patience: Patience
) -> tuple[list[float], list[float]]:
    """Shares of a core in %, and the largest resident sets in MiB."""
    columns, lines = size
    shares, peaks = [], []
    for _ in range(max(1, times)):
        patience.wait()
        command = [str(OURS), str(PROGRAMS / "live_values.py"), str(VALUES)]
        screen = Screen(command, columns=columns, lines=lines)
        try:
            screen.wait_for(LAST_LINE)
            screen.read_for(WARM_S)
            shares.append(100 * screen.watch(WATCHED_S))
            peaks.append(screen.memory().peak)
        finally:
            screen.end()
    return shares, peaks
