"""Records as they came, the quarantine, and the stations' last states."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("asset_tag", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("year", sa.BigInteger),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("marginal", sa.Boolean, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("received_at", sa.Text, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("record_id", name="runs_record_id"),
    )
    op.create_index("runs_station", "runs", ["station", "id"])
    op.create_index("runs_asset_tag", "runs", ["asset_tag", "id"])
    op.create_table(
        "quarantine",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("first_received_at", sa.Text, nullable=False),
        sa.Column("last_received_at", sa.Text, nullable=False),
        sa.Column("released_at", sa.Text),
        sa.UniqueConstraint("sha256", "topic", name="quarantine_message"),
    )
    op.create_table(
        "stations",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("software", sa.Text, nullable=False),
        sa.Column("waiting", sa.BigInteger, nullable=False),
        sa.Column("slots", sa.Text, nullable=False),
        sa.Column("received_at", sa.Text, nullable=False),
    )
