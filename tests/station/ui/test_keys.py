"""A scanner must never answer a question, however its keys fall between those of a person."""

from hypothesis import given
from hypothesis import strategies as st

from station.ui.keys import MAX_LENGTH, KeyReader, Lone

QUESTION = "the lamp"
POLL_S = 0.02


class Hands:
    """Presses keys on a reader at times of its own, and polls it in between as a screen does."""

    def __init__(self, *, asked: bool = True) -> None:
        self.reader = KeyReader()
        self.question = QUESTION if asked else None
        self.now_s = 100.0
        self.answers: list[str] = []
        self.lines: list[str] = []

    def wait(self, seconds: float, *, polled: bool = True) -> None:
        end_s = self.now_s + seconds
        while polled and self.now_s + POLL_S < end_s:
            self.now_s += POLL_S
            self._poll()
        self.now_s = end_s
        self._poll()

    def press(self, character: str) -> None:
        self.reader.press(character, self.now_s, self.question)

    def enter(self) -> None:
        line = self.reader.enter(self.now_s)
        if line is not None:
            self.lines.append(line)

    def scan(self, tag: str, gap_s: float = 0.005, end_gap_s: float = 0.005) -> None:
        for place, character in enumerate(tag):
            if place:
                self.wait(gap_s)
            self.press(character)
        self.wait(end_gap_s)
        self.enter()

    def _poll(self) -> None:
        if (lone := self.reader.lone(self.now_s)) is not None:
            assert lone.question == QUESTION
            self.answers.append(lone.character)


def test_a_key_alone_answers_after_a_moment_of_silence() -> None:
    hands = Hands()
    hands.press("y")
    hands.wait(0.07)
    assert hands.answers == []
    assert hands.reader.waiting
    hands.wait(0.05)
    assert hands.answers == ["y"]
    assert not hands.reader.waiting
    assert hands.reader.text == ""


def test_a_scan_answers_nothing_and_is_a_line() -> None:
    hands = Hands()
    hands.scan("y1n0")
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.lines == ["y1n0"]


def test_a_scan_of_a_single_character_answers_nothing() -> None:
    hands = Hands()
    hands.scan("y")
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.lines == ["y"]


def test_the_last_characters_of_a_scan_that_stalls_answer_nothing() -> None:
    hands = Hands()
    hands.press("L")
    hands.wait(0.005)
    hands.press("T")
    hands.wait(0.5)
    hands.press("y")
    hands.wait(0.5)
    assert hands.answers == []
    assert hands.reader.text == "LTy"


def test_without_a_question_every_key_is_text_at_once() -> None:
    hands = Hands(asked=False)
    hands.press("y")
    assert hands.reader.text == "y"
    assert not hands.reader.waiting
    hands.wait(1.0)
    assert hands.answers == []


def test_a_key_that_is_followed_by_another_is_text() -> None:
    hands = Hands()
    hands.press("y")
    hands.wait(0.06)
    hands.press("n")
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.reader.text == "yn"


def test_a_key_soon_after_another_is_not_alone() -> None:
    hands = Hands()
    hands.scan("LT-1")
    hands.wait(0.04)
    hands.press("y")
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.reader.text == "y"


def test_silence_while_nobody_listens_is_no_silence() -> None:
    hands = Hands()
    hands.press("y")
    hands.wait(0.02)
    hands.wait(3.0, polled=False)  # the machine stalled: more keys may lie in the terminal
    assert hands.answers == []
    hands.press("1")
    hands.wait(0.5)
    assert hands.answers == []
    assert hands.reader.text == "y1"


def test_after_a_stall_a_lone_key_still_answers() -> None:
    hands = Hands()
    hands.press("y")
    hands.wait(3.0, polled=False)
    hands.wait(0.2)
    assert hands.answers == ["y"]


def test_a_question_stays_with_the_key_that_was_pressed_for_it() -> None:
    reader = KeyReader()
    reader.press("y", 1.0, "first")
    for tick in range(1, 5):
        lone = reader.lone(1.0 + tick * POLL_S)
    assert lone == Lone("y", "first")
    assert reader.lone(2.0) is None


def test_clearing_takes_the_waiting_key_back() -> None:
    hands = Hands()
    hands.press("y")
    assert hands.reader.clear()
    hands.wait(1.0)
    assert hands.answers == []
    assert not hands.reader.clear()


def test_backspace_corrects_a_tag_typed_by_hand() -> None:
    hands = Hands(asked=False)
    for character in "LT-18":
        hands.press(character)
        hands.wait(0.3)
    hands.reader.backspace(hands.now_s)
    hands.press("7")
    hands.wait(0.3)
    hands.enter()
    assert hands.lines == ["LT-17"]


def test_backspace_on_a_waiting_key_takes_it_back() -> None:
    hands = Hands()
    hands.press("y")
    hands.reader.backspace(hands.now_s + 0.01)
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.reader.text == ""


def test_enter_by_itself_is_an_empty_line() -> None:
    hands = Hands()
    hands.enter()
    assert hands.lines == [""]


def test_a_scanner_that_ends_with_cr_and_lf_ends_one_line() -> None:
    hands = Hands()
    hands.scan("LT-1")
    hands.enter()
    assert hands.lines == ["LT-1"]


def test_enter_by_habit_after_an_answer_means_nothing() -> None:
    hands = Hands()
    hands.press("y")
    hands.wait(0.2)
    hands.enter()
    assert hands.answers == ["y"]
    assert hands.lines == []


def test_a_scan_replaces_a_forgotten_half_line() -> None:
    hands = Hands(asked=False)
    hands.press("j")
    hands.wait(5.0)
    hands.scan("LT-00417")
    assert hands.lines == ["LT-00417"]


def test_a_scan_that_stalls_keeps_its_beginning() -> None:
    hands = Hands(asked=False)
    for character in "LT-":
        hands.press(character)
        hands.wait(0.005)
    hands.wait(0.6)
    hands.scan("00417")
    assert hands.lines == ["LT-00417"]


def test_a_tag_typed_by_hand_with_a_long_pause_is_whole() -> None:
    hands = Hands(asked=False)
    for character in "LT":
        hands.press(character)
        hands.wait(0.2)
    hands.wait(10.0)
    for character in "-17":
        hands.press(character)
        hands.wait(0.15)
    hands.enter()
    assert hands.lines == ["LT-17"]


def test_a_paste_is_text_and_ends_nothing() -> None:
    hands = Hands()
    hands.reader.paste("y", hands.now_s)
    hands.wait(1.0)
    assert hands.answers == []
    assert hands.reader.text == "y"
    hands.reader.clear()
    hands.reader.paste("LT\x1b[2J-1\r\nLT-2\r\n", hands.now_s)
    assert hands.reader.text == "LT[2J-1"
    assert hands.lines == []


def test_the_line_does_not_grow_for_ever() -> None:
    hands = Hands(asked=False)
    for _ in range(MAX_LENGTH + 50):
        hands.press("x")
    assert len(hands.reader.text) == MAX_LENGTH


tags = st.text(st.sampled_from("yn0123456789LT-"), min_size=2, max_size=20)
gaps_s = st.floats(0.0, 0.06)
stalls = st.tuples(st.just("stall"), st.floats(0.1, 2.0))
scans = st.tuples(st.just("scan"), tags, gaps_s, gaps_s)
fingers = st.tuples(st.just("finger"), st.sampled_from("yn"))


@given(st.lists(st.one_of(scans, fingers, stalls), max_size=8))
def test_only_fingers_answer_however_they_mix_with_scans(
    doings: list[tuple[str, float] | tuple[str, str] | tuple[str, str, float, float]],
) -> None:
    hands = Hands()
    pressed, scanned = [], []
    for doing in doings:
        hands.wait(0.5)
        match doing:
            case ("scan", str(tag), float(gap_s), float(end_gap_s)):
                hands.scan(tag, gap_s, end_gap_s)
                scanned.append(tag)
            case ("finger", str(key)):
                hands.press(key)
                pressed.append(key)
            case ("stall", float(seconds)):
                hands.wait(seconds, polled=False)
    hands.wait(0.5)
    assert hands.answers == pressed
    assert hands.lines == scanned


@given(
    st.sampled_from("yn"),
    tags,
    st.floats(0.0, 0.079),
    st.lists(st.floats(0.0, 0.5), min_size=20, max_size=20),
    st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_a_scan_never_answers_whatever_the_machine_does_once_two_keys_were_close(
    first: str, rest: str, close_s: float, gaps_s: list[float], polled: list[bool]
) -> None:
    hands = Hands()
    hands.press(first)
    hands.wait(close_s)
    for character, gap_s, listening in zip(rest, gaps_s, polled, strict=False):
        hands.press(character)
        hands.wait(gap_s, polled=listening)
    hands.enter()
    hands.wait(1.0)
    assert hands.answers == []
    assert "".join(hands.lines).endswith(rest[-1])
