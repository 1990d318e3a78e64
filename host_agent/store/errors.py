"""Says that the database, or a part of it, cannot be used."""


class StoreError(Exception):
    """The database cannot be used, and what to do about it."""


class DamageError(Exception):
    """Stored bytes are no longer those that came: they are never served as good."""


class FullError(StoreError):
    """The disk has no more room than its floor: nothing is taken, and nothing is acknowledged."""
