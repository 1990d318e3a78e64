"""Keeps photographs and other attachments: files named by their SHA-256, which come in pieces.

A file that is not whole is called `SHA256.part`. Its length is the truth of how much is held: a
piece is on the disk before its station hears of it, and a station goes on from there after any
break.
"""

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from host_agent.messages import Piece
from host_agent.store import schema
from host_agent.store.care.intact import Intact, damage, forget_damage
from host_agent.text import later_text, now_text
from records.messages import Held

log = logging.getLogger(__name__)

_attachments = schema.attachments.c
_wanted = schema.wanted.c

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

ASK_AFTER_S = 600.0
"""The pause after the last piece of an attachment before its station is asked for the rest."""


class KeptAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, as far as the host holds it. `refused`: the reason, where it takes no more."""

    sha256: str
    station: str
    size_bytes: int
    media_type: str
    held_bytes: int
    whole: bool
    refused: str
    changed_at: str


class Attachments(Intact):
    """The attachments' side of the store."""

    @property
    def attachments_folder(self) -> Path:
        """The folder of the files. Raises `OSError` where this store has none."""
        if self._attachments_folder is None:
            raise FileNotFoundError("there is no folder for attachments")
        return self._attachments_folder

    def attachment(self, sha256: str) -> KeptAttachment | None:
        """Return what is known of an attachment; None when no piece of it came.

        One whose file is gone is no longer whole.
        """
        with self._engine.connect() as connection:
            known = _known(connection, sha256)
        if known is not None and known.whole and not self._is_here(sha256):
            return msgspec.structs.replace(known, whole=False, held_bytes=0)
        return known

    def attachment_file(self, sha256: str) -> Path | None:
        """Return the file of an attachment that is whole, and has its hash at this moment.

        A damaged one is set aside as `SHA256.damaged`, and asked for again.
        """
        found = self.attachment(sha256)
        if found is None or not found.whole:
            return None
        path = self.attachments_folder / found.sha256
        if file_digest(path) != found.sha256:
            self._set_aside(found)
            return None
        return path

    def _set_aside(self, found: KeptAttachment) -> None:
        path = self.attachments_folder / found.sha256
        path.replace(path.with_name(f"{found.sha256}.damaged"))
        self.note_damage(damage("attachment", found.sha256, found.station, found.sha256))
        now = now_text()
        row = ("attachment", found.sha256, found.station, now, 0, now, False)
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._sql.insert_wanted, [row])

    def keep_pieces(self, pieces: Iterable[Piece]) -> list[tuple[str, Held]]:
        """Keep pieces, durable on return; return how much is held now, with the stations.

        A piece that does not go on where the file ends changes nothing. What cannot be kept is
        refused with the reason, and holds up nothing else.
        """
        held: dict[tuple[str, str], Held] = {}
        for piece in pieces:
            try:
                answer = self._keep_piece(piece)
            except OSError as error:
                if error.errno in _NO_ROOM:  # without an answer the station sends it again later
                    log.warning("attachment %s: %s", piece.sha256, error.strerror)
                    continue
                why = f"the host cannot write it: {error.strerror or error}"
                log.warning("attachment %s: %s", piece.sha256, why)
                answer = Held(sha256=piece.sha256, held_bytes=0, refused=why)
            held[piece.station, piece.sha256] = answer
        return [(station, one) for (station, _), one in held.items()]

    def _keep_piece(self, piece: Piece) -> Held:
        known = self.attachment(piece.sha256)
        with self._engine.connect() as connection:
            used = connection.execute(_USED).scalar_one() if known is None else 0
        if known is not None and known.whole:
            return Held(sha256=piece.sha256, held_bytes=known.size_bytes)
        if known is not None and known.size_bytes != piece.size_bytes:
            return _refused(piece, f"it has {known.size_bytes} bytes, by its first piece")
        if known is None and used + piece.size_bytes > self.attachments_quota_bytes:
            return _refused(
                piece,
                f"the host's room for attachments, {self.attachments_quota_bytes} bytes, is used up"
                f" ({used} bytes): limits.attachments_mib in host.toml",
            )
        if known is None:  # noted first: what is on the disk counts
            self._note(piece, 0, "")
        if self._is_here(piece.sha256):  # the power went between its last piece and this note
            self._note(piece, piece.size_bytes, "")
            return Held(sha256=piece.sha256, held_bytes=piece.size_bytes)
        folder = self.attachments_folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f"{piece.sha256}.part"
        held_bytes = part.stat().st_size if part.exists() else 0
        if piece.offset_bytes == held_bytes:
            held_bytes = _append(part, piece.data)
        refused = ""
        if held_bytes >= piece.size_bytes:
            refused = _finish(part, piece)
            held_bytes = 0 if refused else piece.size_bytes
        self._note(piece, held_bytes, refused)
        return Held(sha256=piece.sha256, held_bytes=held_bytes, refused=refused)

    def _note(self, piece: Piece, held_bytes: int, refused: str) -> None:
        now = now_text()
        whole = held_bytes == piece.size_bytes and not refused and self._is_here(piece.sha256)
        values: dict[str, Any] = {
            "station": piece.station,
            "size_bytes": piece.size_bytes,
            "media_type": piece.media_type,
            "held_bytes": held_bytes,
            "whole": whole,
            "refused": refused,
            "changed_at": now,
        }
        where = _attachments.sha256 == piece.sha256
        with self._engine.begin() as connection:
            changed = connection.execute(sa.update(schema.attachments).where(where).values(values))
            if changed.rowcount == 0:
                values["sha256"] = piece.sha256
                connection.execute(sa.insert(schema.attachments).values(values))
            asked_for = (_wanted.kind == "attachment", _wanted.name == piece.sha256)
            if whole:
                connection.execute(sa.delete(schema.wanted).where(*asked_for))
                forget_damage(connection, "attachment", piece.sha256)
            else:
                connection.execute(
                    sa.update(schema.wanted)
                    .where(*asked_for)
                    .values(ask_at=later_text(ASK_AFTER_S), asked=0, lost=False)
                )

    def _is_here(self, sha256: str) -> bool:
        return (self.attachments_folder / sha256).is_file()


_SHOWN = KeptAttachment.__struct_fields__
_USED = sa.select(sa.func.coalesce(sa.func.sum(_attachments.size_bytes), 0)).where(
    _attachments.refused == ""
)
"""Selects the room that attachments take, those included that are not whole yet."""


def _known(connection: sa.Connection, sha256: str) -> KeptAttachment | None:
    query = sa.select(*(_attachments[name] for name in _SHOWN)).where(_attachments.sha256 == sha256)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return msgspec.convert({name: row._mapping[name] for name in _SHOWN}, KeptAttachment)


def _refused(piece: Piece, why: str) -> Held:
    return Held(sha256=piece.sha256, held_bytes=0, refused=why)


def _append(part: Path, data: bytes) -> int:
    """Return the file's length once the bytes are on the disk; a cut write is taken back."""
    with part.open("ab") as file:
        before = file.tell()
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), before)
            raise
        return file.tell()


def _finish(part: Path, piece: Piece) -> str:
    """Give a file that is whole its name. Return why not, and drop it, where it is another."""
    if part.stat().st_size != piece.size_bytes or file_digest(part) != piece.sha256:
        part.unlink()
        return "its bytes have another SHA-256"
    os.replace(part, part.with_name(piece.sha256))
    handle = os.open(part.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return ""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
