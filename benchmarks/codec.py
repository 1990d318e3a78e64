"""A record of 40 measurements to JSON and back, checked on the way: ours and pydantic's."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.children import ours, scratch, theirs
from benchmarks.pairs import Patience, alternate
from benchmarks.results import Note, Result, at_least, seconds

ROUNDS = 4000
FASTER = at_least(2.5)
TITLE = "Record of 40 measurements, to JSON and back: times faster"


def measure(pairs: int, patience: Patience) -> Iterator[Result | Note]:
    try:
        pydantic = peers.python_with(peers.PYDANTIC)
    except peers.NotThere as why:
        yield Result("codec.record", TITLE, None, FASTER, remark=str(why))
        return
    with scratch() as folder:
        body = folder / "record.json"
        body.write_text(json.dumps(ours("codec", "--show")))
        yield _against(pydantic, body, "", pairs, patience)
        yield _against(pydantic, body, "checked", pairs, patience)


def _against(pydantic: Path, body: Path, checks: str, pairs: int, patience: Patience) -> Result:
    """pydantic with types alone, and with what our limits check besides their types."""
    found = alternate(
        pairs,
        lambda: sum(ours("codec", ROUNDS)),
        lambda: sum(theirs(pydantic, "pydantic_codec", ROUNDS // 3, body, checks)),
        patience,
    )
    return Result(
        f"codec.{checks or 'record'}",
        f"{TITLE}{', pydantic with the same checks of limits' if checks else ''}",
        found.times_faster,
        FASTER,
        (seconds("ours", found.ours), seconds("pydantic", found.peers)),
    )
