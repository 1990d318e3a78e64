"""Writes runs as CSV (RFC 4180), in UTF-8, so that no spreadsheet takes a text for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator

from host_agent.columns import RunSummary

HEADER = (
    "record_id", "station", "sequence", "slot", "operator", "asset_tag", "kind", "maker", "model",
    "serial_number", "year", "plan", "profile", "verdict", "marginal", "simulated", "started_at",
    "received_at", "duration_s", "sha256",
)  # fmt: skip
"""The columns, in an order that stays: a later version appends to it."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The beginnings of a formula, as spreadsheets see it (OWASP, CSV Injection)."""


def lines(portions: Iterable[list[RunSummary]]) -> Iterator[str]:
    """Yield the header, and then the rows of each portion of runs."""
    yield _written([HEADER])
    for portion in portions:
        yield _written([[_cell(run, name) for name in HEADER] for run in portion])


def _cell(run: RunSummary, name: str) -> object:
    value = getattr(run, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return neutral(str(value))
    return "" if value is None else value


def neutral(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would calculate it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return out.getvalue()
