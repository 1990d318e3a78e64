"""Says figures and facts of a page in the language and the time zone of its reader."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from records import Basis, Limit, Measurement, RunRecord, StepRecord, Value, Verdict
from records.messages import PlanRecord
from records.run import Asked
from records.words import ENGLISH, Language, Phrase, language, languages
from records.words.values import excess_text, failure_text, limit_text, name_text, value_text

FOLDERS = (Path(__file__).parent / "words",)
"""The catalogues of the pages: a station does not read them."""

_PLACE = re.compile(r"step ([0-9]+) \(.*?\)(?:, (\w+))?", re.DOTALL)
_QUARANTINED = {
    "not_a_record": "^not a record",
    "too_large": "more than the host's limit",
    "schema": "^schema ",
    "nul": r"^U\+0000 in",
    "station": "^station .* in the topic",
    "other_content": "is stored with other content",
    "record_id": "^record_id ",
    "database": "^the database cannot keep it",
    "number": "needs more than 64 bits|is less than none",
    "piece": "is not a SHA-256",
}
"""The sentence for each reason of `messages` and `store.keeping`, by a piece of its text."""

_ANSWERS = {
    "y": "answer.yes",
    "n": "answer.no",
    "d": "answer.do_it_now",
    "c": "answer.cannot_be_pressed",
}

_BASIS = {Basis.SOURCE: "source", Basis.GENERAL: "general", Basis.PROPOSAL: "proposal"}


def known_languages(folders: Sequence[Path] = ()) -> list[str]:
    """Return the codes of the languages that pages speak, with those of a site's own `folders`."""
    return languages((*folders, *FOLDERS))


def preferred(accepted: str, otherwise: str, folders: Sequence[Path] = ()) -> str:
    """Return the first language of an `Accept-Language` header that pages speak (RFC 9110, 12.5.4).

    Languages that it accepts with the same weight stand in its order; `*` stands for any.
    """
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(","):
        name, _, weight = part.partition(";")
        found = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", weight) if weight else None
        weighed.append((float(found[1]) if found else 0.0 if weight else 1.0, name.strip().lower()))
    known = known_languages(folders)
    for weight_, name in sorted(weighed, key=lambda one: -one[0]):
        if weight_ <= 0:
            break
        if name == "*":
            return otherwise
        if (code := name.partition("-")[0]) in known:
            return code
    return otherwise


class Speaker:
    """Speaks one language on one page. `asked`: its address names the language.

    Templates call it with an id of the catalogues: `say("page.runs")`.
    """

    def __init__(
        self,
        code: str = ENGLISH,
        zone: tzinfo | None = None,
        *,
        asked: bool = False,
        words: Language | None = None,
        folders: Sequence[Path] = (),
    ) -> None:
        """`zone` None: the zone of this machine. `folders` hold a site's own catalogues."""
        self.words = words or language(code, (*folders, *FOLDERS))
        self.code = code
        self.asked = asked
        self._zone = zone

    def __call__(self, name: str, /, **values: Value) -> str:
        return self.words.text(name, **values)

    def with_plan(self, plan: PlanRecord | None) -> "Speaker":
        """Return a speaker that knows the words that a plan brought along."""
        brought = plan.words.get(self.code) if plan is not None else None
        if not brought:
            return self
        return Speaker(self.code, self._zone, asked=self.asked, words=self.words.also(brought))

    def at(self, path: str, **query: object) -> str:
        """Return an address of this host; a language that was asked for is asked for there too."""
        wanted: dict[str, object] = {**query, "lang": self.code} if self.asked else query
        wanted = {name: value for name, value in wanted.items() if value not in (None, "", ())}
        if not wanted:
            return path
        return f"{path}{'&' if '?' in path else '?'}{urlencode(wanted, doseq=True)}"

    def phrase(self, phrase: Phrase | None) -> str:
        """Return a phrase of a record; empty where there is none."""
        return "" if phrase is None else self.words.text(phrase)

    def verdict(self, value: Verdict | str, marginal: bool = False) -> str:
        """Return a run's verdict in capitals. Marginal is a pass that a person should look at."""
        said = self._known("verdict", str(value))
        if marginal and value == Verdict.PASS:
            return f"{said}, {self('verdict.marginal')}"
        return said

    def step_verdict(self, value: Verdict | str) -> str:
        """Return the verdict of a step."""
        return self._known("step", str(value))

    def measured_verdict(self, one: Measurement) -> str:
        """Return the verdict of a measurement."""
        if one.verdict is None:
            return self("page.not_judged")
        return self.verdict(one.verdict, one.marginal)

    def value(self, one: Measurement) -> str:
        """Return a measured value with its unit, in the digits that it has earned."""
        try:
            return value_text(one, self.words)
        except (ValueError, TypeError, OverflowError):  # a limit that cannot judge its value
            return self.words.quantity(self.words.number(one.value), one.unit)

    def limit(self, one: Measurement) -> str:
        """Return the limit of a measurement."""
        if one.limit is None:
            return ""
        return limit_text(one.limit, "", self.words)

    def failure(self, failed: Measurement, others: Sequence[Measurement]) -> str:
        """Return in a sentence what a measurement outside its limit says of the device."""
        try:
            return failure_text(failed, list(others), self.words)
        except (ValueError, TypeError, OverflowError):
            return self.name(failed.name)

    def excess(self, failed: Measurement) -> str:
        """Return by how much a value is outside its limit; empty where that is no number."""
        return excess_text(failed, self.words)

    def name(self, measured: str) -> str:
        """Return what a measurement is called."""
        named = name_text(measured, self.words)
        return named[:1].upper() + named[1:]

    def called(self, family: str, one: str) -> str:
        """Return what a role, kind or plan is called."""
        return self.words.name(family, one)

    def basis(self, bounds: Limit) -> str:
        """Return where a limit comes from. Only what was read in a source is its text."""
        said = self(f"page.basis.{_BASIS.get(bounds.basis, 'other')}")
        return f"{said}: {bounds.source}" if bounds.source else said

    def place(self, place: str, record: RunRecord) -> str:
        """Return where in a record a contradiction is: the title of a step, and a measurement."""
        found = _PLACE.fullmatch(place)
        if found is None or not 0 < int(found[1]) <= len(record.steps):
            return place
        title = self.title(record.steps[int(found[1]) - 1])
        return f"{title}, {self.name(found[2])}" if found[2] else title

    def title(self, step: StepRecord) -> str:
        """Return what a test is called."""
        return self.phrase(step.title) or self.words.name("title", step.step)

    def plan(self, plan_id: str, plan: PlanRecord | None = None) -> str:
        """Return what a plan is called: by the catalogues, by itself, or by its id."""
        if not self.words.has(f"plan.{plan_id}") and plan is not None:
            brought = plan.words.get(self.code, {})
            return brought.get(f"{plan_id}.title") or plan.title or plan_id
        return self.words.name("plan", plan_id)

    def quantity(self, number: float, unit: str) -> str:
        """Return a number with its unit."""
        return self.words.quantity(self.words.number(number), unit)

    def answer(self, asked: Asked) -> str:
        """Return what the operator answered. The record holds the key of the answer."""
        known = _ANSWERS.get(asked.answer)
        return self(known) if known else asked.answer

    def quarantined(self, reason: str) -> str:
        """Return in a sentence why a message is in the quarantine."""
        known = (name for name, words in _QUARANTINED.items() if re.search(words, reason))
        return self(f"page.quarantined.{next(known, 'other')}")

    def key_state(self, state: str) -> str:
        """Return what people think of a key."""
        return self._known("page.key_state", state)

    def finding_state(self, state: str) -> str:
        """Return what became of a trouble of a chain."""
        return self._known("page.finding_state", state)

    def finding(self, kind: str) -> str:
        """Return what sort of trouble of a chain this is."""
        return self._known("page.finding", kind)

    def standing(self, state: str) -> str:
        """Return in two words how far a record can be believed."""
        return self._known("page.standing", state)

    def believed(self, state: str, text: str) -> str:
        """Return in a sentence how far a record can be believed."""
        name = f"page.believed.{state}"
        return self(name) if self.words.has(name) else text

    def flag(self, what: str) -> str:
        """Return in a sentence what kind of contradiction this is."""
        return self._known("page.flag", what)

    def duration(self, seconds: float) -> str:
        """Return a duration in the two units that fit it."""
        if not abs(seconds) < 60:
            minutes, rest = divmod(round(seconds), 60) if abs(seconds) < 1e12 else (seconds, 0)
            hours, minutes = divmod(minutes, 60)
            if hours:
                return self("page.hours", hours=int(hours), minutes=int(minutes))
            return self("page.minutes", minutes=int(minutes), rest_s=int(rest))
        return self.words.quantity(self.words.number(seconds, ".3g"), "s")

    def when(self, moment: datetime | str) -> str:
        """Return a time in UTC, to the second, without its zone."""
        return str(moment)[:19].replace("T", " ")

    def local(self, moment: datetime | str) -> str:
        """Return a time of the reader's zone with the zone's name; empty where that is UTC."""
        try:
            when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
            here = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(self._zone)
        except (ValueError, OverflowError):
            return ""
        if not here.utcoffset():
            return ""
        return f"{here:%Y-%m-%d %H:%M:%S} {here:%Z}"

    def size(self, number_of_bytes: int) -> str:
        """Return a number of bytes, in kB where there are many."""
        if number_of_bytes < 10_000:
            return self("page.bytes", count=number_of_bytes)
        return self.words.quantity(f"{number_of_bytes / 1000:.0f}", "kB")

    def listed(self, names: Iterable[str]) -> str:
        """Return texts in a row with commas."""
        return ", ".join(names)

    def times(self, number: int) -> str:
        """Return how often something came."""
        return self("page.times", count=number)

    def _known(self, family: str, one: str) -> str:
        name = f"{family}.{one}"
        if self.words.has(name):
            return self(name)
        return one.replace("_", " ").upper() if family == "verdict" else one.replace("_", " ")


def css(value: Verdict | str, marginal: bool = False) -> str:
    """Return the class of a verdict's colour."""
    return "marginal" if marginal and value == Verdict.PASS else str(value)


FILTERS: Mapping[str, Any] = {"css": css}
