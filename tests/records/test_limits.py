"""Limits judge truly; one that could judge nothing is refused where a file states it."""

import math

import msgspec
import pytest
from hypothesis import given

from records import Limit, Value, Verdict
from tests.records.strategies import limit, limits, values


@pytest.mark.parametrize(
    ("figures", "value", "verdict", "text"),
    [
        ({"max": 12, "unit": "W"}, 12.0, Verdict.PASS, "≤ 12 W"),
        ({"max": 12, "unit": "W"}, math.nextafter(12.0, 13.0), Verdict.FAIL, "≤ 12 W"),
        ({"min": 0, "unit": "V"}, 0.0, Verdict.PASS, "≥ 0 V"),
        ({"min": 0, "unit": "V"}, -5e-324, Verdict.FAIL, "≥ 0 V"),
        ({"min": 0, "max": 5}, 2, Verdict.PASS, "0 … 5"),
        ({"min": 0, "max": 5}, 6, Verdict.FAIL, "0 … 5"),
        ({"min": 3, "max": 3}, 3, Verdict.PASS, "3 … 3"),
        ({"max": 12}, math.nan, Verdict.FAIL, "≤ 12"),
        ({"min": 12}, math.nan, Verdict.FAIL, "≥ 12"),
        ({"equals": True}, True, Verdict.PASS, "= True"),
        ({"equals": False}, True, Verdict.FAIL, "= False"),
        ({"equals": "OK"}, "NOK", Verdict.FAIL, "= OK"),
        ({"equals": 0}, 0.0, Verdict.PASS, "= 0"),
        ({"equals": 2.5, "unit": "V"}, 2, Verdict.FAIL, "= 2.5 V"),
    ],
)
def test_a_limit_is_inclusive_and_reads_like_one(
    figures: dict[str, float | str | bool], value: Value, verdict: Verdict, text: str
) -> None:
    assert limit(**figures).judge(value) is verdict
    assert str(limit(**figures)) == text


@given(limits(), values)
def test_a_limit_passes_only_what_lies_inside(one: Limit, value: Value) -> None:
    try:
        passed = one.judge(value) is Verdict.PASS
    except TypeError:
        return
    if one.equals is not None:
        assert passed is (value == one.equals)
        return
    assert isinstance(value, float | int)
    low = -math.inf if one.min is None else one.min
    high = math.inf if one.max is None else one.max
    assert passed is (low <= value <= high)


@pytest.mark.parametrize(
    ("figures", "value"),
    [
        ({"equals": True}, 1),
        ({"equals": True}, 1.0),
        ({"equals": False}, 0),
        ({"equals": 1}, True),
        ({"equals": 0.0}, False),
        ({"equals": "1"}, 1),
        ({"equals": 1}, "1"),
        ({"equals": "True"}, True),
        ({"max": 1}, True),
        ({"max": 1}, "0"),
    ],
)
def test_a_value_of_another_kind_is_nobodys_verdict(
    figures: dict[str, float | str | bool], value: Value
) -> None:
    with pytest.raises(TypeError):
        limit(**figures).judge(value)


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({}, "needs `min`, `max` or `equals`"),
        ({"uncertainty": 1.0}, "needs `min`, `max` or `equals`"),
        ({"max": 1, "uncertainty": -0.1}, "above 0"),
        ({"equals": 1, "max": 2}, "not both"),
        ({"min": 2, "max": 1}, "min 2 is above max 1"),
        ({"max": math.nan}, "numbers"),
        ({"min": -math.inf}, "numbers"),
        ({"max": math.inf}, "numbers"),
        ({"equals": math.nan}, "numbers"),
        ({"equals": math.inf}, "numbers"),
        ({"max": 1, "uncertainty": 0.0}, "`uncertainty` is a number above 0"),
        ({"max": 1, "uncertainty": math.nan}, "`uncertainty` is a number above 0"),
        ({"max": 1, "uncertainty": math.inf}, "`uncertainty` is a number above 0"),
        ({"equals": 1, "uncertainty": 0.1}, "`uncertainty` needs bounds"),
        ({"max": 1, "basis": "source"}, "needs `source`"),
        ({"max": 1, "basis": "source", "source": " \t"}, "needs `source`"),
    ],
)
def test_a_limit_that_could_not_judge_says_why(
    figures: dict[str, float | str | bool], complaint: str
) -> None:
    one = msgspec.convert({"basis": "general", **figures}, Limit)
    assert complaint in one.mistake()


@given(limits())
def test_a_limit_that_can_judge_has_no_mistake(one: Limit) -> None:
    assert one.mistake() == ""
