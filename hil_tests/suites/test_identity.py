"""The identities of the instruments on the bench."""

from drivers.capabilities import Instrument
from hil_tests.rigs.rig import RigBench


def test_an_instrument_says_who_it_is_and_is_the_same_one_when_it_is_asked_again(
    instrument: Instrument, rig_role: str, bench: RigBench
) -> None:
    before = instrument.identity
    assert before.model.strip(), "a record could not name it"
    assert bench.reopen(rig_role, Instrument).identity == before
