"""The station on the screen, as plain data: fed with notices, painted elsewhere.

Says what a scanned line means, too: a slot to select, or a device to test in the selected one.
"""

from typing import NamedTuple

from records import Phrase, tags
from station.console import (
    AutopilotNotice,
    BeforeNotice,
    DeliveryNotice,
    Notice,
    PluggedNotice,
    SlotInfo,
    SlotNotice,
    TodayNotice,
    UnsafeNotice,
)
from station.ui.slot import SlotModel

SLOT_BARCODE = "SLOT:"


class Select(NamedTuple):
    """Select a slot, whose own barcode was scanned."""

    slot: str


class Start(NamedTuple):
    """Test the device with this tag."""

    slot: str
    asset_tag: str
    plan: str


class Refused(NamedTuple):
    """Do nothing, and say why."""

    message: Phrase


class StationModel:
    """The whole station as the operator sees it."""

    def __init__(self, slots: tuple[SlotInfo, ...]) -> None:
        self.slots = [SlotModel(info) for info in slots]
        self._by_name = {slot.name: slot for slot in self.slots}
        self.delivery: DeliveryNotice | None = None
        self.today = TodayNotice()
        self.autopilot: bool | None = None
        self.page = ""
        self.revision = 0

    def __getitem__(self, name: str) -> SlotModel:
        return self._by_name[name]

    def apply(self, notice: Notice, now_s: float) -> None:
        match notice:
            case SlotNotice(slot=name, event=event):
                if name in self._by_name:
                    self._by_name[name].apply(event, now_s)
            case PluggedNotice(slot=name):
                if name in self._by_name:
                    self._by_name[name].plug(notice)
            case UnsafeNotice(slot=name):
                if name in self._by_name:
                    self._by_name[name].is_unsafe(notice)
            case BeforeNotice(slot=name, expected_s=expected_s):
                if name in self._by_name:
                    self._by_name[name].expected_s = expected_s
            case TodayNotice():
                self.today = notice
                self.revision += 1
            case DeliveryNotice():
                self.delivery = notice
                self.revision += 1
            case AutopilotNotice(running=running, page=page):
                self.autopilot, self.page = running, page
                self.revision += 1

    @property
    def running(self) -> list[SlotModel]:
        return [slot for slot in self.slots if slot.running]

    @property
    def unsafe(self) -> list[SlotModel]:
        return [slot for slot in self.slots if slot.unsafe]

    def asking(self, *, but: SlotModel) -> list[SlotModel]:
        """Return the other slots with a question, the one that has waited longest first."""
        asking = [(slot.question.since_s, slot) for slot in self.slots if slot.question]
        return [slot for _, slot in sorted(asking, key=lambda pair: pair[0]) if slot is not but]

    def after(self, slot: SlotModel) -> SlotModel:
        """Return the slot that Tab selects: its question has waited longest, or it is the next."""
        if asking := self.asking(but=slot):
            return asking[0]
        return self.slots[(self.slots.index(slot) + 1) % len(self.slots)]

    def scan(self, line: str, selected: SlotModel) -> Select | Start | Refused:
        """Return what a scanned or typed line means.

        `SLOT:<name>` selects that slot. Anything else is an asset tag for the selected slot, and
        never for another one: no device may be tested under its neighbour's tag.
        """
        tag = tags.strip(line)
        if tag[: len(SLOT_BARCODE)].upper() == SLOT_BARCODE:
            return self._by_barcode(tag[len(SLOT_BARCODE) :].strip())
        if not selected.running:
            return Start(selected.name, tag, selected.chosen_plan)
        free = ", ".join(
            slot.name
            for slot in self.slots
            if not slot.running and not slot.unsafe and slot.info.kind == selected.info.kind
        )
        why = "screen.busy_some_free" if free else "screen.busy_none_free"
        return Refused(Phrase(why, {"tag": tag, "slot": selected.name, "free": free}))

    def _by_barcode(self, name: str) -> Select | Refused:
        for slot in self.slots:
            if slot.name.casefold() == name.casefold():
                return Select(slot.name)
        names = ", ".join(slot.name for slot in self.slots)
        return Refused(Phrase("screen.unknown_slot", {"name": name, "slots": names}))
