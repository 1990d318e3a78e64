"""Operator texts are Simplified Technical English, and the checker finds where they are not."""

import pytest

from records.words import SHIPPED, po
from tests.words import complaints


def test_the_shipped_english_is_simplified_technical_english() -> None:
    assert list(complaints(po.read(SHIPPED / "en.po").sentences)) == []


@pytest.mark.parametrize(
    ("sentence", "complaint"),
    [
        ("one two " * 10 + "three.", "21 words"),
        ("Read it, then answer.", "two instructions, Read and answer"),
        ("Check the lead and test it again.", "two instructions, Check and test"),
        ("The actuator has no finger.", "'key actuator', not 'actuator'"),
        ("The charger gives no voltage.", "'adapter', not 'charger'"),
        ("Is the lamp lit?", "'on', not 'lit'"),
        ("The sensors see no light.", "'light sensors', not 'sensors'"),
    ],
)
def test_what_is_hard_to_read_is_found(sentence: str, complaint: str) -> None:
    (found,) = complaints({"adapter.x": (sentence,)})
    assert complaint in found


@pytest.mark.parametrize(
    "sentence",
    [
        "one two " * 10,
        "Read it. Then answer.",
        "The key actuator has no finger for {actuator}.",
        "Press this key once by hand.",
        "The light sensors see no light.",
    ],
)
def test_what_is_plain_is_let_alone(sentence: str) -> None:
    assert not list(complaints({"adapter.x": (sentence,)}))


def test_names_and_other_languages_are_not_looked_at() -> None:
    assert not list(complaints({"role.actuator": ("actuator",), "key.x": ("push",)}))
