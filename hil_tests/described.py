"""The rig that tests run on, as its files and the command line describe it."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from hil_tests.rigs.cables import Cables
    from hil_tests.rigs.qa import Qa
    from hil_tests.rigs.rig import Rig
    from station.rig.config import StationConfig

SIMULATED = Path(__file__).parent / "simulated.toml"


class Described(NamedTuple):
    """A rig as its files describe it; no hardware has been touched."""

    file: Path
    config: "StationConfig"
    qa: "Qa"
    slots: tuple[str, ...]
    simulated: bool

    def roles(self, slot: str) -> frozenset[str]:
        its = self.config.slots[slot]
        return frozenset(its.roles) | frozenset(its.shared)

    def unstated(self, slot: str, names: frozenset[str]) -> str:
        """Return why QA states too little of the slot for a test of `names`; empty if enough."""
        unstated = sorted(name for name in names if getattr(self.qa.of(slot), name) is None)
        return f"QA states no {', '.join(unstated)} for this slot" if unstated else ""

    def lacks(self, wanted: frozenset[str]) -> str:
        """Return why no slot has all the roles that a test wants; empty if one has them."""
        if not wanted or any(not missing(wanted, self.roles(slot)) for slot in self.slots):
            return ""
        who = "this rig" if len(self.slots) != 1 else f"slot {self.slots[0]} of this rig"
        if len(self.config.slots) == 1:
            who = "this rig"
        everything = frozenset[str]().union(*map(self.roles, self.slots))
        if none := missing(wanted, everything):
            return f"{who} has no {', '.join(none)}"
        return f"{who} has no slot with {', '.join(sorted(wanted))} together"


DESCRIBED = pytest.StashKey[Described]()


def missing(wanted: frozenset[str], roles: frozenset[str]) -> list[str]:
    """Return the wanted roles that are not among `roles`."""
    return sorted(wanted - roles)


def described(config: pytest.Config) -> Described:
    """Return the rig of this run. Raises `pytest.UsageError` with what is wrong in its files."""
    if DESCRIBED not in config.stash:
        config.stash[DESCRIBED] = _describe(
            config.getoption("--rig") or SIMULATED,
            config.getoption("--slot"),
            config.getoption("--qa"),
            simulated=config.getoption("--rig") is None or config.getoption("--simulate"),
        )
    return config.stash[DESCRIBED]


def _describe(file: Path, slot: str | None, qa_file: Path | None, *, simulated: bool) -> Described:
    from hil_tests.rigs import qa
    from station.rig import config

    try:
        station = config.load(file)
        beside = qa.path_beside(file)
        if qa_file is not None or beside.exists():
            stated = qa.load(qa_file or beside, station.slots)
        else:
            stated = qa.Qa()
    except (config.ConfigError, qa.QaError) as error:
        raise pytest.UsageError(str(error)) from error
    if slot is not None and slot not in station.slots:
        known = ", ".join(station.slots)
        raise pytest.UsageError(f"{file}: there is no slot {slot!r}, but {known}")
    slots = (slot,) if slot else tuple(station.slots)
    return Described(file, station, stated, slots, simulated)


def chosen_cables(name: str | None) -> "Callable[[Rig, str], Cables] | None":
    """Return the class `MODULE:CLASS`. Raises `pytest.UsageError` where it is none."""
    if name is None:
        return None
    from hil_tests.rigs.cables import Cables

    module, _, attribute = name.partition(":")
    try:
        made = getattr(import_module(module), attribute)
    except Exception as error:  # the module is not ours, and may raise anything
        raise pytest.UsageError(
            f"--cables {name}: {type(error).__name__}: {error}; say MODULE:CLASS"
        ) from error
    if not isinstance(made, type) or not issubclass(made, Cables):
        raise pytest.UsageError(f"--cables {name}: {attribute} is no hil_tests.rigs.cables.Cables")
    return made
