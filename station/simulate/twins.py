"""The twin of an instrument, made after the same table as its driver."""

import inspect
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from drivers.find import find_twin
from station.rig.tables import InstrumentTable


def twin_of(table: InstrumentTable, world: Mapping[Any, Any]) -> Any:
    """Return the simulated twin of an instrument.

    A parameter of its constructor gets the part of the world that it is typed as, such as a
    `Circuit`; `world` holds those by type. Other parameters get the setting of their name. Of what
    has a name in the file, such as a SCPI dialect, a parameter that is a `str` gets that name.

    Raises `LookupError` where an instrument has no twin, `TypeError` where it is not known what a
    parameter of the twin should be.
    """
    kind = find_twin(table.kind)
    hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    arguments: dict[str, Any] = {}
    for parameter in inspect.signature(kind).parameters.values():
        name, hint = parameter.name, hints[parameter.name]
        types = (hint, *get_args(hint))
        part = next((one for one in types if one in world), None)
        if part is not None:
            arguments[name] = world[part]
        elif name in table.objects and str not in types:
            arguments[name] = table.objects[name]
        elif name in table.values:
            arguments[name] = table.values[name]
        elif parameter.default is parameter.empty:
            raise TypeError(f"{kind.__name__}: nobody knows its {name}")
    return kind(**arguments)
