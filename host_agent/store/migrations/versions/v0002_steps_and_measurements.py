"""Steps and measurements as tables; they fill by themselves from the records that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "steps",
        sa.Column("run_id", _ID, sa.ForeignKey("runs.id", name="steps_run_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("clause", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measurements",
        sa.Column(
            "run_id", _ID, sa.ForeignKey("runs.id", name="measurements_run_id"), primary_key=True
        ),
        sa.Column("step_number", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value_number", sa.Float),
        sa.Column("value_text", sa.Text),
        sa.Column("value_bool", sa.Boolean),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("limit_min", sa.Float),
        sa.Column("limit_max", sa.Float),
        sa.Column("limit_equals", sa.Text),
        sa.Column("limit_guard", sa.Float),
        sa.Column("basis", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("verdict", sa.Text),
        sa.Column("marginal", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    projection = op.create_table(
        "projection",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("run_id", _ID, nullable=False),
    )
    op.bulk_insert(projection, [{"name": "measurements", "run_id": 0}])
