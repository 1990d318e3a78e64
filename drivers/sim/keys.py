"""The keys of the keyboard that is under simulated fingers."""

from typing import Protocol


class Keys(Protocol):
    """Keys by their usage, HID page 0x07. A key that is not there is pressed without effect."""

    def press(self, usage: int) -> None: ...

    def release(self, usage: int) -> None: ...
