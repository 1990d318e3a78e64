"""A plan is what equipment, profile, site, nameplate and roles make of it, and says why."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import Limit, Phrase, Proof
from records.words import language
from station.engine.resolve import resolve
from station.engine.resolved import NotTested, Reason
from tests.station.engine.libraries import (
    ADAPTER,
    GOLDEN,
    ROLES,
    by_id,
    everything,
    plan_of,
    shipped,
)


def key_function_plan(equipment: str, nameplate: dict[str, Any], roles: list[str]) -> Any:
    return plan_of(equipment, nameplate, roles, profile="pace-key", library=shipped)


# The plans of version 0.1


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_plan_of_version_0_1_comes_out_equal(path: Path) -> None:
    golden = json.loads(path.read_text())
    plan = key_function_plan(golden["equipment"], golden["nameplate"], golden["roles"])
    assert [
        {
            "test": test.id,
            "step": test.use,
            "title": test.title_in(),
            "clause": test.clause,
            "settings": json.loads(json.dumps(dict(test.settings))),
            "limits": {name: _bounds(one) for name, one in test.limits.items()},
            "stop_on_fail": test.stop_on_fail,
        }
        for test in plan.tests
        if test.step
    ] == golden["tests"]
    assert plan.incomplete == ()
    assert plan.guideline == "pace-station key functions, 2026-11"


def _bounds(limit: Limit) -> dict[str, Any]:
    """Return a limit as version 0.1 had it: what it needs is new, and guards are gone."""
    bare: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(limit, uncertainty=None))
    return bare


def test_all_plans_of_version_0_1_are_golden() -> None:
    assert len(GOLDEN) == 6


# Adapters of any rating


@settings(max_examples=60, deadline=None)
@given(
    st.floats(3.0, 60.0),
    st.floats(0.1, 20.0),
    st.sampled_from(["none", "III", "IV", "V", "VI"]),
)
def test_an_adapter_of_any_rating_has_a_plan(volts: float, amperes: float, mark: str) -> None:
    label = {"output_v": volts, "output_a": amperes, "efficiency_mark": mark}
    plan = key_function_plan("laptop-adapter", label, ["load", "meter", "mains_meter"])
    tests = by_id(plan)
    points = tests["load_points"]
    assert points.settings == {
        "rated_voltage_v": volts,
        "rated_current_a": amperes,
        "settle_s": 5.0,
    }
    assert plan.incomplete == ()
    has_figures = mark != "none" and volts * amperes <= 250.0
    assert ("average_efficiency" in points.limits) == has_figures
    assert (tests["no_load_power"].step is not None) == has_figures
    if has_figures:
        efficiency, power = points.limits["average_efficiency"], tests["no_load_power"].limits
        assert efficiency.min is not None
        assert 0.0 < efficiency.min < 86.0
        assert set(power) == {"no_load_power"}
    else:
        for why in (points.not_judged["average_efficiency"], tests["no_load_power"].not_tested):
            assert why is not None
            assert why.reason is Reason.NO_SUCH_PART
            said = "efficiency_mark is none" if mark == "none" else "no figure"
            assert said in why.why


@pytest.mark.parametrize(
    ("mark", "volts", "amperes", "efficiency", "no_load_w"),
    [
        ("VI", 19.5, 2.31, 84.7, 0.1),
        ("VI", 19.5, 3.33, 85.0, 0.21),
        ("VI", 5.0, 2.0, 75.7, 0.1),
        ("V", 19.5, 3.33, 84.0, 0.5),
        ("V", 12.0, 1.0, 74.8, 0.3),
        ("IV", 19.5, 3.33, 82.0, 0.5),
        ("III", 19.5, 3.33, 81.0, 0.75),
        ("III", 5.0, 1.0, 60.5, 0.5),
    ],
)
def test_figures_follow_the_mark_on_the_label(
    mark: str, volts: float, amperes: float, efficiency: float, no_load_w: float
) -> None:
    label = {"output_v": volts, "output_a": amperes, "efficiency_mark": mark}
    tests = by_id(key_function_plan("laptop-adapter", label, ["load", "meter", "mains_meter"]))
    assert tests["load_points"].limits["average_efficiency"].min == efficiency
    assert tests["no_load_power"].limits["no_load_power"].max == no_load_w


def test_an_adapter_above_250_w_is_not_held_to_figures_of_others() -> None:
    label = {"output_v": 19.5, "output_a": 16.92, "efficiency_mark": "VI"}
    tests = by_id(key_function_plan("laptop-adapter", label, ["load", "meter", "mains_meter"]))
    assert tests["no_load_power"].not_tested == NotTested(
        Reason.NO_SUCH_PART,
        "no figure is known for output_w above 250",
        Phrase("untested.no_figure", {"ratings": "output_w"}),
    )
    assert set(tests["load_points"].not_judged) == {"average_efficiency"}
    assert "deviation_100" in tests["load_points"].limits


# What is not tested


def not_said(*ratings: str) -> Phrase:
    return Phrase("untested.value_unknown", {"ratings": ", ".join(ratings)})


def test_what_lacks_is_called_by_its_name_in_the_words_of_the_plan() -> None:
    plan = plan_of("laptop-adapter", {"output_v": 19.5}, profile="pace-key").runnable("adapter")
    (why,) = {one.reason for one in plan.untested if one.test == "load_points"}
    for code, said in {"en": "Output current", "fr": "Courant de sortie"}.items():
        known = language(code).also(plan.words[code])
        assert known.text(why).endswith(f"{said}.")


def test_several_methods_that_a_bench_lacks_are_one_reason() -> None:
    plan = plan_of("usb-keyboard", {"layout": "iso-105"}, [])
    reasons = {one.test: one.reason for one in plan.runnable().untested}
    why = "{} needs keyboard, which the slot has not"
    both = "; ".join(map(why.format, ("keyboard.every_key", "keyboard.every_key_by_hand")))
    assert reasons["every_key"] == Phrase("untested.lacks_role", {"roles": "keyboard"}, both)


def test_an_unknown_value_is_asked_for_and_never_assumed() -> None:
    plan = plan_of("laptop-adapter", {"output_v": 19.5}, profile="pace-key")
    tests = by_id(plan)
    assert tests["no_load"].step is not None
    assert tests["load_points"].not_tested == NotTested(
        Reason.VALUE_UNKNOWN, "output_a is not known", not_said("output_a"), ("output_a",)
    )
    assert tests["no_load_power"].not_tested == NotTested(
        Reason.VALUE_UNKNOWN,
        "efficiency_mark is not known",
        not_said("efficiency_mark"),
        ("efficiency_mark",),
    )
    assert plan.asks == ("efficiency_mark", "output_a")
    assert plan.incomplete == (
        "load_points: look is required, and it is not tested: output_a is not known",
    )


def test_an_unknown_mark_leaves_one_measurement_unjudged() -> None:
    plan = plan_of("laptop-adapter", {"output_v": 19.5, "output_a": 3.33}, profile="pace-key")
    points = by_id(plan)["load_points"]
    assert points.not_judged["average_efficiency"].reason is Reason.VALUE_UNKNOWN
    assert points.limits["regulation"].max == 5.0
    assert plan.asks == ("efficiency_mark",)
    assert plan.incomplete == ()


NO_BENCH = {
    "atx-supply": tuple(
        f"{test}: look is required, and it is not tested: atx.{test} needs atx, which the slot has"
        " not"
        for test in ("start", "rails")
    ),
    "ps2-keyboard": (
        "answers: look is required, and it is not tested: ps2.answers needs ps2, which the slot"
        " has not",
    ),
    "ps2-mouse": (
        "answers: look is required, and it is not tested: ps2.answers needs ps2, which the slot"
        " has not",
    ),
    "laptop-adapter": (
        "no_load: look is required, and it is not tested: adapter.no_load needs load, which the"
        " slot has not",
        "load_points: look is required, and it is not tested: adapter.load_points needs load,"
        " which the slot has not",
    ),
    "lcd-monitor": tuple(
        f"{test}: look is required, and it is not tested: display.{test} needs monitor, which"
        " the slot has not"
        for test in ("luminance", "contrast", "colour", "backlight", "pixel_faults")
    ),
    "usb-keyboard": (
        "enumeration: look is required, and it is not tested: keyboard.enumeration needs"
        " keyboard, which the slot has not",
        "every_key: look is required, and it is not tested: keyboard.every_key needs keyboard,"
        " which the slot has not; keyboard.every_key_by_hand needs keyboard, which the slot has"
        " not",
    ),
}


@pytest.mark.parametrize("equipment", NO_BENCH)
def test_what_is_required_is_known_on_a_bench_without_instruments(equipment: str) -> None:
    plan = key_function_plan(equipment, KINDS[equipment], [])
    assert plan.incomplete == NO_BENCH[equipment]
    assert all(test.step is None for test in plan.tests)


def test_a_method_that_proves_less_than_required_is_said_before_the_run() -> None:
    hand = ["supply", "meter", "keyboard"]
    plan = key_function_plan("usb-keyboard", {"layout": "iso-105"}, hand)
    tests = by_id(plan)
    assert (tests["every_key"].use, tests["every_key"].proves) == (
        "keyboard.every_key_by_hand",
        Proof.PARTIAL,
    )
    assert tests["ghosting"].not_tested == NotTested(
        Reason.NOT_POSSIBLE_HERE,
        "keyboard.ghosting needs actuator, which the slot has not",
        Phrase("untested.lacks_role", {"roles": "actuator"}),
    )
    unverified = plan_of("laptop", {"usb_ports": ["left"]}, ["port_power"])
    assert unverified.incomplete[-1] == (
        "usb_port[left]: full is required, and usb.power_cycle_unverified proves partial"
    )


def test_a_role_that_is_played_by_something_else_is_none() -> None:
    roles = {"load": ROLES["meter"], "meter": ROLES["meter"]}
    plan = resolve(shipped, "laptop-adapter", "pace-key", nameplate=ADAPTER, roles=roles)
    why = by_id(plan)["no_load"].not_tested
    assert why is not None
    assert why.why == "adapter.no_load needs ElectronicLoad as load"
    assert why.said == Phrase("untested.wrong_kind", {"roles": "load"})


def test_a_measurement_that_the_method_lacks_is_not_judged_and_no_error() -> None:
    plan = plan_of("laptop", {"usb_ports": ["left"]}, ["port_power"])
    port = by_id(plan)["usb_port[left]"]
    assert set(port.limits) == {"comes_back"}
    assert port.not_judged == {
        "vbus_off": NotTested(
            Reason.NOT_POSSIBLE_HERE,
            "usb.power_cycle_unverified does not measure vbus_off",
            Phrase("untested.not_measured", {"measurements": "vbus_off"}),
        )
    }


# Parts, and what there is several times

LAPTOP = {
    "usb_ports": ["left-1", "right-1"],
    "battery_fitted": "yes",
    "keyboard.layout": "jis-109",
    "battery.charge_v": 20.0,
}


def test_parts_have_prefixes_in_their_order_and_ports_have_names() -> None:
    plan = plan_of("laptop", LAPTOP)
    ids = [test.id for test in plan.tests]
    assert ids[0] == "panel.luminance"
    assert ids[5:7] == ["keyboard.stuck_keys", "keyboard.every_key"]
    assert ids[-3:] == ["battery.takes_charge", "usb_port[left-1]", "usb_port[right-1]"]
    tests = by_id(plan)
    assert tests["keyboard.every_key"].settings["layout"] == "jis-109"
    assert tests["keyboard.every_key"].clause == "E1"
    assert tests["keyboard.chatter"].clause == "K5"
    assert tests["battery.takes_charge"].title_in() == "Battery: takes charge"
    assert tests["battery.takes_charge"].title_in("fr") == "Battery: takes charge"


def test_a_part_is_limited_by_its_own_address_and_by_that_of_the_whole() -> None:
    battery = by_id(plan_of("laptop", LAPTOP))["battery.takes_charge"]
    assert battery.limits["supply_current"].min == 0.2
    assert battery.limits["supply_voltage"].equals == 12.0


def test_what_the_device_has_not_is_no_such_part_and_leaves_nothing_incomplete() -> None:
    plan = plan_of("laptop", LAPTOP | {"battery_fitted": "no", "usb_ports": []})
    tests = by_id(plan)
    assert tests["battery.takes_charge"].not_tested == NotTested(
        Reason.NO_SUCH_PART,
        "battery_fitted is no",
        Phrase("untested.choice", {"ratings": "battery_fitted", "told": "no"}),
    )
    assert tests["usb_port"].not_tested == NotTested(
        Reason.NO_SUCH_PART,
        "usb_ports: none",
        Phrase("untested.none_there", {"ratings": "usb_ports"}),
    )
    assert plan.incomplete == ()


def test_ports_that_nobody_has_named_are_asked_for() -> None:
    tests = by_id(plan_of("laptop", {}))
    assert tests["usb_port"].not_tested == NotTested(
        Reason.VALUE_UNKNOWN, "usb_ports is not known", not_said("usb_ports"), ("usb_ports",)
    )
    assert tests["battery.takes_charge"].not_tested == NotTested(
        Reason.VALUE_UNKNOWN,
        "battery_fitted is not known",
        not_said("battery_fitted"),
        ("battery_fitted",),
    )


# The nearest word


def test_a_test_goes_before_a_step_and_a_profile_before_its_parent() -> None:
    tests = by_id(plan_of("laptop-adapter", ADAPTER))
    points = tests["load_points"]
    assert (points.limits["regulation"].max, points.limits["regulation"].uncertainty) == (3.0, None)
    assert points.limits["efficiency_25"].min == 1.0
    assert points.limits["deviation_25"].max == 5.0
    assert points.limits["regulation"].source == "made up for tests"


def test_a_waived_limit_is_told_and_the_test_is_done() -> None:
    power = by_id(plan_of("laptop-adapter", ADAPTER))["no_load_power"]
    assert power.step is not None
    assert power.limits == {}
    assert power.waived == {"no_load_power": "not asked for by this text"}
    assert power.proves is Proof.NONE


@pytest.mark.parametrize(
    ("amperes", "expected"),
    [(0.1, (None, 200.0)), (1.0, (None, 200.0)), (1.01, (10.0, 150.0)), (5.0, (10.0, 150.0))],
)
def test_a_row_holds_up_to_and_with_its_end(amperes: float, expected: object) -> None:
    label = ADAPTER | {"output_a": amperes}
    limit = by_id(plan_of("laptop-adapter", label))["overload"].limits["overload_power"]
    assert (limit.min, limit.max) == expected


def test_beyond_the_last_row_nothing_is_judged() -> None:
    tests = by_id(plan_of("laptop-adapter", ADAPTER | {"output_a": 5.1}))
    assert tests["overload"].not_judged["overload_power"].why == (
        "no figure is known for output_a above 5"
    )


@pytest.mark.parametrize(("layout", "expected"), [("iso-88", True), ("jis-109", False)])
def test_a_choice_of_the_label_chooses_the_limit(layout: str, expected: bool) -> None:
    hand = ["supply", "meter", "keyboard"]
    leds = by_id(plan_of("usb-keyboard", {"layout": layout}, hand))["leds"]
    assert leds.limits["num_led"].equals is expected
    other = by_id(plan_of("usb-keyboard", {"layout": "ansi-104"}, hand))["leds"]
    assert other.not_judged["num_led"].reason is Reason.NO_SUCH_PART


def test_depth_and_decision_rule_are_carried() -> None:
    plan = plan_of("laptop-adapter", ADAPTER)
    assert plan.decision_rule == "guarded"
    assert by_id(plan)["hot"].depth == "thorough"
    assert by_id(plan)["overload"].depth == "quick"
    assert by_id(plan)["hot"].required is Proof.FULL
    assert plan_of("laptop-adapter", ADAPTER, profile="pace-key").decision_rule == "simple"


# A site


def test_a_site_goes_before_the_profile_and_the_result_says_so() -> None:
    plan = plan_of("laptop-adapter", ADAPTER, site="workshop")
    tests = by_id(plan)
    assert tests["overload"].limits["recovery_time"].max == 2.0
    assert tests["overload"].limits["overload_power"].max == 120.0
    assert tests["hot"].limits["warm_up_change"].max == 4.0
    assert tests["overload"].required is Proof.FULL
    assert tests["hot"].required is Proof.FULL
    assert tests["hot"].altered == ("warm_up_change",)
    assert plan.guideline == "everything, for tests, altered by the site: 3 limits"
    assert plan.runnable().altered_by_site == 3


def test_a_site_lowers_no_proof_by_another_address() -> None:
    with_site = by_id(plan_of("laptop", LAPTOP, site="workshop"))["keyboard.every_key"]
    assert with_site.required is Proof.FULL
    assert with_site.origins["require"].file.endswith("profiles/everything.toml")
    plain = by_id(plan_of("laptop", LAPTOP, site="workshop", profile="pace-key"))
    assert plain["keyboard.every_key"].required is Proof.LOOK


def test_a_site_that_says_nothing_of_this_kind_alters_nothing() -> None:
    plan = plan_of("usb-keyboard", {"layout": "iso-105"}, site="workshop", profile="pace-key")
    assert plan.altered_by_site == 0
    assert plan.guideline == "pace-station key functions, 2026-11"


# Origins and the hash


def test_every_value_of_every_plan_says_where_it_comes_from() -> None:
    for plan in (plan_of("laptop", LAPTOP), plan_of("laptop-adapter", ADAPTER, site="workshop")):
        for test in plan.tests:
            if test.step is None:
                continue
            named = {"use", *(f"settings.{name}" for name in test.settings)}
            named |= {f"limits.{name}" for name in (*test.limits, *test.waived)}
            assert named <= test.origins.keys()


def test_an_origin_is_a_file_and_a_line() -> None:
    test = by_id(plan_of("laptop-adapter", ADAPTER, site="workshop"))["overload"]
    assert str(test.origins["limits.recovery_time"]).endswith("sites/workshop.toml:9")
    assert test.origins["limits.recovery_time"].note == "everything"
    assert str(test.origins["settings.rated_voltage_v"]) == "equipment/laptop-adapter.toml:38"
    assert test.origins["settings.rated_voltage_v"].note == "@output_v"
    assert str(test.origins["settings.hold_s"]) == "default of adapter.overload"


def test_the_hash_is_that_of_what_the_plan_says() -> None:
    plan = plan_of("laptop-adapter", ADAPTER)
    backwards = dict(reversed(ADAPTER.items()))
    assert plan_of("laptop-adapter", backwards).sha256 == plan.sha256
    others = [
        plan_of("laptop-adapter", ADAPTER, site="workshop"),
        plan_of("laptop-adapter", ADAPTER | {"output_a": 3.34}),
        plan_of("laptop-adapter", ADAPTER, ["load", "meter"]),
        plan_of("laptop-adapter", ADAPTER, profile="pace-key"),
    ]
    assert len({plan.sha256, *(other.sha256 for other in others)}) == 5


def test_a_plan_has_a_title_for_people() -> None:
    assert plan_of("laptop-adapter", ADAPTER).title_in() == "Laptop adapter 19.5 V 3.33 A (65 W)"
    assert plan_of("laptop-adapter", {"output_v": 5.0}).title_in("de") == "Laptop adapter 5 V"


# What cannot be


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"output_v": 61.0}, "output_v: 61 V is not from 3 to 60"),
        ({"output_v": True}, "output_v: True is not a number"),
        ({"output_v": float("nan")}, "output_v: nan V is not from 3 to 60"),
        ({"output_v": "19.5"}, "output_v: '19.5' is not a number"),
        ({"efficiency_mark": "VII"}, "efficiency_mark: 'VII' is not one of none, III, IV, V, VI"),
        ({"output_w": 65.0}, "output_w: it is the product of output_v and output_a, and never"),
    ],
)
def test_a_label_that_cannot_be_is_refused(label: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        plan_of("laptop-adapter", label)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("laptop-adaptor", {}), "no equipment 'laptop-adaptor'; did you mean 'laptop-adapter'"),
        (("laptop-adapter", {"output_x": 1.0}), "no rating 'output_x'; did you mean 'output_"),
    ],
)
def test_a_name_that_there_is_not_is_refused(arguments: Any, said: str) -> None:
    with pytest.raises(LookupError, match=said):
        plan_of(*arguments)
    with pytest.raises(LookupError, match="no profile 'pace'"):
        plan_of("laptop-adapter", {}, profile="pace")
    with pytest.raises(LookupError, match="no site 'workshp'; did you mean 'workshop'"):
        plan_of("laptop-adapter", {}, site="workshp")


KINDS: dict[str, dict[str, Any]] = {
    "atx-supply": {},
    "ps2-keyboard": {},
    "ps2-mouse": {},
    "laptop-adapter": ADAPTER,
    "lcd-monitor": {},
    "usb-keyboard": {"layout": "iso-105"},
    "laptop": LAPTOP,
    "dock": {"output_v": 20.0, "output_a": 4.5, "efficiency_mark": "VI"},
}


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["pace-key", "everything"]),
    st.sampled_from(["", "workshop"]),
    st.sets(st.sampled_from(sorted(ROLES))),
    st.data(),
)
def test_every_kind_has_a_plan_by_every_profile_on_every_bench(
    equipment: str, profile: str, site: str, roles: set[str], data: st.DataObject
) -> None:
    """On a bench that lacks anything, with nothing told, each test is done or says why not."""
    told = KINDS[equipment]
    known = data.draw(st.sets(st.sampled_from(sorted(told)))) if told else set()
    label = {name: told[name] for name in known}
    plan = plan_of(equipment, label, sorted(roles), profile=profile, site=site)
    full = plan_of(equipment, told, profile=profile, site=site)
    assert {test.id.partition("[")[0] for test in plan.tests} == {
        test.id.partition("[")[0] for test in full.tests
    }
    assert plan.roles - {"clock", "operator"} <= roles
    for test in plan.tests:
        assert (test.step is None) == (test.not_tested is not None)
        assert not test.limits.keys() & (test.not_judged.keys() | test.waived.keys())
        if test.step:
            assert test.limits.keys() <= test.step.units.keys()
            assert all(test.step.units[name] == one.unit for name, one in test.limits.items())
    again = plan_of(equipment, label, sorted(roles), profile=profile, site=site)
    assert plan.sha256 == again.sha256
    if set(label) == set(told):
        assert plan.asks == ()


def test_what_a_part_is_for_stands_in_the_library() -> None:
    parts = {key for key, kind in everything.kinds.items() if kind.is_part}
    assert parts == {"battery", "keyboard", "panel"}
