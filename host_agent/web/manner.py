"""Chooses the language and the time zone in which a page speaks to its reader."""

from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from host_agent.web.filters import wrong_value
from host_agent.web.speaker import Speaker, known_languages, preferred
from records.words import ENGLISH

AnyRequest = Request[Any, Any, State]


class Manner(NamedTuple):
    """The language and zone of pages where nothing else is asked for.

    `zone` None: that of this machine.
    """

    language: str = ENGLISH
    zone: tzinfo | None = None
    folders: tuple[Path, ...] = ()
    """The folders with a site's own catalogues."""


TheSpeaker = NamedDependency[SkipValidation[Speaker]]


def provide_say(request: AnyRequest) -> Speaker:
    """Return a speaker: of the language of `?lang=`, of the browser, or of the configuration."""
    manner: Manner = request.app.state.manner
    if lang := request.query_params.get("lang"):
        known = known_languages(manner.folders)
        if lang not in known:
            raise wrong_value("lang", lang, known)
        return Speaker(lang, manner.zone, asked=True, folders=manner.folders)
    return speaker_without_asking(request)


def speaker_without_asking(request: AnyRequest) -> Speaker:
    """Return a speaker for where an address names no language that pages know."""
    manner: Manner = request.app.state.manner
    accepted = request.headers.get("accept-language", "")
    code = preferred(accepted, manner.language, manner.folders)
    return Speaker(code, manner.zone, folders=manner.folders)


def languages_of(request: AnyRequest, say: Speaker) -> list[tuple[str, str, str]]:
    """Return code, name and address of the same page in each other language."""
    folders = request.app.state.manner.folders
    query = [one for one in request.query_params.multi_items() if one[0] != "lang"]
    return [
        (
            code,
            Speaker(code, folders=folders)("language.name"),
            "?" + urlencode([*query, ("lang", code)]),
        )
        for code in known_languages(folders)
        if code != say.code
    ]
