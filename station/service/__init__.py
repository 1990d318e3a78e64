"""The station at work: slots, runs, notices and publisher behind one `Console`."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from drivers.buses import Hardware
from drivers.capabilities import PortPower
from records import Asked, Device, Phrase, RunRecord, SlotState, StationState, encode, tags
from station.console import (
    AutopilotNotice,
    CannotKeep,
    CommandRefused,
    DeliveryNotice,
    Notice,
    PluggedDevice,
    SlotInfo,
    SlotNotice,
    UnsafeNotice,
)
from station.delivery.outbox import KeyUnusable, Outbox, OutboxError
from station.delivery.publisher import Delivery, Publisher
from station.engine.clock import Cancelled, Clock
from station.engine.events import (
    Event,
    Identifying,
    NotStarted,
    RunFinished,
    RunStarted,
    StepStarted,
)
from station.engine.plan import Plan
from station.engine.prompts import Prompter
from station.engine.slot import Begin, Slot
from station.rig.config import SlotConfig, StationConfig
from station.rig.offers import Ask
from station.rig.seats import Seat
from station.service.history import History, remembered
from station.service.identifying import (
    Labels,
    NotToBeTested,
    labelled,
    said_by_display,
    said_by_usb,
)
from station.service.notices import Notices
from station.service.runs import SOFTWARE, Runs
from station.supervisor import Supervisor

log = logging.getLogger(__name__)

STOPS_WITHIN_S = 60.0
"""The time in which a stopped run must end; after it the run counts as hanging."""
ENDS_WITHIN_S = 2.0
SWAPPED = Phrase("run.swapped")
SHUT_DOWN = Phrase("run.shut_down")


def _real_clock(slot: str) -> Clock:
    return Clock()


def _seat(slot: SlotConfig) -> Seat:
    kinds = [table.kind for table in slot.roles.values()]
    switched = any(issubclass(kind, PortPower) for kind in kinds)
    return Seat(slot.name, slot.when_plugged, switched=switched)


def _words(slot: SlotConfig) -> dict[str, dict[str, str]]:
    """Return the words that the plans of a slot bring along, by language and id."""
    together: dict[str, dict[str, str]] = {}
    for brought in (
        *(plan.words for plan in slot.plans),
        *(one.words for one in slot.asks.values()),
    ):
        for language, said in brought.items():
            together.setdefault(language, {}).update(said)
    return together


class StationService:
    """Implements `station.console.Console`.

    `hardware` has one entry for each slot, and one named "" for the shared instruments.
    """

    def __init__(
        self,
        config: StationConfig,
        hardware: Mapping[str, Hardware],
        outbox: Outbox,
        *,
        new_clock: Callable[[str], Clock] = _real_clock,
        monotonic: Callable[[], float] = time.monotonic,
        simulated: bool = False,
        labels: Labels | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.station = config.station
        self.simulated = simulated
        self.slots = tuple(
            SlotInfo(
                slot.name,
                slot.kind,
                tuple(plan.id for plan in slot.plans),
                tuple(plan.name for plan in slot.plans),
                _words(slot),
                tuple(plan.unproved for plan in slot.plans),
            )
            for slot in config.slots.values()
        )
        self._config = config
        self._hardware = hardware
        self._outbox = outbox
        self._take_over: Callable[[], None] = lambda: None
        self._monotonic = monotonic
        self._seats = {slot.name: _seat(slot) for slot in config.slots.values()}
        self._states = {slot: SlotState(slot=slot) for slot in config.slots}
        self._notices = Notices(self._seats, DeliveryNotice(False, *outbox.counts()), monotonic)
        self._history = History(timed=not simulated)
        self._labels = labels or Labels()
        self._began_s: dict[str, float] = {}
        self._commands = threading.Lock()
        self._closing = threading.Event()
        self._runs = Runs(
            config,
            hardware,
            outbox,
            simulated=simulated,
            closing=self._closing,
            hear=self._hear,
            supervisor=supervisor,
        )
        self._slots = {
            name: Slot(name, self._hear, partial(new_clock, name)) for name in config.slots
        }
        self._publisher = Publisher(
            config.station,
            config.broker,
            outbox,
            state=self._state,
            on_delivery=self._on_delivery,
        )

    def open(self) -> tuple[RunRecord, ...]:
        """Make every bench safe, recover what a power cut broke off, and go on line.

        Returns the recovered records.
        """
        for slot in self._config.slots.values():
            if troubles := self._runs.make_safe(slot):
                self._notices.tell(UnsafeNotice(slot.name, troubles))
            self._seats[slot.name].made_safe(self._monotonic())
        try:
            recovered = self._outbox.recover()
        except KeyUnusable:  # what waits is delivered nevertheless, and nothing begins
            log.exception("a run was broken off, and has no record before the key is usable")
            recovered = ()
        self._outbox.offer_again()
        for record in recovered:
            log.warning("run %s in %s was broken off", record.record_id, record.slot)
        self._publisher.start()
        threading.Thread(target=self._remember, name="history", daemon=True).start()
        return recovered

    def close(self) -> None:
        """Stop what runs, wait until every device is let go of, and go off line."""
        with self._commands:  # who is starting a run now starts it before, or not at all
            self._closing.set()
        for slot in self._slots.values():
            slot.cancel(SHUT_DOWN)
        for slot in self._slots.values():
            slot.join()
        self._publisher.close()
        self._outbox.close()

    def silent(self, within_s: float) -> tuple[str, ...]:
        """Return the parts that do not answer: none, while all is well. For a watchdog.

        Each has `within_s`; for the outbox this waits as long as the disk takes.
        """
        silent = []
        try:
            self._outbox.counts()  # a round trip through its thread
        except OutboxError as error:
            log.warning("the outbox answers, but badly: %s", error)  # a restart mends no disk
        if not self._publisher.answers(within_s):
            silent.append("publisher")
        for name, lock in (("commands", self._commands), ("notices", self._notices.lock)):
            if lock.acquire(timeout=within_s):
                lock.release()
            else:
                silent.append(name)
        for name, slot in self._slots.items():
            if slot.overdue(STOPS_WITHIN_S):
                silent.append(f"slot {name}")
        return tuple(silent)

    # What a console may do

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self._notices.listen(listener)

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None:
        config = self._slot_config(slot)
        try:
            tag = tags.read(asset_tag)
        except ValueError:
            shown = repr(asset_tag[: tags.MOST_CHARACTERS])
            raise CommandRefused("refused.no_tag", tag=shown, most=tags.MOST_CHARACTERS) from None
        chosen = next((one for one in config.plans if one.id == plan), None)
        if not plan:
            chosen = config.plans[0]
        if chosen is None:
            offered = ", ".join(one.id for one in config.plans)
            raise CommandRefused("refused.no_plan", slot=slot, plan=plan, offered=offered)
        with self._commands:
            if self._closing.is_set():
                raise CommandRefused("refused.shutting_down")
            for name, other in self._slots.items():
                if other.busy and self._states[name].asset_tag == tag:
                    raise CommandRefused("refused.in_test", tag=tag, slot=name)
            if self._slots[slot].busy:
                raise CommandRefused("refused.busy", slot=slot, tag=self._states[slot].asset_tag)
            device = Device(asset_tag=tag, kind=chosen.kind)
            if (ask := config.asks.get(chosen.id)) is not None:
                begin: Begin = partial(self._identify, config, ask, device)
            else:
                draft = self._runs.begin(config, chosen, labelled(device, chosen))
                begin = partial(self._run, config, chosen, draft, ())
            self._states[slot] = SlotState(slot=slot, asset_tag=tag, plan=chosen.id)
            self._slots[slot].start(begin)

    def stop(self, slot: str) -> None:
        self._slot_config(slot)
        self._slots[slot].cancel()

    def answer(self, slot: str, key: str) -> None:
        self._slot_config(slot)
        answers = self._slots[slot].answers
        if self._slots[slot].answer(key):
            return
        if not answers:  # also when a line is asked for that this is not
            raise CommandRefused("refused.nothing_asked", slot=slot)
        raise CommandRefused("refused.no_answer", key=key, answers=", ".join(sorted(answers)))

    def take_over(self) -> None:
        self._take_over()

    # What is plugged in, from the watch of the ports, in one thread for each slot

    def plugged(self, slot: str, device: PluggedDevice, *, just_now: bool = True) -> None:
        """Offer the plan for a device at the slot's port, or begin it, as the slot says.

        A device that did not come `just_now` was there before: then nothing begins by itself.
        """
        if self._config.slots[slot].when_plugged == "ignore":
            return
        seat = self._seats[slot]
        with self._notices.lock:
            tag = seat.came(device, self._monotonic(), just_now=just_now)
            if seat.swapped:  # nothing may be said of one device that was measured at another
                log.warning("slot %s: its device was replaced in the middle of the run", slot)
                self._slots[slot].cancel(SWAPPED, in_doubt=True)
        self._notices.tell_port(seat)
        if not tag:
            return
        # Nothing begins while a run goes on; one that has just been told to be over ends soon.
        self._slots[slot].join(ENDS_WITHIN_S)
        try:
            self.start(slot, tag)
        except CommandRefused as refusal:
            log.warning("slot %s: what was plugged in is not tested yet: %s", slot, refusal)
            with self._notices.lock:
                seat.refused(refusal.phrase)
            self._notices.tell_port(seat)
        else:
            log.info("slot %s: %s was plugged in, and is tested", slot, tag)

    def unplugged(self, slot: str) -> None:
        """Note that the slot's port is empty. A run that goes on finds out by itself."""
        if self._config.slots[slot].when_plugged == "ignore":
            return
        seat = self._seats[slot]
        with self._notices.lock:
            seat.gone(self._monotonic())
        self._notices.tell_port(seat)

    # What a simulated rig may do, besides

    def fly(self, take_over: Callable[[], None], *, page: str = "") -> None:
        """Announce an autopilot, and what ends it. `page` is where its records can be seen."""

        def end() -> None:
            take_over()
            self._notices.tell(AutopilotNotice(running=False, page=page))

        self._take_over = end
        self._notices.tell(AutopilotNotice(running=True, page=page))

    # How a run goes

    def _slot_config(self, slot: str) -> SlotConfig:
        if slot not in self._config.slots:
            raise CommandRefused("refused.no_slot", slot=slot)
        return self._config.slots[slot]

    def _identify(
        self, slot: SlotConfig, ask: Ask, device: Device, clock: Clock, prompter: Prompter
    ) -> Iterator[Event]:
        """Ask for what a device's label says, and run the plan that follows from it."""
        yield Identifying(device)
        try:
            seen = said_by_usb(self._seats[slot.name].notice.device)
            seen = seen or said_by_display(slot, self._hardware[slot.name])
            told_by = self._config.operator
            known = self._labels.identify(device, ask, told_by, seen, clock, prompter)
            draft = self._runs.begin(slot, known.plan, known.device)
        except (Cancelled, NotToBeTested) as error:
            yield NotStarted(error.reason if isinstance(error, NotToBeTested) else None)
        except CannotKeep as refusal:
            yield NotStarted(refusal.phrase)
        else:
            yield from self._run(slot, known.plan, draft, known.asked, clock, prompter)

    def _run(
        self,
        slot: SlotConfig,
        plan: Plan,
        draft: RunRecord,
        asked: Sequence[Asked],
        clock: Clock,
        prompter: Prompter,
    ) -> Iterator[Event]:
        yield from self._runs.drive(slot, plan, draft, clock, prompter, asked)
        self._publisher.wake()

    def _hear(self, slot: str, event: Event) -> None:
        """Take in what happens in a slot, from the slot's thread."""
        state = self._states[slot]
        match event:
            case RunStarted():
                self._began_s[slot] = time.monotonic()
                self._states[slot] = msgspec.structs.replace(state, verdict=None)
            case StepStarted(title=title):
                self._states[slot] = msgspec.structs.replace(state, step=title)
            case NotStarted():
                self._states[slot] = SlotState(slot=slot)
            case RunFinished(record=record):
                self._states[slot] = msgspec.structs.replace(state, step="", verdict=record.verdict)
                tag, verdict = record.device.asset_tag, record.verdict
                log.info("slot %s: %s ends as %s", slot, tag, verdict.name)
            case _:
                pass
        if self._states[slot] is not state:
            self._publisher.state_changed()
        notice = SlotNotice(slot, event)
        self._notices.tell(notice)
        if isinstance(event, RunStarted):
            self._notices.tell(self._history.before(slot, state.asset_tag, state.plan))
        elif isinstance(event, RunFinished):
            took_s = time.monotonic() - self._began_s[slot]
            self._history.finished(remembered(event.record), took_s)
            self._notices.tell(self._history.today())
        if not isinstance(event, RunFinished):  # the record itself goes its own way
            self._publisher.tell_live(encode(notice))

    def _remember(self) -> None:
        """Read what the station remembers, beside its work."""
        self._history.load(self._outbox)
        self._notices.tell(self._history.today())

    def _on_delivery(self, delivery: Delivery) -> None:
        self._notices.tell(DeliveryNotice(*delivery))

    def _state(self) -> StationState:
        """Return what is published of the station; called from the publisher's thread."""
        try:
            key, head = self._outbox.public_key(self.station), self._outbox.head()
        except OutboxError as error:
            log.warning("neither key nor head of the chain can be told: %s", error)
            key, head = None, None
        return StationState(
            station=self.station,
            online=True,
            software=SOFTWARE,
            waiting=self._notices.delivery.waiting,
            slots=tuple(self._states.values()),
            key=key,
            head=head,
            troubles=self._notices.delivery.troubles,
        )
