"""`station.toml`: what is right loads without touching anything, what is wrong is one line."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import find
from drivers.buses import ByteStream, I2cBus, Screen, Time, UsbDevice
from drivers.sim.world import SimulatedTime
from station.compose import DEMO_RIG
from station.engine.bench import SharedLock
from station.engine.clock import Clock
from station.engine.prompts import Prompter
from station.rig.config import ConfigError, load, open_bench
from station.rig.rehearsal import Nowhere

ROOT = Path(__file__).parents[3]

GOOD = """
station = "pi-1"
operator = "Ada"

[broker]
host = "10.0.0.1"
mqtt_version = 3

[shared.probe]
driver = "tcs34725"
bus = 1
calibrated_until = 2027-03-31

[slots.left]
equipment = ["usb-keyboard"]
shared = { light = "probe" }

[slots.left.roles.supply]
driver = "ka3000"
port = "usb:1-1.1"

[slots.left.roles.meter]
driver = "ina219"
bus = 5
address = 0x48
shunt_ohm = 0.1
max_a = 1.0
mux = [{ address = 0x70, channel = 2 }]

[slots.left.roles.keyboard]
driver = "hid_keyboard"
port = "1-3.4"
"""
SUPPLY, METER, KEYBOARD = (f"slots.left.roles.{role}" for role in ("supply", "meter", "keyboard"))
DISPLAY = """
[slots.right]
equipment = ["lcd-monitor"]
"""
HOP = "{{ mux = [{{ address = {:#04x}, channel = {} }}] }}"
EIGHT = ", ".join(HOP.format(0x70, n) for n in range(8))


def complaint(folder: Path, text: str | bytes) -> str:
    """Return the mistake that `load` finds in a station.toml of this text, without its name."""
    path = folder / "station.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{path}: ") and line.isprintable() for line in lines)
    return "\n".join(line.removeprefix(f"{path}: ") for line in lines)


def test_what_the_mistakes_start_from_is_good(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD)
    config = load(path)
    assert (config.station, config.operator) == ("pi-1", "Ada")
    assert (config.broker.host, config.broker.port, config.broker.mqtt_version) == (
        "10.0.0.1",
        1883,
        3,
    )
    left = config.slots["left"]
    assert {role: named.driver for role, named in left.roles.items()} == {
        "supply": "ka3000",
        "meter": "ina219",
        "keyboard": "hid_keyboard",
    }
    assert config.shared["probe"].calibrated_until == date(2027, 3, 31)
    assert [plan.id for plan in left.plans] == ["usb-keyboard"]


PORTS_THAT_ARE_NONE = (
    *("1-1.2", "ttyUSB0", "COM3", "serial:", "usb", "usb:", "usb:1.1.2", "usb:9.9", "usb:1-0"),
    *("usb:1-1.", "usb:1-1:x", "usb:1-1:1.0:1"),
)


@pytest.mark.parametrize("when", ["offer", "start", "ignore"])
def test_a_slot_says_what_plugging_in_does(tmp_path: Path, when: str) -> None:
    (path := tmp_path / "station.toml").write_text(
        GOOD.replace("equipment =", f'when_plugged = "{when}"\nequipment =')
    )
    left = load(path).slots["left"]
    assert left.when_plugged == when
    assert left.device_ports() == ("1-3.4",)


POWER = """
[slots.{slot}.roles.port_power]
driver = "usb_port_power"
port = "1-3.4"
superspeed_port = "2-3.4"
"""


def test_the_port_whose_power_is_switched_is_a_port_of_the_device(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD + POWER.format(slot="left"))
    assert load(path).slots["left"].device_ports() == ("1-3.4", "2-3.4")


def test_no_slot_switches_the_power_of_its_neighbours_device(tmp_path: Path) -> None:
    right = GOOD[GOOD.index("[slots.left]") :].replace("left", "right")
    for old, new in (("1-3.4", "1-3.5"), ("usb:1-1.1", "usb:1-1.2"), ("0x48", "0x49")):
        right = right.replace(old, new)
    said = complaint(tmp_path, GOOD + right + POWER.format(slot="right"))
    assert said == "slots.right: at USB port 1-3.4 is the device of slots.left"


def test_a_slot_that_says_nothing_offers(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD)
    assert load(path).slots["left"].when_plugged == "offer"


def test_nothing_can_start_where_no_port_tells_of_the_device(tmp_path: Path) -> None:
    display = DEMO_RIG.read_text().replace(
        "[slots.display-1]", '[slots.display-1]\nwhen_plugged = "start"'
    )
    assert complaint(tmp_path, display) == (
        "slots.display-1.when_plugged: 'start' is for a slot with a device at a USB port, such as"
        " a keyboard; this one has none"
    )


def test_the_demonstrations_rig_is_good() -> None:
    assert len(load(DEMO_RIG).slots) == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[broker]", "[broker", "not TOML: Expected ']'"),
        ('station = "pi-1"', 'station = "pi-1"\nstation = "pi-2"', "not TOML: Cannot overwrite"),
        ('station = "pi-1"', "x = " + "[" * 20_000, "not TOML: "),
        ('station = "pi-1"\n', "", "the key `station` is missing"),
        ('station = "pi-1"', "station = 1", "station: 1 is not a text"),
        ('"pi-1"', '"pi/1"', "station: 'pi/1' is not a name: up to 63 letters"),
        ('"pi-1"', '"+"', "station: '+' is not a name"),
        ('"pi-1"', '""', "station: '' is not a name"),
        ("operator", "operater", "there is no key `operater`; did you mean 'operator'?"),
        ('operator = "Ada"', 'plan_folders = ["plans"]', "plan_folders: "),
        ("host =", "hots =", "broker: there is no key `hots`; did you mean 'host'?"),
        ("mqtt_version = 3", "mqtt_version = 4", "broker: mqtt_version is 3 (for 3.1.1) or 5"),
        ("mqtt_version = 3", "port = 0", "broker: port 0 is not between 1 and 65535"),
        ("mqtt_version = 3", "port = 65536", "broker: port 65536 is not between 1 and 65535"),
        ("mqtt_version = 3", 'port = "1883"', "broker.port: '1883' is not a whole number"),
        ("mqtt_version = 3", "tls = 1", "broker.tls: 1 is not true or false"),
        ('"10.0.0.1"', '"10.0.0.1:1883"', "broker: host '10.0.0.1:1883' is not a name or an add"),
        ('"10.0.0.1"', '"mqtt://10.0.0.1"', "broker: host 'mqtt://10.0.0.1' is not a name or an"),
        ('"10.0.0.1"', '""', "broker.host: '' is not a non-empty text"),
        ("[shared.probe]", '[shared."a b"]', "shared: 'a b' is not a name"),
        ('"tcs34725"', '"hid_keyboard"', "shared.probe: there is no key `bus`; known are"),
        ('"tcs34725"\nbus = 1', '"ddc_monitor"\nbus = 1',
         "shared.probe: ddc_monitor is a device under test, not"),
        ('"tcs34725"', '"tcs34752"', "shared.probe.driver: 'tcs34752' is no driver; did you mean"),
        ("2027-03-31", '"soon"', "shared.probe.calibrated_until: 'soon' is not a date"),
        ("slots.left", 'slots."a b"', "slots: 'a b' is not a name"),
        ("slots.left", 'slots.""', "slots: '' is not a name"),
        ('equipment = ["usb-keyboard"]\n', "", "slots.left: the key `equipment` is missing"),
        ('["usb-keyboard"]', "[]", "slots.left.equipment: a list of 0 is not what is tested there"),
        ('["usb-keyboard"]', '"x"', "slots.left.equipment: 'x' is not what is tested there, such"),
        ('["usb-keyboard"]', "[3]", "slots.left.equipment[0]: 3 is not a text"),
        ("usb-keyboard", "laptop-adapter", "slots.left: nothing of laptop-adapter can be tested: "),
        ("equipment =", "when_plugged = 'begin'\nequipment =", "slots.left.when_plugged: 'begin' is"
         " not one of offer, start, ignore"),
        ('light = "probe"', 'light = "prob"', "slots.left.shared.light: no [shared.prob]; did you"),
        ('light = "probe"', 'meter = "probe"', "slots.left.shared.meter: the slot has its own"),
        ('light = "probe"', "light = 1", "slots.left.shared.light: 1 is not a text"),
        ('light = "probe"', 'operator = "probe"', "slots.left: every slot has its operator"),
        ('"ka3000"', '"ka3005"', f"{SUPPLY}.driver: 'ka3005' is no driver; did you mean 'ka3000'?"),
        ('driver = "ka3000"\n', "", f"{SUPPLY}.driver: None is no driver; known are atx_board, "),
        ('driver = "ka3000"', "driver = 3", f"{SUPPLY}.driver: 3 is no driver"),
        ("roles.meter]", "roles.metre]", "slots.left.roles.metre: no test of usb-keyboard needs it;"
         " did you mean 'meter'?"),
        ("roles.meter]", "roles.clock]", "slots.left: every slot has its clock"),
        ('port = "usb:1-1.1"', "", f"{SUPPLY}: the key `port` is missing"),
        ('"usb:1-1.1"', '""', f"{SUPPLY}.port: '' is no serial port; one looks"),
        ('port = "usb:1-1.1"', 'prot = "x"', f"{SUPPLY}: there is no key `prot`; did you mean"),
        ('"usb:1-1.1"', '"/dev/x"\nbaudrate = -1', f"{SUPPLY}.baudrate: -1 is not a whole number"),
        ('"usb:1-1.1"', '"/dev/x"\nmax_v = 100.0',
         f"{SUPPLY}.max_v: 100.0 is not a number from 0.01 to 99.99"),
        ('"1-3.4"', '"usb:1-3.4"', f"{KEYBOARD}.port: 'usb:1-3.4' is no USB port; one looks"),
        ('"1-3.4"', '"1-3.999"', f"{KEYBOARD}.port: '1-3.999': the ports of a hub are 1 to 255"),
        ('"1-3.4"', '"1-1.2.3.4.5.6.7"', f"{KEYBOARD}.port: '1-1.2.3.4.5.6.7' is behind 6 hubs, and"
         " USB allows 5"),
        ('"usb:1-1.1"', '"usb:1-3.4"', f"{SUPPLY}.port: usb:1-3.4 is at the port of slot left"),
        ("bus = 5", "bus = -5", f"{METER}.bus: -5 is not a whole number of at least 0"),
        ("0x48", "0x148", f"{METER}.address: 0x148 is not an address of this part: 0x40 to 0x4f"),

        ("0x70", "0x40", f"{METER}.mux[0].address: 64 is not an address from 0x70 to 0x77"),
        ("channel = 2", "channel = 8", f"{METER}.mux[0].channel: 8 is not a whole"
         " number from 0 to 7"),
        ("channel = 2", "chanel = 2", f"{METER}.mux[0]: there is no key `chanel`; did you mean"),
        ("shunt_ohm = 0.1", "shunt_ohm = 0",
         f"{METER}.shunt_ohm: 0 is not a number from 0.0001 to 10"),
        ("shunt_ohm = 0.1", "shunt_ohm = nan", f"{METER}.shunt_ohm: nan is not a finite number"),
        ("max_a = 1.0", "max_a = 10.0", f"{METER}: INA219: 10.0 A through 0.1 Ω is outside"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_table_key_and_what_would_be_right(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    assert complaint(tmp_path, GOOD.replace(old, new)).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"station = \"\xff\"", "not TOML: 'utf-8'"),
        ("", "the key `station` is missing\nthe key `slots` is missing"),
        ('station = "a"', "the key `slots` is missing"),
        ('station = "a"\n[slots]', "slots: a station needs at least one, as in [slots.left]"),
        ('station = "a"\nslots = 3', "slots: 3 is not a table"),
        ('station = "a"\n[slots]\nleft = 3', "slots.left: 3 is not a table"),
        ('station = "a"\nshared = { x = 3 }\nslots.left = {}',
         "shared.x: an instrument is a table with"),
        ('station = "a"\nslots.left = { equipment = ["usb-keyboard"], roles = { x = 3 } }',
         "slots.left.roles.x: an instrument is a table with its `driver`, not 3"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_at_all_is_one_line(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert said in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("first", "second", "wire"),
    [
        (
            'driver = "it8500"\nport = "/dev/COM"',
            'driver = "kel103"\nport = "/dev/COM"',
            "port /dev/COM",
        ),
        (
            'driver = "ina226"\nbus = 1\naddress = 64\nshunt_ohm = 0.01\nmax_a = 2',
            'driver = "ina228"\nbus = 1\naddress = 0x40\nshunt_ohm = 0.01',
            "I²C bus 1, address 0x40",
        ),
        (
            'driver = "veml7700"\nbus = 1\nmux = [{ address = 0x70, channel = 1 }]',
            'driver = "veml7700"\nbus = 1\nmux = [{ address = 0x70, channel = 1 }]',
            "I²C bus 1, 0x70 channel 1, address 0x10",
        ),
        (
            'driver = "veml7700"\nbus = 1\nmux = [{ address = 0x71, channel = 1 }]',
            f'driver = "screen_zones"\nbus = 1\nmeters = [{EIGHT}, {HOP.format(0x71, 1)}]',
            "I²C bus 1, 0x71 channel 1, address 0x10",
        ),
        (
            'driver = "pattern_screen"\nconnector = "HDMI-A-1"',
            'driver = "pattern_screen"\nconnector = "HDMI-A-1"',
            "connector HDMI-A-1",
        ),
        (
            'driver = "ddc_monitor"\nbus = 20',
            'driver = "ddc_monitor"\nbus = 20',
            "I²C bus 20, address 0x30",
        ),
        (
            'driver = "hid_keyboard"\nport = "1-9"',
            'driver = "hid_keyboard"\nport = "1-9"',
            "USB port 1-9",
        ),
    ],
)
def test_a_copied_slot_that_was_not_rewired_is_refused(
    tmp_path: Path, first: str, second: str, wire: str
) -> None:
    """It would judge its neighbour's device."""
    text = GOOD + f"\n[slots.left.roles.one]\n{first}\n"
    right = GOOD[GOOD.index("[slots.left]") :].replace("slots.left", "slots.right")
    right = right.replace("1-1.1", "1-2.1").replace("bus = 5", "bus = 6").replace("1-3.4", "1-3.5")
    text += right + f"\n[slots.right.roles.two]\n{second}\n"
    assert complaint(tmp_path, text) == (
        f"slots.right.roles.two: {wire} belongs to slots.left.roles.one"
    )


def test_one_sensor_cannot_look_at_two_zones(tmp_path: Path) -> None:
    meters = f"[{EIGHT}, {HOP.format(0x70, 3)}]"
    text = (
        f'{GOOD}\n[slots.left.roles.zones]\ndriver = "screen_zones"\nbus = 3\nmeters = {meters}\n'
    )
    assert complaint(tmp_path, text).startswith(
        "slots.left.roles.zones: I²C bus 3, 0x70 channel 3, address 0x10 belongs to"
    )


def test_a_shared_instrument_is_not_also_a_slots_own(tmp_path: Path) -> None:
    text = GOOD + '\n[slots.left.roles.colour]\ndriver = "tcs34725"\nbus = 1\n'
    assert complaint(tmp_path, text) == (
        "slots.left.roles.colour: I²C bus 1, address 0x29 belongs to shared.probe"
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            'driver = "scpi_load"\nport = "/dev/x"\ndialect = "rigol-dl300"',
            ".dialect: 'rigol-dl300' is not known; did you mean 'rigol-dl3000'?",
        ),
        ('driver = "scpi_supply"\nport = "/dev/x"\ndialect = "generic"',
         ": this dialect does not tell its limits: give max_v and max_a"),
        (
            'driver = "scpi_supply"\nport = "/dev/x"\ndialect = "rigol-dp800"\nchannel = 4',
            ": channel 4 is not one of 1…3",
        ),
        *(
            (f'driver = "it8500"\nport = "{port}"', f".port: '{port}' is no serial port")
            for port in PORTS_THAT_ARE_NONE
        ),
        (
            'driver = "it8500"\nport = "usb:1-1.256"',
            ".port: 'usb:1-1.256' is no serial port: '1-1.256': the ports of a hub are 1 to 255",
        ),
        ('driver = "it8500"\nport = "/dev/x"\naddress = 255',
         ".address: 255 is not a whole number from 0 to 254"),
        ('driver = "pzem004t"\nport = "/dev/x"\naddress = 0',
         ".address: 0 is not a whole number from 1 to 248"),
        ('driver = "rd60xx"\nport = "/dev/x"\nunit = 300',
         ".unit: 300 is not a whole number from 1 to 247"),
        ('driver = "screen_zones"\nbus = 1\nmeters = []',
         ".meters: a list of 0 is not a list of 9"),
        ('driver = "key_actuator"\nbus = 1\nboards = []\nlayout = "iso-105"',
         ".boards: a list of 0 is not a list of at least 1"),
        ('driver = "key_actuator"\nbus = 1\nboards = [{}]\nlayout = "iso-105"',
         ": 105 keys need 7 boards, not 1"),
        ('driver = "key_actuator"\nbus = 1\nboards = [{}]\nlayout = "iso"',
         ".layout: 'iso' is not known; did you mean 'iso-"),
        ('driver = "key_actuator"\nbus = 1\nboards = [{ address = 0x70 }]\nlayout = "ansi-87"',
         ".boards[0].address: 0x70 is not an address of this part: 0x40 to 0x6f, 0x71 to 0x77"),
        ('driver = "key_actuator"\nbus = 1\nboards = [{}]\nlayout = "ansi-87"\nhold_duty = 2',
         ".hold_duty: 2 is not a number from 0.01 to 1"),
        ('driver = "pzem004t"\nport = "/dev/x"\nrange_a = 50',
         ".range_a: 50 is not one of 10, 100"),
        ('driver = "tcs34725"\nbus = 7\nmatrix = [[1, 2, 3], [4, 5, 6]]',
         ": TCS34725: the matrix"),
        ('driver = "tcs34725"\nbus = 7\nmatrix = [[1, 2, "x"]]',
         ".matrix[0][2]: 'x' is not a number"),
        ('driver = "usb_port_power"\nport = "1-1.4"\nsuperspeed_port = "1-2.4"',
         ": superspeed_port '1-2.4' is on bus 1, as port '1-1.4' is"),
        # What these tables were before version 0.2 says how they are written now.
        ('driver = "ddc"\nbus = 20', ".driver: 'ddc' is no driver; it is called ddc_monitor now"),
        ('driver = "key_actuator"\nbus = 1\nboards = [0x40]\nlayout = "ansi-87"',
         ".boards[0]: 64 is not a table such as { address = 0x40"),
        ('driver = "screen_zones"\nbus = 1\nmeters = ['
         + ", ".join(["{ address = 0x70, channel = 0 }"] * 9) + "]",
         ".meters[0]: a multiplexer's channel stands in `mux`: { address = 0x40, mux = [{ address"),
    ],
)  # fmt: skip
def test_a_figure_that_the_driver_would_refuse_is_found_before_there_is_an_instrument(
    tmp_path: Path, table: str, said: str
) -> None:
    text = f"{GOOD}\n[slots.left.roles.other]\n{table}\n"
    told = complaint(tmp_path, text)
    assert told.startswith(f"slots.left.roles.other{said}")


def test_all_mistakes_are_told_at_once_and_none_that_follows_from_another(tmp_path: Path) -> None:
    text = GOOD.replace("bus = 5", "bus = -5").replace('"ka3000"', '"ka3005"')
    text = text.replace("[broker]", '[broker]\nport = "x"').replace('"pi-1"', '"pi/1"')
    assert complaint(tmp_path, text).split("\n") == [
        "broker.port: 'x' is not a whole number",
        "station: 'pi/1' is not a name: up to 63 letters, digits, '-', '_' or '.', a letter or"
        " digit first",
        f"{SUPPLY}.driver: 'ka3005' is no driver; did you mean 'ka3000'?",
        f"{METER}.bus: -5 is not a whole number of at least 0",
    ]


def test_an_address_may_be_written_as_text(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(
        GOOD.replace("0x48", '"0x48"').replace("address = 0x70", 'address = "0X70"')
    )
    meter = load(path).slots["left"].roles["meter"]
    assert meter.occupies() == ("I²C bus 5, 0x70 channel 2, address 0x48",)


OWN_DIALECT = """
[dialects.mine]
kind = "supply"
based_on = "generic"
source = "ACME PS-1 manual, section 4"
baudrate = 19200

[slots.left.roles.own]
driver = "scpi_supply"
port = "/dev/own"
dialect = "mine"
max_v = 10.0
max_a = 1.0
"""


def test_a_station_may_describe_a_dialect_of_its_own(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD + OWN_DIALECT)
    own = load(path).slots["left"].roles["own"]
    assert own.values["dialect"] == "mine"
    assert own.objects["dialect"].baudrate == 19200


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("baudrate = 19200", 'baudrate = "x"', "dialects.mine.baudrate: "),
        ('dialect = "mine"', 'dialect = "mime"',
         "slots.left.roles.own.dialect: 'mime' is not known; did you mean 'mine'?"),
        ("max_v = 10.0", "max_v = 1e9", "slots.left.roles.own.max_v: 1000000000.0 is not a number"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_dialect_of_ones_own_is_told_once(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    told = complaint(tmp_path, GOOD + OWN_DIALECT.replace(old, new))
    assert told.startswith(said)
    assert "\n" not in told


def test_a_driver_of_ones_own_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (folder := tmp_path / "own").mkdir()
    base = "from drivers.buses import ByteStream\nfrom drivers.capabilities import LightMeter\n"
    (folder / "broken.py").write_text(f"{base}class Broken(LightMeter): ...\nraise KeyError('x')\n")
    (folder / "ends.py").write_text("raise SystemExit('x')\nclass Ends(LightMeter): ...\n")
    (folder / "odd.py").write_text(
        f"{base}class Odd(LightMeter):\n"
        "    def __init__(self, line: ByteStream, *, what: object) -> None: ...\n"
    )
    text = f'driver_folders = ["own"]\n{GOOD}'
    text += '[slots.left.roles.one]\ndriver = "broken"\n[slots.left.roles.two]\ndriver = "odd"\n'
    text += '[slots.left.roles.three]\ndriver = "ends"\n'
    assert complaint(tmp_path, text).split("\n") == [
        "slots.left.roles.one.driver: broken: KeyError: 'x'",
        "slots.left.roles.two.driver: odd: TypeError: Odd.what: no file can say a object",
        "slots.left.roles.three.driver: ends: SystemExit: x",
    ]


def test_a_setting_that_is_a_text_stays_one(tmp_path: Path) -> None:
    """`0x48` is a number only where a number is wanted."""
    said = complaint(tmp_path, GOOD.replace('"usb:1-1.1"', '"0x48"'))
    assert said.startswith(f"{SUPPLY}.port: '0x48' is no serial port")


def test_a_station_loads_no_driver_that_its_file_does_not_name(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD)
    program = (
        "import sys; from pathlib import Path; from station.rig.config import load;"
        f" load(Path({str(path)!r}));"
        " print(*sorted(m.rpartition('.')[2] for m in sys.modules"
        " if m.startswith(('drivers.instruments.', 'drivers.devices.')) and m.count('.') > 1))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    named = {"tcs34725", "ka3000", "ina219", "hid_keyboard"}
    assert named <= set(told)
    assert not set(told) & (set(find.names()) - named)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"(No such file|Is a directory)"):
        load(tmp_path / name)


@given(st.text(max_size=40), st.integers(0, len(GOOD)), st.integers(0, 20))
def test_whatever_is_typed_into_it_it_loads_or_says_one_line_for_each_mistake(
    tmp_path_factory: pytest.TempPathFactory, typed: str, place: int, lost: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "station.toml"
    path.write_bytes((GOOD[:place] + typed + GOOD[place + lost :]).encode())
    lines: list[str] = []
    try:
        assert load(path).slots
    except ConfigError as error:
        lines = str(error).split("\n")
    assert all(line.startswith(f"{path}: ") and line.isprintable() for line in lines)


# The bench that comes of it


class Watched(Nowhere):
    """Writes down what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.time: Time = SimulatedTime()
        self.asked: list[str] = []

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        self.asked.append(f"{port} {baudrate}")
        return super().serial(port, baudrate=baudrate, timeout_s=timeout_s)

    def i2c(self, bus: int) -> I2cBus:
        self.asked.append(f"bus {bus}")
        return super().i2c(bus)

    def usb(self, port: str) -> UsbDevice:
        self.asked.append(f"usb {port}")
        return super().usb(port)

    def screen(self, connector: str) -> Screen:
        self.asked.append(connector)
        return super().screen(connector)


def test_a_bench_opens_nothing_before_somebody_needs_it(tmp_path: Path) -> None:
    (path := tmp_path / "station.toml").write_text(GOOD)
    config = load(path)
    own, common = Watched(), Watched()
    clock = Clock(SimulatedTime())
    lock = SharedLock("probe")
    bench = open_bench(
        config, "left", own, clock, Prompter(lambda event: None, clock), {"probe": lock}, common
    )
    for planned in config.slots["left"].plans[0].steps:
        bench.check(planned.step)
    assert own.asked == common.asked == []
    assert bench.places["light"].shared is lock
    assert bench.places["light"].calibrated_until == "2027-03-31"
    assert bench.places["keyboard"].device


def test_every_instrument_of_the_demonstration_says_which_wires_are_its_own() -> None:
    config = load(DEMO_RIG)
    wires = [
        wire
        for slot in config.slots.values()
        for named in slot.roles.values()
        for wire in named.occupies()
    ]
    assert len(wires) == len(set(wires)) > len(config.slots)


def test_two_roles_of_one_shared_instrument_have_it_in_common(tmp_path: Path) -> None:
    """On a serial port without a hub nothing else would tell that they are the same."""
    text = GOOD.replace(
        'driver = "tcs34725"\nbus = 1', 'driver = "pzem004t"\nport = "/dev/ttyAMA0"'
    )
    text = text.replace('{ light = "probe" }', '{ mains = "probe", again = "probe" }')
    (path := tmp_path / "station.toml").write_text(text)
    clock = Clock()
    bench = open_bench(
        load(path), "left", Nowhere(), clock, Prompter(lambda event: None, clock), {}
    )
    assert set(bench.places["mains"].shares) & set(bench.places["again"].shares)
