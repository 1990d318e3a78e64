"""The choice of slots of the rig for each test."""

from typing import Any, get_type_hints

import pytest

from drivers.capabilities import ROLES, Instrument
from hil_tests.described import Described, described, missing


def _needed(node: pytest.Item) -> frozenset[str]:
    return frozenset(role for mark in node.iter_markers("needs") for role in mark.args)


def _needs_stated(node: pytest.Item) -> frozenset[str]:
    return frozenset(
        mark.kwargs["stated"] for mark in node.iter_markers("needs") if "stated" in mark.kwargs
    )


def _check_marks(node: pytest.Item) -> None:
    """Check the marks: a mistake must not run a test for which nothing was stated."""
    for mark in node.iter_markers("needs"):
        from hil_tests.rigs.qa import NOT_BY_DEFAULT

        stated = mark.kwargs.get("stated", NOT_BY_DEFAULT[0])
        if mark.kwargs.keys() - {"stated"} or stated not in NOT_BY_DEFAULT:
            said = ", ".join(f"{name}={value!r}" for name, value in mark.kwargs.items())
            raise pytest.Collector.CollectError(
                f"{node.nodeid}: needs({said}): `stated` is one of {', '.join(NOT_BY_DEFAULT)}"
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    _check_marks(metafunc.definition)
    names = frozenset(metafunc.fixturenames)
    if "rig_slot" not in names or _chooses_its_slots(metafunc):
        return
    rig = described(metafunc.config)
    wanted = _needed(metafunc.definition) | names & frozenset(ROLES)
    fitting = [slot for slot in rig.slots if not missing(wanted, rig.roles(slot))]
    reason = rig.lacks(wanted)
    if "rig_role" not in names:
        metafunc.parametrize("rig_slot", fitting or [_skipped(reason, "")])
        return
    kind = get_type_hints(metafunc.function).get("instrument", Instrument)
    pairs = [
        pytest.param(slot, role, id=f"{slot}-{role}")
        for slot in fitting
        for role in _roles_of_kind(rig, slot, kind)
    ]
    reason = reason or f"this rig has no {getattr(kind, '__name__', kind)}"
    metafunc.parametrize(("rig_slot", "rig_role"), pairs or [_skipped(reason, "", "")])


def _chooses_its_slots(metafunc: pytest.Metafunc) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any("rig_slot" in mark.args[0] for mark in marks)


def _skipped(reason: str, *values: str) -> Any:
    return pytest.param(*values, id="nowhere", marks=pytest.mark.skip(reason=reason))


def _roles_of_kind(rig: Described, slot: str, kind: Any) -> list[str]:
    its = rig.config.slots[slot]
    tables = {role: rig.config.instrument(slot, role) for role in (*its.roles, *its.shared)}
    return [role for role, table in tables.items() if issubclass(table.kind, kind)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test before anything is opened; those with roles as fixtures are sorted by then."""
    if (wanted := _needed(item)) and (reason := described(item.config).lacks(wanted)):
        pytest.skip(reason)
    if stated := _needs_stated(item):
        rig = described(item.config)
        chosen = item.callspec.params.get("rig_slot") if hasattr(item, "callspec") else None
        if chosen is None:
            slots = [one for one in rig.slots if not missing(wanted, rig.roles(one))]
        else:
            slots = [chosen] if chosen else []  # nowhere: the reason is known
        unstated = [rig.unstated(slot, stated) for slot in slots]
        if unstated and all(unstated):
            pytest.skip(unstated[0])
