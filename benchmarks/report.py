"""The machine, the versions and the table of `docs/benchmarks.md`."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from benchmarks import peers
from benchmarks.children import ROOT
from benchmarks.pairs import Patience, ticks
from benchmarks.results import Note, Result

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by script/bench --write -->", "<!-- end of what is written -->"

_OURS = ("msgspec", "aiomqtt", "pyserial", "textual", "sqlalchemy")


class Circumstances:
    """The conditions of a measurement; they begin when this is made."""

    def __init__(self, patience: Patience, pairs: int) -> None:
        self._patience = patience
        self._pairs = pairs
        self._began = datetime.now(UTC)
        self._ticks = ticks()

    def as_data(self) -> dict[str, str]:
        spent = [now - then for now, then in zip(ticks(), self._ticks, strict=True)]
        taken_s = (datetime.now(UTC) - self._began).total_seconds()
        begun = self._patience.quiet + self._patience.noisy
        return {
            "date": f"{self._began:%Y-%m-%d}, one run of {taken_s:.0f} s, medians of {self._pairs}",
            "machine": machine(),
            "quiet": f"{self._patience.quiet} of {begun} measurements began on an idle machine; "
            f"{100 * spent[7] / (sum(spent) or 1):.1f} % of the processor time was stolen; "
            f"load {os.getloadavg()[0]:.1f} at the end",
            "software": ", ".join(_software()),
            "peers": ", ".join(_peers()),
        }


def machine() -> str:
    with open("/proc/cpuinfo") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{os.cpu_count()} × {models[0] if models else platform.machine()}, "
        f"{memory_gib:.0f} GiB, {system}, Linux {kernel}"
    )


def _software() -> Iterator[str]:
    commit = _first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    yield f"pace-station {version('pace-station')} ({commit or 'no commit'})"
    yield f"Python {platform.python_version()}"
    yield f"SQLite {sqlite3.sqlite_version}"
    for name in _OURS:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _peers() -> Iterator[str]:
    for wanted in (*peers.OPENHTF, *peers.PYVISA, *peers.PYDANTIC, *peers.NODE_RED):
        name, _, number = wanted.replace("==", "@").partition("@")
        yield f"{name} {number}"
    for program, option in (("node", "--version"), ("mosquitto", "-h")):
        try:
            yield _first_line(peers.tool(program), option).replace(
                "v", f"{program} ", program == "node"
            )
        except peers.NotThere:
            continue


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0]


def write(found: Sequence[Result | Note], circumstances: Circumstances) -> None:
    """Replace what stands between the two marks of the document."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{_markdown(found, circumstances)}\n{END}{after}")


def _markdown(found: Sequence[Result | Note], circumstances: Circumstances) -> str:
    lines = [f"* {text}" for text in circumstances.as_data().values()]
    lines += ["", "| | figure | bound | | median [least … most] |", "|---|---|---|---|---|"]
    for one in found:
        told = "; ".join(map(str, one.series))
        if isinstance(one, Result):
            told = "; ".join(filter(None, (told, one.remark)))
            cells = [one.shown, str(one.bound), one.verdict, told]
        else:
            cells = ["", "", "", told]
        lines.append(f"| {' | '.join((f'**{one.name}**', *cells))} |")
    return "\n".join(lines) + "\n"
