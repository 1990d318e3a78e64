"""A study goes on after any break, and refuses a file that is not its own."""

from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.rig.study.crossed import StudyError
from station.rig.study.session import Design, Session, Turn

DESIGN = Design(
    slot="left",
    role="meter",
    quantity="voltage_v",
    parts=3,
    operators=("Ann", "Bob"),
    trials=2,
)
READINGS = 12


def value(turn: Turn) -> float:
    """Return the same value for the same turn, with all its digits."""
    return Random(f"{turn.part}/{turn.operator}/{turn.trial}").gauss(19.5, 0.1)


def whole(path: Path) -> bytes:
    Session(path, DESIGN).go_on(value)
    return path.read_bytes()


def values(session: Session) -> list[float]:
    return [one.value for one in session.readings]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 1200))
def test_a_study_cut_at_any_byte_ends_with_the_same_figures(tmp_path: Path, cut: int) -> None:
    undisturbed, path = tmp_path / "whole", tmp_path / "cut"
    undisturbed.unlink(missing_ok=True)
    path.write_bytes(whole(undisturbed)[:cut])
    session = Session(path, DESIGN)
    session.go_on(value)
    assert not session.missing
    assert session.crossed() == Session(undisturbed).crossed()
    assert values(Session(path)) == values(session)


def test_each_reading_is_in_the_file_before_the_next_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "study"
    seen = []

    def take(turn: Turn) -> float:
        seen.append(path.read_bytes().count(b"\n"))
        return value(turn)

    Session(path, DESIGN).go_on(take)
    assert seen == list(range(1, READINGS + 1))


def test_a_session_that_ends_in_between_keeps_what_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "study"
    taken = 0

    def until_the_fifth(turn: Turn) -> float:
        nonlocal taken
        taken += 1
        if taken == 6:
            raise KeyboardInterrupt
        return value(turn)

    with pytest.raises(KeyboardInterrupt):
        Session(path, DESIGN).go_on(until_the_fifth)
    again = Session(path)
    assert len(again.readings) == 5
    assert len(again.missing) == READINGS - 5
    with pytest.raises(StudyError, match="7 readings are missing"):
        again.crossed()


def test_every_operator_measures_every_part_equally_often_in_mixed_order() -> None:
    turns = list(DESIGN.turns())
    assert set(Counter((one.part, one.operator) for one in turns).values()) == {DESIGN.trials}
    large = msgspec.structs.replace(DESIGN, parts=10)
    orders = [[one.part for one in large.turns()][at : at + 10] for at in range(0, 40, 10)]
    assert len({tuple(one) for one in orders}) == 4
    assert list(large.turns()) == list(large.turns())


def test_a_file_of_another_design_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study"
    before = whole(path)
    with pytest.raises(StudyError, match="another design"):
        Session(path, msgspec.structs.replace(DESIGN, trials=3))
    assert path.read_bytes() == before


def test_a_file_with_lines_that_were_changed_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "study"
    lines = whole(path).splitlines(keepends=True)
    for wrong, why in (
        ([*lines[:3], b"{}\n"], "line 4"),
        ([*lines[:2], lines[3], lines[2]], "line 3: this reading's turn was another"),
        ([*lines, lines[-1]], f"line {READINGS + 2}: this reading's turn was another"),
        ([lines[0], b"\xff\xfe\n"], "line 2"),
        ([lines[1]], "line 1"),
        ([lines[0].replace(b'"trials":2', b'"trials":1')], "line 1"),
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(StudyError, match=why):
            Session(path)


def test_no_study_begins_without_a_design_or_with_one_operator_twice(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study yet"):
        Session(tmp_path / "study")
    with pytest.raises(StudyError, match="same name"):
        Session(tmp_path / "study", msgspec.structs.replace(DESIGN, operators=("A", "A")))
    assert not (tmp_path / "study").exists()
