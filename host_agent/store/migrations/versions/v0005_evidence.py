"""Flags, keys, links and findings; what only a later version reads, and what is asked for."""

import sqlalchemy as sa
from alembic import op

from host_agent.store.migrations import derive_again

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    _tables_of_records()
    _tables_of_evidence()
    for name in ("key", "head_chain", "head_digest"):
        op.add_column("stations", sa.Column(name, sa.Text))
    op.add_column("stations", sa.Column("head_position", sa.BigInteger))
    for name in ("links_of_runs", "links_of_others"):
        op.execute(f"INSERT INTO projection (name, run_id) VALUES ('{name}', 0)")
    derive_again()


def _tables_of_records() -> None:
    op.add_column("others", sa.Column("asset_tag", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "others", sa.Column("unread", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index("others_asset_tag", "others", ["asset_tag", "id"])
    op.create_index("others_unread", "others", ["unread", "id"])
    op.create_table(
        "flags",
        sa.Column("run_id", _ID, sa.ForeignKey("runs.id", name="flags_run_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        _text("what"),
        _text("place"),
        _text("text"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "wanted",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("station", sa.Text, primary_key=True),
        _text("since"),
        sa.Column("asked", sa.Integer, nullable=False),
        _text("ask_at"),
        sa.Column("lost", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )


def _tables_of_evidence() -> None:
    op.create_table(
        "keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("station", sa.Text, primary_key=True),
        _text("x"),
        _text("state"),
        _text("reason"),
        _text("first_seen_at"),
        _text("changed_at"),
        sa.Column("revoked_from", sa.Text),
        _text("endorsed_by"),
        _text("endorsement"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "links",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("station"),
        _text("chain"),
        sa.Column("position", sa.BigInteger, nullable=False),
        _text("previous"),
        _text("after_chain"),
        sa.Column("after_position", sa.BigInteger, nullable=False),
        _text("kid"),
        _text("record_id"),
        _text("state"),
    )
    op.create_index("links_chain", "links", ["station", "chain", "position"])
    for name, columns, condition in (
        ("links_first", ["station", "after_chain"], sa.text("position = 1")),
        ("links_unknown", ["kid"], sa.text("state = 'unknown_key'")),
    ):
        op.create_index(name, "links", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "chains",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "findings",
        sa.Column("id", _ID, primary_key=True),
        _text("station"),
        _text("kind"),
        _text("chain"),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        _text("text"),
        _text("found_at"),
        _text("state"),
        _text("reason"),
        _text("changed_at"),
        sa.Column("asked", sa.Integer, nullable=False),
        _text("ask_at"),
        sa.UniqueConstraint("station", "kind", "chain", "first", "last", name="findings_place"),
    )
    op.create_index("findings_state", "findings", ["state", "id"])
