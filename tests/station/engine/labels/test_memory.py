"""A model's label is asked for once, and changed only by an operator who says so twice."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.engine.labels.memory import Changed, Memory, Remembered, decode, encode
from station.engine.library.tables import Told

AT = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)


def label(model: str = "ADP-65", maker: str = "Delta", **nameplate: Told) -> Remembered:
    return Remembered(
        equipment="laptop-adapter",
        maker=maker,
        model=model,
        nameplate=nameplate,
        told_by="Ada",
        told_at=AT,
    )


KNOWN = Memory().remember(label(output_v=19.5, output_a=3.33))


@pytest.mark.parametrize("model", ["ADP-65", "adp-65", "  ADP-65 "])
def test_a_model_is_found_however_it_is_spelt(model: str) -> None:
    found = KNOWN.find("laptop-adapter", "DELTA ", model)
    assert found is not None
    assert found.nameplate == {"output_v": 19.5, "output_a": 3.33}


def test_nothing_is_known_of_another_kind_another_maker_or_no_model() -> None:
    assert KNOWN.find("lcd-monitor", "Delta", "ADP-65") is None
    assert KNOWN.find("laptop-adapter", "", "ADP-65") is None
    assert KNOWN.find("laptop-adapter", "Delta", " ") is None
    with pytest.raises(ValueError, match="none is named"):
        Memory().remember(label(model=" ", output_v=5.0))


def test_a_change_takes_a_second_confirmation() -> None:
    told = label(output_v=15.0, output_a=3.33)
    with pytest.raises(Changed, match=r"output_v: 19\.5, and now 15\.0") as caught:
        KNOWN.remember(told)
    assert caught.value.changes == {"output_v": (19.5, 15.0)}
    changed = KNOWN.remember(told, confirmed=True).find("laptop-adapter", "Delta", "ADP-65")
    assert changed is not None
    assert changed.nameplate["output_v"] == 15.0
    assert KNOWN.models[0].nameplate["output_v"] == 19.5


def test_what_was_unknown_is_added_and_what_is_not_told_again_is_kept() -> None:
    more = KNOWN.remember(label(efficiency_mark="VI"))
    assert len(more.models) == 1
    assert more.models[0].nameplate == {
        "output_v": 19.5,
        "output_a": 3.33,
        "efficiency_mark": "VI",
    }
    assert KNOWN.remember(label(output_v=19.5)) is KNOWN


def test_a_model_is_forgotten() -> None:
    assert KNOWN.forget("laptop-adapter", "delta", "adp-65") == Memory()
    assert KNOWN.forget("laptop-adapter", "delta", "adp-66") == KNOWN


LABELS = st.builds(
    lambda model, maker, volts, places: label(model, maker, output_v=volts, usb_ports=places),
    st.text(min_size=1).filter(lambda text: text.strip()),
    st.text(),
    st.floats(3.0, 60.0),
    st.lists(st.text(max_size=3), max_size=2).map(tuple),
)


@given(st.lists(LABELS, max_size=5))
def test_a_file_holds_what_is_remembered_in_any_order(labels: list[Remembered]) -> None:
    memory, other = Memory(), Memory()
    unique = list({one.key: one for one in labels}.values())
    for one in unique:
        memory = memory.remember(one)
    for one in reversed(unique):
        other = other.remember(one)
    assert decode(encode(memory)) == memory
    assert encode(other) == encode(memory)


DAMAGE = {
    "cut": encode(KNOWN)[:-20],
    "empty": b"",
    "not text": b"\xff\xfe",
    "of a later version": encode(KNOWN).replace(b"nameplates/1", b"nameplates/2"),
    "an unknown key": encode(KNOWN).replace(b'"maker"', b'"makers"'),
    "twice": encode(Memory(KNOWN.models * 2)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_damaged_is_not_believed(damage: str) -> None:
    with pytest.raises(ValueError, match="this is no file of labels"):
        decode(DAMAGE[damage])
