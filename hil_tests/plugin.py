"""A pytest plugin for tests on a rig: fixtures, and the rules that keep rig and results sound.

    pytest SUITE                              on the simulated rig
    pytest SUITE --rig station.toml           on a real one
                 --simulate                   on the twins of the rig in that file
                 --slot NAME                  only in this slot; otherwise in each that fits
                 --qa FILE                    what QA states; otherwise station.qa.toml beside it
                 --interactive                a person is there to pull cables
                 --cables MODULE:CLASS        relays pull them: your `hil_tests.rigs.cables.Cables`

A test asks for an instrument by the name of its role: those of `drivers.capabilities.ROLES`. It
runs once in each slot that has all the roles it asks for, or is skipped with the name of what the
rig lacks.
`instrument` stands for every instrument of its annotation's kind:

    def test_off_means_off(supply: PowerSupply, meter: PowerMeter) -> None: ...
    def test_it_says_who_it_is(instrument: Instrument) -> None: ...

Every bench is made safe after its test, whatever happened in it. A `DriverError` or a `BenchFault`
is the bench's: such a test has an error and has not failed.

pytest loads this in every run of an environment that has it: what is heavy is imported late.
"""

from pathlib import Path
from typing import Protocol

import pytest

from hil_tests.described import chosen_cables, described

pytest_plugins = ["hil_tests.selection", "hil_tests.reports", "hil_tests.fixtures"]

NEEDS = (
    "needs(*roles, stated=NAME): skip unless the rig has these roles, in a slot about which QA"
    " states NAME, such as max_voltage_v"
)


class RecordValue(Protocol):
    """The fixture `record_value`."""

    def __call__(self, name: str, value: float, unit: str) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig", "tests on a rig")
    group.addoption("--rig", type=Path, metavar="FILE", help="the station.toml of a real rig")
    group.addoption(
        "--simulate", action="store_true", help="use the twins of the rig that --rig names"
    )
    group.addoption("--slot", metavar="NAME", help="use only this slot of the rig")
    group.addoption("--qa", type=Path, metavar="FILE", help="what QA states about the rig")
    group.addoption(
        "--interactive", action="store_true", help="somebody is at the rig to pull cables"
    )
    group.addoption(
        "--cables",
        metavar="MODULE:CLASS",
        help="what pulls cables instead, a hil_tests.rigs.cables.Cables made of the rig and a slot",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not any(line.startswith("needs(") for line in config.getini("markers")):
        config.addinivalue_line("markers", NEEDS)
    simulated = config.getoption("--rig") is None or config.getoption("--simulate")
    if not simulated and config.getoption("dist", "no") != "no":
        raise pytest.UsageError("a rig can do one test at a time: --rig goes without -n")
    chosen_cables(config.getoption("--cables"))  # what is wrong is said before anything begins
    if any(config.getoption(name) is not None for name in ("--rig", "--slot", "--qa")):
        described(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("--rig") is None:
        return None
    rig = described(config)
    how = "simulated, " if rig.simulated else ""
    return f"rig: {rig.config.station} ({rig.file}), {how}{', '.join(rig.slots)}"
