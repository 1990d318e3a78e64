"""The device in each slot, and whether its plan begins by itself. No threads, no USB here."""

from typing import NamedTuple

from msgspec.structs import replace

from records import Phrase, tags
from station.console import PluggedDevice, PluggedNotice, WhenPlugged

RETURNS_WITHIN_S = 2.0
"""A device back within this time was not away: a loose contact, or its run let go of it."""

STARTS_WITHIN_S = 10.0
"""A device that comes within this time after its port got its power back was there before."""

NO_TAG = Phrase("refused.no_serial_number")
SWAPPED = Phrase("refused.came_in_between")


def is_another(one: PluggedDevice, other: PluggedDevice) -> bool:
    """Tell whether the two cannot be one device, whatever happened meanwhile.

    A device that starts anew may say less than before, but nothing else: a serial number that is
    the same proves nothing, as makers give one to all their products. A hub is there twice, once
    for each speed, as two products of one vendor.
    """
    if one.serial_number and other.serial_number and one.serial_number != other.serial_number:
        return True
    if one.hub_at and other.hub_at and one.hub_at != other.hub_at:
        return one.usb_id.partition(":")[0] != other.usb_id.partition(":")[0]
    names = ((one.maker, other.maker), (one.product, other.product))
    return one.usb_id != other.usb_id or any(a != b for a, b in names if a and b)


class _Left(NamedTuple):
    """A device that went, with what was known of it then."""

    notice: PluggedNotice
    at_s: float


class Seat:
    """One slot's port. All times are monotonic seconds.

    `notice` is what everybody should know of it now. A device is offered until a run begins; to be
    offered or started again, it must have been away. `swapped` is whether the run that goes on is
    about a device that another one has replaced. `switched` ports lose and get their power in runs.
    """

    def __init__(self, slot: str, when_plugged: WhenPlugged, *, switched: bool = False) -> None:
        self.notice = PluggedNotice(slot)
        self.swapped = False
        self._when_plugged = when_plugged
        self._switched = switched
        self._left: dict[PluggedDevice, _Left] = {}
        self._running = False
        self._under_test: PluggedDevice | None = None
        self._without_power: PluggedDevice | None = None  # perhaps, since its run
        self._power_back_s = float("-inf")

    def came(self, device: PluggedDevice, now_s: float, *, just_now: bool) -> str:
        """Take a device in; return the asset tag to begin with, or "": then it waits for a person.

        If not `just_now` it was there already: no run was asked for by plugging it in.
        """
        if device == self.notice.device:
            return ""
        self._leave(now_s)
        # A run may switch on the port's power, and only then does its device appear.
        under_test = self._running and self._under_test in (None, device)
        if under_test:
            self._under_test = device
        elif self._running and self._under_test is not None:
            self.swapped = self.swapped or is_another(device, self._under_test)
        left = self._left.pop(device, None)
        if left is not None and now_s - left.at_s < RETURNS_WITHIN_S:
            self.notice = left.notice
            if under_test:
                self._change(offered=False)
            return ""
        tag = tags.from_serial_number(device.serial_number)
        begins = self._when_plugged == "start" and just_now and not self._running
        if device == self._without_power:  # and slow to come back
            begins, self._without_power = False, None
        if now_s - self._power_back_s < STARTS_WITHIN_S:
            begins = False
        self.notice = PluggedNotice(
            self.notice.slot,
            device,
            offered=not under_test,
            suggested_tag=tag,
            reason=SWAPPED if self.swapped else NO_TAG if begins and not tag else None,
        )
        return tag if begins else ""

    def made_safe(self, now_s: float) -> None:
        """Note that a port left without power has it again without a run, as at the start."""
        if self._switched:
            self._power_back_s = now_s

    def gone(self, now_s: float) -> None:
        self._leave(now_s)
        self.notice = PluggedNotice(self.notice.slot)

    def run_began(self) -> None:
        self._running, self.swapped = True, False
        self._under_test = self.notice.device
        self._change(offered=False)

    def run_ended(self, now_s: float) -> None:
        self._running, self.swapped = False, False
        if self._switched and self._under_test != self.notice.device:
            self._without_power = self._under_test
        if self._under_test is not None and (left := self._left.get(self._under_test)):
            self._left[self._under_test] = left._replace(at_s=now_s)

    def refused(self, reason: Phrase) -> None:
        """Note why the device's plan, which should have begun, could not."""
        if self.notice.offered:
            self._change(offered=True, reason=reason)

    def _leave(self, now_s: float) -> None:
        if self.notice.device is None:
            return
        self._left[self.notice.device] = _Left(self.notice, now_s)
        self._left = {
            device: left
            for device, left in self._left.items()
            if now_s - left.at_s < RETURNS_WITHIN_S
            or (self._running and device == self._under_test)
        }

    def _change(self, *, offered: bool, reason: Phrase | None = None) -> None:
        if self.notice.device is not None:
            self.notice = replace(self.notice, offered=offered, reason=reason)
