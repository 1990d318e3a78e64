"""A driver outside of the packages is found by everything, and is nothing but the page's files."""

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers import find
from drivers.capabilities import LightMeter
from drivers.linux.discovery import I2cAdapter
from drivers.sim.devices.keyboard import SimulatedKeyboard
from hil_tests.rigs.other_run import run_pytest
from station.rig.config import ConfigError, StationConfig, load
from station.rig.scan import describe
from station.simulate.rig import SimulatedRig
from tests.docs import instruments
from tests.docs.pages import DOCS, ROOT, write_files
from tests.station.worlds import in_slot

PAGE = (DOCS / "how-to" / "add-an-instrument.md").read_text(encoding="utf-8")
RIG = """
[slots.left]
equipment = ["usb-keyboard"]

[slots.left.roles]
supply = { driver = "ka3000", port = "usb:1-1.1" }
meter = { driver = "ina219", bus = 1, address = 0x40, shunt_ohm = 0.1, max_a = 1.0 }
keyboard = { driver = "hid_keyboard", port = "1-1.4" }
"""
SUITE = """
from drivers.capabilities import LightMeter

def test_it_sees_the_lamp(light, keyboard, bench):
    keyboard.set_leds(caps=True)
    bench.clock.sleep(0.5)
    assert light.read_illuminance_lux() > 10

def test_it_is_one_of_the_light_meters(instrument: LightMeter):
    assert instrument.identity.model == "BH1750FVI"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the files of the page, and a rig that its table is in."""
    write_files(PAGE, tmp_path)
    found = re.search(r"<!-- part of: station.toml -->\n```toml\n(.*?)```", PAGE, re.S)
    assert found is not None
    top, _, role = found[1].partition("\n\n")
    (tmp_path / "station.toml").write_text(f'station = "own"\n{top}\n{RIG}\n{role}')
    return tmp_path


@pytest.fixture
def config(folder: Path) -> StationConfig:
    return load(folder / "station.toml")


def test_the_instrument_of_the_page_passes_the_tests_of_the_page(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, "."],
        cwd=folder / "my-drivers",
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_the_instrument_of_the_page_is_in_the_projects_style(folder: Path) -> None:
    files = sorted(str(path) for path in folder.rglob("*bh1750.py"))
    assert len(files) == 3
    ruff = [str(Path(sys.executable).parent / "ruff")]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for check in (["check", *config], ["format", "--check", *config]):
        done = subprocess.run(
            [*ruff, *check, *files], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout


def test_the_check_knows_its_keys(folder: Path, config: StationConfig) -> None:
    light = config.slots["left"].roles["light"]
    assert light.driver == "bh1750"
    assert light.occupies() == ("I²C bus 1, address 0x23",)
    path = folder / "station.toml"
    path.write_text(path.read_text() + "address = 0x29\nadress = 0x23\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.mistakes == (
        f"{path}: slots.left.roles.light: there is no key `adress`; known are"
        " accuracy, calibrated_until, certificate, in_common, mux",
        f"{path}: slots.left.roles.light.address: 0x29 is not an address of this part: 0x23, 0x5c",
    )


def test_the_check_suggests_it(folder: Path) -> None:
    path = folder / "station.toml"
    path.write_text(path.read_text().replace('"bh1750"', '"bh1570"'))
    with pytest.raises(ConfigError, match="'bh1570' is no driver; did you mean 'bh1750'"):
        load(path)


def test_without_its_folder_nobody_knows_it(folder: Path) -> None:
    path = folder / "station.toml"
    text = path.read_text()
    path.write_text("\n".join(line for line in text.split("\n") if "driver_folders" not in line))
    with pytest.raises(ConfigError, match="'bh1750' is no driver"):
        load(path)
    assert "bh1750" not in find.names()


def test_the_scan_finds_it_on_a_bus(folder: Path, config: StationConfig) -> None:
    hardware = SimulatedRig(config).hardware["left"]
    bus = I2cAdapter(1, "bcm2835 (i2c@7e804000)", "")
    told = describe([bus], hardware, [folder / "my-drivers"])
    assert (
        "# answers as ROHM BH1750FVI\n[slots.left.roles.chip1]\n"
        'driver = "bh1750"\naddress = 0x23\nbus = 1\n' in told
    )
    assert "bh1750" in describe([bus], None, [folder / "my-drivers"])
    assert "bh1750" not in describe([bus])


def test_the_simulated_rig_has_its_twin(config: StationConfig) -> None:
    rig = SimulatedRig(config)
    world = rig.worlds["left"]
    world.plug(SimulatedKeyboard(world.time))
    with ExitStack() as closing:
        light = config.slots["left"].roles["light"].open(rig.hardware["left"], closing)
        assert isinstance(light, LightMeter)
        assert light.read_illuminance_lux() == pytest.approx(
            in_slot(world, SimulatedKeyboard).illuminance_lux(0), abs=1.0
        )


def test_the_reference_describes_it(folder: Path) -> None:
    told = instruments.keys([folder / "my-drivers"])
    section = told[told.index("## bh1750") :].partition("\n## ")[0]
    assert "ROHM BH1750FVI, ambient light sensor on I²C." in section
    assert "| `address` | an address of this part: 0x23, 0x5c | `0x23` |" in section


def test_qa_finds_it(folder: Path) -> None:
    ended = run_pytest(folder, f"--rig={folder / 'station.toml'}", "--simulate", suite=SUITE)
    assert ended.exit_code == 0, ended.output
    assert {name: case.outcome for name, case in ended.cases.items()} == {
        "test_it_sees_the_lamp[left]": "passed",
        "test_it_is_one_of_the_light_meters[left-light]": "passed",
    }
