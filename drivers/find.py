"""Find a driver by the name of its module, and its twin. Nothing is registered anywhere.

    drivers/instruments/light/tsl2591.py          `tsl2591` in a station's file: the class Tsl2591
    drivers/sim/instruments/light/tsl2591.py      its twin: the class SimulatedTsl2591

A folder outside of the packages holds drivers of one's own in the same way, `bh1750.py`, and their
twins below, `sim/bh1750.py`.
"""

import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

from drivers.capabilities import Instrument

SHIPPED = Path(__file__).parent
ROOMS = ("instruments", "devices")

RENAMED = {"ddc": "ddc_monitor"}
"""The former names of drivers, and their names of today."""

_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)


class UnknownDriver(LookupError):
    """There is no driver of that name."""


def names(folders: Sequence[Path] = ()) -> list[str]:
    """Return the names of all drivers, those of `folders` first. Imports none of them."""
    return list(dict.fromkeys(path.stem for path in _modules(folders) if _class_in(path)))


def find(name: str, folders: Sequence[Path] = ()) -> type[Instrument]:
    """Return the driver of that name, from the first of `folders` that has one.

    Imports its module and no other. Raises `UnknownDriver` where there is none, and whatever the
    module raises that is imported.
    """
    if name in RENAMED:
        raise UnknownDriver(f"{name} is called {RENAMED[name]} now")
    for path in _modules(folders):
        if path.stem == name and (class_name := _class_in(path)):
            found = getattr(importlib.import_module(_module_name(path, folders)), class_name)
            if isinstance(found, type) and issubclass(found, Instrument):
                return found
    raise UnknownDriver(f"{name!r} is no driver")


def name_of(kind: type) -> str:
    """Return the name that a station's file has for a driver."""
    return kind.__module__.rpartition(".")[2]


def find_twin(kind: type) -> type:
    """Return the simulated twin of a driver, `Simulated` and its name, from the same place.

    Raises `LookupError` where there is none.
    """
    package, _, rest = kind.__module__.partition(".")
    if kind.__module__.startswith(f"{_OWN}_"):
        module = f"{package}.sim.{rest}"
    else:
        module = f"drivers.sim.{rest}"
    try:
        return getattr(importlib.import_module(module), f"Simulated{kind.__name__}")  # type: ignore[no-any-return]
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not module.startswith(str(error.name)):
            raise
        raise LookupError(f"{kind.__name__} has no twin: {error}") from error


def _modules(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.glob("*.py"))
    for room in ROOMS:
        yield from sorted((SHIPPED / room).rglob("*.py"))


def _class_in(path: Path) -> str:
    """Return the name of the driver's class, which is the module's without underscores."""
    wanted = path.stem.replace("_", "")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return next((one for one in _CLASS.findall(text) if one.lower() == wanted), "")


_OWN = "own_drivers"


def _module_name(path: Path, folders: Iterable[Path]) -> str:
    if path.is_relative_to(SHIPPED):
        return ".".join(("drivers", *path.relative_to(SHIPPED).with_suffix("").parts))
    folder = next(one for one in folders if path.parent == one)
    return f"{_package(folder)}.{path.stem}"


def _package(folder: Path) -> str:
    """Return the name of the package that a folder of one's own is imported as."""
    where = str(folder.resolve())
    name = f"{_OWN}_{hashlib.sha256(where.encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [where]
        sys.modules[name] = module_from_spec(spec)
    return name
