"""Runs of a station: each on its own bench, and on disk before anybody sees its verdict."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TypeVar

from drivers.buses import Hardware
from records import Asked, Device, Phrase, RunRecord, Value, Verdict, new_record_id
from station.console import CannotKeep
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.room import DISK_FULL
from station.engine.bench import Bench, SharedLock
from station.engine.clock import Clock, clock_is_synchronised
from station.engine.events import Event, NotSaved, RunFinished
from station.engine.plan import Plan
from station.engine.prompts import Prompter
from station.engine.run import draft_steps, run
from station.rig.config import SlotConfig, StationConfig, open_bench
from station.supervisor import Supervisor

Result = TypeVar("Result")

log = logging.getLogger(__name__)

SOFTWARE = f"pace-station {version('pace-station')}"
SAVE_AGAIN_S = 2.0


class Runs:
    """Begins runs, drives them, and saves what they find.

    `hardware` has one entry for each slot, and one named "" for the shared instruments. When the
    disk takes no record, `hear` is told, and saving is tried again until `closing` is set.
    """

    def __init__(
        self,
        config: StationConfig,
        hardware: Mapping[str, Hardware],
        outbox: Outbox,
        *,
        simulated: bool,
        closing: threading.Event,
        hear: Callable[[str, Event], None],
        supervisor: Supervisor | None = None,
    ) -> None:
        self._config = config
        self._hardware = hardware
        self._outbox = outbox
        self._simulated = simulated
        self._closing = closing
        self._hear = hear
        self._supervisor = supervisor
        self._locks = {name: SharedLock(name) for name in config.shared}

    def begin(self, slot: SlotConfig, plan: Plan, device: Device) -> RunRecord:
        """Return the draft of a run's record, which is on disk. Raises `CannotKeep`."""
        now = datetime.now(UTC)
        draft = RunRecord(
            record_id=new_record_id(),
            sequence=0,
            station=self._config.station,
            slot=slot.name,
            operator=self._config.operator,
            device=device,
            plan=plan.id,
            plan_sha256=plan.sha256,
            profile=plan.guideline,
            altered_by_site=plan.altered_by_site,
            instruments=(),
            software=SOFTWARE,
            clock_synchronised=clock_is_synchronised(),
            remarks_only=self._config.remarks_only,
            simulated=self._simulated,
            started_at=now,
            duration_s=0.0,
            steps=draft_steps(plan, now),
            verdict=Verdict.ABORTED,
        )
        try:
            return self._outbox.begin(draft, plan.record)
        except OutboxError as error:
            tag = device.asset_tag
            why = error.phrase
            if why.id == DISK_FULL:  # which is told to everybody besides
                raise CannotKeep("refused.disk_full", tag=tag) from error
            values: dict[str, Value] = {**why.values, "tag": tag, "because": why.id}
            raise CannotKeep("refused.cannot_keep", text=why.text, **values) from error

    def drive(
        self,
        slot: SlotConfig,
        plan: Plan,
        draft: RunRecord,
        clock: Clock,
        prompter: Prompter,
        asked: Sequence[Asked] = (),
    ) -> Iterator[Event]:
        """Run a plan. Yields its events; the record is in the outbox before `RunFinished`.

        `asked` is what the operator was asked before the run.
        """
        bench = self._bench(slot, clock, prompter)
        bench.asked.extend(asked)
        if self._supervisor is not None:
            self._supervisor.began(slot.name, plan.roles)
        try:
            for event in run(plan, bench, draft):
                if isinstance(event, RunFinished):
                    self._save(slot.name, partial(self._outbox.finish, event.record))
                else:
                    self._outbox.note(draft.record_id, event)
                yield event
        except OutboxError:
            raise  # we are closing and the disk is full: the journal will tell
        except Exception as error:
            log.exception("slot %s: the run broke off", slot.name)
            why = Phrase("run.program_fault", text=repr(error))
            save = partial(self._outbox.break_off, draft.record_id, why)
            yield RunFinished(self._save(slot.name, save))
        finally:
            if self._supervisor is not None:
                self._supervisor.ended(slot.name)

    def make_safe(self, slot: SlotConfig) -> dict[str, str]:
        """Make a slot's bench safe before its first run. Returns the troubles, by role."""
        clock = Clock()
        bench = self._bench(slot, clock, Prompter(lambda event: None, clock))
        troubles = bench.release_everything()
        for role, why in troubles.items():
            log.error("slot %s is not known to be safe: %s: %s", slot.name, role, why)
        return troubles

    def _bench(self, slot: SlotConfig, clock: Clock, prompter: Prompter) -> Bench:
        return open_bench(
            self._config,
            slot.name,
            self._hardware[slot.name],
            clock,
            prompter,
            self._locks,
            self._hardware[""],
        )

    def _save(self, slot: str, save: Callable[[], Result]) -> Result:
        """Try until the disk takes it. No verdict is shown that is not on disk."""
        told: Phrase | None = None
        while True:
            try:
                return save()
            except OutboxError as error:
                if error.phrase != told:
                    told = error.phrase
                    log.warning("slot %s: not saved, trying again: %s", slot, told.words)
                    self._hear(slot, NotSaved(told))
                if self._closing.wait(SAVE_AGAIN_S):
                    raise
