"""What a run of the harness came to, as text and as JSON."""

from typing import Any

import msgspec


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
        return not bad and self.commands <= 1


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
