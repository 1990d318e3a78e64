"""Steps are functions; their signature is their schema.

    @step(idle_power="W")                      # what it measures, and in which unit
    def idle_power(meter: PowerMeter,          # what it needs, by role in the slot
                   clock: Clock,
                   *,
                   settle_s: float = 30.0):    # what a plan may set
        ...
        yield Reading("idle_power", watts)

A plan names a step by where it lives: `power.idle_power` is `idle_power` in `steps/power.py`, and
`keyboard.chatter` is `chatter` of the package `steps/keyboard`, whose modules are free to change:
plans, records and pages keep the name of a released step for ever.
A step yields readings; it may also yield what it learned about the device (`Learned`), what an
operator should see meanwhile (`Shown`), the course of a value (`Series`), and with what chance it
finds a defect that is not there at each look (`Chance`). It never judges: only a limit of the plan
does.
"""

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Generator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import (
    Annotated,
    Any,
    NamedTuple,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from records import Phrase, Proof, Reading, Value
from records.run import Chance, Series
from records.toml.tables import convert, suggest
from station.engine.events import Shown
from station.engine.uncertainty import plain_values

STEPS = Path(__file__).parents[1] / "steps"

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
"""The range of a setting, for annotations in a step's signature."""


class NotApplicable(Exception):
    """The device has no such part, or this bench cannot judge it. The step is skipped.

    `id` is that of the sentence that says so, `values` fill its places.
    """

    def __init__(self, id: str, **values: Value) -> None:
        self.phrase = Phrase(id, plain_values(values))
        super().__init__(str(self.phrase))


class BenchFault(Exception):
    """The bench contradicts itself, so nothing it measured says anything about the device.

    `id` is that of the sentence that says so, `values` fill its places, and `text` is what an
    instrument said, verbatim.
    `roles` are the roles at fault, of those that the step has. An instrument that finds out while
    it is opened names none: the bench knows by which role it was asked for.
    """

    def __init__(
        self, id: str, *, roles: AbstractSet[str] = frozenset(), text: str = "", **values: Value
    ) -> None:
        self.phrase = Phrase(id, plain_values(values), text)
        super().__init__(str(self.phrase))
        self.roles = frozenset(roles)


class Learned(NamedTuple):
    """The identity that a device states. What it does not state is empty."""

    maker: str = ""
    model: str = ""
    serial_number: str = ""
    year: int | None = None


Kind_co = TypeVar("Kind_co", covariant=True)


class Socket(Protocol[Kind_co]):
    """The place of a device under test, for steps to which its silence is a finding."""

    def open(self) -> Kind_co:
        """Return the device, the same one during the whole run. Raises `DriverError` when mute."""


Yielded = Reading | Learned | Shown | Chance | Series
Yields = Generator[Yielded, None, None]
"""The result of a step function, in its signature."""

StepFunction = Callable[..., Yields]
OnPaper = Callable[..., Mapping[str, float]]


class Role(NamedTuple):
    """A need of a step. A `socket` is handed over unopened."""

    kind: type[object]
    socket: bool = False


class Step:
    """A step function and what its signature says."""

    def __init__(
        self, function: StepFunction, units: Mapping[str, str], proves: Proof = Proof.FULL
    ) -> None:
        self.function = function
        self.proves = proves
        self.name = f"{_module_of(function)}.{function.__name__}"
        self.summary = (inspect.getdoc(function) or "").partition("\n")[0]
        self.units = units
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters.values()
        self.roles: dict[str, Role] = {
            p.name: _role(hints[p.name]) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD
        }
        self.paper: OnPaper | None = None
        """The way from readings to its measurements, for `station.engine.paper`."""

        self.roles_used = frozenset(self.roles) - {"clock"}
        """The roles behind the step's verdict. An operator can be wrong, the clock cannot."""
        self.settings = msgspec.defstruct(
            function.__name__,
            [
                (p.name, hints[p.name], p.default)
                if p.default is not p.empty
                else (p.name, hints[p.name])
                for p in parameters
                if p.kind is p.KEYWORD_ONLY
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )

    def check(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Check a plan's settings against the signature, and fill in the defaults.

        Raises `TableError` or `LookupError` that says what would be right.
        """
        known = self.settings.__struct_fields__
        for name in settings:
            if name not in known:
                raise LookupError(f"no setting {name!r}; {suggest(name, known)}")
        return msgspec.structs.asdict(convert(settings, self.settings, "settings"))

    def __call__(self, *roles: Any, **settings: Any) -> Yields:
        return self.function(*roles, **settings)

    def on_paper(self, function: OnPaper) -> OnPaper:
        """Say how the measurements come from readings; see `station.engine.paper`."""
        self.paper = function
        return function


def _module_of(function: StepFunction) -> str:
    """Return the first part of a step's name: a module or package of `station.steps`."""
    parts = function.__module__.split(".")
    return parts[2] if parts[:2] == ["station", "steps"] else parts[-1]


def _role(hint: Any) -> Role:
    if get_origin(hint) is Socket:
        return Role(get_args(hint)[0], socket=True)
    return Role(hint)


def step(*, proves: Proof = Proof.FULL, **units: str) -> Callable[[StepFunction], Step]:
    """Declare a step and the measurements it yields, each with its unit (empty for none).

    `proves` says how much its method can prove: a hand or a pair of eyes proves less than an
    instrument.
    """
    return lambda function: Step(function, units, proves)


_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


@functools.cache
def find(name: str) -> Step:
    """Return the step of that name: `power.idle_power` is the one in `station/steps/power.py`.

    Raises `LookupError` that says what would be right.
    """
    module_name, _, function_name = name.partition(".")
    modules = step_modules()
    if _NAME.fullmatch(name) is None or module_name not in modules:
        raise LookupError(
            f"no step {name!r}; steps are called module.name, modules are {', '.join(modules)}"
        )
    module = importlib.import_module(f"station.steps.{module_name}")
    found = getattr(module, function_name, None)
    if not isinstance(found, Step):
        names = [key for key, value in vars(module).items() if isinstance(value, Step)]
        raise LookupError(f"no step {name!r}; {suggest(function_name, names)}")
    return found


def step_modules() -> list[str]:
    """Return the names of the modules and packages that hold steps."""
    return sorted(module.name for module in pkgutil.iter_modules([str(STEPS)]))
