"""What is plugged into a slot, and whether its plan begins by itself. No threads, no USB here."""

from msgspec.structs import replace

from station.console import PluggedDevice, PluggedNotice, WhenPlugged

RETURNS_WITHIN_S = 2.0
"""Who is back so soon has not been away: a loose contact, or its run that let go of it."""

MOST_LETTERS = 80  # of an asset tag
NO_TAG = "it states no serial number that could be its asset tag"


def tag_stated_by(device: PluggedDevice) -> str:
    """Its serial number, where that can be an asset tag; else empty.

    1 to 80 printable characters, and not only zeros: that is what a maker left blank.
    """
    tag = device.serial_number.strip()
    if len(tag) > MOST_LETTERS or not tag.isprintable() or not tag.strip("0"):
        return ""
    return tag


class Seat:
    """One slot's port. All times are monotonic seconds.

    `notice` is what everybody should know of it now. A device is offered until a run begins; to be
    offered or started again, it must have been away.
    """

    def __init__(self, slot: str, when_plugged: WhenPlugged) -> None:
        self.notice = PluggedNotice(slot)
        self._when_plugged = when_plugged
        self._last = self.notice  # of the device that is here, or else was here last
        self._last_s = float("-inf")  # when it left, or when its run ended
        self._running = False
        self._under_test: PluggedDevice | None = None

    def came(self, device: PluggedDevice, now_s: float, *, just_now: bool) -> str:
        """Returns the asset tag to begin with, or nothing: then it waits for somebody.

        Not `just_now` was it there already, and nobody has asked for a run by plugging it in.
        """
        if device == self._last.device and now_s - self._last_s < RETURNS_WITHIN_S:
            self.notice = self._last
            return ""
        # A run may switch on the port's power, and only then does its device appear.
        under_test = self._running and self._under_test in (None, device)
        if under_test:
            self._under_test = device
        tag = tag_stated_by(device)
        begins = self._when_plugged == "start" and just_now and not self._running
        self._last = self.notice = PluggedNotice(
            self.notice.slot,
            device,
            offered=not under_test,
            suggested_tag=tag,
            reason=NO_TAG if begins and not tag else "",
        )
        return tag if begins else ""

    def gone(self, now_s: float) -> None:
        if self.notice.device is not None:
            self._last_s = now_s
        self.notice = PluggedNotice(self.notice.slot)

    def run_began(self) -> None:
        self._running, self._under_test = True, self.notice.device
        self._change(offered=False, reason="")

    def run_ended(self, now_s: float) -> None:
        self._running = False
        self._last_s = now_s

    def refused(self, reason: str) -> None:
        """Its plan should have begun, and could not."""
        if self.notice.offered:
            self._change(offered=True, reason=reason)

    def _change(self, *, offered: bool, reason: str) -> None:
        if self.notice.device is not None:
            self._last = self.notice = replace(self.notice, offered=offered, reason=reason)
