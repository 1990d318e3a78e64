"""A plan that loads has no silly mistakes left; one that does not says where and what."""

import hashlib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.formats.key_layouts import LAYOUTS
from records import Basis
from records.toml.tables import TableError
from records.words import language
from station.engine.plan import SHIPPED, PlanError, find, load
from station.engine.step import Step, step_modules
from station.engine.step import find as find_step
from station.steps.keyboard.keys import LayoutName

HEAD = 'id = "p"\ntitle = "T"\nkind = "K"\nguideline = "G"\n'
STEP = """
[[step]]
use = "adapter.no_load"
title = "No load"
settings = { rated_voltage_v = 19.5 }
"""
FIGURES = '{ min = 18.0, unit = "V", basis = "general" }'
LIMIT = f"limits.no_load_voltage = {FIGURES}\n"
FULL = HEAD + STEP + LIMIT
HERE = "step 1 (adapter.no_load): "
LIMIT_HERE = HERE + "limits.no_load_voltage"


def complaint(folder: Path, text: str | bytes) -> str:
    """Return the mistake that `load` finds in a plan p.toml of this text, without its name."""
    path = folder / "p.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PlanError) as caught:
        load(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(str(path)) and line.isprintable() for line in lines)
    return "\n".join(line.removeprefix(str(path)).lstrip(":, ") for line in lines)


# Plans that we ship

SHIPPED_PLANS = sorted(SHIPPED.glob("*.toml"))


def test_there_is_a_plan_for_every_fixture() -> None:
    assert {load(path).kind for path in SHIPPED_PLANS} == {
        "laptop adapter",
        "LCD monitor",
        "USB keyboard",
    }


@pytest.mark.parametrize("path", SHIPPED_PLANS, ids=lambda path: path.stem)
def test_every_plan_we_ship_loads_and_judges_something(path: Path) -> None:
    plan = load(path)
    assert plan.id == path.stem
    assert any(planned.limits for planned in plan.steps)
    assert all(language().has(planned.name.id) for planned in plan.steps)
    assert language().has(plan.name.id)


@pytest.mark.parametrize("path", SHIPPED_PLANS, ids=lambda path: path.stem)
def test_every_limit_we_ship_says_where_it_comes_from(path: Path) -> None:
    """A figure without a text at hand may be used, and may not be passed off as quoted."""
    standards = ("IEC", "ISO", "EN ", "Reg.", "TCO", "Level VI", "R2", "USB", "VESA", "data sheet")
    for planned in load(path).steps:
        for name, limit in planned.limits.items():
            assert limit.source, f"{planned.use} {name}"
            if limit.basis is Basis.PROPOSAL:
                named = [one for one in standards if one in limit.source]
                assert not named or "general knowledge" in limit.source, f"{planned.use} {name}"


@pytest.mark.parametrize("path", SHIPPED_PLANS, ids=lambda path: path.stem)
def test_a_plan_we_ship_has_no_limit_that_cannot_fail(path: Path) -> None:
    """A truth is compared with a truth, a figure with bounds that a figure can miss."""
    for planned in load(path).steps:
        for name, limit in planned.limits.items():
            if limit.equals is not None:
                assert isinstance(limit.equals, bool), f"{planned.use} {name}"
                assert planned.step.units[name] == ""
            else:
                assert (limit.min, limit.max) != (None, None)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("\n\n", "\n# another comment\n\n", True),
        ("min = 18.0, ", "min = 18.00, ", True),
        ("min = 18.0", "min = 18.1", False),
        ("19.5", "19.6", False),
        ('title = "No load"', 'title = "Without load"', False),
        ('"general"', '"proposal"', False),
    ],
)
def test_a_plan_is_hashed_by_what_it_says_and_not_by_how_its_file_is_written(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    (path := tmp_path / "p.toml").write_text(FULL)
    before = load(path)
    assert before.sha256 == hashlib.sha256(before.record).hexdigest()
    changed = FULL.replace(old, new)
    assert changed != FULL
    path.write_text(changed)
    assert (load(path).sha256 == before.sha256) is same


# Mistakes


def test_the_plan_all_mistakes_start_from_is_good(tmp_path: Path) -> None:
    (path := tmp_path / "p.toml").write_text(FULL)
    planned = load(path).steps[0]
    assert dict(planned.settings) == {"rated_voltage_v": 19.5, "settle_s": 2.0}
    assert str(planned.limits["no_load_voltage"]) == "≥ 18 V"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "[[step]\n", "not TOML: Expected ']]'"),
        (HEAD + 'title = "again"\n' + STEP, "not TOML: Cannot overwrite a value (at line 5"),
        (HEAD + "x = " + "[" * 20_000, "not TOML: "),
        (b"\xff" + FULL.encode(), "not TOML: 'utf-8'"),
        (
            "",
            "the key `id` is missing\nthe key `title` is missing\nthe key `kind` is missing\n"
            "the key `guideline` is missing\nthe key `step` is missing",
        ),
        (HEAD, "the key `step` is missing"),
        (HEAD + "step = []\n", "a plan needs at least one [[step]]"),
        (HEAD + "[step]\n", "step: a table is not a list"),
        (HEAD + "step = [1]\n", "step[0]: 1 is not a table"),
        (FULL.replace('id = "p"', 'id = "q"'), "id is 'q', but the file's name says 'p'"),
        (FULL.replace('title = "T"', "title = 5"), "title: 5 is not a text"),
        (FULL.replace('kind = "K"\n', ""), "the key `kind` is missing"),
        (FULL.replace("guideline", "guidline"), "there is no key `guidline`; did you mean"),
        (FULL.replace("[[step]]", "[[steps]]"), "there is no key `steps`; did you mean 'step'?"),
        ('"a\\nb" = 1\n' + FULL, 'there is no key `"a\\nb"`; known are'),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert complaint(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('use = "adapter.no_load"\n', "", "step 1 (no `use`): the key `use` is missing"),
        ('"adapter.no_load"', "7", "step 1 (7): use: 7 is not a text"),
        ('"No load"', "7", HERE + "title: 7 is not a text"),
        ("adapter.no_load", "adapter.noload", "step 1 (adapter.noload): no step 'adapter.noload';"
         " did you mean 'no_load'?"),
        ("adapter.no_load", "adaptor.no_load", "step 1 (adaptor.no_load): no step"
         " 'adaptor.no_load'; steps are called module.name, modules are adapter, display,"),
        ("adapter.no_load", "no_load", "step 1 (no_load): no step 'no_load'; steps are called"),
        ("adapter.no_load", "adapter.step", "step 1 (adapter.step): no step 'adapter.step'; known"),
        ("adapter.no_load", "..plan.load", "step 1 (..plan.load): no step '..plan.load'; steps"),
        ("settings =", "stop_on_fall = true\nsettings =", HERE + "there is no key"
         " `stop_on_fall`; did you mean 'stop_on_fail'?"),
        ("settings =", "stop_on_fail = 1\nsettings =", HERE + "stop_on_fail: 1 is not true"
         " or false"),
        ("settings =", "setings =", HERE + "there is no key `setings`; did you mean 'settings'?"),
        ("rated_voltage_v =", "rated_volts =", HERE + "no setting 'rated_volts'; did you mean"
         " 'rated_voltage_v'?"),
        ("{ rated_voltage_v = 19.5 }", "{}", HERE + "settings: the key `rated_voltage_v` is"),
        ("{ rated_voltage_v = 19.5 }", "3", HERE + "settings: 3 is not a table"),
        ("19.5", '"19.5"', HERE + "settings.rated_voltage_v: '19.5' is not a number above 0"),
        ("19.5", "true", HERE + "settings.rated_voltage_v: true is not a number above 0"),
        ("19.5", "0", HERE + "settings.rated_voltage_v: 0 is not a number above 0"),
        ("19.5", "-19.5", HERE + "settings.rated_voltage_v: -19.5 is not a number above 0"),
        ("19.5", "nan", HERE + "settings.rated_voltage_v: nan is not a finite number"),
        ("19.5", "inf", HERE + "settings.rated_voltage_v: inf is not a finite number"),
        ("19.5", "19.5, settle_s = -1", HERE + "settings.settle_s: -1 is not a number"
         " of at least 0"),
        ("no_load_voltage", "no_load_volts", HERE + "a limit for 'no_load_volts', but it"
         " measures no_load_voltage, no_load_deviation"),
        (FIGURES, "18.0", LIMIT_HERE + ": 18.0 is not a table"),
        ('unit = "V"', 'unit = "mV"', HERE + "the limit of no_load_voltage is in 'mV', but it is"
         " measured in 'V'"),
        ('unit = "V", ', "", HERE + "the limit of no_load_voltage is in '', but"),
        (', basis = "general"', "", LIMIT_HERE + ": the key `basis` is missing"),
        ('"general"', '"standard"', LIMIT_HERE + ": basis 'standard' is not one of source,"
         " general, proposal"),
        ('"general"', '"source"', LIMIT_HERE + ": `basis = 'source'` needs `source`"),
        ("min = 18.0, ", "", LIMIT_HERE + ": a limit needs `min`, `max` or `equals`"),
        ("min = 18.0", "minimum = 18.0", LIMIT_HERE + ": there is no key `minimum`; did you mean"
         " 'min'?"),
        ("min = 18.0", 'min = "18"', LIMIT_HERE + ".min: '18' is not a number"),
        ("min = 18.0", "min = 18.0, max = 17.0", LIMIT_HERE + ": min 18 is above max 17"),
        ("min = 18.0", "min = 18.0, equals = 18.0", LIMIT_HERE + ": a limit has either `equals`"),
        ("min = 18.0", "min = nan", LIMIT_HERE + ".min: nan is not a finite number"),
        ("min = 18.0", "min = -inf", LIMIT_HERE + ".min: -inf is not a finite number"),
        ("min = 18.0", "min = 18.0, guard = -1", LIMIT_HERE + ": the figures of a limit"),
        ("min = 18.0", "equals = 18.0, guard = 1", LIMIT_HERE + ": `guard` needs bounds"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_step_names_file_step_key_and_what_would_be_right(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in FULL
    assert complaint(tmp_path, FULL.replace(old, new)).startswith(said)


def test_the_step_that_is_wrong_is_counted_from_one(tmp_path: Path) -> None:
    text = HEAD + STEP + STEP.replace("no_load", "no_lode")
    assert complaint(tmp_path, text).startswith("step 2 (adapter.no_lode): ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("use = 'keyboard.every_key'\nsettings = { layout = 'iso-106' }",
         "step 1 (keyboard.every_key): settings.layout: 'iso-106' is not one of ansi-104"),
        ("use = 'keyboard.stuck_keys'\nsettings = { watch_s = 0 }",
         "step 1 (keyboard.stuck_keys): settings.watch_s: 0 is not a number above 0"),
        ("use = 'display.brightness_sweep'\nsettings = { points = 1 }",
         "step 1 (display.brightness_sweep): settings.points: 1 is not a whole number of at"
         " least 2"),
        ("use = 'display.standby_power'\nsettings = { samples = 0 }",
         "step 1 (display.standby_power): settings.samples: 0 is not a whole number of at least 1"),
        ("use = 'display.standby_power'\nsettings = { samples = 2.5 }",
         "step 1 (display.standby_power): settings.samples: 2.5 is not a whole number of at"
         " least 1"),
        ("use = 'keyboard.ghosting'\nsettings = { pairs = [['A']] }",
         "step 1 (keyboard.ghosting): settings.pairs[0]: a list of 1 is not a list of 2"),
    ],
)  # fmt: skip
def test_a_setting_that_would_make_a_step_blind_is_refused(
    tmp_path: Path, settings: str, said: str
) -> None:
    assert complaint(tmp_path, f"{HEAD}[[step]]\ntitle = 'x'\n{settings}\n").startswith(said)


def test_settings_for_all_steps_reach_those_that_know_them(tmp_path: Path) -> None:
    bare = STEP.replace("settings = { rated_voltage_v = 19.5 }\n", "")
    mains = '[[step]]\nuse = "adapter.mains"\ntitle = "Mains"\n'
    (path := tmp_path / "p.toml").write_text(
        HEAD + "[settings]\nrated_voltage_v = 20.0\n" + bare + mains
    )
    first, second = load(path).steps
    assert first.settings["rated_voltage_v"] == 20.0
    assert "rated_voltage_v" not in second.settings


def test_a_steps_own_setting_counts_more_than_the_plans(tmp_path: Path) -> None:
    (path := tmp_path / "p.toml").write_text(HEAD + "[settings]\nrated_voltage_v = 5.0\n" + STEP)
    assert load(path).steps[0].settings["rated_voltage_v"] == 19.5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("rated_voltage = 20.0", "no step has the setting rated_voltage of [settings]"),
        ("layout = 'iso-105'", "no step has the setting layout of [settings]"),
        ("rated_voltage_v = 'x'", HERE + "settings.rated_voltage_v: 'x' is not a number above 0"),
    ],
)
def test_a_setting_that_nobody_uses_or_can_use_is_named(
    tmp_path: Path, settings: str, said: str
) -> None:
    bare = STEP.replace("settings = { rated_voltage_v = 19.5 }\n", "")
    filled = bare if "'x'" in settings else STEP
    assert complaint(tmp_path, f"{HEAD}[settings]\n{settings}\n{filled}") == said


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError, match=r"(No such file|Is a directory)"):
        load(tmp_path / name)


@given(st.text(max_size=60), st.integers(0, len(FULL)), st.integers(0, 20))
def test_whatever_is_typed_into_a_plan_it_loads_or_says_one_line_for_each_mistake(
    tmp_path_factory: pytest.TempPathFactory, typed: str, place: int, lost: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "p.toml"
    path.write_bytes((FULL[:place] + typed + FULL[place + lost :]).encode())
    lines: list[str] = []
    try:
        assert load(path).id == "p"
    except PlanError as error:
        lines = str(error).split("\n")
    assert all(line.startswith(str(path)) and line.isprintable() for line in lines)


# Finding plans


def test_the_nearest_folder_wins(tmp_path: Path) -> None:
    text = (SHIPPED / "lcd-monitor.toml").read_text()
    (tmp_path / "lcd-monitor.toml").write_text(text.replace('title = "LCD monitor"', 'title = "O"'))
    assert find("lcd-monitor", (tmp_path, SHIPPED)).title == "O"
    assert find("lcd-monitor").title == "LCD monitor"


def test_a_plan_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no plan 'lcd'; there are laptop-adapter-45w, "):
        find("lcd", (tmp_path, SHIPPED))
    with pytest.raises(PlanError, match="no plan 'lcd'; there are none"):
        find("lcd", (tmp_path,))


# Steps


ALL_STEPS = [
    value
    for module in step_modules()
    for value in vars(__import__(f"station.steps.{module}", fromlist=["*"])).values()
    if isinstance(value, Step)
]


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.name)
def test_every_step_can_be_found_by_its_name_and_says_what_it_does(step: Step) -> None:
    assert find_step(step.name) is step
    assert step.summary
    assert step.units
    assert step.roles


@pytest.mark.parametrize("step", ALL_STEPS, ids=lambda step: step.name)
def test_no_setting_of_a_step_may_be_negative_or_endless(step: Step) -> None:
    """Times, voltages and counts: a plan with such a figure is a mistake, whatever the step."""
    for name in step.settings.__struct_fields__:
        for silly in (-1, float("nan"), float("inf"), float("-inf")):
            with pytest.raises((TableError, LookupError)):
                step.check({**_needed(step), name: silly})


def _needed(step: Step) -> dict[str, object]:
    given: dict[str, object] = {
        "rated_voltage_v": 19.5,
        "rated_current_a": 3.3,
        "voltage_v": 5.0,
        "current_limit_a": 1.0,
        "layout": "iso-105",
    }
    return {name: given[name] for name in step.settings.__struct_fields__ if name in given}


def test_a_plan_may_name_every_layout_there_is() -> None:
    assert set(get_args(LayoutName)) == set(LAYOUTS)
