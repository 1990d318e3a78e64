"""A slot on the screen, as plain data: fed with events, painted elsewhere."""

from enum import Enum

from msgspec.structs import replace

from records import Device, Measurement, Phrase, RunRecord, StepRecord, Verdict
from records.run import not_safe
from records.words import Language
from station.console import PluggedNotice, SlotInfo, UnsafeNotice
from station.engine.events import (
    Answered,
    Asked,
    Event,
    Identifying,
    Measured,
    NotSaved,
    NotStarted,
    RunFinished,
    RunStarted,
    Shown,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.ui.answers import OpenQuestion

BENCH = ("bench.", "run.")  # steps of the runner, which no plan lists


class Mood(Enum):
    """The state of a slot, as it is seen at first sight."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    ASKING = "asking"
    PASS = "pass"
    MARGINAL = "marginal"
    FAIL = "fail"
    ERROR = "error"
    ABORTED = "aborted"
    INCOMPLETE = "incomplete"
    UNSAVED = "unsaved"
    UNSAFE = "unsafe"


_MOODS = {
    Verdict.PASS: Mood.PASS,
    Verdict.FAIL: Mood.FAIL,
    Verdict.ERROR: Mood.ERROR,
    Verdict.ABORTED: Mood.ABORTED,
    Verdict.INCOMPLETE: Mood.INCOMPLETE,
}


class StepModel:
    """A step with what was measured in it. A name measured again shows its last value."""

    def __init__(self, title: Phrase) -> None:
        self.title = title
        self.started = False
        self.record: StepRecord | None = None
        self.measurements: list[Measurement] = []
        self._places: dict[str, int] = {}

    @property
    def verdict(self) -> Verdict | None:
        return self.record.verdict if self.record else None

    @property
    def marginal(self) -> bool:
        return any(measurement.marginal for measurement in self.measurements)

    def measured(self, measurement: Measurement) -> None:
        place = self._places.setdefault(measurement.name, len(self.measurements))
        if place == len(self.measurements):
            self.measurements.append(measurement)
        else:
            self.measurements[place] = measurement

    def finished(self, record: StepRecord) -> None:
        self.title = record.title if record.title != Phrase() else self.title
        self.record = record
        self.measurements = list(record.measurements)


class SlotModel:
    """One slot. `revision` counts the changes, `shape` those that add or remove lines."""

    def __init__(self, info: SlotInfo) -> None:
        self.info = info
        self.revision = 0
        self.shape = 0
        self.running = False
        self.stopping = False
        self.unsafe = False
        self._unsafe_from_start: UnsafeNotice | None = None
        self.plugged = PluggedNotice(info.name)
        self.pulled = False  # while it was being tested
        self.device: Device | None = None
        self.plan = Phrase()
        self.plan_words = info.words
        self.expected_s: float | None = None
        self.chosen_plan = info.plans[0] if info.plans else ""
        self.steps: list[StepModel] = []
        self.step: StepModel | None = None
        self.number = 0
        self.waiting: Waiting | None = None
        self.waiting_since_s = 0.0
        self.question: OpenQuestion | None = None
        self.shown: Shown | None = None
        self.not_saved: NotSaved | None = None
        self.why_not: Phrase | None = None  # no run came of the last scan
        self.record: RunRecord | None = None
        self.started_s = 0.0
        self.message = ""
        self.message_until_s = 0.0
        self._questions = 0

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def mood(self) -> Mood:
        if self.unsafe:
            return Mood.UNSAFE
        if self.not_saved is not None:
            return Mood.UNSAVED
        if self.question is not None:
            return Mood.ASKING
        if self.waiting is not None:
            return Mood.WAITING
        if self.running:
            return Mood.RUNNING
        if self.record is None:
            return Mood.READY
        if self.record.verdict is Verdict.PASS and self.record.marginal:
            return Mood.MARGINAL
        return _MOODS[self.record.verdict]

    @property
    def ending(self) -> str:
        """Return how the run that is over ended: `pass`, `marginal`, `fail`, …"""
        if self.record is None:
            return ""
        marginal = self.record.verdict is Verdict.PASS and self.record.marginal
        return "marginal" if marginal else str(self.record.verdict)

    @property
    def failures(self) -> list[tuple[Measurement, list[Measurement]]]:
        """Return each measurement outside its limit, with all measurements of its step."""
        return [
            (m, step.measurements)
            for step in self.steps
            for m in step.measurements
            if m.verdict is Verdict.FAIL
        ]

    @property
    def decisive(self) -> StepModel | None:
        """Return the first step that made the run end as it did; None where it passed."""
        if self.record is None or self.record.verdict is Verdict.PASS:
            return None
        if self.record.verdict is Verdict.INCOMPLETE:
            unproved = self.record.conclude().unproved
            return next((s for s in self.steps if s.record and s.record.test in unproved), None)
        return next((step for step in self.steps if step.verdict is self.record.verdict), None)

    @property
    def outside(self) -> list[Measurement]:
        """Return the measurements outside their limits."""
        return [m for step in self.steps for m in step.measurements if m.verdict is Verdict.FAIL]

    @property
    def near(self) -> list[Measurement]:
        """Return the measurements near their limits."""
        return [m for step in self.steps for m in step.measurements if m.marginal]

    @property
    def reason(self) -> Phrase | None:
        """Return why the run ended as it did, as the step says that decided it."""
        if self.record is None:
            return None
        worst = [step for step in self.record.steps if step.verdict is self.record.verdict]
        return next((step.reason for step in worst if step.reason is not None), None)

    @property
    def unproved(self) -> list[Phrase]:
        """Return the titles of the tests that were required and not proved."""
        if self.record is None:
            return []
        unproved = self.record.conclude().unproved
        return [one.title for one in self.record.steps if one.test in unproved]

    @property
    def unsafe_reasons(self) -> list[Phrase]:
        """Return why the bench is not known to be safe."""
        told = [phrase for s in self.steps if s.record for phrase in not_safe([s.record])]
        if not told and self._unsafe_from_start is not None:
            return self._unsafe_from_start.reasons
        return told[:1]

    def words(self, language: Language) -> Language:
        """Return the operator's language with the words that the slot's plan brings along."""
        brought = self.plan_words.get(language.code)
        return language.also(brought) if brought else language

    @property
    def cannot_be_proved(self) -> tuple[Phrase, ...]:
        """Return the titles of the tests without which the chosen plan cannot end as PASS."""
        plans, unproved = self.info.plans, self.info.unproved
        if self.chosen_plan in plans and len(unproved) == len(plans):
            return unproved[plans.index(self.chosen_plan)]
        return ()

    @property
    def plan_title(self) -> Phrase:
        """Return what the plan is called that the next device is tested by."""
        plans, titles = self.info.plans, self.info.titles
        if self.chosen_plan in plans and len(titles) == len(plans):
            return titles[plans.index(self.chosen_plan)]
        return Phrase(text=self.chosen_plan)

    def tell(self, message: str, until_s: float) -> None:
        """Show the operator a message in this slot; an empty one takes it away."""
        if message != self.message:
            self.revision += 1
        self.message, self.message_until_s = message, until_s

    def stop_requested(self) -> None:
        self.stopping = True
        self.revision += 1

    def answered(self) -> OpenQuestion | None:
        """Take the question off the screen: one key answers once."""
        question, self.question = self.question, None
        self.revision += 1
        return question

    def ask_again(self, question: OpenQuestion | None) -> None:
        """Put the question back: its answer was refused."""
        self.question = question
        self.revision += 1

    def next_plan(self) -> None:
        plans = self.info.plans
        place = plans.index(self.chosen_plan) + 1 if self.chosen_plan in plans else 0
        self.chosen_plan = plans[place % len(plans)]
        self.revision += 1

    def plug(self, notice: PluggedNotice) -> None:
        """Take in what is in the slot's port now."""
        self.revision += 1
        self.pulled = self.running and notice.device is None
        self.plugged = notice

    def is_unsafe(self, notice: UnsafeNotice) -> None:
        """Show danger from the station's start on, until a run has reached all of the slot."""
        self.revision += 1
        self.shape += 1
        self.unsafe, self._unsafe_from_start = True, notice

    def apply(self, event: Event, now_s: float) -> None:
        """Take in an event, in any order: a screen may be attached in the middle of a run."""
        self.revision += 1
        self.waiting = None
        self.not_saved = None
        self.why_not = None
        match event:
            case Measured(measurement=measurement):
                step = self._current()
                before = len(step.measurements)
                step.measured(measurement)
                self.shape += len(step.measurements) - before
            case Shown():
                self.shown = event
            case StepStarted(number=number, title=title):
                self._begin_step(number, title)
            case StepFinished(record=record):
                self._finish_step(record)
            case Waiting():
                self.waiting, self.waiting_since_s = event, now_s
            case NotSaved():
                self.not_saved = event
            case Asked(question=question):
                self._questions += 1
                self.question = OpenQuestion(self.name, self._questions, question, now_s)
            case Answered():
                self.question = None
            case Identifying(device=device):
                self._identify(device, now_s)
            case NotStarted(reason=reason):
                self._not_started(reason)
            case RunStarted():
                self._begin(event, now_s)
            case RunFinished(record=run):
                self._finish(run)

    def _identify(self, device: Device, now_s: float) -> None:
        """Show the device whose label is asked for; its run has not begun."""
        self.running, self.stopping = True, False
        self.device, self.plan = device, self.plan_title
        self.steps, self.step, self.number = [], None, 0
        self.question, self.shown, self.record = None, None, None
        self.started_s, self.expected_s = now_s, None
        self.message = ""
        self.shape += 1

    def _not_started(self, reason: Phrase | None) -> None:
        self.running, self.stopping = False, False
        self.question, self.device = None, None
        self.why_not = reason
        self.shape += 1

    def _begin(self, event: RunStarted, now_s: float) -> None:
        self.running, self.stopping, self.unsafe = True, False, False
        self.plugged, self.pulled = replace(self.plugged, offered=False, reason=None), False
        self.device, self.plan = event.device, event.plan
        self.plan_words = {
            language: {**self.info.words.get(language, {}), **event.words.get(language, {})}
            for language in self.info.words.keys() | event.words.keys()
        }
        self.expected_s = None
        self.steps = [StepModel(title) for title in event.titles]
        self.step, self.number = None, 0
        self.question, self.shown, self.record = None, None, None
        self.started_s = now_s
        self.message = ""
        self.shape += 1

    def _begin_step(self, number: int, title: Phrase) -> None:
        self.running = True
        planned = [step for step in self.steps if not _of_bench(step)]
        if 0 <= number < len(planned):
            self.step = planned[number]
            self.step.title = title
        else:
            self.step = self._extra(title)
        self.step.started = True
        self.number = number
        self.shown = None
        self.shape += 1

    def _finish_step(self, record: StepRecord) -> None:
        if record.step.startswith(BENCH):
            step = self._extra(record.title, first=not any(s.started for s in self.steps))
        else:
            step = self._current()
        step.finished(record)
        self.step = None
        self.question = None
        self.unsafe = self.unsafe or bool(not_safe([record]))
        self.shape += 1

    def _finish(self, run: RunRecord) -> None:
        """Replace what was heard on the way by what the record holds: it is the truth."""
        executed = [StepModel(record.title) for record in run.steps]
        for step, record in zip(executed, run.steps, strict=True):
            step.started = record.verdict is not Verdict.NOT_TESTED
            step.finished(record)
        self.steps = executed
        self.record, self.device = run, run.device
        self.plan = self.plan if self.plan != Phrase() else Phrase(text=run.plan)
        self.running, self.stopping = False, False
        self.step, self.question, self.shown = None, None, None
        if self._unsafe_from_start and not self._unsafe_from_start.outlasts(run):
            self._unsafe_from_start = None
        self.unsafe = bool(run.not_safe) or bool(self._unsafe_from_start)
        self.shape += 1

    def _current(self) -> StepModel:
        if self.step is None:
            self.running = True
            self.step = self._extra(Phrase())
            self.step.started = True
        return self.step

    def _extra(self, title: Phrase, *, first: bool = False) -> StepModel:
        step = StepModel(title)
        self.steps.insert(0 if first else len(self.steps), step)
        self.shape += 1
        return step

    @property
    def planned(self) -> list[StepModel]:
        """Return the plan's steps, without those that the runner adds."""
        return [step for step in self.steps if not _of_bench(step)]


def _of_bench(step: StepModel) -> bool:
    return step.record is not None and step.record.step.startswith(BENCH)
