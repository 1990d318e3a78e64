"""A twin is made after the same table as its driver, so that both mean the same instrument."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from drivers.buses import Time
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from drivers.sim.world import Circuit, Resistor
from station.rig.config import ConfigError, StationConfig, load
from station.rig.tables import InstrumentTable
from station.simulate import twins
from station.simulate.rig import SimulatedRig
from tests.station.benches import table_of

RIG = """
station = "twins"

[slots.left]
equipment = ["usb-keyboard"]

[slots.left.roles]
keyboard = {{ driver = "hid_keyboard", port = "1-1.4" }}
meter = {{ driver = "ina219", bus = 1, address = 0x41, shunt_ohm = 0.1, max_a = 3.2 }}
supply = {{ {supply} }}
"""


def rig_with(folder: Path, supply: str) -> tuple[StationConfig, SimulatedRig]:
    (path := folder / "station.toml").write_text(RIG.format(supply=supply))
    config = load(path)
    return config, SimulatedRig(config)


@pytest.mark.parametrize(
    "supply",
    [
        'driver = "scpi_supply", port = "/dev/s", dialect = "rigol-dp800", channel = 2',
        'driver = "scpi_supply", port = "/dev/s", dialect = "siglent-spd3303x", channel = 1',
        'driver = "rd60xx", port = "/dev/s", unit = 9',
        'driver = "ka3000", port = "/dev/s"',
    ],
)
def test_the_output_that_the_file_names_feeds_the_slot(tmp_path: Path, supply: str) -> None:
    config, rig = rig_with(tmp_path, supply)
    rig.worlds["left"].circuit.sinks.append(Resistor(10.0))
    roles, hardware = config.slots["left"].roles, rig.hardware["left"]
    with ExitStack() as closing:
        source = roles["supply"].open(hardware, closing)
        meter = roles["meter"].open(hardware, closing)
        source.set_voltage(5.0)
        source.set_current_limit(1.0)
        source.switch(on=True)
        assert meter.read().voltage_v == pytest.approx(5.0, abs=0.05)
        assert meter.read().current_a == pytest.approx(0.5, abs=0.01)


def test_a_supply_above_the_ceiling_in_the_file_is_the_models(tmp_path: Path) -> None:
    config, rig = rig_with(tmp_path, 'driver = "ka3000", port = "/dev/s", max_v = 60.0')
    with ExitStack() as closing:
        supply = config.slots["left"].roles["supply"].open(rig.hardware["left"], closing)
        supply.set_voltage(55.0)


def table(twin: type, monkeypatch: pytest.MonkeyPatch) -> InstrumentTable:
    monkeypatch.setattr(twins, "find_twin", lambda kind: twin)
    return table_of("scpi_supply", port="/dev/x", dialect="rigol-dp800", channel=3)


def test_a_twin_gets_the_world_by_type_and_the_settings_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Twin:
        def __init__(
            self,
            circuit: Circuit,
            dialect: str,
            *,
            channel: int,
            time: Time | None = None,
            noise: float = 0.5,
        ) -> None:
            self.got = (circuit, dialect, channel, time, noise)

    circuit, time = Circuit(), object()
    twin = twins.twin_of(table(Twin, monkeypatch), {Circuit: circuit, Time: time})
    assert twin.got == (circuit, "rigol-dp800", 3, time, 0.5)


def test_a_twin_may_want_what_a_name_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twin:
        def __init__(self, dialect: Any) -> None:
            self.dialect = dialect

    one = table(Twin, monkeypatch)
    assert twins.twin_of(one, {}).dialect is one.objects["dialect"]


def test_what_nobody_knows_of_a_twin_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twin:
        def __init__(self, weather: str) -> None: ...

    with pytest.raises(TypeError, match="Twin: nobody knows its weather"):
        twins.twin_of(table(Twin, monkeypatch), {Circuit: Circuit()})


def test_an_instrument_that_no_twin_speaks_like_is_told_in_one_line(tmp_path: Path) -> None:
    own = 'kind = "supply"\nbased_on = "generic"\nsource = "ACME manual, 4"\n'
    supply = 'driver = "scpi_supply", port = "/dev/s", dialect = "mine", max_v = 9.0, max_a = 1.0'
    (path := tmp_path / "station.toml").write_text(
        RIG.format(supply=supply) + f"[dialects.mine]\n{own}"
    )
    with pytest.raises(ConfigError, match=r"^scpi_supply cannot be simulated: .*'mine'"):
        SimulatedRig(load(path))


def test_a_fault_is_at_the_role_that_it_names(tmp_path: Path) -> None:
    config, rig = rig_with(tmp_path, 'driver = "ka3000", port = "/dev/s"')
    world = rig.worlds["left"]
    world.circuit.sinks.append(Resistor(10.0))
    world.add(Fault("gain", Onset(), "voltage", 0.4), "meter")
    roles, hardware = config.slots["left"].roles, rig.hardware["left"]
    with ExitStack() as closing:
        supply, meter = (roles[r].open(hardware, closing) for r in ("supply", "meter"))
        supply.set_voltage(5.0)
        supply.set_current_limit(1.0)
        supply.switch(on=True)
        assert supply.read().voltage_v == pytest.approx(5.0, abs=0.05)
        assert meter.read().voltage_v == pytest.approx(2.0, abs=0.05)
    assert world.circuit.voltage_v == pytest.approx(5.0, abs=0.05)
