"""The database's versions, and the way from each to the next."""

HEAD = "0002"
"""The version this software works with. A test holds it to the last of `versions`."""
