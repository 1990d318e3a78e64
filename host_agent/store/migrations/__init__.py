"""Leads a database from each version to the next.

A version that changes the columns of `runs` calls `derive_again`, and the lane that derives fills
them from the records.
"""

from alembic import op

HEAD = "0009"
"""The version that this software works with. A test holds it to the last of `versions`."""


def derive_again() -> None:
    """Have the lane that derives write all columns, steps and measurements again."""
    for statement in (
        "DELETE FROM measurements",
        "DELETE FROM steps",
        "DELETE FROM flags",
        "UPDATE projection SET run_id = (SELECT coalesce(max(id), 0) FROM runs)"
        " WHERE name = 'columns'",
        "UPDATE projection SET run_id = 0 WHERE name = 'measurements'",
        "UPDATE totals SET number = 0 WHERE name = 'derived'",
    ):
        op.execute(statement)
