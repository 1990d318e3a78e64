"""A label is asked for once for a model, and its values are never assumed."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Phrase, words
from station.engine.events import Choice
from station.engine.labels.asking import Identified, Seen, identify
from station.engine.labels.memory import Memory, Remembered
from station.engine.library import Kind
from station.engine.library.tables import Told
from station.engine.prompts import Operator
from tests.station.engine.libraries import everything, shipped

ADAPTER = shipped.kind("laptop-adapter")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
VI: dict[str, Told] = {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "VI"}
KNOWN = Memory(
    (
        Remembered(
            equipment="laptop-adapter", maker="", model="ADP-65JH", nameplate=dict(VI),
            told_by="Ada", told_at=NOON,
        ),
    )
)  # fmt: skip
ASKED = [
    ("identify.model", "ADP-65JH"),
    ("identify.number", "19,5"),
    ("identify.number", "3.33"),
    ("identify.product", "65"),
    ("identify.choice", "vi"),
]


class Reader(Operator):
    """Answers in turn, each question being the one that is expected next."""

    def __init__(self, *said: tuple[str, str]) -> None:
        self.said = list(said)
        self.heard: list[Phrase] = []

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        self.heard.append(asks)
        about = str(asks.values.get("answer", asks.id))
        assert self.said, f"nobody expected {asks}"
        expected, answer = self.said.pop(0)
        assert about == expected
        assert not choices or answer in {choice.key for choice in choices}
        return answer


def ask(
    *said: tuple[str, str], memory: Memory | None = None, kind: Kind = ADAPTER,
    seen: Seen | None = None, told: dict[str, Told] | None = None,
) -> tuple[Identified, Memory, list[Phrase]]:  # fmt: skip
    reader = Reader(*said)
    found, after = identify(kind, reader, memory or Memory(), "Ada", lambda: NOON, seen, told)
    assert not reader.said, "not everything was asked"
    return found, after, reader.heard


def test_a_label_is_asked_for_and_remembered() -> None:
    found, memory, _ = ask(*ASKED)
    assert found == Identified(VI, "", "ADP-65JH")
    assert memory == KNOWN


def test_a_known_label_is_shown_at_each_run_and_not_asked_again() -> None:
    found, memory, heard = ask(
        ("identify.model", " adp-65jh "), ("identify.remembered", "y"), memory=KNOWN
    )
    assert found.nameplate == VI
    assert memory is KNOWN
    assert heard[-1].values == {"model": "ADP-65JH", "label": "19.5 V, 3.33 A, VI"}


def test_what_the_device_says_of_itself_is_not_asked() -> None:
    found, memory, _ = ask(*ASKED[1:], seen=Seen("Delta", "ADP-65JH"))
    assert (found.maker, found.model) == ("Delta", "ADP-65JH")
    again, _, _ = ask(("identify.remembered", "y"), memory=memory, seen=Seen("DELTA", "adp-65jh"))
    assert again == found
    ask(*ASKED, seen=Seen("Delta", " "))


def test_watts_that_do_not_agree_make_all_figures_be_asked_again() -> None:
    found, _, heard = ask(
        ("identify.model", "X"),
        ("identify.number", "19.5"), ("identify.number", "3.33"), ("identify.product", "90"),
        ("identify.number", "19.5"), ("identify.number", "4.62"), ("identify.product", "90"),
        ("identify.choice", "?"),
    )  # fmt: skip
    assert found.nameplate == {"output_v": 19.5, "output_a": 4.62}
    assert "19.5 V × 3.33 A = 64.9 W, not 90 W." in words.text(heard[4])


def test_without_printed_watts_volts_and_amperes_are_typed_twice() -> None:
    found, _, heard = ask(
        ("identify.model", "X"),
        ("identify.number", "19.5"), ("identify.number", "3.33"), ("identify.product", "?"),
        ("identify.number_again", "19.5"), ("identify.number_again", "3.38"),
        ("identify.number", "19.5"), ("identify.number", "3.33"), ("identify.product", "?"),
        ("identify.number_again", "19,50"), ("identify.number_again", "3.33"),
        ("identify.choice", "none"),
    )  # fmt: skip
    assert found.nameplate == {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "none"}
    assert heard[6].values["because"] == "identify.differs"


def test_what_the_label_does_not_say_stays_unknown() -> None:
    found, _, _ = ask(
        ("identify.model", "?"),
        ("identify.number", "?"), ("identify.number", "3.33"), ("identify.number", "3.33"),
        ("identify.number_again", "3.33"), ("identify.choice", "?"),
    )  # fmt: skip
    assert found == Identified({"output_a": 3.33})


def test_a_device_without_a_model_is_asked_for_each_time() -> None:
    found, memory, _ = ask(("identify.model", "?"), *ASKED[1:])
    assert found == Identified(VI)
    assert memory == Memory()


@pytest.mark.parametrize(
    ("typed", "because"),
    [
        ("x", "identify.not_a_number"),
        ("1.950", ""),
        ("195", "identify.out_of_range"),
        ("19.5 V", "identify.not_a_number"),
        ("-3", "identify.not_a_number"),
        ("1e9", "identify.not_a_number"),
    ],
)
def test_an_answer_that_cannot_be_is_told_and_asked_again(typed: str, because: str) -> None:
    if not because:  # 1.95 V is a number, and no adapter
        because = "identify.out_of_range"
    _, _, heard = ask(*ASKED[:1], ("identify.number", typed), *ASKED[1:])
    assert heard[2].values["because"] == because
    assert heard[2].values["typed"] == typed
    assert typed in words.text(heard[2])


def test_a_choice_that_is_none_is_asked_again() -> None:
    _, _, heard = ask(*ASKED[:-1], ("identify.choice", "VII"), ("identify.choice", "VI"))
    assert words.text(heard[-1]).startswith("VII is none of them. ")


def test_a_change_takes_a_second_confirmation() -> None:
    changed = [*ASKED[1:3], ("identify.product", "?")]
    changed[1] = ("identify.number", "4.62")
    twice = [("identify.number_again", "19.5"), ("identify.number_again", "4.62")]
    found, memory, heard = ask(
        ASKED[0], ("identify.remembered", "n"), *changed, *twice, ASKED[-1],
        ("identify.changed", "y"), memory=KNOWN,
    )  # fmt: skip
    assert found.nameplate["output_a"] == 4.62
    assert memory.models[0].nameplate["output_a"] == 4.62
    assert heard[-1].values == {"model": "ADP-65JH", "before": "3.33 A", "after": "4.62 A"}


def test_a_change_that_is_not_confirmed_changes_nothing() -> None:
    twice = [("identify.number_again", "19.5"), ("identify.number_again", "4.62")]
    found, memory, _ = ask(
        ASKED[0], ("identify.remembered", "n"),
        ("identify.number", "19.5"), ("identify.number", "4.62"), ("identify.product", "?"), *twice,
        ASKED[-1], ("identify.changed", "n"), *ASKED[1:], memory=KNOWN,
    )  # fmt: skip
    assert found.nameplate == VI
    assert memory is KNOWN


def test_a_code_that_holds_the_label_is_shown_and_confirmed() -> None:
    scanned = "maker=Delta;model=ADP-65JH;output_v=19.5;output_a=3.33;efficiency_mark=VI"
    found, memory, heard = ask(("identify.model", scanned), ("identify.from_code", "y"))
    assert found == Identified(VI, "Delta", "ADP-65JH")
    assert memory.models[0].teller == "scan"
    assert heard[-1].values == {"label": "19.5 V, 3.33 A, VI"}


def test_what_a_code_leaves_out_is_asked() -> None:
    found, _, _ = ask(
        ("identify.model", "model=X;output_v=19.5"), ("identify.from_code", "y"),
        ("identify.number", "3.33"), ("identify.number_again", "3.33"), ("identify.choice", "VI"),
    )  # fmt: skip
    assert found.nameplate == VI


@pytest.mark.parametrize("watts", ["90", "6.5"])
def test_a_code_whose_watts_do_not_agree_is_not_believed(watts: str) -> None:
    scanned = f"model=ADP-65JH;output_v=19.5;output_a=3.33;output_w={watts}"
    found, memory, _ = ask(("identify.model", scanned), *ASKED[1:])
    assert found.nameplate == VI
    assert memory.models[0].teller == "operator"


def test_a_code_that_cannot_be_true_is_told_and_asked_again() -> None:
    _, _, heard = ask(("identify.model", "output_v=195"), *ASKED)
    assert heard[1].values["because"] == "identify.wrong_code"


def test_a_code_that_is_not_confirmed_is_not_used() -> None:
    found, _, _ = ask(
        ("identify.model", "model=ADP-65JH;output_v=12"), ("identify.from_code", "n"), *ASKED[1:]
    )
    assert found.nameplate == VI


def test_what_is_told_already_is_never_asked() -> None:
    told: dict[str, Told] = {"output_v": 19.5, "output_a": 3.33}
    found, memory, _ = ask(("identify.choice", "VI"), seen=Seen("", "adapter-65w"), told=told)
    assert found.nameplate == VI
    again, _, _ = ask(
        ("identify.remembered", "y"), memory=memory, seen=Seen("", "adapter-65w"),
        told={"output_v": 20.0},
    )  # fmt: skip
    assert again.nameplate["output_v"] == 20.0, "the station's file goes before what is remembered"


def test_parts_and_names_of_places_are_asked_too() -> None:
    found, _, heard = ask(
        ("identify.model", "X1"),
        ("identify.names", "left-1 left-2"),
        ("identify.choice", "yes"),
        ("identify.choice", "iso-105"),
        ("identify.number", "11.1"),
        ("identify.number_again", "11,1"),
        kind=everything.kind("laptop"),
    )
    assert found.nameplate == {
        "usb_ports": ("left-1", "left-2"),
        "battery_fitted": "yes",
        "keyboard.layout": "iso-105",
        "battery.charge_v": 11.1,
    }
    assert heard[3].values["rating"] == "keyboard.layout"


def test_a_laptop_without_ports_says_so_and_is_not_unknown() -> None:
    laptop = everything.kind("laptop")
    rest = [("identify.choice", "?"), ("identify.choice", "?"), ("identify.number", "?")]
    found, _, _ = ask(("identify.model", "?"), ("identify.names", "-"), *rest, kind=laptop)
    assert found.nameplate == {"usb_ports": ()}
    _, _, heard = ask(
        ("identify.model", "?"), ("identify.names", "A A"), ("identify.names", "?"), *rest,
        kind=laptop,
    )  # fmt: skip
    assert heard[2].values["because"] == "identify.not_names"


@pytest.mark.parametrize("code", words.languages())
def test_every_question_can_be_said_in_every_language(code: str) -> None:
    said = words.language(code).also(_ratings(ADAPTER, code))
    _, _, heard = ask(
        ("identify.model", "output_v=1"), ("identify.model", "model=X;output_v=12"),
        ("identify.from_code", "n"),
        ("identify.number", "x"), ("identify.number", "99"), ("identify.number", "19.5"),
        ("identify.number", "3.33"), ("identify.product", "1"), *ASKED[1:4],
        ("identify.choice", "x"), ("identify.choice", "VI"),
    )  # fmt: skip
    for asks in heard:
        told = said.text(asks)
        assert not any(one in told for one in ("{", "identify.", "output_")), told
    assert _ratings(ADAPTER, code)["rating.output_v"] in said.text(heard[3])


def _ratings(kind: Kind, language: str) -> Mapping[str, str]:
    return {f"rating.{name}": said[language] for name, said in kind.rating_titles.items()}


@given(
    st.lists(st.sampled_from(["?", "19.5", "3.33", "65", "VI", "x", "output_v=12"]), max_size=40)
)
def test_whatever_is_answered_a_value_of_a_label_was_told_and_can_be(answers: list[str]) -> None:
    class Guess(Operator):
        def ask(self, asks: Phrase, *choices: Choice) -> str:
            if not answers:
                raise EOFError
            answer = answers.pop()
            return choices[len(answer) % 2].key if choices else answer

    try:
        found, _ = identify(ADAPTER, Guess(), Memory(), "Ada", lambda: NOON)
    except EOFError:
        return
    for name, told in found.nameplate.items():
        assert ADAPTER.ratings[name].check(told) == told
