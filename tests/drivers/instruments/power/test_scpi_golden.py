"""Each SCPI dialect's lines on the wire, byte for byte. Golden lines: the programming manuals.

In the texts `|` parts two lines, and `!` after a line is the question for errors that follows it.
"""

from typing import NamedTuple

import pytest

from drivers.instruments.power.scpi_load import DIALECTS as LOAD_DIALECTS
from drivers.instruments.power.scpi_load import ScpiLoad
from drivers.instruments.power.scpi_supply import DIALECTS as SUPPLY_DIALECTS
from drivers.instruments.power.scpi_supply import ScpiSupply
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.scpi_load import SimulatedScpiLoad
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource


class Golden(NamedTuple):
    """A whole conversation: open, set, switch on, read."""

    dialect: str
    channel: int
    end: bytes
    error_query: str
    text: str

    def lines(self) -> list[bytes]:
        texts: list[str] = []
        for part in " ".join(self.text.split()).split(" | "):
            line, asks, _ = part.partition(" !")
            texts += [line, self.error_query] if asks else [line]
        return [text.encode("ascii") + self.end for text in texts]


class Recorded:
    """A cable that keeps what was sent over it, and the twin at its far end."""

    def __init__(self, device: SerialDevice) -> None:
        self.sent: list[bytes] = []
        self._device = device

    def receive(self, data: bytes) -> bytes:
        self.sent.append(data)
        return self._device.receive(data)


SUPPLIES = [
    Golden(
        "generic",
        1,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | SYST:REM ! | :OUTP 0 ! | :OUTP? | :SOUR:VOLT 5.000 ! | :SOUR:VOLT? |
        :SOUR:CURR 1.000 ! | :SOUR:CURR? | :OUTP 1 ! | :OUTP? | :MEAS:VOLT? | :MEAS:CURR?
        """,
    ),
    Golden(
        "generic-channels",
        2,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | SYST:REM ! | :INST:NSEL 2;:OUTP 0 ! | :INST:NSEL 2;:OUTP? |
        :INST:NSEL 2;:SOUR:VOLT 5.000 ! | :INST:NSEL 2;:SOUR:VOLT? |
        :INST:NSEL 2;:SOUR:CURR 1.000 ! | :INST:NSEL 2;:SOUR:CURR? | :INST:NSEL 2;:OUTP 1 ! |
        :INST:NSEL 2;:OUTP? | :INST:NSEL 2;:MEAS:VOLT? | :INST:NSEL 2;:MEAS:CURR?
        """,
    ),
    Golden(
        "rigol-dp800",
        2,
        b"\r\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :SOUR2:VOLT? MAX | :SOUR2:CURR? MAX | :OUTP CH2,OFF ! | :OUTP? CH2 |
        :SOUR2:VOLT 5.000 ! | :SOUR2:VOLT? | :SOUR2:CURR 1.000 ! | :SOUR2:CURR? |
        :OUTP CH2,ON ! | :OUTP? CH2 | :MEAS:ALL? CH2
        """,
    ),
    Golden(
        "rigol-dp700",
        1,
        b"\r\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :SOUR1:VOLT? MAX | :SOUR1:CURR? MAX | :OUTP CH1,OFF ! | :OUTP? CH1 |
        :SOUR1:VOLT 5.000 ! | :SOUR1:VOLT? | :SOUR1:CURR 1.000 ! | :SOUR1:CURR? |
        :OUTP CH1,ON ! | :OUTP? CH1 | :MEAS:ALL? CH1
        """,
    ),
    Golden(
        "rigol-dp900",
        2,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :SOUR2:VOLT? MAX | :SOUR2:CURR? MAX | :OUTP CH2,OFF ! | :OUTP? CH2 |
        :SOUR2:VOLT 5.000 ! | :SOUR2:VOLT? | :SOUR2:CURR 1.000 ! | :SOUR2:CURR? |
        :OUTP CH2,ON ! | :OUTP? CH2 | :MEAS:ALL? CH2
        """,
    ),
    Golden(
        "siglent-spd3303x",
        2,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | OUTP CH2,OFF ! | SYST:STAT? | CH2:VOLT 5.000 ! | CH2:VOLT? |
        CH2:CURR 1.000 ! | CH2:CURR? | OUTP CH2,ON ! | SYST:STAT? | MEAS:VOLT? CH2 |
        MEAS:CURR? CH2 | MEAS:POWE? CH2
        """,
    ),
    Golden(
        "siglent-spd1000x",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | OUTP CH1,OFF ! | SYST:STAT? | CH1:VOLT 5.000 ! | CH1:VOLT? |
        CH1:CURR 1.000 ! | CH1:CURR? | OUTP CH1,ON ! | SYST:STAT? | MEAS:VOLT? CH1 |
        MEAS:CURR? CH1 | MEAS:POWE? CH1
        """,
    ),
    Golden(
        "owon-spe",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | OUTP OFF ! | OUTP? | VOLT 5.000 ! | VOLT? | CURR 1.000 ! | CURR? |
        OUTP ON ! | OUTP? | MEAS:ALL?
        """,
    ),
    Golden(
        "gw-psw",
        1,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :SOUR:VOLT? MAX | :SOUR:CURR? MAX | :OUTP 0 ! | :OUTP? | :SOUR:VOLT 5.000 ! |
        :SOUR:VOLT? | :SOUR:CURR 1.000 ! | :SOUR:CURR? | :OUTP 1 ! | :OUTP? | :MEAS:VOLT? |
        :MEAS:CURR? | :MEAS:POW?
        """,
    ),
    Golden(
        "gw-gpp",
        2,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :OUTP2:STAT OFF ! | :OUTP2:STAT? | :SOUR2:VOLT 5.000 ! | :SOUR2:VOLT? |
        :SOUR2:CURR 1.0000 ! | :SOUR2:CURR? | :OUTP2:STAT ON ! | :OUTP2:STAT? | :MEAS2:VOLT? |
        :MEAS2:CURR? | :MEAS2:POWER?
        """,
    ),
    Golden(
        "keysight-n6705",
        2,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | SOUR:VOLT? MAX,(@2) | SOUR:CURR? MAX,(@2) | OUTP OFF,(@2) ! | OUTP? (@2) |
        SOUR:VOLT 5.0000,(@2) ! | SOUR:VOLT? (@2) | SOUR:CURR 1.0000,(@2) ! | SOUR:CURR? (@2) |
        OUTP ON,(@2) ! | OUTP? (@2) | MEAS:VOLT? (@2) | MEAS:CURR? (@2)
        """,
    ),
    Golden(
        "agilent-e3634a",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | SYST:REM ! | OUTP OFF ! | OUTP? | OUTP? | VOLT:RANG P25V ! | VOLT:RANG? |
        VOLT 5.0000 ! | VOLT? | CURR 1.0000 ! | CURR? | OUTP ON ! | OUTP? | MEAS:VOLT? |
        MEAS:CURR?
        """,
    ),
    Golden(
        "aim-tti-mx",
        2,
        b"\n",
        "EER?",
        """
        *IDN? ! | OP2 0 ! | OP2? | V2 5.000 ! | V2? | I2 1.000 ! | I2? | OP2 1 ! | OP2? |
        V2O? | I2O?
        """,
    ),
]

LOADS = [
    Golden(
        "rigol-dl3000",
        1,
        b"\n",
        ":SYST:ERR?",
        """
        *IDN? ! | :SOUR:INP:STAT OFF ! | :SOUR:INP:STAT? | :SOUR:FUNC:MODE FIX ! |
        :SOUR:CURR:RANG MAX ! | :SOUR:VOLT:RANG MAX ! | :SOUR:CURR:LEV:IMM 1.5000 ! |
        :SOUR:CURR:LEV:IMM? | :SOUR:FUNC CURR ! | :SOUR:INP:STAT ON ! | :SOUR:INP:STAT? |
        :MEAS:VOLT? | :MEAS:CURR? | :MEAS:POW?
        """,
    ),
    Golden(
        "siglent-sdl1000",
        1,
        b"\n",
        "",
        """
        *IDN? | :INP OFF | :INP? | :CURR:IRANG 30 | :CURR:LEV:IMM 1.500 | :CURR:LEV:IMM? |
        :FUNC CURRENT | :FUNC? | :INP ON | :INP? | MEAS:VOLT? | MEAS:CURR? | MEAS:POW?
        """,
    ),
    Golden(
        "bk-8600",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | SYST:REM ! | INP OFF ! | INP? | CURR:RANG MAX ! | VOLT:RANG MAX ! |
        CURR 1.5000 ! | CURR? | FUNC CURR ! | FUNC? | INP ON ! | INP? | MEAS:VOLT? |
        MEAS:CURR? | MEAS:POW?
        """,
    ),
    Golden(
        "itech-it8500plus",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | SYST:REM ! | INP OFF ! | INP? | CURR:RANG MAX ! | VOLT:RANG MAX ! |
        CURR 1.5000 ! | CURR? | FUNC CURR ! | FUNC? | INP ON ! | INP? | MEAS:VOLT? |
        MEAS:CURR? | MEAS:POW?
        """,
    ),
    Golden(
        "keysight-el30000",
        1,
        b"\n",
        "SYST:ERR?",
        """
        *IDN? ! | INP OFF,(@1) ! | INP? (@1) | CURR:RANG MAX,(@1) ! | VOLT:RANG MAX,(@1) ! |
        VOLT? MAX,(@1) | CURR? MAX,(@1) | POW? MAX,(@1) | RES? MIN,(@1) | RES? MAX,(@1) |
        CURR 1.5000,(@1) ! | CURR? (@1) | FUNC CURR,(@1) ! | FUNC? (@1) | INP ON,(@1) ! |
        INP? (@1) | MEAS:VOLT? (@1) | MEAS:CURR? (@1) | MEAS:POW? (@1)
        """,
    ),
    Golden(
        "easttester-et5400",
        1,
        b"\n",
        "",
        """
        *IDN? | Ch1:SW OFF | Ch1:SW? | LOAD1:VRANge high | LOAD1:CRANge high | CURR1:CC 1.500 |
        CURR1:CC? | Ch1:MODE CC | Ch1:MODE? | Ch1:SW ON | Ch1:SW? | MEAS1:VOLTAGE? |
        MEAS1:CURRENT? | MEAS1:POWER?
        """,
    ),
]


@pytest.mark.parametrize("golden", SUPPLIES, ids=lambda one: one.dialect)
def test_a_supply_is_spoken_to_byte_for_byte(golden: Golden) -> None:
    circuit, time = Circuit(None, Resistor(10.0)), SimulatedTime()
    cable = Recorded(SimulatedScpiSupply(circuit, golden.dialect, channel=golden.channel))
    supply = ScpiSupply(
        SimulatedSerial(cable, time=time),
        SUPPLY_DIALECTS[golden.dialect],
        channel=golden.channel,
        max_v=16.0,
        max_a=2.0,
        time=time,
    )
    supply.set_voltage(5.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((5.0, 0.5, 2.5))
    assert cable.sent == golden.lines()


@pytest.mark.parametrize("golden", LOADS, ids=lambda one: one.dialect)
def test_a_load_is_spoken_to_byte_for_byte(golden: Golden) -> None:
    circuit, time = Circuit(StiffSource(12.0, 0.1)), SimulatedTime()
    cable = Recorded(SimulatedScpiLoad(circuit, golden.dialect, time=time))
    line = SimulatedSerial(cable, time=time)
    load = ScpiLoad(line, LOAD_DIALECTS[golden.dialect], channel=golden.channel, time=time)
    load.sink_current(1.5)
    load.switch(on=True)
    assert load.read() == pytest.approx((11.85, 1.5, 17.775))
    assert cable.sent == golden.lines()


def test_every_dialect_has_its_golden_conversation() -> None:
    assert [one.dialect for one in SUPPLIES] == list(SUPPLY_DIALECTS)
    assert [one.dialect for one in LOADS] == list(LOAD_DIALECTS)
