"""A mistake in a table is one clear line, however the struct it belongs to is written."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from records.toml_tables import TableError, convert


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    depth: Annotated[int, msgspec.Meta(ge=0)]
    mode: Literal["slow", "fast"] | None = None


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    plain: Inner | None = None
    marked: Annotated[Inner, msgspec.Meta(description="marked")] | None = None
    noted: Annotated[Inner | None, msgspec.Meta(description="noted")] = None
    several: tuple[Inner | None, ...] | None = None
    named: dict[str, Inner] = {}


WRAPPED: list[tuple[Any, str]] = [
    (lambda inner: {"plain": inner}, "plain"),
    (lambda inner: {"marked": inner}, "marked"),
    (lambda inner: {"noted": inner}, "noted"),
    (lambda inner: {"several": [inner]}, "several[0]"),
    (lambda inner: {"named": {"one": inner}}, "named[...]"),
]


@pytest.mark.parametrize(("wrap", "place"), WRAPPED, ids=[place for _, place in WRAPPED])
@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ({"depth": -1}, ".depth: Expected `int` >= 0"),
        ({"depht": 1}, ": there is no key `depht`; did you mean 'depth'?"),
        ({}, ": the key `depth` is missing"),
        ({"depth": 1, "mode": "fats"}, ".mode: 'fats' is not one of slow, fast"),
    ],
)
def test_a_mistake_in_what_may_be_left_out_is_one_clear_line(
    wrap: Any, place: str, inner: dict[str, object], said: str
) -> None:
    with pytest.raises(TableError) as caught:
        convert(wrap(inner), Outer, "slots.left")
    assert str(caught.value) == f"slots.left.{place}{said}"
