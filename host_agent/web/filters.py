"""Reads which runs a page or the API is asked for. What it cannot read is told with what is known.

Each filter may be given several times: a run has to meet one value of each filter that is given.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import QueryParameter, SkipValidation

from host_agent.store import RunFilter, Store
from host_agent.store.searching.facets import CHOICES, VERDICTS
from host_agent.text import utc_text
from records import tags
from records.words import Phrase, Value, language

SHOWN_CHOICES = 60
"""The most values of a filter that a page or an error lists."""

TRUTHS = {"yes": True, "no": False}
FILTERS = (*CHOICES, "verdict", "simulated", "asset_tag", "unit", "from", "to")
_TIMES = ("2026-11-29", "2026-11-29T13:30", "2026-11-29T13:30Z")
_BESIDES = ("lang", "before", "limit")


def _of(text: str, **more: Any) -> Any:
    return QueryParameter(description=text, **more)


class Asked(NamedTuple):
    """The runs that are wanted, and how an address says so: empty values are left out."""

    which: RunFilter
    query: dict[str, list[str]]
    choices: Mapping[str, list[str]]

    def has(self, name: str, value: str) -> bool:
        """Return whether this value of a filter was asked for."""
        return value in self.query.get(name, ())

    @property
    def more(self) -> bool:
        """True if a filter is in use that the page folds away."""
        return bool(self.query.keys() - {"unit", "from", "to", "asset_tag"})

    @property
    def address(self) -> str:
        """The part of an address that asks for the same runs, with its `?`; may be empty."""
        return f"?{urlencode(self.query, doseq=True)}" if self.query else ""

    def first(self, name: str) -> str:
        """Return the value of a filter that has one field on the page; empty without one."""
        return next(iter(self.query.get(name, ())), "")


class WrongAddress(HTTPException):
    """The asker's mistake in the part of an address behind `?`. `phrase` says it to people."""

    status_code = 400

    def __init__(self, key: str, phrase: Phrase, nearest: str, known: Sequence[str]) -> None:
        from host_agent.web.speaker import FOLDERS

        self.phrase = phrase
        super().__init__(
            detail=language("en", FOLDERS).text(phrase),
            extra=[{"key": key, "nearest": nearest, "known": list(known)}],
        )


def wrong_name(name: str, known: Sequence[str]) -> WrongAddress:
    """Return what to say of a filter that does not exist."""
    return _wrong("page.wrong.filter", name, name, known)


def wrong_value(name: str, value: str, known: Sequence[str]) -> WrongAddress:
    """Return what to say of a value that a filter does not take."""
    return _wrong("page.wrong.value", name, value, known)


def _wrong(id_: str, name: str, given: str, known: Sequence[str]) -> WrongAddress:
    by_folded = {one.casefold(): one for one in reversed(known)}
    near = difflib.get_close_matches(given.casefold(), by_folded, n=1, cutoff=0.6)
    nearest = by_folded[near[0]] if near else ""
    shown = ", ".join(known[:SHOWN_CHOICES]) + (", …" if len(known) > SHOWN_CHOICES else "")
    values: dict[str, Value] = {
        "name": name,
        "given": given[:80],
        "nearest": nearest,
        "known": shown,
    }
    end = "_near" if nearest else "" if known else "_none"
    return WrongAddress(name, Phrase(f"{id_}{end}", values), nearest, known[:SHOWN_CHOICES])


def provide_asked(
    request: Request[Any, Any, State],
    store: NamedDependency[SkipValidation[Store]],
    station: Annotated[list[str] | None, _of("Only of these stations")] = None,
    slot: Annotated[list[str] | None, _of("Only of these slots")] = None,
    kind: Annotated[list[str] | None, _of("Only of these kinds of equipment")] = None,
    plan: Annotated[list[str] | None, _of("Only by these plans")] = None,
    profile: Annotated[list[str] | None, _of("Only by these profiles")] = None,
    verdict: Annotated[
        list[str] | None, _of(f"Only with one of these: {', '.join(VERDICTS)}")
    ] = None,
    simulated: Annotated[list[str] | None, _of("Only simulated (yes) or only real (no)")] = None,
    asset_tag: Annotated[list[str] | None, _of("Only of these devices, by the whole tag")] = None,
    unit: Annotated[
        list[str] | None,
        _of("Only with this part of an asset tag or serial number, in either case"),
    ] = None,
    begin: Annotated[
        str,
        _of("Only begun on this day or later, or at this time: ISO 8601", name="from"),
    ] = "",
    end: Annotated[
        str,
        _of("Only begun on this day or earlier, or before this time: ISO 8601", name="to"),
    ] = "",
) -> Asked:
    """Return what an address asks for. The parameters describe the API; all is read from it."""
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in FILTERS and name not in _BESIDES:
            raise wrong_name(name, FILTERS)
        if "\0" in value:  # PostgreSQL takes none, and no text has one
            raise wrong_value(name, value.replace("\0", "\N{REPLACEMENT CHARACTER}"), ())
        if name in FILTERS and (stripped := tags.strip(value)):
            given.setdefault(name, []).append(stripped)
    return _asked(given, store, request.app.state.manner.zone)


def _asked(given: dict[str, list[str]], store: Store, zone: tzinfo | None) -> Asked:
    choices = store.choices()
    for name in CHOICES:
        for value in given.get(name, ()):
            if value not in choices[name]:
                raise wrong_value(name, value, choices[name])
    verdicts = given["verdict"] = [one.lower() for one in given.get("verdict", ())]
    simulated = given["simulated"] = [one.lower() for one in given.get("simulated", ())]
    for name, values, known in (
        ("verdict", verdicts, VERDICTS),
        ("simulated", simulated, tuple(TRUTHS)),
    ):
        for value in values:
            if value not in known:
                raise wrong_value(name, value, known)
    which = RunFilter(
        **{name: tuple(given.get(name, ())) for name in (*CHOICES, "asset_tag", "unit")},
        verdict=tuple(verdicts),
        simulated=tuple({TRUTHS[one] for one in simulated}),
        begin=_bound("from", given.get("from", []), zone, max),
        end=_bound("to", given.get("to", []), zone, min),
    )
    return Asked(which, {name: values for name, values in given.items() if values}, choices)


def _bound(
    name: str,
    values: Iterable[str],
    zone: tzinfo | None,
    tightest: Callable[[Iterable[str]], str],
) -> str:
    """Return the time that `from` or `to` stands for. A day belongs to both; a time only to `from`.

    Without a zone of its own it is one of the host's zone.
    """
    found = []
    for value in values:
        try:
            if len(value) == len("2026-11-29"):
                day = date.fromisoformat(value) + timedelta(days=name == "to")
                when = datetime.combine(day, time())
            else:
                when = datetime.fromisoformat(value)
            when = when if when.tzinfo else when.replace(tzinfo=zone) if zone else when.astimezone()
            found.append(utc_text(when.astimezone(UTC)))
        except (ValueError, OverflowError) as error:
            values_: dict[str, Value] = {"name": name, "given": value[:80]}
            values_["known"] = ", ".join(_TIMES)
            told = Phrase("page.wrong.value", values_)
            raise WrongAddress(name, told, "", _TIMES) from error
    return tightest(found) if found else ""
