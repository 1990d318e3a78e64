"""`script/bench`: every speed that the station promises, against its peers in the same run.

Exit code 0 only when every bound was checked and held.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks import (
    codec,
    report,
    scpi,
    screen,
    sequencer,
    signing,
    slots,
    start,
)
from benchmarks.children import Trouble
from benchmarks.host import filters, ingest
from benchmarks.pairs import Patience
from benchmarks.results import Note, Result

Measure = Callable[[int, Patience], Iterator[Result | Note]]

MEASUREMENTS: Mapping[str, Measure] = {
    "sequencer": sequencer.measure,
    "scpi": scpi.measure,
    "slots": slots.measure,
    "screen": screen.measure,
    "start": start.measure,
    "codec": codec.measure,
    "signing": signing.measure,
    "ingest": ingest.measure,
    "filters": filters.measure,
}
PAIRS = 7


def main() -> int:
    options = _parser().parse_args()
    patience = Patience()
    circumstances = report.Circumstances(patience, options.pairs)
    found: list[Result | Note] = []
    for name in options.name or MEASUREMENTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        for one in _measured(name, options.pairs, patience):
            found.append(one)
            print(one, file=sys.stderr if options.json else sys.stdout, flush=True)
    for name, text in circumstances.as_data().items():
        print(f"{name}: {text}", file=sys.stderr)
    if options.json:
        told = {"circumstances": circumstances.as_data(), "found": [one.as_data() for one in found]}
        print(json.dumps(told))
    if options.write:
        report.write(found, circumstances)
    bad = [one.name for one in found if isinstance(one, Result) and one.verdict != "OK"]
    if bad:
        print(f"not as it has to be: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


def _measured(name: str, pairs: int, patience: Patience) -> Iterator[Result | Note]:
    try:
        yield from MEASUREMENTS[name](pairs, patience)
    except Trouble as trouble:
        yield Result(name, "", None, None, remark=" ".join(str(trouble).split()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measure the station against its peers; install these under .cache/benchmarks.",
    )
    parser.add_argument(
        "name", nargs="*", choices=[[], *MEASUREMENTS], metavar="NAME", help=", ".join(MEASUREMENTS)
    )
    parser.add_argument("--pairs", type=_pairs, default=PAIRS, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--write", action="store_true", help=f"into {report.DOCUMENT.name}, too")
    return parser


def _pairs(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one pair is the least")
    return number


if __name__ == "__main__":
    sys.exit(main())
