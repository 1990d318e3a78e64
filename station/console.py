"""The one door between the station and its operator: a screen, a simulated operator.

Notices go out, commands come in. Nothing here knows of instruments, threads or MQTT.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from records import Phrase, RunRecord, Value
from station.engine.events import Event


class SlotInfo(msgspec.Struct, frozen=True):
    """A place where devices are tested. `plans` are the ids on offer; the first is the default.

    `titles` are what the plans are called, and `words` their own words, by language and id.
    `unproved` are, for each plan, the titles of tests that are required and cannot be done here.
    """

    name: str
    kind: str
    plans: tuple[str, ...]
    titles: tuple[Phrase, ...] = ()
    words: dict[str, dict[str, str]] = {}
    unproved: tuple[tuple[Phrase, ...], ...] = ()


class SlotNotice(msgspec.Struct, frozen=True, tag=True):
    """An event in a slot."""

    slot: str
    event: Event


class DeliveryNotice(msgspec.Struct, frozen=True, tag=True):
    """The whereabouts of records. `delivered` since the station's data was first created.

    `rejected` records are those that the host put in quarantine; they stay here, too. `troubles`
    say what a person should know of the disk and of the records on it.
    """

    connected: bool
    delivered: int
    waiting: int
    rejected: int = 0
    troubles: tuple[Phrase, ...] = ()


class AutopilotNotice(msgspec.Struct, frozen=True, tag=True):
    """The state of an autopilot, which plugs in and scans devices on a simulated rig.

    `page` is the address where the records can be looked at, if anybody serves them.
    """

    running: bool
    page: str = ""


class Earlier(msgspec.Struct, frozen=True):
    """An earlier run of a unit: how it ended (`pass`, `marginal`, `fail`, …), and when it began."""

    ending: str
    started_at: datetime


class BeforeNotice(msgspec.Struct, frozen=True, tag=True):
    """The memory of a station as a run begins: the unit's last runs, the newest first.

    `expected_s` is how long such runs took before, in seconds of a clock on the wall.
    """

    slot: str
    asset_tag: str
    earlier: tuple[Earlier, ...] = ()
    expected_s: float | None = None


class TodayNotice(msgspec.Struct, frozen=True, tag=True):
    """The number of devices that were tested today, by how that ended."""

    tested: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0


WhenPlugged = Literal["offer", "start", "ignore"]
"""The reaction of a slot to a device that is plugged into its port."""


class PluggedDevice(msgspec.Struct, frozen=True):
    """The identity that a plugged-in device states: printable, not long, and not believed.

    `usb_id` is vendor and product, such as `046a:0011`. `hub_at` is the USB port of a hub, and
    empty for everything else: at a blue socket a hub is there twice, once for each speed.
    """

    usb_id: str
    maker: str = ""
    product: str = ""
    serial_number: str = ""
    hub_at: str = ""


class PluggedNotice(msgspec.Struct, frozen=True, tag=True):
    """The device in a slot's port now; None when the port is empty.

    `offered`: it waits for a scan of its label. `suggested_tag` is its serial number where
    that can be an asset tag. `reason` is why its plan has not begun by itself, where it should, or
    that the run it came into is stopped.
    """

    slot: str
    device: PluggedDevice | None = None
    offered: bool = False
    suggested_tag: str = ""
    reason: Phrase | None = None


class UnsafeNotice(msgspec.Struct, frozen=True, tag=True):
    """A slot that could not be made safe at the start; `troubles` says why, by role.

    What an instrument said is verbatim.
    """

    slot: str
    troubles: dict[str, str]

    @property
    def reasons(self) -> list[Phrase]:
        """Return why, one phrase for each role."""
        return [
            Phrase("bench.driver_error", {"roles": role}, why)
            for role, why in self.troubles.items()
        ]

    def outlasts(self, run: RunRecord) -> bool:
        """Tell whether the run has not reached all of it; what it reached it has judged itself."""
        return not self.troubles.keys() <= {one.role for one in run.instruments}


Notice = (
    SlotNotice
    | DeliveryNotice
    | AutopilotNotice
    | PluggedNotice
    | UnsafeNotice
    | BeforeNotice
    | TodayNotice
)


class CommandRefused(Exception):
    """A command that makes no sense now. `phrase` is for the operator.

    `id` is that of its sentence, `values` fill its places, and `text` is verbatim.
    """

    def __init__(self, id: str, *, text: str = "", **values: Value) -> None:
        self.phrase = Phrase(id, values, text)
        super().__init__(self.phrase.words)


class CannotKeep(CommandRefused):
    """A command whose result could be lost, as the disk takes no record."""


class Console(Protocol):
    """The knowledge and the commands of a screen. Every command returns at once.

    Listeners are called from the station's threads, must be quick and must not raise.
    """

    station: str
    simulated: bool
    slots: tuple[SlotInfo, ...]

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Tell `listener` everything from now on.

        It begins with where the records are, and for each slot with what its current or last run
        has told so far, or why it is not known to be safe, and with what is plugged in, so that a
        screen may come and go.
        """

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None:
        """Test the device with this tag. Raises `CommandRefused`: busy, unknown plan, bad tag."""

    def stop(self, slot: str) -> None:
        """Stop what runs there; nothing running is no error."""

    def answer(self, slot: str, key: str) -> None:
        """Answer the question that the slot has asked. Raises `CommandRefused`.

        `key` is that of a choice; where the question has none, the line that was typed or scanned.
        """

    def take_over(self) -> None:
        """Let the person at the screen operate a simulated rig from now on."""
