"""The station at work: slots, outbox and publisher behind one `Console`."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TypeVar

import msgspec

from drivers.buses import Hardware
from drivers.capabilities import PortPower
from records import (
    Device,
    RunRecord,
    SlotState,
    StationState,
    Verdict,
    encode,
    new_record_id,
    tags,
)
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
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.publisher import Delivery, Publisher
from station.engine.bench import SharedLock
from station.engine.clock import Clock, clock_is_synchronised
from station.engine.events import Event, KeysSeen, NotSaved, RunFinished, RunStarted, StepStarted
from station.engine.plan import Plan
from station.engine.prompts import Prompter
from station.engine.run import run
from station.engine.slot import Slot
from station.rig.config import SlotConfig, StationConfig, open_bench
from station.rig.seats import Seat

Result = TypeVar("Result")

log = logging.getLogger(__name__)

SOFTWARE = f"pace-station {version('pace-station')}"
STOPS_WITHIN_S = 60.0
"""How long a run that was stopped may take to its end before it hangs."""
ENDS_WITHIN_S = 2.0
SAVE_AGAIN_S = 2.0


def _real_clock(slot: str) -> Clock:
    return Clock()


def _seat(slot: SlotConfig) -> Seat:
    kinds = [named.table.kind for named in slot.roles.values()]
    switched = any(issubclass(kind, PortPower) for kind in kinds)
    return Seat(slot.name, slot.when_plugged, switched=switched)


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
    ) -> None:
        self.station = config.station
        self.simulated = simulated
        self.slots = tuple(
            SlotInfo(slot.name, slot.kind, tuple(plan.id for plan in slot.plans))
            for slot in config.slots.values()
        )
        self._config = config
        self._hardware = hardware
        self._outbox = outbox
        self._locks = {name: SharedLock(name) for name in config.shared}
        self._listeners: list[Callable[[Notice], None]] = []
        self._told: dict[str, list[SlotNotice]] = {slot: [] for slot in config.slots}
        self._unsafe: dict[str, UnsafeNotice] = {}
        self._telling = threading.Lock()
        self._take_over: Callable[[], None] = lambda: None
        self._monotonic = monotonic
        self._seats = {slot.name: _seat(slot) for slot in config.slots.values()}
        self._states = {slot: SlotState(slot=slot) for slot in config.slots}
        self._delivery = DeliveryNotice(False, *outbox.counts())
        self._autopilot: AutopilotNotice | None = None
        self._commands = threading.Lock()
        self._closing = threading.Event()
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

        Returns the recovered records, which are ABORTED.
        """
        for slot in self._config.slots.values():
            self._make_safe(slot)
            self._seats[slot.name].made_safe(self._monotonic())
        recovered = self._outbox.recover()
        self._outbox.offer_again()
        for record in recovered:
            log.warning("run %s in %s was broken off", record.record_id, record.slot)
        self._publisher.start()
        return recovered

    def close(self) -> None:
        """Stop what runs, wait until every device is let go of, and go off line."""
        with self._commands:  # who is starting a run now starts it before, or not at all
            self._closing.set()
        for slot in self._slots.values():
            slot.cancel("the station was shut down")
        for slot in self._slots.values():
            slot.join()
        self._publisher.close()
        self._outbox.close()

    def silent(self, within_s: float) -> tuple[str, ...]:
        """The parts that do not answer: none, while all is well. For a watchdog.

        Each has `within_s`; for the outbox this waits as long as the disk takes.
        """
        silent = []
        try:
            self._outbox.counts()  # a round trip through its thread
        except OutboxError as error:
            log.warning("the outbox answers, but badly: %s", error)  # a restart mends no disk
        if not self._publisher.answers(within_s):
            silent.append("publisher")
        for name, lock in (("commands", self._commands), ("notices", self._telling)):
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
        with self._telling:
            listener(self._delivery)
            if self._autopilot is not None:
                listener(self._autopilot)
            for unsafe in self._unsafe.values():
                listener(unsafe)
            for told in self._told.values():
                for notice in told:
                    listener(notice)
            for seat in self._seats.values():
                if seat.notice.device is not None:
                    listener(seat.notice)
            self._listeners.append(listener)

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None:
        config = self._slot_config(slot)
        try:
            tag = tags.read(asset_tag)
        except ValueError as error:
            raise CommandRefused(str(error)) from None
        chosen = next((one for one in config.plans if one.id == plan), None)
        if not plan:
            chosen = config.plans[0]
        if chosen is None:
            offered = ", ".join(one.id for one in config.plans)
            raise CommandRefused(f"{slot} does not offer the plan {plan!r}, but {offered}")
        with self._commands:
            if self._closing.is_set():
                raise CommandRefused("the station is shutting down")
            for name, other in self._slots.items():
                if other.busy and self._states[name].asset_tag == tag:
                    raise CommandRefused(f"{tag} is being tested in {name} already")
            if self._slots[slot].busy:
                raise CommandRefused(f"{slot} is busy with {self._states[slot].asset_tag}")
            draft = self._begin(config, chosen, tag)
            self._states[slot] = SlotState(slot=slot, asset_tag=tag, plan=chosen.id)
            self._slots[slot].start(
                lambda clock, prompter: self._run(config, chosen, draft, clock, prompter)
            )

    def stop(self, slot: str) -> None:
        self._slot_config(slot)
        self._slots[slot].cancel()

    def answer(self, slot: str, key: str) -> None:
        self._slot_config(slot)
        if not self._slots[slot].answer(key):
            raise CommandRefused(f"{slot} asks nothing that {key!r} would answer")

    def take_over(self) -> None:
        self._take_over()

    # What is plugged in, from whoever watches the ports, in one thread for each slot

    def plugged(self, slot: str, device: PluggedDevice, *, just_now: bool = True) -> None:
        """A device is at the slot's port: offer its plan, or begin it, as the slot says.

        Not `just_now` was it there before anybody watched; then nothing begins by itself.
        """
        if self._config.slots[slot].when_plugged == "ignore":
            return
        seat = self._seats[slot]
        with self._telling:
            tag = seat.came(device, self._monotonic(), just_now=just_now)
            if seat.swapped:  # nothing may be said of one device that was measured at another
                log.warning("slot %s: its device was replaced in the middle of the run", slot)
                self._slots[slot].cancel("another device was plugged in in the middle of the run")
        self._tell_port(seat)
        if not tag:
            return
        # Nothing begins while a run goes on; one that has just been told to be over ends soon.
        self._slots[slot].join(ENDS_WITHIN_S)
        try:
            self.start(slot, tag)
        except CommandRefused as refusal:
            log.warning("slot %s: what was plugged in is not tested yet: %s", slot, refusal)
            with self._telling:
                seat.refused(str(refusal))
            self._tell_port(seat)
        else:
            log.info("slot %s: %s was plugged in, and is tested", slot, tag)

    def unplugged(self, slot: str) -> None:
        """Nothing is at the slot's port any more. A run that goes on finds out by itself."""
        if self._config.slots[slot].when_plugged == "ignore":
            return
        seat = self._seats[slot]
        with self._telling:
            seat.gone(self._monotonic())
        self._tell_port(seat)

    # What a simulated rig may do, besides

    def fly(self, take_over: Callable[[], None], *, page: str = "") -> None:
        """Announce an autopilot, and what ends it. `page` is where its records can be seen."""

        def end() -> None:
            take_over()
            self._autopilot = AutopilotNotice(running=False, page=page)
            self._tell(self._autopilot)

        self._take_over = end
        self._autopilot = AutopilotNotice(running=True, page=page)
        self._tell(self._autopilot)

    # How a run goes

    def _slot_config(self, slot: str) -> SlotConfig:
        if slot not in self._config.slots:
            raise CommandRefused(f"there is no slot {slot!r}")
        return self._config.slots[slot]

    def _begin(self, slot: SlotConfig, plan: Plan, tag: str) -> RunRecord:
        draft = RunRecord(
            record_id=new_record_id(),
            sequence=0,
            station=self.station,
            slot=slot.name,
            operator=self._config.operator,
            device=Device(asset_tag=tag, kind=slot.kind),
            plan=plan.id,
            plan_sha256=plan.sha256,
            guideline=plan.guideline,
            instruments=(),
            software=SOFTWARE,
            clock_synchronised=clock_is_synchronised(),
            simulated=self.simulated,
            started_at=datetime.now(UTC),
            duration_s=0.0,
            steps=(),
            verdict=Verdict.ABORTED,
        )
        try:
            return self._outbox.begin(draft)
        except OutboxError as error:
            raise CannotKeep(
                f"{tag} is not tested: its record could not be kept: {error}"
            ) from error

    def _run(
        self, slot: SlotConfig, plan: Plan, draft: RunRecord, clock: Clock, prompter: Prompter
    ) -> Iterator[Event]:
        bench = open_bench(
            self._config,
            slot.name,
            self._hardware[slot.name],
            clock,
            prompter,
            self._locks,
            self._hardware[""],
        )
        try:
            for event in run(plan, bench, draft):
                if isinstance(event, RunFinished):
                    self._saved(slot.name, partial(self._outbox.finish, event.record))
                else:
                    self._outbox.note(draft.record_id, event)
                yield event
        except OutboxError:
            raise  # we are closing and the disk is full: the journal will tell
        except Exception as error:
            log.exception("slot %s: the run broke off", slot.name)
            why = f"a fault of this program: {error!r}"
            save = partial(self._outbox.break_off, draft.record_id, why)
            yield RunFinished(self._saved(slot.name, save))
        self._publisher.wake()

    def _saved(self, slot: str, save: Callable[[], Result]) -> Result:
        """Try until the disk takes it. Nobody sees a verdict that is not on disk."""
        told = ""
        while True:
            try:
                return save()
            except OutboxError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("slot %s: not saved, trying again: %s", slot, told)
                    self._hear(slot, NotSaved(told))
                if self._closing.wait(SAVE_AGAIN_S):
                    raise

    def _hear(self, slot: str, event: Event) -> None:
        """From the slot's thread."""
        state = self._states[slot]
        match event:
            case RunStarted():
                self._states[slot] = msgspec.structs.replace(state, verdict=None)
            case StepStarted(title=title):
                self._states[slot] = msgspec.structs.replace(state, step=title)
            case RunFinished(record=record):
                self._states[slot] = msgspec.structs.replace(state, step="", verdict=record.verdict)
            case _:
                pass
        if self._states[slot] is not state:
            self._publisher.state_changed()
        notice = SlotNotice(slot, event)
        self._tell(notice)
        if not isinstance(event, RunFinished):  # the record itself goes its own way
            self._publisher.tell_live(encode(notice))

    def _tell(self, notice: Notice) -> None:
        with self._telling:
            if isinstance(notice, SlotNotice):
                self._remember(notice)
            elif isinstance(notice, UnsafeNotice):
                self._unsafe[notice.slot] = notice
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(notice)
            except Exception:
                log.exception("a listener raised on %s", type(notice).__name__)

    def _tell_port(self, seat: Seat) -> None:
        """Again, where a run has begun meanwhile: the last word must not be an old one."""
        told = None
        while told is not seat.notice:
            told = seat.notice
            self._tell(told)

    def _remember(self, notice: SlotNotice) -> None:
        """What somebody who looks in later has to be told of the slot's run."""
        told = self._told[notice.slot]
        if isinstance(notice.event, RunStarted):
            told.clear()
            self._seats[notice.slot].run_began()
        elif isinstance(notice.event, RunFinished):
            self._seats[notice.slot].run_ended(self._monotonic())
            tag, verdict = notice.event.record.device.asset_tag, notice.event.record.verdict
            log.info("slot %s: %s ends as %s", notice.slot, tag, verdict.name)
            unsafe = self._unsafe.get(notice.slot)
            if unsafe is not None and not unsafe.outlasts(notice.event.record):
                del self._unsafe[notice.slot]
        for kind in (KeysSeen, NotSaved):  # the last of many says it all
            if told and isinstance(notice.event, kind) and isinstance(told[-1].event, kind):
                told.pop()
        told.append(notice)

    def _on_delivery(self, delivery: Delivery) -> None:
        self._delivery = DeliveryNotice(*delivery)
        self._tell(self._delivery)

    def _state(self) -> StationState:
        return StationState(
            station=self.station,
            online=True,
            software=SOFTWARE,
            waiting=self._delivery.waiting,
            slots=tuple(self._states.values()),
        )

    def _make_safe(self, slot: SlotConfig) -> None:
        clock = Clock()
        bench = open_bench(
            self._config,
            slot.name,
            self._hardware[slot.name],
            clock,
            Prompter(lambda event: None, clock),
            self._locks,
            self._hardware[""],
        )
        troubles = bench.release_everything()
        for role, why in troubles.items():
            log.error("slot %s is not known to be safe: %s: %s", slot.name, role, why)
        if troubles:
            self._tell(UnsafeNotice(slot.name, troubles))
