"""The instruments of the virtual rig by their roles, opened without a bench."""

import functools
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers import find
from drivers.buses import Hardware
from drivers.capabilities import PortPower
from station.rig.config import StationConfig, load
from station.rig.schema import schema_of
from station.rig.tables import InstrumentTable, read

RIG = Path(__file__).parents[2] / "hil_tests" / "virtual.toml"


@functools.cache
def _rig() -> StationConfig:
    return load(RIG)


def table_of(slot: str, role: str, **changes: Any) -> InstrumentTable:
    """Return the table of the instrument that plays a role; `changes` replace what it says."""
    table = _rig().instrument(slot, role)
    return replace(table, values={**table.values, **changes})


def keyboard_at(port: str) -> InstrumentTable:
    """Return the table of a keyboard under test at a USB port."""
    return table_of("keyboard", "keyboard", port=port)


def port_power_at(port: str) -> InstrumentTable:
    """Return the table of what switches the power of a hub's port."""
    kinds = (find.find(name) for name in find.names())
    schema = schema_of(next(kind for kind in kinds if issubclass(kind, PortPower)))
    wrong: list[str] = []
    table = read(schema, {"port": port}, "here", wrong)
    assert table is not None, wrong
    return table


def opened(hardware: Hardware, table: InstrumentTable) -> Any:
    """Return the driver. What it holds is given back when `hardware` is closed."""
    return table.open(hardware, ExitStack())
