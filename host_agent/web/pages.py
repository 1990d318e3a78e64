"""Serves pages for people: the latest runs, one run in full, the quarantine."""

import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template
from litestar.types import ExceptionHandlersMap

from host_agent.store import Event, RunFilter, Store
from host_agent.text import printable
from host_agent.web.api import Before, TheProgress, TheStore, find_run, plan_of, unread_in_words
from host_agent.web.live import Live
from records import RunRecord, Verdict, decode_run, tags
from records.messages import decode_event
from records.verdicts import OF_A_RUN

log = logging.getLogger(__name__)

TheLive = NamedDependency[SkipValidation[Live]]

_RUNS_ON_A_PAGE = 50
_EVENTS_OF_A_UNIT = 50
_OUR_FAULT = "The host could not do that. Its log says why."


@get("/", sync_to_thread=True)
def runs(
    store: TheStore,
    progress: TheProgress,
    station: FromQuery[str] = "",
    verdict: FromQuery[str] = "",
    asset_tag: FromQuery[str] = "",
    before: Before = None,
) -> Template:
    context = _runs_context(store, station, verdict, asset_tag, before)
    return Template("runs.html", context={**context, "progress": progress})


@get("/fragment/runs", sync_to_thread=True)
def runs_fragment(
    store: TheStore,
    progress: TheProgress,
    station: FromQuery[str] = "",
    verdict: FromQuery[str] = "",
    asset_tag: FromQuery[str] = "",
) -> Template:
    """Answer with the part of the first page that changes; `live.js` puts it in place."""
    context = _runs_context(store, station, verdict, asset_tag, None)
    return Template("_latest.html", context={**context, "progress": progress})


@get("/runs/{record_id:str}", sync_to_thread=True)
def run(store: TheStore, record_id: FromPath[str]) -> Template:
    stored = find_run(store, record_id)
    record = decode_run(stored.record)
    context = {
        "summary": stored.summary,
        "record": record,
        "standing": store.standings([stored.summary])[record_id],
        "flags": store.flags(stored.summary.id),
        "plan": plan_of(store, stored, record),
        "attachments": [(one, store.attachment(one.sha256)) for one in record.attachments],
        "events": [decode_event(one.record) for one in _events(store, record)],
    }
    return Template("run.html", context=context)


@get("/quarantine", sync_to_thread=True)
def quarantine(store: TheStore) -> Template:
    return Template("quarantine.html", context={"messages": store.quarantined(limit=200)})


@get("/live")
async def live_events(live: TheLive) -> ServerSentEvent:
    async def events() -> AsyncIterator[ServerSentEventMessage]:
        async for news in live.changes():
            if news:
                yield ServerSentEventMessage(event="runs", data="")
            else:
                yield ServerSentEventMessage(data=None, comment="still here")

    return ServerSentEvent(events())


def _runs_context(
    store: Store, station: str, verdict: str, asset_tag: str, before: int | None
) -> dict[str, Any]:
    """Return what the list of runs shows. A text that is no verdict filters nothing.

    A form sends an empty one for "any".
    """
    chosen = RunFilter(
        station.strip(),
        Verdict(verdict) if verdict in OF_A_RUN else None,
        tags.strip(asset_tag),
    )
    found = store.latest_runs(chosen, limit=_RUNS_ON_A_PAGE, before=before)
    older = None
    if len(found) == _RUNS_ON_A_PAGE:
        wanted = {
            "station": chosen.station,
            "verdict": chosen.verdict or "",
            "asset_tag": chosen.asset_tag,
        }
        older = "/?" + urlencode({**wanted, "before": found[-1].id})
    unread = store.counts().unread
    return {
        "troubles": store.evidence_troubles() + ([unread_in_words(unread)] if unread else []),
        "standings": store.standings(found),
        "flagged": store.flagged(one.id for one in found),
        "chosen": chosen,
        "runs": found,
        "stations": store.stations(),
        "quarantined": store.quarantined_number(),
        "verdicts": OF_A_RUN,
        "first_page": before is None,
        "older": older,
    }


def _events(store: Store, record: RunRecord) -> list[Event]:
    """Return the newest events of the unit that a run is of."""
    tag = record.device.asset_tag
    return store.events(tag, limit=_EVENTS_OF_A_UNIT) if tag else []


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer with a page where a page was asked for, with JSON elsewhere; log our own faults."""
    path = request.url.path
    told = error if isinstance(error, HTTPException) else HTTPException(detail=_OUR_FAULT)
    status, detail = told.status_code, told.detail
    if status >= 500:
        log.error("%s %s", request.method, printable(path), exc_info=error)
    if path.startswith(("/api", "/schema", "/static", "/live")):
        body = {"status_code": status, "detail": detail, "extra": told.extra}
        return Response(body, status_code=status, media_type="application/json")
    context = {"status": status, "detail": detail}
    return Template("error.html", context=context, status_code=status)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {HTTPException: _on_error, Exception: _on_error}

HANDLERS = [
    Router(
        "/",
        route_handlers=[runs, runs_fragment, run, quarantine, live_events],
        response_headers={"cache-control": "no-store"},
        include_in_schema=False,
    )
]
