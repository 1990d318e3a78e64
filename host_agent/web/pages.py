"""Serves pages for people: the latest runs, one run in full, stations, quarantine, health."""

import logging
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, SkipValidation
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template
from litestar.types import ExceptionHandlersMap

from host_agent.store import Event, RunFilter, RunSummary, Store
from host_agent.store.searching.facets import VERDICTS
from host_agent.text import printable
from host_agent.web.api import Before, TheAsked, TheProgress, TheStore, find_run, health_of, plan_of
from host_agent.web.filters import SHOWN_CHOICES, TRUTHS, Asked, WrongAddress
from host_agent.web.live import Live
from host_agent.web.manner import TheSpeaker, provide_say, speaker_without_asking
from host_agent.web.outcome import outcome_of
from host_agent.web.speaker import Speaker
from records import RunRecord, decode_run
from records.messages import PlanRecord, decode_event, decode_plan

log = logging.getLogger(__name__)

TheLive = NamedDependency[SkipValidation[Live]]

_RUNS_ON_A_PAGE = 50
_EVENTS_OF_A_UNIT = 50
_OTHER_RUNS = 20


@get("/", sync_to_thread=True)
def runs(
    store: TheStore,
    progress: TheProgress,
    say: TheSpeaker,
    asked: TheAsked,
    before: Before = None,
) -> Template:
    context = _runs_context(store, say, asked, before)
    return Template("runs.html", context={**context, "progress": progress})


@get("/fragment/runs", sync_to_thread=True)
def runs_fragment(
    store: TheStore, progress: TheProgress, say: TheSpeaker, asked: TheAsked
) -> Template:
    """Answer with the part of the first page that changes; `live.js` puts it in place."""
    context = _runs_context(store, say, asked, None)
    return Template("_latest.html", context={**context, "progress": progress})


@get("/runs/{record_id:str}", sync_to_thread=True)
def run(store: TheStore, say: TheSpeaker, record_id: FromPath[str]) -> Template:
    stored = find_run(store, record_id)
    record = decode_run(stored.record)
    plan = _plan(store, record)
    say = say.with_plan(plan)
    context = {
        "say": say,
        "summary": stored.summary,
        "record": record,
        "outcome": outcome_of(record, say),
        "plan_record": plan,
        "standing": store.standings([stored.summary])[record_id],
        "flags": store.flags(stored.summary.id),
        "plan": plan_of(store, stored, record),
        "attachments": [(one, store.attachment(one.sha256)) for one in record.attachments],
        "events": [decode_event(one.record) for one in _events(store, record)],
        "others": _others(store, stored.summary),
    }
    return Template("run.html", context=context)


@get("/stations", sync_to_thread=True)
def stations(store: TheStore, progress: TheProgress, say: TheSpeaker) -> Template:
    context = {"say": say, "stations": store.stations(), "progress": progress}
    return Template("stations.html", context=context)


@get("/quarantine", sync_to_thread=True)
def quarantine(store: TheStore, say: TheSpeaker) -> Template:
    messages = store.quarantined(limit=200)
    return Template("quarantine.html", context={"say": say, "messages": messages})


@get("/health", sync_to_thread=True)
def health(store: TheStore, progress: TheProgress, say: TheSpeaker) -> Template:
    return Template("health.html", context={"say": say, "health": health_of(store, progress)})


@get("/live")
async def live_events(live: TheLive) -> ServerSentEvent:
    async def events() -> AsyncIterator[ServerSentEventMessage]:
        async for news in live.changes():
            if news:
                yield ServerSentEventMessage(event="runs", data="")
            else:
                yield ServerSentEventMessage(data=None, comment="still here")

    return ServerSentEvent(events())


def _runs_context(store: Store, say: Speaker, asked: Asked, before: int | None) -> dict[str, Any]:
    """Return what the list of runs shows."""
    found = store.latest_runs(asked.which, limit=_RUNS_ON_A_PAGE, before=before)
    older = None
    if len(found) == _RUNS_ON_A_PAGE:
        older = say.at("/", **asked.query, before=found[-1].id)
    return {
        "say": say,
        "asked": asked,
        "truths": list(TRUTHS),
        "verdicts": VERDICTS,
        "choices": {name: known[:SHOWN_CHOICES] for name, known in asked.choices.items()},
        "troubles": store.evidence_troubles(),
        "unread": store.counts().unread,
        "standings": store.standings(found),
        "flagged": store.flagged(one.id for one in found),
        "runs": found,
        "stations": store.stations(),
        "quarantined": store.quarantined_number(),
        "first_page": before is None,
        "older": older,
    }


def _plan(store: Store, record: RunRecord) -> PlanRecord | None:
    """Return the plan that a run names; None where it is not here, or not readable."""
    sent = store.plan(record.plan_sha256) if record.plan_sha256 else None
    try:
        return decode_plan(sent) if sent is not None else None
    except (
        ValueError
    ):  # msgspec's are such, and what a later version of plans says is no page's end
        return None


def _others(store: Store, this: RunSummary) -> list[RunSummary]:
    """Return the newest runs of the same unit besides this one."""
    if not this.asset_tag:
        return []
    found = store.latest_runs(RunFilter(asset_tag=(this.asset_tag,)), limit=_OTHER_RUNS + 1)
    return [one for one in found if one.id != this.id][:_OTHER_RUNS]


def _events(store: Store, record: RunRecord) -> list[Event]:
    """Return the newest events of the unit that a run is of."""
    tag = record.device.asset_tag
    return store.events(tag, limit=_EVENTS_OF_A_UNIT) if tag else []


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer with a page where a page was asked for, with JSON elsewhere; log our own faults."""
    path = request.url.path
    ours = "The host could not do that. Its log says why."
    told = error if isinstance(error, HTTPException) else HTTPException(detail=ours)
    if told.status_code >= 500:
        log.error("%s %s", request.method, printable(path), exc_info=error)
    if path.startswith(("/api", "/schema", "/static", "/live")):
        body = {"status_code": told.status_code, "detail": told.detail, "extra": told.extra}
        return Response(body, status_code=told.status_code, media_type="application/json")
    try:
        say = provide_say(request)
    except WrongAddress:
        say = speaker_without_asking(request)
    detail = _in_words(error, say)
    context = {"say": say, "status": told.status_code, "detail": detail}
    return Template("error.html", context=context, status_code=told.status_code)


def _in_words(error: Exception, say: Speaker) -> str:
    if isinstance(error, WrongAddress):
        return say.phrase(error.phrase)
    if not isinstance(error, HTTPException):
        return say("page.our_fault")
    return say("page.not_here") if error.status_code == 404 else error.detail


EXCEPTION_HANDLERS: ExceptionHandlersMap = {HTTPException: _on_error, Exception: _on_error}

HANDLERS = [
    Router(
        "/",
        route_handlers=[runs, runs_fragment, run, stations, quarantine, health, live_events],
        response_headers={"cache-control": "no-store", "vary": "accept-language"},
        include_in_schema=False,
    )
]
