"""Tests of what the harness says in the end: a bad figure of any kind makes it bad."""

from pathlib import Path

import pytest

from chaos import report
from chaos.report import Tally

GOOD = Tally("kill-all", rounds=3, verdicts=40)


@pytest.mark.parametrize("what", ["lost", "altered", "doubled", "unnamed", "stuck"])
def test_one_bad_figure_makes_a_kind_bad(what: str) -> None:
    bad = Tally("kill-all", rounds=3)
    setattr(bad, what, 1)
    assert not bad.good
    assert getattr(report.summed([GOOD, bad]), what) == 1


def test_two_commands_are_one_too_many_and_a_name_is_no_failure() -> None:
    assert Tally("restore-host", rounds=1, commands=1, named=3).good
    assert not Tally("restore-host", rounds=1, commands=2).good


def test_a_kind_that_never_ran_is_bad_unless_it_says_what_is_missing() -> None:
    assert not Tally("clock").good
    assert Tally("clock", skipped="libfaketime is missing").good


def test_the_document_takes_a_result_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "DOCUMENT", page)
    tallies = [GOOD, Tally("clock", skipped="libfaketime is missing")]
    report.write(tallies, report.circumstances(3, 7, 1.5))
    text = page.read_text()
    assert "old" not in text
    assert "| kill-all | 3 | 40 | 0 |" in text
    assert "| clock | not tried: libfaketime is missing |" in text
    assert "seed 7" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_the_shipped_document_has_the_marks() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1
