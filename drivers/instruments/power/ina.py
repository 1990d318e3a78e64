"""The common part of TI's INA power monitors: I²C, a shunt, one conversion for each reading.

A chip is its constants, an `InaChip`. Each reading is one triggered conversion of the shunt and the
bus, so that voltage and current belong together. The power is their product: finer than the chips'
own power registers, and with the current's sign.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Power, PowerMeter
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register
from drivers.uncertain import GAIN, OFFSET, TEMPERATURE, Accuracy, Ranges, Term
from drivers.wiring import Between

ADDRESSES = range(0x40, 0x50)  # "Serial Bus Address": two pins, four levels each
TEXAS_INSTRUMENTS = 0x5449  # "Manufacturer ID Register"
RESET = 0x8000  # "Configuration Register", RST
COUNTS = (1, 4, 16, 64, 128, 256, 512, 1024)  # the averages of all but the INA219: AVG
LEAST_OHM, MOST_OHM = 1e-4, 10.0  # sanity: shunts on boards have 0.5 mΩ to 0.1 Ω

MOST_PERCENT, MOST_PPM = 20.0, 1000.0  # sanity: of a shunt

Address = Annotated[int, Between(ADDRESSES[0], ADDRESSES[-1])]
Shunt = Annotated[float, Between(LEAST_OHM, MOST_OHM), "the shunt on the board"]
Tolerance = Annotated[
    float | None,
    Between(0.0, MOST_PERCENT),
    "of the shunt, in per cent; without it the accuracy of its current is unknown",
]
Drift = Annotated[float, Between(0.0, MOST_PPM), "of the shunt, where its tolerance is without it"]

AWAY_K = 10.0  # proposal: rooms of 15 to 35 °C, and the data sheets' 25 °C


class InaAccuracy(NamedTuple):
    """The limits of one input: relative ones and volts, at 25 °C and for each kelvin from there."""

    gain: float
    gain_per_k: float
    offset_v: float
    offset_v_per_k: float

    def terms(self, per_v: float = 1.0) -> tuple[Term, ...]:
        """Return the limits as causes; `per_v` turns volts into the unit of the reading."""
        terms = (
            Term(GAIN, gain=self.gain),
            Term(OFFSET, offset=self.offset_v * per_v),
            Term(f"{TEMPERATURE} of the gain", gain=self.gain_per_k * AWAY_K),
            Term(f"{TEMPERATURE} of the offset", offset=self.offset_v_per_k * AWAY_K * per_v),
        )
        return tuple(one for one in terms if one.gain or one.offset)


class InaIdentity(NamedTuple):
    """The registers of a chip's identity. The low four bits of its die are the revision."""

    maker: Register
    die: Register
    is_die: int


class InaChip(NamedTuple):
    """One chip: its registers, what a count in them is worth, and how far they go."""

    model: str
    max_v: float
    """The most volts on the bus, by "Recommended Operating Conditions"."""

    identity: InaIdentity | None
    """None for a chip that has no such registers."""

    configuration: Register
    """Writing it starts a conversion."""

    triggered: int
    """The configuration for one conversion of shunt and bus, without averaging."""

    averages: Mapping[int, int]
    """The bits that each number of averages adds to the configuration."""

    conversion_s: float
    """The longest time for one sample of shunt and bus."""

    flags: Register
    flags_name: str
    ready: int
    overflow: int

    bus: Register
    """May be `flags`, too: then one reading brings both."""

    bus_lsb_v: float
    bus_beyond: int
    """The count from which the bus is beyond its range."""

    shunt: Register
    shunt_lsb_v: float
    shunt_range_v: float
    shunt_beyond: int
    """The count, of either sign, from which the shunt is beyond its range."""

    current: Register
    """May be `shunt`, where the chip has its shunt inside and tells amperes there."""

    calibration: Register | None = None
    calibration_mask: int = 0
    """The bits of the calibration that can be set."""

    calibration_scale: float = 0.0
    """Calibration × amperes in a count of current × shunt in ohms."""

    latch: int = 0
    """The flag that has to be written so that `ready` stays until it is read; 0 for none."""

    intact: int = 0
    """The flag that says that the chip's trim memory is undamaged; 0 for none."""

    accuracy_of: str = ""
    """The place of its limits in the data sheet."""

    shunt_accuracy: InaAccuracy | None = None
    bus_accuracy: InaAccuracy | None = None
    """None where they are not known."""


class InaScale(NamedTuple):
    """The calibration of one chip with one shunt."""

    shunt_ohm: float
    max_a: float
    current_lsb_a: float
    calibration: int


def calibrated(chip: InaChip, shunt_ohm: float, max_a: float) -> InaScale:
    """Return the finest scale of a chip on this shunt that reaches `max_a`.

    Raises `ValueError` where the shunt, the current, or both together are out of its range.
    """
    check_shunt(chip, shunt_ohm)
    if not 0 < max_a * shunt_ohm <= chip.shunt_range_v * (1 + 1e-9):  # 3.2 A × 0.1 Ω is fine
        raise ValueError(
            f"{chip.model}: {max_a} A through {shunt_ohm} Ω is outside 0…{chip.shunt_range_v} V"
        )
    # The register truncates, so the LSB follows from it and not the other way round.
    wanted = int(chip.calibration_scale * 2**15 / (max_a * shunt_ohm))
    if wanted > chip.calibration_mask:
        raise ValueError(f"{chip.model}: {max_a} A through {shunt_ohm} Ω is too little to measure")
    calibration = wanted & chip.calibration_mask
    lsb_a = chip.calibration_scale / (calibration * shunt_ohm)
    return InaScale(shunt_ohm, max_a, lsb_a, calibration)


def check_shunt(chip: InaChip, shunt_ohm: float) -> None:
    """Raise `ValueError` for a shunt that cannot be."""
    if not LEAST_OHM <= shunt_ohm <= MOST_OHM:
        raise ValueError(
            f"{chip.model}: a shunt of {shunt_ohm} Ω is outside {LEAST_OHM:g}…{MOST_OHM:g} Ω"
        )


class InaMeter(PowerMeter):
    """Measures the rail that runs through a shunt.

    Each reading is averaged over `averages` samples of both shunt and bus. Raises `ValueError` for
    settings that the chip cannot have, with nothing sent; `WrongDevice` when something else
    answers.
    """

    chip: ClassVar[InaChip]

    def __init__(
        self,
        bus: I2cBus,
        address: int,
        scale: InaScale,
        *,
        time: Time,
        averages: int,
        shunt_tolerance_percent: float | None = None,
        shunt_ppm_per_k: float = 0.0,
    ) -> None:
        chip = self.chip
        if not 0 <= (shunt_tolerance_percent or 0.0) <= MOST_PERCENT:
            raise ValueError(f"{chip.model}: a shunt within {shunt_tolerance_percent} %")
        if not 0 <= shunt_ppm_per_k <= MOST_PPM:
            raise ValueError(f"{chip.model}: a shunt that drifts {shunt_ppm_per_k} ppm/K")
        self.rate(self._accuracies(scale.shunt_ohm, shunt_tolerance_percent, shunt_ppm_per_k))
        if averages not in chip.averages:
            known = list(chip.averages)
            raise ValueError(f"{chip.model}: {averages} averages, not one of {known}")
        self.resolution_v, self.max_v = chip.bus_lsb_v, chip.max_v
        self.resolution_a = chip.shunt_lsb_v / scale.shunt_ohm
        self.max_a = scale.max_a
        self._scale = scale
        self._configuration = chip.triggered | chip.averages[averages]
        self._conversion_s = averages * chip.conversion_s
        self._time = time
        self._at = Chip(bus, address, chip.model, addresses=ADDRESSES)
        firmware = self._identify()
        self._reset()
        self.identity = Identity("Texas Instruments", chip.model, firmware=firmware)

    @classmethod
    def accuracies(cls, settings: Mapping[str, Any]) -> Mapping[str, Ranges]:
        """Return those of volts and, where the shunt's tolerance is known, of amperes."""
        return cls._accuracies(
            settings.get("shunt_ohm", 0.0),
            settings.get("shunt_tolerance_percent"),
            settings.get("shunt_ppm_per_k", 0.0),
        )

    @classmethod
    def _accuracies(
        cls, shunt_ohm: float, tolerance_percent: float | None, ppm_per_k: float
    ) -> Mapping[str, Ranges]:
        chip, found = cls.chip, dict[str, Ranges]()
        if chip.bus_accuracy is not None:
            terms = chip.bus_accuracy.terms()
            found["voltage_v"] = (Accuracy(chip.accuracy_of, terms, chip.bus_lsb_v),)
        if chip.shunt_accuracy is not None and tolerance_percent is not None and shunt_ohm:
            terms = (
                *chip.shunt_accuracy.terms(1 / shunt_ohm),
                Term("shunt", gain=tolerance_percent / 100),
                Term(f"{TEMPERATURE} of the shunt", gain=ppm_per_k * 1e-6 * AWAY_K),
            )
            terms = tuple(one for one in terms if one.gain or one.offset)
            step_a = chip.shunt_lsb_v / shunt_ohm
            found["current_a"] = (Accuracy(chip.accuracy_of, terms, step_a),)
        return found

    def read(self) -> Power:
        """Return one averaged sample in volts, amperes and watts.

        Raises `BadReply` when the shunt or the bus is beyond the chip's range, or when the chip
        loses its settings in two samples running; `NoReply` when the conversion does not end.
        """
        for _ in range(2):
            if (sample := self._sample()) is not None:
                return sample
            # After a brown-out a chip measures on, with every current zero.
            self._set_up()
        raise BadReply(
            f"{self._at.where}: lost its settings in two samples running (configuration"
            f" {self._at.read(self.chip.configuration):#06x}, wrote {self._configuration:#06x}):"
            " is its supply stable?"
        )

    def _identify(self) -> str:
        """Return the revision. Raises `WrongDevice`, with nothing written, for another chip."""
        identity = self.chip.identity
        if identity is None:
            return ""
        maker, die = self._at.read(identity.maker), self._at.read(identity.die)
        if maker != TEXAS_INSTRUMENTS or die >> 4 != identity.is_die:
            raise WrongDevice(
                f"{self._at.where}: manufacturer {maker:#06x}, die {die:#06x},"
                f" not {TEXAS_INSTRUMENTS:#06x}, {identity.is_die << 4:#06x}"
            )
        return f"revision {die & 0xF}"

    def _reset(self) -> None:
        self._at.write(Register(0x00), RESET)
        self._set_up()

    def _set_up(self) -> None:
        if self.chip.calibration is not None:
            self._at.write(self.chip.calibration, self._scale.calibration)
        if self.chip.latch:
            self._at.write(self.chip.flags, self.chip.latch)

    def _sample(self) -> Power | None:
        """Return one sample, or None when the settings did not survive it."""
        chip, at = self.chip, self._at
        at.write(chip.configuration, self._configuration)
        flags = self._wait()
        shunt = at.read(chip.shunt)
        in_flags = chip.bus.address == chip.flags.address
        bus = flags >> chip.bus.shift if in_flags else at.read(chip.bus)
        current = shunt if chip.current == chip.shunt else at.read(chip.current)
        if not self._settings_are_kept(flags):
            return None
        told = f"{chip.flags_name} {flags:#06x}"
        if not flags & chip.ready:
            raise NoReply(f"{at.where}: no conversion ready, {told}")
        if flags & chip.intact != chip.intact:
            raise BadReply(f"{at.where}: trim memory damaged, {told}")
        most_mv = chip.shunt_range_v * 1000
        if flags & chip.overflow or abs(shunt) >= chip.shunt_beyond:
            raise BadReply(
                f"{at.where}: beyond ±{self.max_a:g} A, or ±{most_mv:g} mV across the shunt"
                f" ({told}, shunt {shunt} × {chip.shunt_lsb_v * 1e6:g} µV)"
            )
        if bus >= chip.bus_beyond:
            most_v = chip.bus_beyond * chip.bus_lsb_v
            raise BadReply(f"{at.where}: bus beyond {most_v:.4g} V ({told}, bus {bus:#x})")
        return self.lift_power(bus * chip.bus_lsb_v, current * self._scale.current_lsb_a)

    def _settings_are_kept(self, flags: int) -> bool:
        chip = self.chip
        kept = self._at.read(chip.configuration) == self._configuration
        if chip.calibration is not None:
            kept = self._at.read(chip.calibration) == self._scale.calibration and kept
        return kept and flags & chip.latch == chip.latch

    def _wait(self) -> int:
        """Return the flags once the conversion is ready or overdue.

        Reading them clears the ready flag of most chips, so they are read once for all flags.
        """
        self._time.sleep(self._conversion_s)
        for _ in range(10):
            if (flags := self._at.read(self.chip.flags)) & self.chip.ready:
                return flags
            self._time.sleep(self._conversion_s / 10)
        return flags
