"""The operator's actions at the screen: keys in, commands out. Knows no terminal.

Two promises are kept here: a question is answered only by a key pressed alone, by a person who had
it before them; and an asset tag goes to the slot that was selected when its Enter was pressed, and
to no other. The serial number of what is plugged in is only ever a suggestion in the input line.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from records import Phrase, Value
from records.words import Language, language
from station.console import BeforeNotice, CommandRefused, Console, Notice, PluggedNotice
from station.ui.answers import OpenQuestion, answers_text
from station.ui.keys import KeyReader
from station.ui.model import Refused, Select, Start, StationModel
from station.ui.slot import Mood, SlotModel

READ_S = 0.4  # no question is read that has been there for less
MESSAGE_S = 12.0
QUIT_SURE_S = 10.0
REPEAT_S = 0.5  # the same key sooner than this is the keyboard's own repetition
HINT_S = 60.0

FUNCTION_KEYS = 8


class Aim(NamedTuple):
    """The question that a key would answer, as it was when the key was pressed.

    `key` is that of the choice; empty for a character that makes none.
    """

    open: OpenQuestion
    character: str
    key: str
    read: bool  # whether it had been on the screen for long enough


class Controls:
    """The controls of one station for one operator, in the operator's language.

    All times are monotonic seconds.
    """

    def __init__(self, console: Console, words: Language | None = None) -> None:
        if not console.slots:
            raise ValueError("a station has at least one slot")
        self.console = console
        self.words = words or language()
        self.model = StationModel(console.slots)
        self.reader = KeyReader()
        self.selected = self.model.slots[0]
        self.selected_s = 0.0
        self.enlarged = False
        self.scroll = 0
        self.follow = True
        self.page = 1  # lines of the list on the screen
        self.quitting = False  # once everything that ran is safe
        self.quit_wanted = False
        self.bell = False  # to be rung and put out by a screen that has one
        self.hint_until_s = 0.0
        self._quit_asked_s: float | None = None
        self._quit_pressed_s = float("-inf")
        self._alarms: set[tuple[str, Mood, int]] = set()
        self._typed_last: tuple[str, float] = ("", float("-inf"))
        self._suggested = ""  # in the input line, and not the operator's own

    @property
    def quit_asked(self) -> bool:
        """Tell whether the next Ctrl+Q stops what runs and quits."""
        return self._quit_asked_s is not None

    @property
    def offers_take_over(self) -> bool:
        return self.console.simulated and self.model.autopilot is True

    @property
    def offers_serial(self) -> bool:
        """Tell whether the selected slot's device states a number that could be its tag."""
        slot = self.selected
        return bool(slot.plugged.suggested_tag) and not slot.running and not slot.unsafe

    def hear(self, notice: Notice, now_s: float) -> None:
        """Take in a notice from the station."""
        if isinstance(notice, PluggedNotice) and notice.slot == self.selected.name:
            self._drop_suggestion()
        autopilot = self.model.autopilot
        self.model.apply(notice, now_s)
        if isinstance(notice, BeforeNotice) and notice.earlier:
            self._announce(notice, now_s)
        if autopilot and self.model.autopilot is False:
            self.hint_until_s = now_s + HINT_S

    def _announce(self, notice: BeforeNotice, now_s: float) -> None:
        """Say how a unit that was tested before has ended; not at a demonstration."""
        if self.model.autopilot:
            return
        verdicts = ", ".join(
            f"{self.words.text(f'verdict.{one.ending}')} {one.started_at.astimezone():%Y-%m-%d}"
            for one in notice.earlier
        )
        told = {"tag": notice.asset_tag, "verdicts": verdicts}
        self._tell(self.model[notice.slot], "screen.tested_before", now_s, **told)

    def tick(self, now_s: float) -> None:
        """Take old messages away, and notice which slot needs the operator."""
        alarms = {
            (slot.name, slot.mood, slot.question.number if slot.question else 0)
            for slot in self.model.slots
            if slot.mood in (Mood.UNSAFE, Mood.UNSAVED)
            or (slot.question and not self.model.autopilot)
        }
        self.bell = self.bell or bool(alarms - self._alarms)
        self._alarms = alarms
        for slot in self.model.slots:
            if slot.message and now_s > slot.message_until_s:
                slot.tell("", now_s)
        if self.quitting and not self.model.running:
            self.quitting = False
            self.quit_wanted = not self.model.unsafe  # that must be read before it goes
        if self._quit_asked_s is not None and now_s - self._quit_asked_s > QUIT_SURE_S:
            self._quit_asked_s = None

    def poll(self, now_s: float) -> None:
        """Give the answer of a key that has stood alone; to be called every 20 ms while
        `reader.waiting`.
        """
        lone = self.reader.lone(now_s)
        if lone is not None and isinstance(lone.question, Aim):
            self._answer(lone.question, now_s)

    def press(self, key: str, character: str | None, at_s: float) -> None:
        """Do what a key means, given its name and the character that it prints, if any."""
        if key != "ctrl+q":
            self._quit_asked_s = None
        if action := self._action(key):
            action(at_s)
        elif character is not None and character.isprintable():
            self._typed(character, at_s)

    def paste(self, pasted: str, at_s: float) -> None:
        self._drop_suggestion()
        self.reader.paste(pasted, at_s)

    def _action(self, key: str) -> Callable[[float], None] | None:
        if key[:1] == "f" and key[1:].isdecimal() and 1 <= int(key[1:]) <= FUNCTION_KEYS:
            number = int(key[1:]) - 1
            return lambda at_s: self._select_number(number, at_s)
        return {
            "enter": self._enter,
            "ctrl+j": self._enter,
            "tab": self._tab,
            "backspace": self.reader.backspace,
            "ctrl+h": self.reader.backspace,
            "escape": self._escape,
            "f9": self._next_plan,
            "ctrl+s": self._suggest_serial,
            "f10": self._stop,
            "ctrl+x": self._stop,
            "ctrl+t": self._take_over,
            "ctrl+q": self._quit,
            "ctrl+c": self._how_to_quit,
            "up": lambda _: self._scroll_by(-1),
            "down": lambda _: self._scroll_by(1),
            "pageup": lambda _: self._scroll_by(-self.page),
            "pagedown": lambda _: self._scroll_by(self.page),
            "home": lambda _: self._scroll_to(0),
            "end": lambda _: self._scroll_to_end(),
        }.get(key)

    def _typed(self, character: str, at_s: float) -> None:
        self._drop_suggestion()
        before, before_s = self._typed_last
        held_down = character == before and at_s - before_s < REPEAT_S
        self._typed_last = (character, at_s)
        aim = None
        if (asked := self.selected.question) is not None and asked.question.choices:
            key = asked.key_for(character, self.words) or ""
            seen_s = max(asked.since_s, self.selected_s) if self.enlarged else asked.since_s
            aim = Aim(asked, character, key, at_s - seen_s >= READ_S and not held_down)
        self.reader.press(character, at_s, aim)

    def _answer(self, aim: Aim, now_s: float) -> None:
        slot = self.model[aim.open.slot]
        if slot.question is None or slot.question.number != aim.open.number:
            return  # it is not asked any more
        if not aim.key:  # it stays in the line: a tag that is typed slowly answers nothing
            self.reader.paste(aim.character, now_s)
            choices = slot.question.question.choices
            answers = answers_text(choices, self.words)
            self._tell(slot, "refused.no_answer", now_s, key=aim.character, answers=answers)
            return
        if not aim.read:
            self._tell(slot, "screen.too_quick", now_s)
            return
        taken = slot.answered()
        if not self._command(slot, partial(self.console.answer, slot.name, aim.key), now_s):
            slot.ask_again(taken)

    def _enter(self, at_s: float) -> None:
        line = self.reader.enter(at_s)
        if line == "":
            self.enlarged = not self.enlarged
            self.follow = True
        elif line is not None and line.strip():
            asked = self.selected.question
            if asked is not None and not asked.question.choices:
                self._answer_line(asked, line, at_s)
            else:
                self._scan(line, at_s)

    def _answer_line(self, asked: OpenQuestion, line: str, at_s: float) -> None:
        """Answer a question that asks for a line, in the selected slot."""
        slot = self.model[asked.slot]
        if at_s - max(asked.since_s, self.selected_s) < READ_S:  # it was typed for something else
            self._tell(slot, "screen.too_quick", at_s)
            return
        taken = slot.answered()
        if not self._command(slot, partial(self.console.answer, slot.name, line), at_s):
            slot.ask_again(taken)

    def _tab(self, at_s: float) -> None:
        """Select the next slot, or end a scan: some scanners send Tab after the tag."""
        self._drop_suggestion()
        if self.reader.text or self.reader.waiting:
            self._enter(at_s)
        else:
            self._select(self.model.after(self.selected), at_s)

    def _escape(self, at_s: float) -> None:
        if self.reader.clear():
            return
        self.quitting = False
        if self.selected.message:
            self.selected.tell("", at_s)
        else:
            self.enlarged = False

    def _scan(self, line: str, at_s: float) -> None:
        match self.model.scan(line, self.selected):
            case Select(slot=name):
                self._select(self.model[name], at_s)
            case Start(slot=name, asset_tag=tag, plan=plan):
                slot = self.model[name]
                if self._command(slot, partial(self.console.start, name, tag, plan), at_s):
                    self.hint_until_s = 0.0
                    self.quitting = False
            case Refused(message=message):
                self._tell(self.selected, message, at_s)

    def _select_number(self, number: int, at_s: float) -> None:
        if number < len(self.model.slots):
            self._select(self.model.slots[number], at_s)

    def _select(self, slot: SlotModel, at_s: float) -> None:
        if slot is not self.selected:
            self._drop_suggestion()
            self.selected, self.selected_s = slot, at_s
            self.follow = True

    def _suggest_serial(self, at_s: float) -> None:
        """Put the serial number into the input line. Enter takes it; any other key clears it."""
        if self.offers_serial:
            self.reader.clear()
            self._suggested = self.selected.plugged.suggested_tag
            self.reader.paste(self._suggested, at_s)
        else:
            why = "screen.busy_hint" if self.selected.running else "screen.no_serial"
            self._tell(self.selected, why, at_s, slot=self.selected.name)

    def _drop_suggestion(self) -> None:
        if self._suggested and self.reader.text == self._suggested:
            self.reader.clear()
        self._suggested = ""

    def _next_plan(self, at_s: float) -> None:
        slot = self.selected
        if len(slot.info.plans) < 2:
            self._tell(slot, "screen.one_plan", at_s, slot=slot.name)
        elif slot.running:
            self._tell(slot, "screen.plan_when_free", at_s, slot=slot.name)
        else:
            slot.next_plan()
            title = slot.words(self.words).text(slot.plan_title)
            self._tell(slot, "screen.next_plan", at_s, plan=title)

    def _stop(self, at_s: float) -> None:
        """Stop at once and without a question; the station knows better whether anything runs."""
        slot = self.selected
        if slot.running:
            slot.stop_requested()
        else:
            self._tell(slot, "screen.nothing_runs", at_s, slot=slot.name)
        self._command(slot, partial(self.console.stop, slot.name), at_s, quiet=True)

    def _take_over(self, at_s: float) -> None:
        if self.offers_take_over:
            self._command(self.selected, self.console.take_over, at_s)
        else:
            self._tell(self.selected, "screen.no_take_over", at_s)

    def _quit(self, at_s: float) -> None:
        repeated = at_s - self._quit_pressed_s < REPEAT_S
        self._quit_pressed_s = at_s
        running = self.model.running
        if not running or self.offers_take_over or (self.quitting and not repeated):
            self.quit_wanted = True
        elif self._quit_asked_s is None:
            self._quit_asked_s = at_s
        elif not repeated:
            self._quit_asked_s = None
            self.quitting = True
            for slot in running:
                slot.stop_requested()
                self._command(slot, partial(self.console.stop, slot.name), at_s)

    def _how_to_quit(self, at_s: float) -> None:
        self._tell(self.selected, "screen.quit_how", at_s)

    def _scroll_by(self, lines: int) -> None:
        self.follow = False
        self.scroll = max(self.scroll + lines, 0)

    def _scroll_to(self, line: int) -> None:
        self.follow = False
        self.scroll = line

    def _scroll_to_end(self) -> None:
        self.follow = True

    def _tell(self, to: SlotModel, what: Phrase | str, now_s: float, /, **values: Value) -> None:
        to.tell(self.words.text(what, **values), now_s + MESSAGE_S)

    def _command(
        self, slot: SlotModel, command: Callable[[], None], now_s: float, *, quiet: bool = False
    ) -> bool:
        """Give a command. Return whether the station took it; else the slot says why not."""
        try:
            command()
        except CommandRefused as refused:
            self._tell(slot, refused.phrase, now_s)
        except Exception as error:  # the screen must stay while devices are under power
            self._tell(slot, "screen.unexpected", now_s, error=repr(error))
        else:
            if not quiet:
                slot.tell("", now_s)
            return True
        return False
