"""The errors of drivers. All of them mean: the bench is at fault, not the device under test.

    DriverError
    ├── NotConnected    nothing there, or it went away
    │   ├── HubMissing  not even the hub that it would be plugged into
    │   └── BusMissing  not even the bus that it would be on, or that does not open
    ├── WrongDevice     something else answered
    ├── NoReply         it did not answer in time
    ├── BadReply        it answered nonsense: framing, checksum, syntax
    ├── Refused         it understood, and said no
    └── NotPermitted    the operating system did not let us: which group or rule is missing

Asking for something a device cannot do is the caller's mistake: `ValueError`, nothing is sent.
Every message quotes the dialogue: who was asked what, and what came back.
"""


class DriverError(Exception):
    """The bench could not do what was asked.

    `roles` are the roles at fault, as named by the bench that handed the instrument out.
    """

    roles: frozenset[str] = frozenset()


class NotConnected(DriverError):
    """Nothing there, or it went away."""


class HubMissing(NotConnected):
    """The hub is missing that the instrument would be plugged into: its state is unknown."""


class BusMissing(NotConnected):
    """The bus is missing or does not open: the state of the instruments on it is unknown."""


class WrongDevice(DriverError):
    """Something else answered."""


class NoReply(DriverError):
    """It did not answer in time."""


class BadReply(DriverError):
    """It answered nonsense."""


class Refused(DriverError):
    """It understood, and said no."""


class NotPermitted(DriverError):
    """The operating system did not let us."""
