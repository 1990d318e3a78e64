"""A narrow table by which runs are found; the lane that derives fills it from the records."""

import sqlalchemy as sa
from alembic import op

from host_agent.store.migrations import derive_again

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for name in ("profile", "unit"):
        op.add_column("runs", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_table(
        "searched",
        sa.Column(
            "run_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("runs.id", name="searched_run_id"),
            primary_key=True,
        ),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("station", "slot", "asset_tag", "kind", "plan", "profile", "verdict")
        ),
        sa.Column("marginal", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
    )
    derive_again()
