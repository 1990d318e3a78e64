"""Serves as JSON what the pages show. Litestar writes the OpenAPI from these signatures."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Stream

from host_agent.progress import Progress
from host_agent.store import (
    Counts,
    DamageError,
    Flag,
    Quarantined,
    RunSummary,
    Standing,
    StationSummary,
    Store,
    StoredRun,
)
from host_agent.web import table
from host_agent.web.filters import Asked
from records import RunRecord, decode_run
from records.reading import version_of

TheStore = NamedDependency[SkipValidation[Store]]
TheProgress = NamedDependency[SkipValidation[Progress]]
TheAsked = NamedDependency[SkipValidation[Asked]]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many")]
MOST = 2**63 - 1
"""The largest integer that a database compares with its numbers."""

_PORTION = 1000

Before = Annotated[
    int | None,
    QueryParameter(ge=0, le=MOST, description="Only older than this: `next` of the page before"),
]


class RunPage(msgspec.Struct, frozen=True):
    """Runs, newest first. `next` goes into `before` for the page after; null on the last.

    `standings` says by `record_id` how far each can be believed, `flags` in how many ways a run
    contradicts itself, where it does.
    """

    runs: list[RunSummary]
    next: int | None
    standings: dict[str, Standing]
    flags: dict[str, int]


class RunDetail(msgspec.Struct, frozen=True):
    """The host's knowledge of a run, and the record of its station.

    `plan` is `here` or `missing`, and empty where its station sent none.
    """

    summary: RunSummary
    record: RunRecord
    standing: Standing
    flags: list[Flag]
    plan: str


class Stations(msgspec.Struct, frozen=True):
    stations: list[StationSummary]


class QuarantinePage(msgspec.Struct, frozen=True):
    quarantine: list[Quarantined]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is `ok` or `degraded`; then `troubles` says what is wrong, a sentence each.

    `new`, `again` and `refused` count since the host started.

    `again` are records that came another time and were acknowledged without being stored twice.
    `unverified` messages are stored, and their signatures not looked at yet.
    """

    status: str
    broker_connected: bool
    troubles: list[str]
    waiting: int
    new: int
    again: int
    refused: int
    stored: Counts
    unverified: int


@get("/runs", sync_to_thread=True)
def runs(
    store: TheStore,
    asked: TheAsked,
    limit: Limit = 50,
    before: Before = None,
) -> RunPage:
    """Return the latest runs, newest first."""
    found = store.latest_runs(asked.which, limit=limit, before=before)
    flagged = store.flagged(one.id for one in found)
    return RunPage(
        found,
        found[-1].id if len(found) == limit else None,
        store.standings(found),
        {one.record_id: flagged[one.id] for one in found if one.id in flagged},
    )


@get("/runs.csv", media_type="text/csv", sync_to_thread=True)
def runs_as_csv(store: TheStore, asked: TheAsked) -> Stream:
    """Return all runs that are asked for as CSV in UTF-8, newest first. Its header stays."""

    def portions() -> Iterator[list[RunSummary]]:
        before: int | None = None
        while found := store.latest_runs(asked.which, limit=_PORTION, before=before):
            yield found
            before = found[-1].id

    return Stream(
        table.lines(portions()),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="runs.csv"'},
    )


@get("/runs/{record_id:str}", sync_to_thread=True)
def run(store: TheStore, record_id: FromPath[str]) -> RunDetail:
    """Return one run in full."""
    stored = find_run(store, record_id)
    record = decode_run(stored.record)
    return RunDetail(
        stored.summary,
        record,
        store.standings([stored.summary])[record_id],
        store.flags(stored.summary.id),
        plan_of(store, stored, record),
    )


@get("/runs/{record_id:str}/record", media_type="application/json", sync_to_thread=True)
def record(store: TheStore, record_id: FromPath[str]) -> bytes:
    """Return the record byte for byte as its station sent it."""
    return find_run(store, record_id).record


@get("/summary", sync_to_thread=True)
def summary(store: TheStore, asked: TheAsked) -> dict[str, int]:
    """Count the runs that ended with each verdict; `marginal` ones count as `pass` too."""
    return store.verdicts(asked.which)


@get("/stations", sync_to_thread=True)
def stations(store: TheStore) -> Stations:
    """Return the last words of the stations on themselves."""
    return Stations(store.stations())


@get("/quarantine", sync_to_thread=True)
def quarantine(store: TheStore, limit: Limit = 50) -> QuarantinePage:
    """Return the messages that are no records of the contract, newest first, and why."""
    return QuarantinePage(store.quarantined(limit=limit))


@get("/quarantine/{number:int}/payload", media_type="application/octet-stream", sync_to_thread=True)
def payload(store: TheStore, number: FromPath[int]) -> Response[bytes]:
    """Return the part of such a message's bytes that is kept."""
    try:
        found = store.quarantined_message(number) if abs(number) <= MOST else None
    except DamageError as error:
        raise HTTPException(status_code=500, detail=str(error)) from error
    if found is None:
        raise NotFoundException(f"nothing in the quarantine has the number {number}")
    headers = {"content-disposition": f'attachment; filename="quarantine-{number}.bin"'}
    return Response(found[1], media_type="application/octet-stream", headers=headers)


@get("/health", sync_to_thread=True)
def health(store: TheStore, progress: TheProgress) -> Health:
    """Tell whether records come in, are stored and become tables, and what is wrong if not."""
    return health_of(store, progress)


def health_of(store: Store, progress: Progress) -> Health:
    """Return how the host is."""
    troubles = [*progress.troubles(), *store.evidence_troubles()]
    counts = store.counts()
    if counts.unread:
        troubles.append(unread_in_words(counts.unread))
    return Health(
        status="degraded" if troubles else "ok",
        broker_connected=progress.connected,
        troubles=troubles,
        waiting=progress.waiting,
        new=progress.stored,
        again=progress.stored_again,
        refused=progress.refused,
        stored=counts,
        unverified=store.unverified(),
    )


def unread_in_words(number: int) -> str:
    """Return what to say of records of a later version."""
    are = "record is" if number == 1 else "records are"
    return f"{number} {are} not read by this version of the host, and kept until its upgrade"


def plan_of(store: Store, stored: StoredRun, record: RunRecord) -> str:
    """Return whether the plan of a run is here; version 0.1 sent none."""
    if version_of(stored.record) == 1 or not record.plan_sha256:
        return ""
    try:
        return "missing" if store.plan(record.plan_sha256) is None else "here"
    except DamageError:
        return "missing"


def find_run(store: Store, record_id: str) -> StoredRun:
    try:
        stored = store.run(record_id)
    except DamageError as error:
        raise HTTPException(status_code=500, detail=str(error)) from error
    if stored is None:
        raise NotFoundException(f"no run {record_id!r} is stored here")
    return stored


HANDLERS = [
    Router(
        "/api",
        route_handlers=[
            runs,
            runs_as_csv,
            run,
            record,
            summary,
            stations,
            quarantine,
            payload,
            health,
        ],
        response_headers={"cache-control": "no-store"},
    )
]
