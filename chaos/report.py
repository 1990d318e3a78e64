"""Report a run of the harness, as text and as JSON."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- written by script/chaos --write -->", "<!-- end of what is written -->"


class Tally(msgspec.Struct):
    """The figures of one kind. `stuck`: rounds after which the line did not come to rest."""

    kind: str
    rounds: int = 0
    verdicts: int = 0
    lost: int = 0
    altered: int = 0
    doubled: int = 0
    unnamed: int = 0
    stuck: int = 0
    named: int = 0
    commands: int = 0
    skipped: str = ""

    @property
    def good(self) -> bool:
        bad = self.lost or self.altered or self.doubled or self.unnamed or self.stuck
        tried = self.rounds > 0 or bool(self.skipped)
        return tried and not bad and self.commands <= 1


COLUMNS = (
    "rounds",
    "verdicts",
    "lost",
    "altered",
    "doubled",
    "unnamed",
    "stuck",
    "named",
    "commands",
)


def as_text(tallies: list[Tally]) -> str:
    """Return a table with a line for each kind, and their sum."""
    wide = max(len(one.kind) for one in tallies)
    lines = [" ".join(["kind".ljust(wide), *COLUMNS])]
    for one in tallies:
        if one.skipped:
            lines.append(f"{one.kind.ljust(wide)} not tried: {one.skipped}")
            continue
        figures = [str(getattr(one, name)).rjust(len(name)) for name in COLUMNS]
        lines.append(" ".join([one.kind.ljust(wide), *figures]))
    total = summed(tallies)
    figures = [str(getattr(total, name)).rjust(len(name)) for name in COLUMNS]
    lines.append(" ".join(["all".ljust(wide), *figures]))
    return "\n".join(lines)


def summed(tallies: list[Tally]) -> Tally:
    """Return the sums; of commands, the most that one kind needed."""
    total = Tally("all")
    for name in COLUMNS[:-1]:
        setattr(total, name, sum(getattr(one, name) for one in tallies))
    total.commands = max((one.commands for one in tallies), default=0)
    return total


def as_data(tallies: list[Tally], **circumstances: Any) -> dict[str, Any]:
    """Return all of it for `json.dumps`."""
    kinds = [msgspec.to_builtins(one) for one in tallies]
    return {**circumstances, "kinds": kinds, "all": msgspec.to_builtins(summed(tallies))}


def circumstances(rounds: int, seed: int, took_s: float) -> dict[str, Any]:
    """Return what has to be known to repeat a run: commit, rounds and seed."""
    revision = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": revision.stdout.strip() or "no commit",
        "rounds": rounds,
        "seed": seed,
        "took_s": took_s,
    }


def write(tallies: list[Tally], told: dict[str, Any]) -> None:
    """Replace what stands between the two marks of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{_markdown(tallies, told)}\n{END}{after}", "utf-8")


def _markdown(tallies: list[Tally], told: dict[str, Any]) -> str:
    facts = "; ".join(f"{name} {value}" for name, value in told.items())
    lines = [f"`script/chaos --rounds {told['rounds']} --seed {told['seed']}`: {facts}", ""]
    lines += [f"| | {' | '.join(COLUMNS)} |", f"|---{'|---:' * len(COLUMNS)}|"]
    for one in [*tallies, summed(tallies)]:
        figures = [str(getattr(one, name)) for name in COLUMNS]
        cells = [f"not tried: {one.skipped}"] if one.skipped else figures
        lines.append(f"| {one.kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
