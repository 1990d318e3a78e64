"""The events in a slot, as they happen. Small frozen facts; a listener may live anywhere."""

import msgspec

from records import Device, InstrumentUsed, Measurement, Phrase, RunRecord, StepRecord, Value

Drawn = Value | tuple[Value, ...]
"""The data of a live drawing: numbers and texts, or rows of them."""


class _Event(msgspec.Struct, frozen=True, tag=True):
    pass


class Identifying(_Event, frozen=True):
    """A device was scanned whose label is not known yet; its run has not begun."""

    device: Device


class NotStarted(_Event, frozen=True):
    """No run came of an identification; `reason` is why, None when the operator stopped it."""

    reason: Phrase | None = None


class RunStarted(_Event, frozen=True):
    """`titles` are the plan's steps in order; the last step, making safe, is not among them."""

    record_id: str
    sequence: int
    device: Device
    plan: Phrase
    titles: tuple[Phrase, ...]
    words: dict[str, dict[str, str]] = {}


class StepStarted(_Event, frozen=True):
    """`number` counts from 0 in the plan's order."""

    number: int
    title: Phrase
    step: str = ""


class Waiting(_Event, frozen=True):
    """The step cannot go on before another slot lets go of a shared instrument."""

    instrument: str
    held_by: str


class Acquired(_Event, frozen=True):
    """The wait for a shared instrument is over."""

    instrument: str


class Measured(_Event, frozen=True):
    measurement: Measurement


class Choice(_Event, frozen=True):
    """One answer: the key that stands for it, and what it means.

    `label` is an id of the catalogues, or empty where the key says it all. A language may have
    another key on the keyboard for it, under the id with `.key` behind it.
    """

    key: str
    label: str = ""


class Question(_Event, frozen=True):
    """A question to the operator. Keys are single characters, unique within the question.

    Without choices the answer is a line that is typed or scanned.
    """

    asks: Phrase
    choices: tuple[Choice, ...]

    @property
    def about(self) -> str:
        """Return the id of what is asked, such as `display.bright_pixels.black`."""
        return self.asks.id


class Asked(_Event, frozen=True):
    question: Question


class Answered(_Event, frozen=True):
    key: str


class Shown(_Event, frozen=True):
    """A live drawing of what is tested: the name of its picture, and the data that it draws.

    The screen finds the picture by name and checks the data. Nothing else looks into either, and
    no record holds them.
    """

    picture: str
    data: dict[str, Drawn]


class Found(_Event, frozen=True):
    """The run knows more than before: what the device says of itself, or which instruments."""

    device: Device
    instruments: tuple[InstrumentUsed, ...]


class StepFinished(_Event, frozen=True):
    """A step is over. One that the run did not reach is in the record alone."""

    record: StepRecord


class NotSaved(_Event, frozen=True):
    """The record cannot be written to disk. It is kept in memory and tried again."""

    reason: Phrase


class RunFinished(_Event, frozen=True):
    """The last event of a run. When listeners hear it, the record is on disk."""

    record: RunRecord


Event = (
    Identifying
    | NotStarted
    | RunStarted
    | StepStarted
    | Waiting
    | Acquired
    | Measured
    | Asked
    | Answered
    | Shown
    | Found
    | StepFinished
    | NotSaved
    | RunFinished
)
