"""The capabilities of a bench that a step may use, with any instrument that has them.

Every quantity is an SI base unit and says so in its name: `_v`, `_a`, `_w`, `_s`.

    Instrument              has an identity
    ├── DcInstrument        knows its resolution and its range in volts and amperes
    │   ├── PowerMeter      DC volts, amperes, watts
    │   ├── PowerSupply     acts on the device, too
    │   └── ElectronicLoad  acts on the device, too
    ├── MainsMeter          the same on the AC side
    ├── LightMeter          illuminance           ── LightArray: several, one per screen zone
    ├── ColourMeter         CIE 1931 x, y and illuminance
    ├── FlickerMeter        modulation and frequency of light, and how fast it changes
    ├── SoundMeter          level and frequency of a sound
    └── Actuator            acts on the device under test, and can let go of it
        ├── PowerSupply, ElectronicLoad
        ├── PortPower       the power of the USB port that the device is plugged into
        ├── PatternSource   pictures on the display under test
        ├── KeyActuator     presses keys
        ├── AtxPort         the mains and PS_ON# of an ATX supply, and the times of its lines
        ├── Ps2Port         the host of a PS/2 keyboard or mouse
        ├── Monitor         a display's control channel (the device under test itself)
        └── KeySource       a keyboard's reports (the device under test itself)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

from drivers.board_readings import AtxLevels, AtxStart, AtxStop, Flicker, Ps2Clock, Ps2Frame, Sound
from drivers.rated import Rated


class Identity(NamedTuple):
    """An instrument's description of itself. What it does not say is empty."""

    maker: str
    model: str
    serial_number: str = ""
    firmware: str = ""


class Power(NamedTuple):
    """One coherent DC sample: all three were taken together."""

    voltage_v: float
    current_a: float
    power_w: float


class MainsPower(NamedTuple):
    """One coherent AC sample: RMS volts and amperes, active power."""

    voltage_v: float
    current_a: float
    power_w: float
    frequency_hz: float
    power_factor: float


class Colour(NamedTuple):
    """CIE 1931 chromaticity and illuminance."""

    x: float
    y: float
    illuminance_lux: float


class Vcp(NamedTuple):
    """A continuous control of a monitor: where it stands and how far it goes (MCCS)."""

    current: int
    maximum: int


class KeyEvent(NamedTuple):
    """A key of the keyboard under test went down or up. `usage` is from HID usage page 0x07."""

    usage: int
    down: bool
    at_s: float


class PortState(NamedTuple):
    """A port is `powered`, as its hub says, and a `device` is there and was found."""

    powered: bool
    device: bool


class Instrument(Rated, ABC):
    """Anything on the bench that the record must name."""

    under_test: ClassVar[bool] = False
    """True of the device under test itself, which is opened when a step first needs it."""

    dead_man: ClassVar[bool] = False
    """True of an instrument that lets go of the device by itself when the station falls silent."""

    identity: Identity


class DcInstrument(Instrument):
    """Reads or sets DC volts and amperes. Its figures are known once it is open."""

    resolution_v: float
    """The coarsest step in which volts are told within its range."""

    resolution_a: float
    """The coarsest step in which amperes are told within its range."""

    max_v: float
    """The most volts that it may be given or set to."""

    max_a: float
    """The most amperes that it may be given or set to."""

    def lift_power(self, voltage_v: float, current_a: float, power_w: float | None = None) -> Power:
        """Return one sample with its causes of error. Without its own watts they are V × A."""
        volts, amperes = self.lift("voltage_v", voltage_v), self.lift("current_a", current_a)
        if power_w is None:
            return Power(volts, amperes, volts * amperes)
        return Power(volts, amperes, self.lift("power_w", power_w))


class PowerMeter(DcInstrument):
    quantities: ClassVar[tuple[str, ...]] = ("voltage_v", "current_a", "power_w")

    @abstractmethod
    def read(self) -> Power: ...


class MainsMeter(Instrument):
    quantities: ClassVar[tuple[str, ...]] = (
        "voltage_v",
        "current_a",
        "power_w",
        "frequency_hz",
        "power_factor",
    )

    power_resolution_w: float

    @abstractmethod
    def read_mains(self) -> MainsPower: ...


class LightMeter(Instrument):
    quantities: ClassVar[tuple[str, ...]] = ("illuminance_lux",)

    @abstractmethod
    def read_illuminance_lux(self) -> float:
        """Return the illuminance. Raises `BadReply` if saturated in the least sensitive setting."""


class LightArray(Instrument):
    """Light meters that look at the zones of a screen, left to right, top to bottom."""

    quantities: ClassVar[tuple[str, ...]] = ("illuminance_lux",)

    zones: int

    @abstractmethod
    def read_illuminances_lux(self) -> tuple[float, ...]: ...

    def glance_lux(self) -> tuple[float, ...]:
        """Return the illuminances of one moment, however coarse: for light that may go out."""
        return self.read_illuminances_lux()


class ColourMeter(Instrument):
    quantities: ClassVar[tuple[str, ...]] = ("x", "y", "illuminance_lux")

    @abstractmethod
    def read_colour(self) -> Colour: ...


class FlickerMeter(Instrument):
    @abstractmethod
    def read_flicker(self) -> Flicker:
        """Return the flicker of the light now. Raises `BadReply` where there is none."""

    @abstractmethod
    def read_transition_s(self, change: Callable[[], None]) -> float:
        """Have `change` change the light, and return its time between 10 % and 90 %."""


class SoundMeter(Instrument):
    @abstractmethod
    def read_sound(self) -> Sound: ...


class Actuator(Instrument):
    """Anything that can act on the device under test."""

    @abstractmethod
    def make_safe(self) -> None:
        """Let go of the device after any run, on a bench in any state: trust nothing of before."""


class PowerSupply(Actuator, DcInstrument):
    @abstractmethod
    def set_voltage(self, voltage_v: float) -> None: ...

    @abstractmethod
    def set_current_limit(self, current_a: float) -> None: ...

    @abstractmethod
    def switch(self, *, on: bool) -> None: ...

    def make_safe(self) -> None:
        self.switch(on=False)


class ElectronicLoad(Actuator, DcInstrument):
    """Sinks what it is told. Setting a value selects that mode; the input stays as it was."""

    @abstractmethod
    def sink_current(self, current_a: float) -> None: ...

    @abstractmethod
    def sink_power(self, power_w: float) -> None: ...

    @abstractmethod
    def sink_resistance(self, resistance_ohm: float) -> None: ...

    @abstractmethod
    def hold_voltage(self, voltage_v: float) -> None: ...

    @abstractmethod
    def switch(self, *, on: bool) -> None: ...

    def make_safe(self) -> None:
        self.switch(on=False)


class PortPower(Actuator):
    """The power of one USB port, as far as its hub tells; only a meter at the port can prove it.

    Lets go by switching on: a port at rest has 5 V, and without them the next device is not
    noticed.
    """

    name: str
    """Its place, for messages: `port 4 of the hub at 1-1`."""

    @abstractmethod
    def switch(self, *, on: bool) -> None: ...

    @abstractmethod
    def read_state(self) -> PortState: ...

    def make_safe(self) -> None:
        self.switch(on=True)


class PatternSource(Actuator):
    """Shows test patterns on the display under test, or no picture until one is shown again."""

    width_px: int
    height_px: int

    @abstractmethod
    def show_level(self, red: float, green: float, blue: float) -> None:
        """Show the whole screen in one colour; 0.0 to 1.0 of full drive."""

    @abstractmethod
    def lose_signal(self) -> None: ...


class KeyActuator(Actuator):
    """Fingers over the keyboard under test."""

    keys: frozenset[int]
    """The usages it can reach."""

    @abstractmethod
    def press(self, usages: Iterable[int]) -> None: ...

    @abstractmethod
    def release(self, usages: Iterable[int]) -> None: ...


class AtxPort(Actuator):
    """An ATX supply on a bench: its mains, its PS_ON#, and what its lines do."""

    @abstractmethod
    def start(self) -> AtxStart:
        """Connect the mains, pull PS_ON#, and return the times of the start."""

    @abstractmethod
    def cut_mains(self) -> AtxStop:
        """Take the mains away while the supply runs, and return how long it holds on."""

    @abstractmethod
    def read_levels(self) -> AtxLevels: ...

    @abstractmethod
    def read_ripple_v(self, rail: str) -> float:
        """Return peak to peak ripple below 100 kHz: less than what a standard asks for."""


class Ps2Port(Actuator):
    """A port for a PS/2 keyboard or mouse: its 5 V and its two lines."""

    @abstractmethod
    def switch(self, *, on: bool) -> None: ...

    @abstractmethod
    def send(self, byte: int) -> None:
        """Send a byte. Raises `NoReply` where the device does not take it."""

    @abstractmethod
    def read_frames(self, timeout_s: float) -> tuple[Ps2Frame, ...]:
        """Return the frames since the last call; waits at most `timeout_s` for the first."""

    @abstractmethod
    def read_clock(self) -> Ps2Clock: ...


class Monitor(Actuator):
    """A display's EDID and its controls. Lets go by restoring what it changed."""

    under_test = True

    first_edid: bytes
    """As it was read when the display was opened: it tells whether it still is the same one."""

    @abstractmethod
    def read_edid(self) -> bytes:
        """Read all blocks, 128 bytes each, unchecked: judging them is the test."""

    @abstractmethod
    def read_control(self, code: int) -> Vcp: ...

    @abstractmethod
    def set_control(self, code: int, value: int) -> None:
        """Set and verify. Raises `Refused` when the monitor keeps another value."""

    @abstractmethod
    def read_capabilities(self) -> str:
        """Return the MCCS capability string, as sent."""


class KeySource(Actuator):
    """The keyboard under test. Its keys reach no other program while it is held."""

    under_test = True

    boot: bool
    """True if it offers the boot protocol (HID class 3, subclass 1, protocol 1)."""

    usages: frozenset[int]
    """Every key usage that its report descriptor can send."""

    rollover: int
    """Keys it can report at once besides modifiers: 6 for arrays of six, more for bitmaps."""

    leds: frozenset[str] = frozenset({"num", "caps", "scroll"})
    """The lamps among `num`, `caps` and `scroll` that its report descriptor offers."""

    odd_reports_seen: int = 0
    """Number of reports so far that its own description does not allow."""

    keys_down: frozenset[int] = frozenset()
    """Usages of the keys that are down according to what was read so far."""

    @abstractmethod
    def read_events(self, timeout_s: float) -> tuple[KeyEvent, ...]:
        """Return the key events since the last call; waits at most `timeout_s` for the first."""

    @abstractmethod
    def set_leds(self, *, num: bool = False, caps: bool = False, scroll: bool = False) -> None: ...

    @abstractmethod
    def use_boot_protocol(self, *, boot: bool) -> None: ...

    def make_safe(self) -> None:
        self.set_leds()


ROLES: Mapping[str, type[Instrument]] = {
    "supply": PowerSupply,
    "load": ElectronicLoad,
    "meter": PowerMeter,
    "mains_meter": MainsMeter,
    "light": LightMeter,
    "zones": LightArray,
    "probe": ColourMeter,
    "port_power": PortPower,
    "screen": PatternSource,
    "actuator": KeyActuator,
    "ps2": Ps2Port,
    "flicker": FlickerMeter,
    "sound": SoundMeter,
    "atx": AtxPort,
    "monitor": Monitor,
    "keyboard": KeySource,
}
"""The names by which steps and tests call instruments, and the capability of each."""
