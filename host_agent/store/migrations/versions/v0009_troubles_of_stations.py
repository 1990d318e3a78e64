"""Troubles that a station states: of its disk and of the records on it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("stations", sa.Column("troubles", sa.Text, nullable=False, server_default="[]"))
