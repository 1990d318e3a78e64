"""Totals that need no counting, an index of the quarantine, and columns derived again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "totals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO totals SELECT 'runs', count(*) FROM runs")
    op.execute(
        "INSERT INTO totals SELECT 'derived', count(*) FROM runs"
        " WHERE id <= (SELECT run_id FROM projection WHERE name = 'measurements')"
    )
    op.execute("INSERT INTO projection (name, run_id) VALUES ('columns', 0)")
    op.create_index("quarantine_released_at", "quarantine", ["released_at"])
