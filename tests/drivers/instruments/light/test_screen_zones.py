import pytest

from drivers.capabilities import Identity
from drivers.errors import BadReply, NotConnected
from drivers.instruments.fixtures.tca9548a import Tca9548a
from drivers.instruments.light.screen_zones import ScreenZones
from drivers.instruments.light.veml7700 import Veml7700
from drivers.sim.hardware import I2cDevice
from drivers.sim.instruments.fixtures.tca9548a import SimulatedMuxedBus, SimulatedTca9548a
from drivers.sim.instruments.light.veml7700 import SimulatedVeml7700
from drivers.sim.light import FixedScene
from drivers.sim.world import SimulatedTime


class Rig:
    """Nine VEML7700 with one address behind two multiplexers: eight and one."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.scene = FixedScene(400.0)
        self.channels: list[dict[int, I2cDevice]] = [
            {0x10: SimulatedVeml7700(self.scene, zone, time=self.time)} for zone in range(9)
        ]
        self.muxes = SimulatedTca9548a(self.channels[:8]), SimulatedTca9548a(self.channels[8:])
        bus = SimulatedMuxedBus({0x70: self.muxes[0], 0x71: self.muxes[1]})
        places = [(0x70, channel) for channel in range(8)] + [(0x71, 0)]
        drivers = {address: Tca9548a(bus, address) for address in (0x70, 0x71)}
        self.zones = ScreenZones(
            [Veml7700(drivers[address].channel(n), time=self.time) for address, n in places],
            time=self.time,
        )


class Restless:
    """A meter whose range never fits."""

    identity = Identity("nobody", "restless")

    def __init__(self) -> None:
        self.begun = 0

    def begin(self) -> float:
        self.begun += 1
        return 0.1

    def tell(self) -> None:
        return None

    def tell_anyway(self) -> float:
        return 7.0


def test_each_zone_reads_its_own_light() -> None:
    rig = Rig()
    rig.scene.zones_lux = {zone: 200.0 + 25 * zone for zone in range(9)}
    assert rig.zones.zones == 9
    assert rig.zones.read_illuminances_lux() == pytest.approx(
        [200, 225, 250, 275, 300, 325, 350, 375, 400], rel=0.005
    )
    assert rig.zones.identity == Identity("Vishay", "9 × VEML7700")


def test_nine_zones_take_no_longer_than_one() -> None:
    rig = Rig()
    began_s = rig.time.monotonic()
    rig.zones.read_illuminances_lux()
    assert rig.time.monotonic() - began_s == pytest.approx(0.2025)


def test_a_dark_zone_among_bright_ones_is_waited_for_alone() -> None:
    rig = Rig()
    rig.scene.zones_lux = {zone: 200.0 for zone in range(8)} | {8: 5.0}
    began_s = rig.time.monotonic()
    seen = rig.zones.read_illuminances_lux()
    assert rig.time.monotonic() - began_s == pytest.approx(0.2025 + 1.6025)
    assert seen == pytest.approx([200.0] * 8 + [5.0], rel=0.005)


def test_light_that_keeps_changing_its_range_is_told_all_the_same() -> None:
    rig = Rig()
    meters = [Restless(), Restless()]
    assert ScreenZones(meters, time=rig.time).read_illuminances_lux() == (7.0, 7.0)
    assert [meter.begun for meter in meters] == [4, 4]


def test_a_zone_that_fails_is_named() -> None:
    rig = Rig()
    rig.scene.zones_lux = {4: 1e7}
    with pytest.raises(BadReply, match=r"^zone 5: VEML7700 at 0x10: saturated"):
        rig.zones.read_illuminances_lux()


def test_a_zone_that_is_unplugged_is_named_with_its_channel() -> None:
    rig = Rig()
    rig.muxes[1].channels[0].unplugged = True
    with pytest.raises(NotConnected, match=r"^zone 9: TCA9548A at 0x71, channel 0"):
        rig.zones.read_illuminances_lux()


def test_no_zones_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no zones"):
        ScreenZones([], time=SimulatedTime())
