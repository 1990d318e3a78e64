"""Shows the evidence of signatures, chains and judging: the page of evidence, and its JSON."""

import msgspec
from litestar import Router, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import File, Template

from host_agent.messages import whole
from host_agent.store import DamageError, FindingRow, KnownKey
from host_agent.web.api import Limit, TheStore, find_run
from host_agent.web.manner import TheSpeaker

_PICTURES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
"""Pictures that a browser shows without running anything in them; SVG is none."""


class FindingPage(msgspec.Struct, frozen=True):
    """Troubles of the chains of stations, oldest first."""

    findings: list[FindingRow]


class KeyPage(msgspec.Struct, frozen=True):
    """The public keys of stations, and what people think of them."""

    keys: list[KnownKey]


class EventPage(msgspec.Struct, frozen=True):
    """Events of a unit, newest first, each as its station sent it."""

    events: list[msgspec.Raw]


@get("/findings", sync_to_thread=True)
def findings(store: TheStore, closed: FromQuery[bool] = False) -> FindingPage:
    """Return what is missing, forked or broken in the chains of stations."""
    return FindingPage(store.findings(closed=closed))


@get("/keys", sync_to_thread=True)
def keys(store: TheStore) -> KeyPage:
    """Return the public keys of stations: offered, trusted or revoked."""
    return KeyPage(store.station_keys())


@get("/plans/{sha256:str}", media_type="application/json", sync_to_thread=True)
def plan(store: TheStore, sha256: FromPath[str]) -> bytes:
    """Return the record of a plan byte for byte as its station sent it."""
    try:
        record = store.plan(sha256)
    except DamageError as error:
        raise HTTPException(status_code=500, detail=str(error)) from error
    if record is None:
        raise NotFoundException(f"no plan {sha256!r} is stored here")
    return record


@get("/units/{asset_tag:str}/events", sync_to_thread=True)
def events(store: TheStore, asset_tag: FromPath[str], limit: Limit = 50) -> EventPage:
    """Return the events of a unit, newest first."""
    found = store.events(asset_tag, limit=limit)
    return EventPage([msgspec.Raw(one.record) for one in found])


@get("/runs/{record_id:str}/message", media_type="text/plain", sync_to_thread=True)
def message(store: TheStore, record_id: FromPath[str]) -> bytes:
    """Return the message as it came, signature and record, for `pace record verify`."""
    stored = find_run(store, record_id)
    return whole(stored.signature, stored.record)


@get("/attachments/{sha256:str}", sync_to_thread=True)
def attachment(store: TheStore, sha256: FromPath[str]) -> File:
    """Return the bytes of an attachment. Only pictures are shown in place, the rest is saved."""
    known = store.attachment(sha256)
    path = store.attachment_file(sha256)
    if known is None or path is None:
        raise NotFoundException(f"no attachment {sha256!r} is here as a whole")
    is_picture = known.media_type in _PICTURES
    return File(
        path,
        filename=f"{known.sha256[:16]}{_PICTURES.get(known.media_type, '.bin')}",
        media_type=known.media_type if is_picture else "application/octet-stream",
        content_disposition_type="inline" if is_picture else "attachment",
        headers={"content-security-policy": "default-src 'none'; sandbox"},
    )


@get("/evidence", sync_to_thread=True)
def page(store: TheStore, say: TheSpeaker) -> Template:
    context = {
        "say": say,
        "findings": store.findings(),
        "keys": store.station_keys(),
        "unverified": store.unverified(),
        "unread": store.counts().unread,
    }
    return Template("evidence.html", context=context)


HANDLERS = [
    Router(
        "/api",
        route_handlers=[findings, keys, plan, events, message, attachment],
        response_headers={"cache-control": "no-store"},
    ),
    Router(
        "/",
        route_handlers=[page],
        response_headers={"cache-control": "no-store", "vary": "accept-language"},
        include_in_schema=False,
    ),
]
