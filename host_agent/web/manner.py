"""Chooses the language and the time zone in which a page speaks to its reader."""

from datetime import tzinfo
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


TheSpeaker = NamedDependency[SkipValidation[Speaker]]


def provide_say(request: AnyRequest) -> Speaker:
    """Return a speaker: of the language of `?lang=`, of the browser, or of the configuration."""
    if lang := request.query_params.get("lang"):
        if lang not in known_languages():
            raise wrong_value("lang", lang, known_languages())
        return Speaker(lang, request.app.state.manner.zone, asked=True)
    return speaker_without_asking(request)


def speaker_without_asking(request: AnyRequest) -> Speaker:
    """Return a speaker for where an address names no language that pages know."""
    manner: Manner = request.app.state.manner
    return Speaker(
        preferred(request.headers.get("accept-language", ""), manner.language), manner.zone
    )


def languages_of(request: AnyRequest, say: Speaker) -> list[tuple[str, str, str]]:
    """Return code, name and address of the same page in each other language."""
    query = [one for one in request.query_params.multi_items() if one[0] != "lang"]
    return [
        (code, Speaker(code)("language.name"), "?" + urlencode([*query, ("lang", code)]))
        for code in known_languages()
        if code != say.code
    ]
