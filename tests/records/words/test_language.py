"""A phrase is said in any language, filled as that language writes values, and never raises."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Phrase, Value
from records.words import Language, language, languages, po, text
from records.words.language import NO_BREAK, unit_of

HEAD = 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'


def make(**sentences: str | tuple[str, ...]) -> Language:
    """Return a language of these sentences; it says 0 and 1 alike and has a decimal comma."""
    said = {name: (one,) if isinstance(one, str) else one for name, one in sentences.items()}
    said["language.decimal"] = (",",)
    return Language("xx", said, lambda number: int(number > 1), language())


def plain(shown: str) -> str:
    return shown.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("meter_v", 19.5, "19,5 V"),
        ("meter_v", 19.523456, "19,52 V"),
        ("load_a", 0.000071, "0,000071 A"),
        ("big_w", 1234567.0, "1235000 W"),
        ("after_s", 3, "3 s"),
        ("tolerance_percent", 15.0, "15 %"),
        ("before_cd_m2", 250.0, "250 cd/m²"),
        ("zone", 7, "7"),
        ("lit", True, "yes"),
        ("slot", "left", "left"),
        ("meter_v", float("nan"), "nan V"),
    ],
)
def test_a_number_has_the_unit_of_its_name_and_the_comma_of_its_language(
    name: str, value: Value, shown: str
) -> None:
    assert plain(make(x=f"{{{name}}}").text("x", **{name: value})) == shown


def test_a_place_may_ask_for_its_digits() -> None:
    assert plain(make(x="{meter_v:.2f} of {set_v:.0f}").text("x", meter_v=5, set_v=5.4)) == (
        "5,00 V of 5 V"
    )


def test_roles_keys_and_measurements_are_called_as_the_language_calls_them() -> None:
    french = language("fr")
    assert french.text("bench.not_reached", roles="load, meter").startswith(
        "L’essai n’a pas atteint ces instruments\xa0: charge électronique, multimètre."
    )
    assert french.names("key", "Left Shift+A") == "Maj gauche+A"
    assert french.names("key", "Keypad ++A") == "Keypad ++A"
    assert language().name("measured", "of_a_later_version") == "of a later version"


def test_a_sentence_may_hold_another_one() -> None:
    why = {"measurements": "no_load_power", "because": "adapter.meter_too_coarse"}
    phrase = Phrase("run.never_measured_as", {**why, "resolution_w": 0.1, "needed_w": 0.02})
    assert plain(text(phrase)) == (
        "Never measured: power without load. The mains meter resolves 0.1 W."
        " This test needs 0.02 W."
    )


def test_one_and_many_are_told_apart_and_no_fraction_is_one() -> None:
    said = make(x=("{count} key", "{count} keys"))
    assert [said.text("x", count=number) for number in (0, 1, 2)] == ["0 key", "1 key", "2 keys"]
    assert said.text("x", count=1.0) == "1 keys"


def test_what_a_language_lacks_is_said_in_english_and_what_nobody_knows_by_its_id() -> None:
    said = make(x="{a} {b}")
    assert said.text("run.not_reached") == text("run.not_reached")
    assert said.text("x", a=1) == "x (a 1)"
    later = Phrase("adapter.of_a_later_version", {"meter_v": 1.5}, "no answer to 'MEAS?'")
    assert said.text(later) == "adapter.of_a_later_version (meter_v 1.5): no answer to 'MEAS?'"
    assert said.text(Phrase(text="said in version 1 {x}")) == "said in version 1 {x}"


def test_a_place_without_a_value_falls_back_to_a_language_that_does_without() -> None:
    translated = make(**{"run.not_reached": "{nothing}"})
    assert translated.text("run.not_reached") == text("run.not_reached")


def test_words_of_a_plan_come_first() -> None:
    brought = language("fr").also({"title.lamp.lit": "La lampe", "run.not_reached": "fini"})
    assert brought.text("title.lamp.lit") == "La lampe"
    assert brought.text("run.not_reached") == "fini"
    assert brought.text("run.shut_down") == language("fr").text("run.shut_down")


VALUES = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=5))
IDS = st.sampled_from(sorted(po.read(Path(po.__file__).with_name("en.po")).sentences))
NAMES = st.sampled_from(["meter_v", "count", "role", "keys", "because", "text", "answer", "tag"])


@given(
    st.one_of(IDS, st.text(max_size=9)),
    st.dictionaries(NAMES, VALUES),
    st.text(max_size=9),
    st.sampled_from(["en", "fr", "no such language"]),
)
def test_nothing_that_a_record_holds_makes_it_raise(
    name: str, values: dict[str, Value], verbatim: str, code: str
) -> None:
    said = text(Phrase(name, values, verbatim), code)
    assert isinstance(said, str)
    assert said or not name


@pytest.mark.parametrize(
    ("typed", "number"),
    [("19,5", 19.5), ("19.5", 19.5), (" -0,25 ", -0.25), ("+3", 3.0), (",5", 0.5), ("5,", 5.0)],
)
def test_a_typed_number_may_have_a_comma_or_a_point(typed: str, number: float) -> None:
    assert language("fr").read_number(typed) == number


@pytest.mark.parametrize(
    "typed", ["", "1.234,5", "1,234.5", "1 234", "1e3", "inf", "nan", "5 V", "٣"]
)
def test_what_could_mean_two_numbers_or_none_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        language().read_number(typed)


@given(st.floats(-1e300, 1e300))
def test_no_number_has_an_exponent(value: float) -> None:
    shown = language().number(value)
    assert set(shown) <= set("0123456789.-")
    assert float(shown) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("meter_v", "V"), ("v", ""), ("keys", ""), ("cd_m2", ""), ("a_cd_m2", "cd/m²")],
)
def test_the_end_of_a_name_is_its_unit(name: str, unit: str) -> None:
    assert unit_of(name) == unit


def test_a_language_from_outside_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "eo.po"
    file.write_text(
        f'{HEAD}msgid "verdict.pass"\nmsgstr "BONA"\n\nmsgid "language.decimal"\nmsgstr ","\n'
    )
    folders = (tmp_path,)
    assert languages(folders) == ["en", "eo", "fr"]
    esperanto = language("eo", folders)
    assert esperanto.text("verdict.pass") == "BONA"
    assert esperanto.text("verdict.fail") == "FAIL"
    assert esperanto.number(1.5) == "1,5"


def test_a_folder_may_say_a_shipped_language_otherwise(tmp_path: Path) -> None:
    (tmp_path / "fr.po").write_text(f'{HEAD}msgid "verdict.pass"\nmsgstr "OK"\n')
    french = language("fr", (tmp_path,))
    assert french.text("verdict.pass") == "OK"
    assert french.text("verdict.fail") == language("fr").text("verdict.fail")


def test_a_language_without_a_catalogue_is_refused_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="no language 'xx'; there are en, fr"):
        language("xx")


def test_both_catalogues_are_read_within_5_ms() -> None:
    """The least of several: it is the program's own time, and the machine may be busy."""
    shipped = Path(po.__file__).parent

    def took_s() -> float:
        start_s = time.process_time()
        for code in ("en", "fr"):
            po.read(shipped / f"{code}.po")
        return time.process_time() - start_s

    assert min(took_s() for _ in range(5)) < 0.005


def test_a_language_from_right_to_left_keeps_each_value_together() -> None:
    said = Language("ar", {"language.direction": ("rtl",), "x": ("[{tag}]",)}, lambda n: 0)
    assert said.right_to_left
    assert said.text("x", tag="LT-1") == "[\u2066LT-1\u2069]"
