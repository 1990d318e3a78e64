"""The station's signature on each record, and the chain that the records make.

Position, predecessor and signature are made inside the transaction that stores the record, and the
head is a row of the same file: killed before the commit, nothing has happened.
"""

import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from records.messages import Head, PublicKey
from records.run import new_record_id
from records.signing import ALGORITHM, Header, digest, sign, thumbprint
from station.delivery import tables

if TYPE_CHECKING:
    from nacl.signing import SigningKey


class Signer:
    """Signs what this start of the service stores: one chain, opened with its first record.

    The key is read, or made, when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chain = new_record_id()
        self._key: SigningKey | None = None
        self._kid = ""
        self._reading = threading.Lock()

    def open_chain(self) -> None:
        """Let the next record open a new chain, as at a start of the service."""
        self.chain = new_record_id()

    def load(self) -> "SigningKey":
        """Return the key. Raises `records.keys.KeyTrouble` where it cannot be used."""
        with self._reading:
            if self._key is None:
                from records import keys  # and with it the cryptography, which takes a while

                self._key = keys.load_or_make(self.folder)
                self._kid = thumbprint(self._key.verify_key)
            return self._key

    def public_key(self, station: str) -> PublicKey:
        """Return the public half, endorsed by the older key where there was one.

        Raises `records.keys.KeyTrouble`.
        """
        from records import keys

        return keys.endorsed(self.folder, self.load(), station)

    def store(
        self, db: sqlite3.Connection, record_id: str, kind: str, station: str, record: bytes
    ) -> None:
        """Sign `record` as the next link, and store it. Called inside a transaction."""
        key = self.load()
        header = self._next(head(db))
        message = sign(record, key, header)
        tables.insert(db, record_id, kind, station, message, link=(header.chain, header.position))
        db.execute(
            "INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)",
            (header.chain, header.position, digest(message)),
        )

    def _next(self, last: Head | None) -> Header:
        if last is None:
            return Header(alg=ALGORITHM, kid=self._kid, chain=self.chain, position=1)
        if last.chain != self.chain:
            return Header(
                alg=ALGORITHM,
                kid=self._kid,
                chain=self.chain,
                position=1,
                previous=last.digest,
                after_chain=last.chain,
                after_position=last.position,
            )
        return Header(
            alg=ALGORITHM,
            kid=self._kid,
            chain=self.chain,
            position=last.position + 1,
            previous=last.digest,
        )


def head(db: sqlite3.Connection) -> Head | None:
    """Return the last link that was signed; None where nothing was."""
    row = db.execute("SELECT chain, position, digest FROM head").fetchone()
    return Head(*row) if row else None
