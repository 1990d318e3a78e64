"""The dialects of the how-to page, taken from it and used."""

import re
import tomllib
from typing import Any

import pytest

from drivers.errors import Refused
from drivers.instruments.power.scpi_supply import DIALECTS, ScpiSupply
from drivers.sim.hardware import SimulatedSerial
from drivers.sim.instruments.power import scpi_supply_books as books
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, Resistor, SimulatedTime
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "how-to" / "write-a-scpi-dialect.md"
ACME = books.Book(
    "ACME,PS2-30,00044,3.1",
    ((30.0, 3.0), (30.0, 3.0)),
    (
        books.Word("VSET<n>", "volts", books.SUFFIX, "{:.2f}V"),
        books.Word("ISET<n>", "amperes", books.SUFFIX, "{:.3f}A"),
        books.Word("OUT<n>", "switch", books.SUFFIX, "{:on}"),
        books.Word("VOUT<n>", "measured volts", books.SUFFIX, "{:.2f}V"),
        books.Word("IOUT<n>", "measured amperes", books.SUFFIX, "{:.3f}A"),
    ),
    answers={"acknowledgement": "OK", "refusal": "ERR", "unheard": "ERR", "pause_s": 0.019},
)


def tables() -> dict[str, Any]:
    """Return the tables of the page, as they would stand in `station.toml`."""
    toml = [one.text for one in blocks(PAGE) if one.language == "toml"]
    found: dict[str, Any] = tomllib.loads("\n".join(toml))["dialects"]
    return found


def test_the_dialects_of_the_page_can_be_read() -> None:
    own = DIALECTS.extended(tables())
    assert set(own) - set(DIALECTS) == {"acme-ps2", "acme-ps1"}
    assert (own["acme-ps2"].baudrate, own["acme-ps1"].baudrate) == (19200, 19200)
    assert (own["acme-ps1"].acknowledgement, own["acme-ps1"].error_query) == ("", "ERR?")


def test_the_dialect_of_the_page_drives_the_instrument_that_it_describes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(books.BOOKS, "acme-ps2", ACME)
    circuit, time = Circuit(None, Resistor(10.0)), SimulatedTime()
    twin = SimulatedScpiSupply(circuit, "acme-ps2", channel=2, time=time)
    supply = ScpiSupply(
        SimulatedSerial(twin, time=time),
        DIALECTS.extended(tables())["acme-ps2"],
        channel=2,
        time=time,
    )
    assert (supply.max_v, supply.max_a) == (30.0, 3.0)
    supply.set_voltage(12.0)
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((12.0, 1.2, 14.4))
    assert [output.on for output in twin.outputs] == [False, True]
    assert twin.lost == []
    twin.outputs[1].max_v = 8.0
    with pytest.raises(Refused, match=r"'VSET2 9\.00' → 'ERR'"):
        supply.set_voltage(9.0)


def test_the_page_names_only_keys_that_there_are() -> None:
    named = set(re.findall(r"`([a-z_]+) = ", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 10
    known = {*vars(DIALECTS["generic"]), "driver", "dialect", "channel"}
    assert named <= known
