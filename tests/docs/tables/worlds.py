"""The reference of world files, from the tables that read them and from the twins."""

import inspect
import pkgutil
from random import Random
from typing import Any

import msgspec

from drivers.sim import devices
from drivers.sim.world import SimulatedTime
from station.simulate.scenarios import tables
from station.simulate.scenarios.device import find_device, parameters_of
from station.simulate.scenarios.files import load, shipped_worlds
from station.simulate.scenarios.spread import Spread
from station.simulate.scenarios.stage import stage
from tests.docs.toml_types import default_in_words, table, type_in_words

MEANINGS: dict[str, tuple[type[msgspec.Struct], dict[str, str]]] = {
    "world": (
        tables.WorldFile,
        {
            "equipment": "the kind; a file without a `twin` takes over the shipped world of it",
            "based_on": "the world that this one takes over: a kind, or a file beside this one",
            "nameplate": "what the label says, as in `station.toml`; `@NAME` stands for it",
            "label": "texts that are printed besides or otherwise, such as `model`",
            "device": "`[device]`: the twin, and its parameters",
            "truth": "`[truth]`: one line for each measurement",
            "operator": "`[operator]`: what a person answers and does",
            "fault": "`[[fault]]`: what happens in every case",
            "case": "`[[case]]`: sorts of devices and mishaps; without any, the file is one",
        },
    ),
    "case": (
        tables.Case,
        {
            "name": "for people; `--case` chooses by it",
            "weight": "how often it comes, over the sum of all",
            "source": "where that is known from",
            "nameplate": "what differs",
            "label": "what differs",
            "parameters": "what differs of the twin",
            "fault": "what happens besides",
            "operator": "what differs",
        },
    ),
    "device": (
        tables.DeviceTable,
        {
            "twin": "its module: in `drivers/sim/devices`, or in `sim/` of a folder of yours",
            "parameters": "of the twin; each may be a spread, or `@NAME` of the nameplate",
            "given": "of the procedure by which its true figures are found",
        },
    ),
    "truth": (
        tables.Truth,
        {
            "of": "the figure of the twin that the measurement should find",
            "percent_off": "in per cent: how far it is off this, a number or `@NAME`",
            "percent_of": 'in per cent of this; `"start"` is what it was when the test began,'
            ' `"plugged"` when the device was plugged in',
            "when": "only when this figure of the twin is true",
            "edge": "so near to a limit either verdict is right",
        },
    ),
    "operator": (
        tables.Operator,
        {
            "answers": "by the id of a question, in which `*` stands for any rest",
            "does": "by the id of a question: what hands do after its first answer",
            "thinks_s": "before each answer",
            "stops_at": "the test at which the run is stopped",
        },
    ),
    "spread": (
        Spread,
        {
            "uniform": "least and most",
            "normal": "mean and standard deviation",
            "integer": "least and most, a whole number",
            "choice": "one of these",
            "weights": "how likely each of `choice` is",
            "digits": "a text in which each # is a digit",
            "min": "what a `normal` is cut off at",
            "max": "what a `normal` is cut off at",
        },
    ),
}
ONSET = {
    "from_s": "seconds since the device was plugged in",
    "to_s": "the end; without it there is none",
    "every_s": "again and again, with this period",
    "for_s": "how long in each period",
    "ramp_s": "how long it takes to grow",
}


def keys(given: str) -> str:
    """Return the keys of a table of world files."""
    struct, meanings = MEANINGS[given]
    return _rows(struct, meanings)


def _rows(struct: type[msgspec.Struct], meanings: dict[str, str]) -> str:
    rows = []
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        default = "" if name == "operator" else default_in_words(field)
        rows.append((f"`{name}`", _type(name, field.type), default, meanings[name]))
    return table(("key", "type", "default", "meaning"), rows)


def _type(name: str, hint: Any) -> str:
    if name == "fault":
        return "list of tables, see [faults](#faults)"
    if name == "choice":
        return "list"
    said = type_in_words(hint)
    return said.replace(type_in_words(Spread), "[spread](#device)")


def onset() -> str:
    """Return the keys that every fault has."""
    return _rows(tables.Fault, ONSET)


def faults() -> str:
    """Return every kind of fault, with its own keys."""
    rows = []
    for kind in tables.KINDS:
        own = [
            f"`{field.encode_name}`"
            for field in msgspec.structs.fields(kind)
            if field.name not in ONSET
        ]
        said = (inspect.getdoc(kind) or "").replace("\n", " ")
        rows.append((f"`{tables.kind_of(kind)}`", ", ".join(own), said))
    return table(("kind", "keys", "what happens"), rows)


def twins() -> str:
    """Return every twin of a device with its parameters and true figures."""
    parts = []
    for module in pkgutil.iter_modules(devices.__path__):
        try:
            twin = find_device(module.name)
        except LookupError:
            continue
        changing = _changing(twin)
        rows = [
            (f"`{name}`", _default(twin, name), "at any time" if name in changing else "")
            for name in parameters_of(twin)
        ]
        said = [inspect.getdoc(one) or "" for one in (twin, twin.__init__)]
        text = "\n\n".join(one for one in said if one and not one.startswith("Initialize"))
        parts.append(
            f"### `{module.name}`\n\n{text}\n\n"
            + table(("parameter", "default", "`changed`"), rows)
            + _figures(twin)
        )
    return "\n\n".join(parts)


def _figures(twin: Any) -> str:
    """Return the names of what is true of a twin, and of what is seen of it."""
    for path in shipped_worlds().values():
        scenario = load(path)[0]
        if scenario.twin is twin:
            staged = stage(scenario, SimulatedTime(), Random(0))
            true = ", ".join(f"`{name}`" for name in staged.device.truth(**staged.given))
            seen = ", ".join(f"`{name}`" for name in staged.device.seen) or "nothing"
            return f"\n\nTrue figures: {true}. Seen: {seen}."
    return ""


def _changing(twin: Any) -> set[str]:
    source = inspect.getsource(twin)
    return {
        name
        for name in parameters_of(twin)
        if f"self.{name} = " in source or f"self.{name}: " in source or f"def {name}(" in source
    }


def _default(twin: Any, name: str) -> str:
    default = inspect.signature(twin).parameters[name].default
    if default is inspect.Parameter.empty:
        return "required"
    if default in (None, (), "") or isinstance(default, frozenset):
        return ""
    text = repr(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`" if len(text) < 40 else "…"
