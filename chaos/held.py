"""Read what a host holds, from its database, while it runs."""

import hashlib
from pathlib import Path

import msgspec
import sqlalchemy as sa

from chaos.audit import Gap, Held, HeldRun
from host_agent.store import evidence_tables, schema


class _Said(msgspec.Struct):
    record_id: str
    sequence: int
    verdict: str


_decode = msgspec.json.Decoder(_Said).decode


class Host:
    """A host's database, for reading alone. `url` is as SQLAlchemy has it."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.pool.NullPool)

    def held(self, *stations: str) -> Held:
        """Return what the host holds of some stations. Raises `sqlalchemy.exc.SQLAlchemyError`."""
        runs, others = schema.runs.c, schema.others.c
        findings, poison = evidence_tables.findings.c, schema.quarantine.c
        with self._engine.connect() as connection:
            its_runs = connection.execute(
                sa.select(runs.record_id, runs.record, runs.signature).where(
                    runs.station.in_(stations)
                )
            ).all()
            its_others = connection.execute(
                sa.select(others.signature, others.record).where(others.station.in_(stations))
            ).all()
            its_findings = connection.execute(
                sa.select(findings.kind, findings.chain, findings.first, findings.last).where(
                    findings.station.in_(stations),
                    sa.or_(findings.state != "closed", findings.kind != "missing"),
                )
            ).all()
            its_poison = connection.execute(
                sa.select(poison.payload).where(poison.station.in_(stations))
            ).scalars()
            return Held(
                [_run(*row) for row in its_runs],
                [_message(*row) for row in its_others],
                [Gap(*row) for row in its_findings],
                list(its_poison),
            )

    def ids(self) -> set[str]:
        """Return the ids of all runs, which is a small query."""
        with self._engine.connect() as connection:
            return set(connection.execute(sa.select(schema.runs.c.record_id)).scalars())

    def close(self) -> None:
        self._engine.dispose()


def sqlite_url(folder: Path) -> str:
    """Return the URL of a host's database in its folder."""
    return f"sqlite:///{folder / 'host.db'}"


def _run(record_id: str, record: bytes, signature: bytes | None) -> HeldRun:
    try:
        said = _decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = _Said(record_id, -1, "")
    return HeldRun(
        said.record_id,  # its column may be another
        said.sequence,
        said.verdict,
        hashlib.sha256(record).hexdigest(),
        _message(signature, record),
    )


def _message(signature: bytes | None, record: bytes) -> bytes:
    return record if signature is None else b"\n".join((signature, record))
