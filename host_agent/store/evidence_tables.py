"""The tables of what signatures show: keys, links of chains, and what is wrong with these."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from host_agent.store.schema import Id, metadata, text_column

IS_FIRST = text("position = 1")
"""The condition of the index of first links, which a query repeats word for word."""

IS_UNKNOWN = text("state = 'unknown_key'")
"""The condition of the index of links whose key is not known."""

keys = Table(
    "keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("station", Text, primary_key=True),
    text_column("x"),
    text_column("state"),  # offered, trusted, revoked
    text_column("reason"),  # why it is so, in words
    text_column("first_seen_at"),
    text_column("changed_at"),
    Column("revoked_from", Text),
    text_column("endorsed_by"),
    text_column("endorsement"),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the message
    text_column("station"),
    text_column("chain"),
    Column("position", BigInteger, nullable=False),
    text_column("previous"),
    text_column("after_chain"),
    Column("after_position", BigInteger, nullable=False),
    text_column("kid"),
    text_column("record_id"),
    text_column("state"),  # fits, unknown_key, altered
    Index("links_chain", "station", "chain", "position"),
    Index(
        "links_first",
        "station",
        "after_chain",
        sqlite_where=IS_FIRST,
        postgresql_where=IS_FIRST,
    ),
    Index("links_unknown", "kid", sqlite_where=IS_UNKNOWN, postgresql_where=IS_UNKNOWN),
)
"""Each signed message. `state` says whether its signature fits; whom its key belongs to and what
that is worth, table `keys` says."""

chains = Table(
    "chains",
    metadata,
    Column("station", Text, primary_key=True),
    Column("chain", Text, primary_key=True),
    Column("settled", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Up to which position a chain is audited, with nothing before it that may still come."""

findings = Table(
    "findings",
    metadata,
    Column("id", Id, primary_key=True),
    text_column("station"),
    text_column("kind"),  # missing, fork, broken
    text_column("chain"),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    text_column("text"),
    text_column("found_at"),
    text_column("state"),  # open, lost, closed
    text_column("reason"),  # why it is closed, in words
    text_column("changed_at"),
    Column("asked", Integer, nullable=False),
    text_column("ask_at"),
    UniqueConstraint("station", "kind", "chain", "first", "last", name="findings_place"),
    Index("findings_state", "state", "id"),
)
"""Troubles of chains. A gap closes by itself when it is filled; what a station was asked for
often and does not send is `lost`. Forks and breaks stay until a person closes them."""

damaged = Table(
    "damaged",
    metadata,
    Column("kind", Text, primary_key=True),  # run, other, attachment, quarantine
    Column("name", Text, primary_key=True),  # a run's record_id, else the SHA-256 of the message
    text_column("station"),
    text_column("sha256"),  # the hash that the bytes had when they came
    text_column("found_at"),
    Column("asked", Integer, nullable=False),
    text_column("ask_at"),
    sqlite_with_rowid=False,
)
"""Bytes on the host's disk that no longer have their hash, until they come again."""
