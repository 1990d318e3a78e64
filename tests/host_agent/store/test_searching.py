"""The memory of what runs have rules out none that is wanted, and finds each part of a tag."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from host_agent.store import RunFilter, Store
from host_agent.store.searching import facets
from host_agent.store.searching.facets import Combination, Combinations, Units
from records import Device
from tests.host_agent.load import example_record
from tests.host_agent.store.filling import derive_all, keep

FEW = st.sampled_from(("a", "b", ""))
DAYS = st.sampled_from(("2026-11-01", "2026-11-02", "2026-11-09"))
ROWS = st.tuples(
    *(FEW for _ in range(5)),
    st.sampled_from(("pass", "fail", "error")),
    st.booleans(),
    st.booleans(),
    DAYS,
)
SEVERAL = st.lists(FEW, max_size=2).map(tuple)
MOMENTS = st.one_of(st.just(""), DAYS.map(lambda day: f"{day}T12:00:00.000000Z"))
FILTERS = st.builds(
    RunFilter,
    station=SEVERAL,
    plan=SEVERAL,
    verdict=st.lists(st.sampled_from(facets.VERDICTS), max_size=2).map(tuple),
    simulated=st.lists(st.booleans(), max_size=1).map(tuple),
    begin=MOMENTS,
    end=MOMENTS,
)


def is_wanted(row: tuple[Any, ...], moment: str, which: RunFilter) -> bool:
    """Return whether a run is wanted, written as the reference says it, without any cleverness."""
    one = Combination(*row[:-1])
    verdicts = {one.verdict} | ({"marginal"} if one.marginal and one.verdict == "pass" else set())
    return (
        (not which.station or one.station in which.station)
        and (not which.plan or one.plan in which.plan)
        and (not which.verdict or bool(verdicts & set(which.verdict)))
        and (not which.simulated or one.simulated in which.simulated)
        and which.begin <= moment
        and (not which.end or moment < which.end)
    )


@given(st.lists(ROWS, max_size=8), FILTERS, st.sampled_from(("00:00:00", "12:00:00", "23:59:59")))
def test_no_wanted_run_is_ruled_out(
    rows: list[tuple[Any, ...]], which: RunFilter, time: str
) -> None:
    known = Combinations()
    known.add(len(rows), rows)
    if any(is_wanted(row, f"{row[-1]}T{time}.000000Z", which) for row in rows):
        assert known.may_have(which)


def test_what_no_run_has_is_ruled_out() -> None:
    known = Combinations()
    one = ("a", "1", "k", "p", "x", "pass", False, True)
    known.add(2, [(*one, "2026-11-01"), (*one, "2026-11-09")])
    assert known.may_have(RunFilter(station=("a",), verdict=("pass",)))
    for which in (
        RunFilter(station=("b",)),
        RunFilter(station=("a",), verdict=("fail",)),
        RunFilter(verdict=("marginal",)),
        RunFilter(simulated=(False,)),
        RunFilter(begin="2026-11-10T00:00:00.000000Z"),
        RunFilter(end="2026-10-31T00:00:00.000000Z"),
        RunFilter(begin="2026-11-02T00:00:00.000000Z", end="2026-11-08T00:00:00.000000Z"),
    ):
        assert not known.may_have(which)


@given(
    st.lists(st.lists(st.text(alphabet="ab\n", max_size=4), max_size=5), max_size=4),
    st.text(alphabet="ab\n", min_size=1, max_size=3),
    st.integers(1, 4),
)
@settings(max_examples=300)
def test_each_part_is_found_in_whatever_pieces_the_texts_came(
    portions: list[list[str]], part: str, rows_of_a_piece: int
) -> None:
    units, rows = Units(), list[tuple[int, str]]()
    usual = facets._ROWS_OF_A_PIECE
    facets._ROWS_OF_A_PIECE = rows_of_a_piece
    try:
        for portion in portions:
            new = [(len(rows) + place + 1, text) for place, text in enumerate(portion)]
            rows += new
            units.add(len(rows), new)
        assert units.with_parts([part]) == [number for number, text in rows if part in text]
    finally:
        facets._ROWS_OF_A_PIECE = usual


def test_more_than_a_few_are_left_to_the_database() -> None:
    units = Units()
    units.add(facets.FEW + 1, [(number, "at-1") for number in range(facets.FEW + 1)])
    assert units.with_parts(["at"]) is None
    assert units.with_parts(["zz"]) == []


def test_what_is_remembered_is_that_of_now_after_runs_came_and_tables_were_made_again(
    store: Store,
) -> None:
    def found(**which: Any) -> list[int]:
        return [one.sequence for one in store.latest_runs(RunFilter(**which), limit=9)]

    for number in range(4):
        assert found(unit=(f"t-{number}",)) == []
        assert found(slot=(f"s-{number}",)) == []
        device = Device(asset_tag=f"T-{number}", kind=f"k-{number}")
        keep(store, example_record("a", number, device=device, slot=f"s-{number}"))
        assert found(unit=(f"t-{number}",)) == [number], "not derived yet"
        derive_all(store)
        assert found(unit=(f"t-{number}",)) == found(slot=(f"s-{number}",)) == [number]
        assert f"k-{number}" in store.choices()["kind"]
    store.forget_derived()
    for _ in range(5):
        assert found(unit=("t-",)) == [3, 2, 1, 0]
        assert found(slot=("s-1", "s-3")) == [3, 1]
        assert store.choices()["slot"] == ["s-0", "s-1", "s-2", "s-3"]
        store.derive(1)
