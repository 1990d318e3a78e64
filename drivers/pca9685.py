"""NXP PCA9685, 16-channel 12-bit PWM controller on I²C. Datasheet: NXP PCA9685."""

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity
from drivers.errors import BadReply, WrongDevice
from drivers.registers import Chip, Register

MODE1 = Register(0x00, size=1)
MODE2 = Register(0x01, size=1)
ADDRESSES = (0x02, 0x03, 0x04)  # SUBADR1 to 3
ALL_OFF_HIGH = Register(0xFD, size=1)
PRESCALE = Register(0xFE, size=1)
FIRST_CHANNEL = 0x06  # four bytes each: ON low and high, OFF low and high

USUAL_ADDRESSES = bytes([0xE2, 0xE4, 0xE8])  # after power-on; nobody has a reason to change them
RESTART = 0x80  # MODE1
AUTO_INCREMENT = 0x20  # MODE1, and with it alone: awake, and deaf to all-call and sub-calls
SLEEP = 0x10  # MODE1
TOTEM_POLE = 0x04  # MODE2
FULL = 0x10  # in ON high: always on; in OFF high: always off, which prevails

OSCILLATOR_HZ = 25e6
STEPS = 4096
CHANNELS = 16
LOWEST_HZ, HIGHEST_HZ = 24.0, 1526.0  # "PWM frequency PRE_SCALE"
START_S = 500e-6  # the oscillator, after sleep


class Pca9685:
    """Sixteen outputs at one frequency. All are off after construction.

    At power-on the chip also answers to the all-call address 0x70, where a TCA9548A lives;
    construction switches that off. `frequency_hz` becomes what the prescaler really makes of it.

    Each setting is read back. When the chip is found to have lost its settings, which also means
    that all its outputs fell, it is set up again and `BadReply` is raised.

    Raises `ValueError` for frequencies outside 24 to 1526 Hz; `WrongDevice`, with nothing written,
    when something else answers, naming an INA2xx (which share the address 0x40) as such.
    """

    def __init__(
        self, bus: I2cBus, address: int = 0x40, *, time: Time, frequency_hz: float = 50.0
    ) -> None:
        if not LOWEST_HZ <= frequency_hz <= HIGHEST_HZ:
            raise ValueError(
                f"PCA9685: {frequency_hz} Hz is outside {LOWEST_HZ:g}…{HIGHEST_HZ:g} Hz"
            )
        self._prescale = round(OSCILLATOR_HZ / (STEPS * frequency_hz)) - 1
        self.frequency_hz = OSCILLATOR_HZ / (STEPS * (self._prescale + 1))
        self._time = time
        self._chip = Chip(bus, address, "PCA9685")
        # One byte at a time: whether the chip counts up is not known yet.
        found = b"".join(self._chip.read_bytes(register, 1) for register in ADDRESSES)
        if found != USUAL_ADDRESSES:
            raise WrongDevice(
                f"{self._chip.where}: registers 2 to 4 read {found.hex(' ')}, not"
                f" {USUAL_ADDRESSES.hex(' ')}{self._hint()}"
            )
        with self._chip.hold():
            self._set_up()
        self.identity = Identity("NXP", "PCA9685")

    def set_pulse(self, channel: int, width_s: float) -> None:
        """A pulse in each period, such as 1 to 2 ms at 50 Hz for a servo.

        Raises `ValueError` for a width that is not between one step and the whole period.
        """
        period_s = 1 / self.frequency_hz
        if not period_s / STEPS <= width_s < period_s:
            raise ValueError(f"a pulse of {width_s} s is outside {period_s / STEPS}…{period_s} s")
        self._set(channel, min(STEPS - 1, round(width_s / period_s * STEPS)))

    def set_duty(self, channel: int, fraction: float) -> None:
        """On for this part of the time: 0.0 is always off, 1.0 always on."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"a duty of {fraction} is outside 0…1")
        self._set(channel, round(fraction * STEPS))

    def off(self, channel: int) -> None:
        self._set(channel, 0)

    def all_off(self) -> None:
        """Every output off, and seen to be off, even after a brown-out."""
        with self._chip.hold():
            self._chip.write(ALL_OFF_HIGH, FULL)
            if self._chip.read(MODE1) != AUTO_INCREMENT:
                self._set_up()
            outputs = self._chip.read_bytes(FIRST_CHANNEL, 4 * CHANNELS)
        if on := [n for n in range(CHANNELS) if not outputs[4 * n + 3] & FULL]:
            raise BadReply(f"{self._chip.where}: told all to be off, and {on} are not")

    def _set(self, channel: int, steps: int) -> None:
        if not 0 <= channel < CHANNELS:
            raise ValueError(f"{self._chip.where}: channel {channel} is outside 0…{CHANNELS - 1}")
        on, off = 0, steps
        if steps == 0:
            off = FULL << 8
        elif steps == STEPS:
            on, off = FULL << 8, 0
        wanted = on.to_bytes(2, "little") + off.to_bytes(2, "little")
        register = FIRST_CHANNEL + 4 * channel
        with self._chip.hold():
            if (mode := self._chip.read(MODE1)) != AUTO_INCREMENT:
                self._set_up()
                raise BadReply(
                    f"{self._chip.where}: lost its settings, MODE1 {mode:#04x}, not"
                    f" {AUTO_INCREMENT:#04x}: its outputs fell; is its supply stable?"
                )
            self._chip.write_bytes(register, wanted)
            held = self._chip.read_bytes(register, len(wanted))
        if held != wanted:
            raise BadReply(
                f"{self._chip.where}: channel {channel} set to {wanted.hex(' ')}, reads back"
                f" {held.hex(' ')}"
            )

    def _set_up(self) -> None:
        # All off before anything else: an orderly shutdown, after which nothing restarts by itself.
        self._chip.write(ALL_OFF_HIGH, FULL)
        self._chip.write(MODE1, AUTO_INCREMENT | SLEEP)  # the prescaler is only taken asleep
        self._chip.write(PRESCALE, self._prescale)
        self._chip.write(MODE2, TOTEM_POLE)
        self._chip.write(MODE1, AUTO_INCREMENT)
        self._time.sleep(START_S)
        if self._chip.read(MODE1) & RESTART:  # writing the bit clears it
            self._chip.write(MODE1, AUTO_INCREMENT | RESTART)
        held = self._chip.read(MODE1), self._chip.read(PRESCALE)
        if held != (AUTO_INCREMENT, self._prescale):
            raise BadReply(
                f"{self._chip.where}: MODE1 and PRE_SCALE read {bytes(held).hex(' ')}, not"
                f" {AUTO_INCREMENT:02x} {self._prescale:02x}"
            )

    def _hint(self) -> str:
        for register, family in ((0xFE, "INA226"), (0x3E, "INA228")):
            if self._chip.read_bytes(register, 2) == b"TI":
                return f", looks like an {family}"
        if self._chip.read_bytes(0x00, 2) == b"\x39\x9f":
            return ", looks like an INA219"
        return ""
