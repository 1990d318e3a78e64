"""The keys of the keyboard that is under simulated fingers, and keys as a file has them."""

from collections.abc import Iterable
from typing import Annotated, Any, Protocol

from drivers.formats.key_layouts import LAYOUTS
from drivers.formats.key_legends import usage_name
from drivers.wiring import Read


class Keys(Protocol):
    """Keys by their usage, HID page 0x07. A key that is not there is pressed without effect."""

    def press(self, usage: int) -> None: ...

    def release(self, usage: int) -> None: ...


USAGES = {usage_name(usage): usage for usage in range(0x04, 0xE8)}


def key(raw: Any) -> int:
    """Return the usage (HID page 0x07) of a legend, such as `Left Shift`, or of a usage.

    Raises `ValueError` for what is none.
    """
    if isinstance(raw, str) and raw in USAGES:
        return USAGES[raw]
    if isinstance(raw, int) and not isinstance(raw, bool) and 0x04 <= raw < 0xE8:
        return raw
    raise ValueError(f"{raw!r} is no key, by its legend such as 'Left Shift', or its usage")


def keys(raw: Any) -> frozenset[int]:
    """Return the usages of a layout, or those of a list of keys. Raises `ValueError`."""
    if isinstance(raw, str):
        if raw not in LAYOUTS:
            raise ValueError(f"{raw!r} is no layout; known are {', '.join(LAYOUTS)}")
        return LAYOUTS[raw].usages
    if not isinstance(raw, list):
        raise ValueError("keys are a layout's name, or a list of keys")
    return frozenset(key(one) for one in raw)


Key = Annotated[int, Read(key, "a key's legend, such as `Left Shift`")]
KeySet = Annotated[Iterable[int], Read(keys, "a layout's name, or a list of keys")]
