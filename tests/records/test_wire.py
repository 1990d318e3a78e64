"""Records survive the wire to the last byte, and what is none is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import (
    Phrase,
    Receipt,
    Rejected,
    RunRecord,
    SlotState,
    StationState,
    Stored,
    decode_receipt,
    decode_run,
    decode_state,
    encode,
)
from tests.records.strategies import limit, run_records


@given(run_records)
def test_a_record_survives_the_wire_to_the_last_byte(record: RunRecord) -> None:
    wire = encode(record)
    assert wire.startswith(b'{"schema":"pace.run/2",')
    again = decode_run(wire)
    assert again == record
    assert encode(again) == wire


@given(run_records)
def test_a_value_keeps_its_kind_on_the_wire(record: RunRecord) -> None:
    """An equal value is not enough: 1, 1.0 and true are different statements."""
    before = [m.value for step in record.steps for m in step.measurements]
    after = [m.value for step in decode_run(encode(record)).steps for m in step.measurements]
    assert [type(value) for value in after] == [type(value) for value in before]


@given(
    st.lists(st.builds(Stored, record_id=st.text(), sha256=st.text())).map(tuple),
    st.lists(st.builds(Rejected, record_id=st.text(), reason=st.text())).map(tuple),
)
def test_a_receipt_survives_the_wire(
    stored: tuple[Stored, ...], rejected: tuple[Rejected, ...]
) -> None:
    receipt = Receipt(stored=stored, rejected=rejected)
    assert decode_receipt(encode(receipt)) == receipt


def test_the_last_will_and_a_busy_station_survive_the_wire() -> None:
    busy = SlotState(slot="left", asset_tag="A-1", plan="p", step=Phrase("title.adapter.mains"))
    for state in (
        StationState(station="pi", online=False),
        StationState(station="pi", online=True, waiting=3, slots=(busy,)),
    ):
        assert decode_state(encode(state)) == state


def test_the_step_of_a_station_of_version_0_1_is_read_as_it_was_said() -> None:
    sent = b'{"schema":"pace.state/1","station":"pi","online":true,'
    state = decode_state(sent + b'"slots":[{"slot":"left","step":"Overload"}]}')
    assert state.slots[0].step == "Overload"


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"null", b"[]", b'{"schema":"pace.run/1"}', b'{"schema":"pace.run/2"}', b"\xff"],
)
def test_what_is_no_record_is_refused(damaged: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        decode_run(damaged)


def test_a_record_cannot_be_changed() -> None:
    one = limit(max=1)
    with pytest.raises(AttributeError):
        one.max = 2.0  # type: ignore[misc]
