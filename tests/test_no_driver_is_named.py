"""No module of station, host, QA or virtual rig names a part or a driver: that is for files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import capabilities, find

ROOT = Path(__file__).parents[1]
PACKAGES = ("station", "host_agent", "hil_tests", "virtual_rig")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def part_numbers() -> set[str]:
    """Return the modules that are called after a part, such as `ina219` or `tca9548a`."""
    modules = (ROOT / "drivers" / "instruments").rglob("*.py")
    return {path.stem for path in modules if re.fullmatch(r"[a-z]+\d\w+", path.stem)}


def names() -> set[str]:
    """Return all drivers' names and classes, and those of their twins."""
    classes = {find.find(name).__name__ for name in find.names()}
    classes -= set(vars(capabilities))
    return {*find.names(), *classes, *(f"Simulated{one}" for one in classes)}


def told(text: str) -> Iterator[str]:
    """Yield the names of parts and drivers in a module's text."""
    for part in part_numbers():
        if part in text.lower().replace("-", ""):
            yield part
    yield from names() & set(re.findall(r"\w+", text))


def test_there_is_something_to_look_for() -> None:
    assert {"ina219", "ka3000", "pzem004t", "veml7700", "tca9548a", "pca9685"} <= part_numbers()
    assert {"scpi_supply", "hid_keyboard", "HidKeyboard", "SimulatedScreenZones"} <= names()
    assert set(told("a PZEM-004T, from drivers.devices.ddc_monitor import")) == {
        "pzem004t",
        "ddc_monitor",
    }
    assert len(MODULES) > 100


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_names_no_part_and_no_driver(path: Path) -> None:
    assert not sorted(told(path.read_text(encoding="utf-8")))
