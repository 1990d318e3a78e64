"""A cable that comes off is an error of the bench, and it is all well again once it is back."""

import pytest

from drivers.capabilities import ColourMeter, Instrument, LightArray, PatternSource
from drivers.errors import DriverError
from hil_tests.rigs.cables import Cables, exchange
from hil_tests.rigs.measuring import show_white
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench


def test_a_lost_cable_is_an_error_and_a_cable_put_back_is_the_end_of_it(
    instrument: Instrument, rig_role: str, bench: RigBench, stated: SlotQa, cables: Cables
) -> None:
    if isinstance(instrument, PatternSource):
        pytest.skip("a picture goes out whether or not anybody looks")
    if isinstance(instrument, ColourMeter | LightArray) and "screen" in bench.places:
        show_white(bench, stated)  # in the dark the one tells no colour, and the other is slow
    exchange(instrument)
    with cables.pulled(rig_role):
        with pytest.raises(DriverError) as lost:
            exchange(instrument)
        with pytest.raises(DriverError):
            bench.reopen(rig_role, Instrument)
    assert str(lost.value), "it says what was lost"
    exchange(bench.reopen(rig_role, Instrument))
