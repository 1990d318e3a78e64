"""A plan is hashed by what it says, and a step takes no setting that would make it blind."""

import hashlib
from dataclasses import replace
from typing import get_args

import pytest

from drivers.formats.key_layouts import LAYOUTS
from records import Basis, Limit
from records.toml.tables import TableError
from station.engine.plan import Plan
from station.engine.step import Step, step_modules
from station.engine.step import find as find_step
from station.steps.keyboard.keys import LayoutName
from tests.station.engine.libraries import GOLDEN, key_function_plan

PLANS = [path.stem for path in GOLDEN]


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_limit_we_ship_says_where_it_comes_from(plan_id: str) -> None:
    """A figure without a text at hand may be used, and may not be passed off as quoted."""
    standards = ("IEC", "ISO", "EN ", "Reg.", "TCO", "Level VI", "R2", "USB", "VESA", "data sheet")
    for planned in key_function_plan(plan_id).steps:
        for name, limit in planned.limits.items():
            assert limit.source, f"{planned.use} {name}"
            if limit.basis is Basis.PROPOSAL:
                named = [one for one in standards if one in limit.source]
                assert not named or "general knowledge" in limit.source, f"{planned.use} {name}"


@pytest.mark.parametrize("plan_id", PLANS)
def test_a_plan_we_ship_has_no_limit_that_cannot_fail(plan_id: str) -> None:
    """A truth is compared with a truth, a figure with bounds that a figure can miss."""
    plan = key_function_plan(plan_id)
    assert any(planned.limits for planned in plan.steps)
    for planned in plan.steps:
        for name, limit in planned.limits.items():
            if limit.equals is not None:
                assert isinstance(limit.equals, bool), f"{planned.use} {name}"
                assert planned.step.units[name] == ""
            else:
                assert (limit.min, limit.max) != (None, None)


def _with(plan: Plan, **changes: object) -> Plan:
    """Return the plan with changes in its second step."""
    first, second, *others = plan.steps
    return replace(plan, steps=(first, replace(second, **changes), *others))  # type: ignore[arg-type]


def test_a_plan_is_hashed_by_what_it_says() -> None:
    plan = key_function_plan("laptop-adapter-65w")
    second = plan.steps[1]
    assert plan.sha256 == hashlib.sha256(plan.record).hexdigest()
    assert _with(plan, limits=dict(second.limits)).sha256 == plan.sha256
    other = Limit(basis=Basis.GENERAL, source="x", unit="%", min=-4.0, max=5.0)
    changed = [
        _with(plan, limits={"no_load_deviation": other}),
        _with(plan, settings={**second.settings, "settle_s": 3.0}),
        _with(plan, title="Without load"),
        _with(plan, clause="A99"),
        _with(plan, stop_on_fail=False),
        replace(plan, steps=plan.steps[1:]),
        replace(plan, id="other"),
    ]
    assert len({plan.sha256, *(one.sha256 for one in changed)}) == 1 + len(changed)


# Steps


ALL_STEPS = [
    value
    for module in step_modules()
    for value in vars(__import__(f"station.steps.{module}", fromlist=["*"])).values()
    if isinstance(value, Step)
]


@pytest.mark.parametrize(
    ("use", "settings", "said"),
    [
        ("keyboard.every_key", {"layout": "iso-106"},
         "settings.layout: 'iso-106' is not one of ansi-104"),
        ("keyboard.stuck_keys", {"watch_s": 0}, "settings.watch_s: 0 is not a number above 0"),
        ("display.brightness_sweep", {"points": 1},
         "settings.points: 1 is not a whole number of at least 2"),
        ("display.standby_power", {"samples": 0},
         "settings.samples: 0 is not a whole number of at least 1"),
        ("display.standby_power", {"samples": 2.5},
         "settings.samples: 2.5 is not a whole number of at least 1"),
        ("keyboard.ghosting", {"pairs": [["A"]]},
         "settings.pairs[0]: a list of 1 is not a list of 2"),
        ("adapter.no_load", {"rated_voltage_v": True},
         "settings.rated_voltage_v: true is not a number above 0"),
        ("adapter.no_load", {"rated_voltage_v": "19.5"},
         "settings.rated_voltage_v: '19.5' is not a number above 0"),
        ("adapter.no_load", {}, "settings: the key `rated_voltage_v` is missing"),
        ("adapter.no_load", {"rated_voltage": 5.0},
         "no setting 'rated_voltage'; did you mean 'rated_voltage_v'?"),
    ],
)  # fmt: skip
def test_a_setting_that_would_make_a_step_blind_is_refused(
    use: str, settings: dict[str, object], said: str
) -> None:
    with pytest.raises((TableError, LookupError)) as caught:
        find_step(use).check(settings)
    assert str(caught.value.args[0]).startswith(said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adapter.noload", "no step 'adapter.noload'; did you mean 'no_load'?"),
        ("adaptor.no_load", "no step 'adaptor.no_load'; steps are called module.name, modules are"),
        ("no_load", "no step 'no_load'; steps are called"),
        ("adapter.step", "no step 'adapter.step'; known"),
        ("..plan.load", "no step '..plan.load'; steps"),
    ],
)
def test_a_step_that_there_is_not_is_told_with_those_that_are_near(name: str, said: str) -> None:
    with pytest.raises(LookupError) as caught:
        find_step(name)
    assert str(caught.value.args[0]).startswith(said)


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


def test_a_label_may_name_every_layout_there_is() -> None:
    assert set(get_args(LayoutName)) == set(LAYOUTS)
