"""Simulation and QA name no kind of device: what there is to test comes from files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.capabilities import ROLES
from drivers.sim import devices
from station.engine.library import SHIPPED

ROOT = Path(__file__).parents[1]
KINDS = sorted(path.stem for path in (SHIPPED / "equipment").glob("*.toml"))
TWINS = sorted(
    path.stem
    for path in Path(devices.__path__[0]).glob("*.py")
    if "    def plug(self" in path.read_text(encoding="utf-8")
)
MODULES = [
    path
    for folder in ("station/simulate", "hil_tests/rigs", "hil_tests/suites", "hil_tests")
    for path in sorted((ROOT / folder).glob("**/*.py" if folder == "station/simulate" else "*.py"))
]


def named(source: str) -> Iterator[str]:
    """Yield each kind of equipment and each twin of a device that a module names, but for roles."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if text in {*KINDS, *TWINS} - ROLES.keys():
                yield text
            case ast.ImportFrom(module=str(module)) if module.startswith(f"{devices.__name__}."):
                yield module
            case _:
                pass


def test_what_names_a_device_is_found() -> None:
    source = 'from drivers.sim.devices.keyboard import X\nkind = "laptop-adapter"\n'
    assert sorted(named(source)) == ["drivers.sim.devices.keyboard", "laptop-adapter"]


def test_there_are_kinds_and_twins_to_be_named() -> None:
    assert {"laptop-adapter", "lcd-monitor", "usb-keyboard"} <= set(KINDS)
    assert {"keyboard", "laptop_adapter", "monitor"} <= set(TWINS)
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_simulation_and_qa_name_no_kind_of_device(path: Path) -> None:
    assert list(named(path.read_text(encoding="utf-8"))) == []
