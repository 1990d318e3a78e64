"""The tables of a world file, typed; no file is read here.

A world says what a device is, physically, and what happens to it and to the bench. It says nothing
of verdicts: those follow from it.
"""

import math
from typing import Annotated, Any, Literal, Union

import msgspec

from drivers.sim.onset import Onset
from station.simulate.scenarios.spread import Amount

Text = Annotated[str, msgspec.Meta(min_length=1)]
Roles = Text | Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Quantity = Literal["voltage", "current", "power", "light"]
DEVICE = "device"
AT_START = "start"
"""For `percent_of`: the figure when the test began."""
PLUGGED = "plugged"
"""For `percent_of`: the figure when the device was plugged in."""
WHENS = (AT_START, PLUGGED)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a file, without unknown keys."""


class Fault(Table, frozen=True, kw_only=True, tag_field="kind"):
    """Something that happens, and when: in seconds since the device was plugged in."""

    from_s: Amount = 0.0
    to_s: Amount | None = None
    every_s: Amount | None = None
    for_s: Amount | None = None
    ramp_s: Amount = 0.0

    def __post_init__(self) -> None:
        if (self.every_s is None) != (self.for_s is None):
            raise ValueError("`every_s` and `for_s` go together")


class AtRole(Fault, frozen=True, kw_only=True):
    """A fault at the instruments of some roles."""

    at: Roles

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles."""
        return (self.at,) if isinstance(self.at, str) else self.at


class Mute(AtRole, frozen=True, kw_only=True, tag="mute"):
    """It hears everything, and answers nothing."""


class Hung(AtRole, frozen=True, kw_only=True, tag="hung"):
    """It neither hears nor answers; what it last did it goes on doing."""


class Unplugged(AtRole, frozen=True, kw_only=True, tag="unplugged"):
    """Its cable is out; at `device`: all cables of the device."""


class Frozen(AtRole, frozen=True, kw_only=True, tag="frozen"):
    """It goes on telling the figures of the moment when this began."""


class OpenLead(AtRole, frozen=True, kw_only=True, tag="open_lead"):
    """Its leads are off: it measures, feeds and loads nothing."""


class Swapped(AtRole, frozen=True, kw_only=True, tag="swapped"):
    """It is connected to another slot, where there is another good device, or nothing."""

    finds: Literal["another", "nothing"] = "another"


class Slow(AtRole, frozen=True, kw_only=True, tag="slow"):
    """Its answers come late."""

    delay_s: Amount


class Garbled(AtRole, frozen=True, kw_only=True, tag="garbled"):
    """A bit is flipped in a share of its answers."""

    share: Amount = 1.0


class CutShort(AtRole, frozen=True, kw_only=True, tag="cut_short"):
    """Some bytes are missing at the end of each answer."""

    bytes: Annotated[int, msgspec.Meta(ge=1)] = 2


class Gain(AtRole, frozen=True, kw_only=True, tag="gain"):
    """It tells, and sets, a figure that is too large by a factor."""

    quantity: Quantity
    by: Amount
    zones: tuple[int, ...] = ()


class Offset(AtRole, frozen=True, kw_only=True, tag="offset"):
    """It tells, and sets, a figure that is off by so many V, A, W or lx."""

    quantity: Quantity
    by: Amount
    zones: tuple[int, ...] = ()


class Noise(AtRole, frozen=True, kw_only=True, tag="noise"):
    """Each figure that it tells is off by chance, with a standard deviation in V, A, W or lx."""

    quantity: Quantity
    sd: Amount
    zones: tuple[int, ...] = ()


class StuckRange(AtRole, frozen=True, kw_only=True, tag="stuck_range"):
    """It is stuck in a small range: it tells no more than `most`, in V, A, W or lx."""

    quantity: Quantity
    most: Amount
    zones: tuple[int, ...] = ()


class StrayLight(AtRole, frozen=True, kw_only=True, tag="stray_light"):
    """Daylight falls on its sensors."""

    lux: Amount
    zones: tuple[int, ...] = ()


class Hand(AtRole, frozen=True, kw_only=True, tag="hand"):
    """A hand or a cord before its sensors lets a share of the light through."""

    passes: Amount = 0.0
    zones: tuple[int, ...] = ()


class Finger(AtRole, frozen=True, kw_only=True, tag="finger"):
    """Fingers of an actuator are broken: over these keys, or over all."""

    does: Literal["nothing", "holds", "neighbour"] = "nothing"
    keys: tuple[Any, ...] = ()


class Mains(Fault, frozen=True, kw_only=True, tag="mains"):
    """The mains is not 230 V or 50 Hz: a dip, a cut, a generator."""

    voltage_v: Amount | None = None
    frequency_hz: Amount | None = None


class Pressed(Fault, frozen=True, kw_only=True, tag="pressed"):
    """A hand or a book lies on keys of the device."""

    keys: tuple[Any, ...]


class Changed(Fault, frozen=True, kw_only=True, tag="changed"):
    """Parameters of the device's twin are others."""

    set: dict[str, Any]


class Exchanged(Fault, frozen=True, kw_only=True, tag="exchanged"):
    """Another device is in its place, with these parameters where they differ."""

    parameters: dict[str, Any] = {}


KINDS: tuple[type[Fault], ...] = (
    *(Mute, Hung, Slow, Garbled, CutShort, Frozen, Gain, Offset, Noise, StuckRange),
    *(OpenLead, Unplugged, Swapped, StrayLight, Hand, Finger),
    *(Mains, Pressed, Changed, Exchanged),
)
AnyFault = Union[  # noqa: UP007  # of a tuple
    Mute, Hung, Slow, Garbled, CutShort, Frozen, Gain, Offset, Noise, StuckRange,
    OpenLead, Unplugged, Swapped, StrayLight, Hand, Finger, Mains, Pressed, Changed, Exchanged,
]  # fmt: skip


def kind_of(fault: type[Fault]) -> str:
    """Return the word by which a file calls this kind of fault."""
    return str(fault.__struct_config__.tag)


def onset_of(fault: Fault, draw: "Any") -> Onset:
    """Return when a fault is there; `draw` gives a number for each amount."""
    return Onset(
        from_s=draw(fault.from_s),
        to_s=math.inf if fault.to_s is None else draw(fault.to_s),
        every_s=0.0 if fault.every_s is None else draw(fault.every_s),
        for_s=0.0 if fault.for_s is None else draw(fault.for_s),
        ramp_s=draw(fault.ramp_s),
    )


class Sees(Table, frozen=True, kw_only=True):
    """An answer that follows from what a person sees: as it is, or whether it `is` this value."""

    sees: Text
    equal_to: bool | int | float | str | None = msgspec.field(default=None, name="is")


Answer = bool | int | str | Sees
"""Yes or no, a count, the key of an answer, `@` with a thing that is seen, or a comparison."""


class Operator(Table, frozen=True, kw_only=True):
    """The person at the bench. A question is called by its id; `*` stands for any rest of it.

    `does` are the things that hands do after an answer. `stops_at` is the test at which the person
    stops the run.
    """

    answers: dict[str, Answer] = {}
    does: dict[str, str] = {}
    thinks_s: Amount = 0.0
    stops_at: str = ""


class Truth(Table, frozen=True, kw_only=True):
    """The true figure that a measurement should find: `of` the twin's figures.

    `percent_off` is what it is off from a figure, in per cent of it; `percent_of` what part of it.
    It counts only `when` another figure is true. Within `edge` of a limit either verdict is right.
    """

    of: Text
    percent_off: float | str | None = None
    percent_of: float | str | None = None
    when: str = ""
    edge: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    def __post_init__(self) -> None:
        for key, value in (("percent_off", self.percent_off), ("percent_of", self.percent_of)):
            text = isinstance(value, str) and not (
                value.startswith("@") or (key == "percent_of" and value in WHENS)
            )
            if text or value == 0:
                raise ValueError(f"`{key}` is a number other than 0, or `@` with a rating")


class DeviceTable(Table, frozen=True, kw_only=True):
    """The device's twin by the name of its module, and its parameters.

    `given` are settings of the procedure by which its true figures are found.
    """

    twin: str = ""
    parameters: dict[str, Any] = {}
    given: dict[str, Any] = {}


class Case(Table, frozen=True, kw_only=True):
    """A sort of device, or a mishap: what differs from the rest of the file.

    `weight` is how often it comes, over the sum of all; `source` is where that is known from.
    """

    name: Text
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    source: str = ""
    nameplate: dict[str, Any] = {}
    label: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    fault: tuple[AnyFault, ...] = ()
    operator: Operator = Operator()


class WorldFile(Table, frozen=True, kw_only=True):
    """A world: one kind of equipment, or what differs from the world that it is `based_on`.

    `label` is printed on the device besides its nameplate, such as its model, or otherwise than
    that: what an operator types who is asked for it.
    """

    equipment: str = ""
    based_on: str = ""
    nameplate: dict[str, Any] = {}
    label: dict[str, str] = {}
    device: DeviceTable = DeviceTable()
    truth: dict[str, Truth] = {}
    operator: Operator = Operator()
    fault: tuple[AnyFault, ...] = ()
    case: tuple[Case, ...] = ()
