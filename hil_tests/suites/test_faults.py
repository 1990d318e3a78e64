"""Instruments that hang, lie or break off are errors of the bench and never anybody's failure.

Only on the simulated rig. What the plugin and the station make of such an error is in tests/hil.
"""

import pytest

from drivers.capabilities import (
    ColourMeter,
    DcInstrument,
    ElectronicLoad,
    Instrument,
    LightMeter,
    MainsMeter,
    PowerMeter,
    PowerSupply,
)
from drivers.errors import BadReply, DriverError, NoReply, NotConnected
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from hil_tests.rigs.cables import exchange
from hil_tests.rigs.measuring import agreed, feed_as_usual, show_white
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench
from hil_tests.rigs.twin_rig import Wire
from station.simulate.world import World

MOMENTS = 12
LOOSE_LEAD = Fault("gain", Onset(), "voltage", 0.4)

Measuring = PowerMeter | MainsMeter | LightMeter | ColourMeter


@pytest.fixture
def light_for_the_probe(bench: RigBench, stated: SlotQa) -> None:
    """Light the screen, because the probe tells no colour in the dark."""
    if "screen" in bench.places:
        show_white(bench, stated)


@pytest.mark.usefixtures("light_for_the_probe")
def test_an_instrument_that_hangs_is_an_error_until_it_answers_again(
    instrument: Measuring, rig_role: str, bench: RigBench, wire: Wire
) -> None:
    wire.mute(rig_role)
    with pytest.raises((NoReply, NotConnected)):
        exchange(instrument)
    with pytest.raises(DriverError):
        bench.reopen(rig_role, Instrument)
    wire.mend()
    exchange(bench.reopen(rig_role, Instrument))


def test_an_answer_with_a_wrong_bit_is_an_error(
    instrument: PowerMeter | MainsMeter, rig_role: str, wire: Wire
) -> None:
    if not wire.on_serial(rig_role):
        pytest.skip("I²C has no checksum that a flipped bit could hurt")
    wire.garble(rig_role)
    with pytest.raises(BadReply):
        exchange(instrument)


@pytest.mark.usefixtures("light_for_the_probe")
def test_an_answer_that_breaks_off_is_an_error(
    instrument: Measuring, rig_role: str, wire: Wire
) -> None:
    wire.shorten(rig_role)
    with pytest.raises(BadReply):
        exchange(instrument)


def test_an_instrument_that_hangs_at_any_moment_is_an_error(
    instrument: PowerMeter | MainsMeter, rig_role: str, bench: RigBench, wire: Wire
) -> None:
    """The driver's error comes after any number of answers, while it is opened or asked."""
    for answers in range(MOMENTS):
        wire.hang(rig_role, after=answers)
        with pytest.raises(DriverError):
            _open_and_ask(bench, rig_role, type(instrument))
        wire.mend()


@pytest.mark.needs("meter")
def test_two_meters_that_disagree_are_an_error_of_the_bench(
    bench: RigBench,
    stated: SlotQa,
    supply: PowerSupply,
    meter: PowerMeter,
    world: World,
) -> None:
    if not isinstance(supply, PowerMeter):
        pytest.skip(f"a {supply.identity.model} does not read back")
    its = bench.get("meter", PowerMeter)
    feed_as_usual(bench, stated)
    both = its, bench.get("supply", DcInstrument)
    agreed(stated, meter, supply, *both)
    world.add(LOOSE_LEAD, "meter")
    with pytest.raises(BadReply, match="a lead is loose"):
        agreed(stated, meter, supply, *both)


@pytest.mark.needs("load")
def test_a_golden_unit_is_not_judged_by_meters_that_disagree(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    world: World,
) -> None:
    if "supply" in bench.places or not isinstance(load, PowerMeter):
        pytest.skip("there is no golden unit between these two")
    world.add(LOOSE_LEAD, "meter")
    with pytest.raises(BadReply, match="a lead is loose"):
        agreed(stated, meter, load, bench.get("meter", PowerMeter), bench.get("load", DcInstrument))


def _open_and_ask(bench: RigBench, role: str, kind: type[PowerMeter | MainsMeter]) -> None:
    again = bench.reopen(role, kind)
    for _ in range(MOMENTS):
        exchange(again)
