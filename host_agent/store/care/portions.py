"""Cuts tables with records into portions of a bounded size, so that none has to fit into memory."""

import sqlalchemy as sa

PORTION_BYTES = 2 * 1024 * 1024
"""Bytes of records that are read at once; a portion of one record may be larger."""


def portion_end(
    connection: sa.Connection,
    table: sa.Table,
    after: int,
    limit: int,
    *where: sa.ColumnElement[bool] | sa.Column[bool],
) -> int:
    """Return the `id` that ends the next portion of a table; `after` where there is none.

    A portion has at most `limit` rows, and at most `PORTION_BYTES` of records, or one record. The
    length alone is asked for: neither database reads the bytes for that.
    """
    size = sa.func.octet_length if connection.dialect.name == "postgresql" else sa.func.length
    query = (
        sa.select(table.c.id, size(table.c.record))
        .where(table.c.id > after, *where)
        .order_by(table.c.id)
        .limit(limit)
    )
    end, used_bytes = after, 0
    for number, size_bytes in connection.execute(query):
        used_bytes += size_bytes
        if end > after and used_bytes > PORTION_BYTES:
            break
        end = number
    return end
