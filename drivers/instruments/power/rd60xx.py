"""Riden RD6006, RD6006P, RD6012, RD6012P, RD6018 and RD6024 bench supplies: Modbus RTU over USB.

RDTech publishes no register map. This one is that of ShayBox/Riden (`register.py`) and libsigrok
(`rdtech-dps/protocol.c`), except for 12 and 13: the two are the high and the low word of the output
power (Baldanos/rd6006 issue 18, morgendagen/riden-dongle issue 47), not "Ah" and power. On an
RD6006P, which counts milliwatts, one word would be full at 65.5 W.
"""

from typing import Annotated, NamedTuple

from drivers.buses import ByteStream, Time
from drivers.capabilities import Identity, Power, PowerMeter, PowerSupply
from drivers.errors import BadReply, Refused, WrongDevice
from drivers.languages.modbus import LAST_UNIT, ModbusRtu
from drivers.wiring import Between

ID = 0  # followed by the serial number, high and low word, and the firmware's version × 100
IDENTITY_SIZE = 4
STATE = 4  # of all that is read, the first; one question brings one coherent sample
STATE_SIZE = 17
VOLTAGE_SET = 8
CURRENT_SET = 9
VOLTAGE_OUT = 10
CURRENT_OUT = 11
POWER_HIGH = 12
POWER_LOW = 13
PROTECTION = 16
OUTPUT = 18
RANGE = 20  # RD6012P only: 0 is its 6 A range, 1 its 12 A range
OVER_VOLTAGE = 82  # followed by the over-current threshold
OVER_VOLTAGE_SIZE = 2
CALIBRATION = range(55, 63)
SYSTEM = 256  # one value written here ends the firmware and starts its loader

HEADROOM_V = 2.0  # how far above its output the protection can be set: as delivered, 62 V …
HEADROOM_A = 0.2  # … and 6.2 or 12.2 A (Baldanos/rd6006 issue 8)

TRIPPED = {0: "", 1: "OVP", 2: "OCP", 3: "OTP"}

ATTEMPTS = 3  # now and then it gives a short answer or none: ShayBox/Riden and libsigrok ask again
SILENCE_S = 0.00175  # MODBUS over Serial Line V1.02, 2.5.1.1: above 19200 baud


class Scale(NamedTuple):
    """The worth of one count in a register, and the limits of the output."""

    voltage_v: float
    current_a: float
    power_w: float
    max_voltage_v: float
    max_current_a: float


class Model(NamedTuple):
    """`scales` has one entry for each current range."""

    name: str
    ids: range
    scales: tuple[Scale, ...]


MODELS = (
    Model("RD6006", range(60060, 60065), (Scale(0.01, 0.001, 0.01, 60.0, 6.0),)),
    Model("RD6006P", range(60065, 60066), (Scale(0.001, 0.0001, 0.001, 60.0, 6.0),)),
    Model("RD6012", range(60120, 60125), (Scale(0.01, 0.01, 0.01, 60.0, 12.0),)),
    Model(
        "RD6012P",
        range(60125, 60130),
        (Scale(0.001, 0.0001, 0.001, 60.0, 6.0), Scale(0.001, 0.001, 0.001, 60.0, 12.0)),
    ),
    Model("RD6018", range(60180, 60185), (Scale(0.01, 0.01, 0.01, 60.0, 18.0),)),
    Model("RD6024", range(60240, 60245), (Scale(0.01, 0.01, 0.01, 60.0, 24.0),)),
)


class State(NamedTuple):
    """One reading of the supply. `tripped` is "", "OVP", "OCP" or "OTP"."""

    scale: Scale
    voltage_set_counts: int
    current_set_counts: int
    power: Power
    tripped: str
    on: bool


class Rd60xx(PowerSupply, PowerMeter):
    """Drives one output with its own read-back. It is off after construction.

    Raises `WrongDevice` on construction when what answers is none of the models above: their
    counts are worth different amounts, and guessing can be wrong by a factor of ten.

    With the maker's firmware it answers fewer than ten questions a second, and its readings are
    as old (morgendagen/riden-dongle, "Query Performance"): let a change settle before reading.
    """

    BAUDRATE = 115200

    def __init__(
        self,
        line: ByteStream,
        *,
        unit: Annotated[int, Between(1, LAST_UNIT), "Modbus unit"] = 1,
        time: Time,
    ) -> None:
        if not 1 <= unit <= LAST_UNIT:
            raise ValueError(f"Riden RD60xx: unit {unit} is outside 1…{LAST_UNIT}")
        self._modbus = ModbusRtu(
            line,
            unit,
            "Riden RD60xx",
            time=time,
            silence_s=SILENCE_S,
            attempts=ATTEMPTS,
            never_written=(*CALIBRATION, SYSTEM),
        )
        try:
            answer = self._modbus.read_holding(ID, IDENTITY_SIZE)
        except Refused as refused:
            raise WrongDevice(f"expected a Riden RD60xx: {refused}") from refused
        model_id, serial_high, serial_low, firmware = answer
        self._model = self._find_model(model_id)
        self.identity = Identity(
            "Riden",
            self._model.name,
            f"{serial_high << 16 | serial_low:08d}",
            f"{firmware / 100:.2f}",
        )
        self.max_v = max(scale.max_voltage_v for scale in self._model.scales)
        self.max_a = max(scale.max_current_a for scale in self._model.scales)
        self.resolution_v = max(scale.voltage_v for scale in self._model.scales)
        self.resolution_a = max(scale.current_a for scale in self._model.scales)
        self.switch(on=False)

    def _find_model(self, model_id: int) -> Model:
        for model in MODELS:
            if model_id in model.ids:
                return model
        known = ", ".join(f"{m.ids.start}…{m.ids.stop - 1} {m.name}" for m in MODELS)
        raise WrongDevice(
            f"{self._modbus.where}: register {ID} holds {model_id}, which is none of {known}"
        )

    def set_voltage(self, voltage_v: float) -> None:
        """Set the voltage. Raises `Refused` when the supply keeps another value."""
        if not 0 <= voltage_v <= self.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self.max_v} V")
        counts = round(voltage_v / self._model.scales[0].voltage_v)
        self._modbus.write_register(VOLTAGE_SET, counts, repeatable=True)
        if (kept := self._read_state().voltage_set_counts) != counts:
            raise Refused(f"{self._modbus.where}: voltage {counts} counts → kept {kept}")

    def set_current_limit(self, current_a: float) -> None:
        """Set the current limit. Raises `Refused` when the supply keeps another value.

        Also when an RD6012P is in its 6 A range and more is asked: its panel chooses the range.
        """
        if not 0 <= current_a <= self.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self.max_a} A")
        scale = self._read_scale()
        if current_a > scale.max_current_a:
            raise Refused(
                f"{self._modbus.where}: {current_a} A → is in its {scale.max_current_a} A range"
            )
        counts = round(current_a / scale.current_a)
        self._modbus.write_register(CURRENT_SET, counts, repeatable=True)
        if (kept := self._read_state().current_set_counts) != counts:
            raise Refused(f"{self._modbus.where}: current {counts} counts → kept {kept}")

    def set_protection(self, *, voltage_v: float, current_a: float) -> None:
        """Set the thresholds above which the supply switches itself off. Errors as above.

        The thresholds of an earlier user stay in force until they are set anew.
        """
        most_v, most_a = self.max_v + HEADROOM_V, self.max_a + HEADROOM_A
        if not 0 < voltage_v <= most_v:
            raise ValueError(f"over-voltage at {voltage_v} V is outside 0…{most_v} V")
        if not 0 < current_a <= most_a:
            raise ValueError(f"over-current at {current_a} A is outside 0…{most_a} A")
        scale = self._read_scale()
        counts = (round(voltage_v / scale.voltage_v), round(current_a / scale.current_a))
        for register, value in enumerate(counts, OVER_VOLTAGE):
            self._modbus.write_register(register, value, repeatable=True)
        if (kept := self._modbus.read_holding(OVER_VOLTAGE, OVER_VOLTAGE_SIZE)) != counts:
            raise Refused(f"{self._modbus.where}: protection {counts} counts → kept {kept}")

    def switch(self, *, on: bool) -> None:
        """Switch the output. Raises `Refused`, with what tripped, when it does not follow."""
        # Off may be said twice. On may not: had a protection tripped meanwhile, the second
        # would put the device under test back on.
        self._modbus.write_register(OUTPUT, int(on), repeatable=not on)
        state = self._read_state()
        if state.on != on:
            raise Refused(
                f"{self._modbus.where}: output {'on' if on else 'off'}"
                f" → {'on' if state.on else 'off'}, {state.tripped or 'nothing'} tripped"
            )

    def read(self) -> Power:
        """Return volts at the terminals, amperes and watts, all of one sample."""
        return self._read_state().power

    def read_protection(self) -> str:
        """Return which protection switched the output off: "OVP", "OCP", "OTP", or "" for none."""
        return self._read_state().tripped

    def write_setting(self, register: int, value: int) -> None:
        """Write any other register, such as 68, output on at power-up, or 69, the buzzer.

        The calibration, 55 to 62, is refused with a `ValueError`: there is no way back from it.
        """
        self._modbus.write_register(register, value)

    def _read_scale(self) -> Scale:
        if len(self._model.scales) == 1:
            return self._model.scales[0]
        return self._read_state().scale

    def _read_state(self) -> State:
        # Always the same block: an answer that came late can be old, but never that of another
        # register, for in Modbus the answer to a read does not say what it is.
        state = dict(enumerate(self._modbus.read_holding(STATE, STATE_SIZE), STATE))
        scales = self._model.scales
        if len(scales) > 1 and state[RANGE] >= len(scales):
            raise BadReply(f"{self._modbus.where}: current range {state[RANGE]} does not exist")
        scale = scales[state[RANGE]] if len(scales) > 1 else scales[0]
        if state[PROTECTION] not in TRIPPED:
            raise BadReply(f"{self._modbus.where}: protection status {state[PROTECTION]}")
        return State(
            scale,
            state[VOLTAGE_SET],
            state[CURRENT_SET],
            self.lift_power(
                state[VOLTAGE_OUT] * scale.voltage_v,
                state[CURRENT_OUT] * scale.current_a,
                (state[POWER_HIGH] << 16 | state[POWER_LOW]) * scale.power_w,
            ),
            TRIPPED[state[PROTECTION]],
            state[OUTPUT] != 0,
        )
