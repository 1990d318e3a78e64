"""The twin of a device under test: found by name, its parameters read from a file, and built."""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from drivers.buses import Time
from drivers.sim import devices
from drivers.sim.place import Device
from drivers.wiring import Between, Read
from records.toml.tables import mistakes, suggest

TwinClass = type[Device]


class WrongParameter(ValueError):
    """A parameter that the twin does not take, by its name."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


def find_device(name: str, folders: Sequence[Path] = ()) -> TwinClass:
    """Return the twin of that name: FOLDER/sim/NAME.py of a folder, or `drivers.sim.devices.NAME`.

    Raises `LookupError` that says what would be right.
    """
    for folder in folders:
        if (path := folder / "sim" / f"{name}.py").is_file():
            return _twin_in(_loaded(path))
    known = [
        module.name
        for module in pkgutil.iter_modules(devices.__path__)
        if _may_hold_a_twin(f"{devices.__name__}.{module.name}")
    ]
    known += [path.stem for folder in folders for path in (folder / "sim").glob("*.py")]
    if name not in known:
        raise LookupError(f"no twin {name!r}; {suggest(name, known)}")
    return _twin_in(importlib.import_module(f"{devices.__name__}.{name}"))


def _may_hold_a_twin(module: str) -> bool:
    found = importlib.util.find_spec(module)
    source = found.origin if found is not None else None
    return source is not None and "    def plug(self" in Path(source).read_text(encoding="utf-8")


def _loaded(path: Path) -> ModuleType:
    name = f"own_twins_{path.parent.resolve()}_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def _twin_in(module: ModuleType) -> TwinClass:
    for found in vars(module).values():
        own = isinstance(found, type) and found.__module__ == module.__name__
        if own and all(hasattr(found, name) for name in ("plug", "seen", "truth")):
            return found  # type: ignore[no-any-return]
    raise LookupError(f"{module.__name__} has no class with `plug`, `seen` and `truth`")


def parameters_of(twin: TwinClass) -> dict[str, Any]:
    """Return the parameters that a file may set, each with the type of its value."""
    hints = get_type_hints(twin.__init__, include_extras=True)
    return {
        name: hints[name]
        for name in inspect.signature(twin).parameters
        if hints.get(name) is not Time
    }


def build(twin: TwinClass, values: Mapping[str, Any], time: Time) -> Device:
    """Return a device with these parameters.

    Raises `WrongParameter`, and the twin's own `ValueError`.
    """
    known = parameters_of(twin)
    arguments: dict[str, Any] = {}
    for name, raw in values.items():
        if name not in known:
            raise WrongParameter(
                name, f"the twin has no parameter `{name}`; {suggest(name, known)}"
            )
        arguments[name] = read_value(name, raw, known[name])
    for name, parameter in inspect.signature(twin).parameters.items():
        if name not in known:
            arguments[name] = time
        elif parameter.default is parameter.empty and name not in arguments:
            raise WrongParameter("", f"the twin needs the parameter `{name}`")
    return twin(**arguments)


def read_changes(device: Device, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return new values of parameters that may change while a device is plugged in.

    Raises `WrongParameter`.
    """
    known = {
        name: one for name, one in parameters_of(type(device)).items() if hasattr(device, name)
    }
    for name in values:
        if name not in known:
            raise WrongParameter(name, f"`{name}` is nothing that changes; {suggest(name, known)}")
    return {name: read_value(name, raw, known[name]) for name, raw in values.items()}


def read_given(twin: TwinClass, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings by which true figures are found, as `truth` takes them.

    Raises `WrongParameter`.
    """
    known = get_type_hints(twin.truth, include_extras=True)
    known.pop("return", None)
    for name in values:
        if name not in known:
            raise WrongParameter(name, f"nothing depends on `{name}`; {suggest(name, known)}")
    return {name: read_value(name, raw, known[name]) for name, raw in values.items()}


def read_value(name: str, raw: Any, hint: Any) -> Any:
    """Return a parameter's value as its twin takes it. Raises `WrongParameter`."""
    try:
        return _read(raw, hint)
    except ValueError as error:
        raise WrongParameter(name, f"{name}: {error}") from error


def _read(raw: Any, hint: Any) -> Any:
    if get_origin(hint) is Annotated:
        bare, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, Read):
                return mark.read(raw)
        value = _read(raw, bare)
        for mark in marks:
            if isinstance(mark, Between) and not mark.low <= value <= mark.high:
                raise ValueError(f"{raw!r} is not a number from {mark.low:g} to {mark.high:g}")
        return value
    if get_origin(hint) in (Union, UnionType):
        members = [one for one in get_args(hint) if one is not NoneType]
        return _read(raw, members[0]) if len(members) == 1 else _plain(raw, hint)
    arguments = get_args(hint)
    origin = get_origin(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(raw, Mapping):
            raise ValueError(f"{raw!r} is not a table")
        return {_read(_key(k), arguments[0]): _read(v, arguments[1]) for k, v in raw.items()}
    if isinstance(origin, type) and issubclass(origin, Iterable) and arguments:
        if not isinstance(raw, list | tuple):
            raise ValueError(f"{raw!r} is not a list")
        if origin is tuple and arguments[-1] is not ...:
            if len(raw) != len(arguments):
                raise ValueError(f"{raw!r} is not a list of {len(arguments)}")
            return tuple(_read(one, kind) for one, kind in zip(raw, arguments, strict=True))
        return tuple(_read(one, arguments[0]) for one in raw)
    return _plain(raw, hint)


def _key(key: Any) -> Any:
    """Return a key of a table, which TOML has as a text, as a number where it is one."""
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) > 1 else key


def _plain(raw: Any, hint: Any) -> Any:
    if found := mistakes(_finite(raw), hint):
        raise ValueError(found[0])
    return msgspec.convert(raw, hint)


def _finite(raw: Any) -> Any:
    """Return a stand-in for an endless number, which a physical parameter may be."""
    return 0.0 if isinstance(raw, float) and raw in (float("inf"), float("-inf")) else raw
