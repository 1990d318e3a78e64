"""The table in the document, and what it leaves alone."""

from pathlib import Path

import pytest

from benchmarks import children, pairs, report
from benchmarks.results import Note, Result, Series, at_least

BEFORE = f"# Benchmarks\n\nOf people.\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\nAlso of people.\n"


class Circumstances(report.Circumstances):
    """The circumstances of a machine that stays the same."""

    def __init__(self) -> None:
        pass

    def as_data(self) -> dict[str, str]:
        return {"date": "2026-01-01, one run of 5 s", "machine": "2 × a processor"}


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    document = tmp_path / "benchmarks.md"
    document.write_text(BEFORE)
    monkeypatch.setattr(report, "DOCUMENT", document)
    return document


def test_only_what_stands_between_the_marks_is_replaced(document: Path) -> None:
    report.write([], Circumstances())
    text = document.read_text()
    assert text.startswith(f"# Benchmarks\n\nOf people.\n\n{report.BEGIN}\n\n* 2026-01-01")
    assert text.endswith(f"\n{report.END}\n\nAlso of people.\n")
    assert "old" not in text


def test_writing_twice_is_writing_once(document: Path) -> None:
    found = [Result("a.b", "", 3.0, at_least(2.5), (Series("ours", "ms", [1.0]),))]
    report.write(found, Circumstances())
    once = document.read_text()
    report.write(found, Circumstances())
    assert document.read_text() == once


def test_a_line_of_the_table_tells_figure_bound_verdict_and_spread(document: Path) -> None:
    ours = Series("ours", "ms", [1.0, 2.0, 3.0])
    report.write(
        [
            Result("a.held", "", 3.0, at_least(2.5), (ours,)),
            Result("a.short", "", 2.0, at_least(2.5), (ours,)),
            Result("a.away", "", None, at_least(2.5), remark="no node"),
            Note("a.note", "", (ours,)),
        ],
        Circumstances(),
    )
    table = [line for line in document.read_text().splitlines() if line.startswith("| **")]
    assert table == [
        "| **a.held** | 3.00 × | ≥ 2.5 × | OK | ours 2.00 [1.00 … 3.00] ms |",
        "| **a.short** | 2.00 × | ≥ 2.5 × | SHORT | ours 2.00 [1.00 … 3.00] ms |",
        "| **a.away** | – | ≥ 2.5 × | NOT MEASURED | no node |",
        "| **a.note** |  |  |  | ours 2.00 [1.00 … 3.00] ms |",
    ]


def test_the_shipped_document_has_both_marks_once_and_in_order() -> None:
    text = report.DOCUMENT.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert text.index(report.BEGIN) < text.index(report.END)


def test_circumstances_tell_how_often_the_machine_was_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "ticks", lambda: [0, 0, 0, 0, 0, 0, 0, 0])
    patience = pairs.Patience()
    circumstances = report.Circumstances(patience, 7)
    patience.quiet, patience.noisy = 3, 2
    monkeypatch.setattr(report, "ticks", lambda: [90, 0, 0, 0, 0, 0, 0, 10])
    told = circumstances.as_data()
    assert told["quiet"].startswith("3 of 5 measurements began on an idle machine; 10.0 % of")
    assert told["date"].endswith("medians of 7")
    assert "pace-station" in told["software"]


def test_every_program_that_is_measured_stands_where_it_is_looked_for() -> None:
    here = children.HERE
    sources = [path.read_text() for path in (*here.glob("*.py"), *here.glob("host/*.py"))]
    peers = {path.stem for path in children.PEERS.glob("*.py")}
    programs = {path.stem for path in (here / "programs").glob("*.py")} - {"__init__"}
    assert {"openhtf_steps", "pyvisa_queries", "hello"} <= peers
    assert {"scpi_queries", "sequencer", "publisher"} <= programs
    for name in peers | (programs - {"idle_station"}):
        assert any(name in source for source in sources), name
