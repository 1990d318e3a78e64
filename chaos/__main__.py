"""`script/chaos`: harm a line in every way that is known, and audit it after each round.

Exit code 0 only when nothing was lost, altered or doubled, every gap is named, and no fault needed
more than one documented command.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

from chaos import report, witness
from chaos.kinds import KINDS, Kind
from chaos.line import Line, NotReady, running
from chaos.report import Tally

ROUNDS = 30
AFTERWARDS = 4
"""Devices that are tested when the harm is over: the station has to work again."""


def main() -> int:
    chosen = _chosen()
    names = chosen.only or [name for name, kind in KINDS.items() if kind.short or not chosen.short]
    started_s = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="pace-chaos-"))
    rounds = len(names) if chosen.short else chosen.rounds
    tallies = []
    for number, name in enumerate(names):
        share = rounds // len(names) + (number < rounds % len(names))
        tally = _tried(name, share, chosen.seed, folder / name)
        tallies.append(tally)
        print(f"{name}: {tally}", file=sys.stderr, flush=True)
    told = report.circumstances(rounds, chosen.seed, round(time.monotonic() - started_s, 1))
    if chosen.json:
        print(json.dumps(report.as_data(tallies, **told)))
    else:
        print(report.as_text(tallies))
        print("; ".join(f"{name} {value}" for name, value in told.items()))
    if chosen.write:
        report.write(tallies, told)
    good = all(one.good for one in tallies)
    if good and not chosen.keep:
        shutil.rmtree(folder)
    else:
        print(f"files and logs of all processes: {folder}", file=sys.stderr)
    return 0 if good else 1


def _tried(name: str, rounds: int, seed: int, folder: Path) -> Tally:
    kind, tally = KINDS[name], Tally(name)
    chance = Random(f"{seed}/{name}")
    if not rounds:
        tally.skipped = "there are fewer rounds than kinds"
        return tally
    if lacks := kind.missing():
        tally.skipped = lacks
        return tally
    with ExitStack() as lines:
        line: Line | None = None
        for number in range(rounds):
            if line is None or kind.fresh:
                lines.close()
                tally.verdicts += 0 if line is None else _shown(line)
                line = lines.enter_context(
                    running(
                        folder / str(number),
                        chance,
                        disk_mib=kind.disk_mib,
                        on_postgres=kind.on_postgres,
                    )
                )
            began_s = time.monotonic()
            stuck = _round(kind, line, tally)
            tally.rounds += 1
            print(
                f"{name} {number + 1}/{rounds}: {time.monotonic() - began_s:.1f} s", file=sys.stderr
            )
            if stuck:
                tally.verdicts += _shown(line)
                line = None
        if line is not None:
            tally.verdicts += _shown(line)
    return tally


def _round(kind: Kind, line: Line, tally: Tally) -> bool:
    """Do harm once, and audit. Return whether the line is of no more use."""
    try:
        kind.inflict(line)
        line.heal()
        before = _shown(line)
        line.test(AFTERWARDS)
        line.wait(lambda: _shown(line) >= before + AFTERWARDS, "the station tests again")
        found = line.settle()
    except NotReady as error:
        print(f"STUCK in {line.folder}: {error}", file=sys.stderr)
        tally.stuck += 1
        return True
    for what in ("lost", "altered", "doubled", "unnamed"):
        told = getattr(found, what)
        setattr(tally, what, getattr(tally, what) + len(told))
        for one in told:
            print(f"{what.upper()} in {line.folder}: {one}", file=sys.stderr)
    tally.named += len(found.named)
    tally.commands = max(tally.commands, kind.commands)
    return not found.clean


def _shown(line: Line) -> int:
    return len(witness.read(line.book)[0].shown)


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/chaos",
        description="Harm a line of real processes, and compare what was shown with what is held.",
    )
    parser.add_argument(
        "--rounds", type=_count, default=ROUNDS, help="shared by all kinds; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--only", action="append", choices=list(KINDS), metavar="KIND", help=", ".join(KINDS)
    )
    parser.add_argument("--short", action="store_true", help="one round of each quick kind")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--write", action="store_true", help=f"into {report.DOCUMENT.name}, too")
    parser.add_argument("--keep", action="store_true", help="keep files and logs")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one round is the least")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
