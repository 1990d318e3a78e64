"""Says that the database cannot be used."""


class StoreError(Exception):
    """The database cannot be used, and what to do about it."""
