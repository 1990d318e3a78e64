"""Every text of a page is in the catalogue of each language, and each of a catalogue is used."""

import re
import shutil
import subprocess
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from host_agent import web
from host_agent.store.evidence.standing import State
from host_agent.web.speaker import (
    _BASIS,
    _QUARANTINED,
    FOLDERS,
    Speaker,
    known_languages,
    preferred,
)
from records.words import SHIPPED, language, po
from tests.host_agent.web.pages import Client, Page, page
from tests.station.test_words import quoted

ROOT = Path(web.__file__).parent
ENGLISH, FRENCH = (po.read(FOLDERS[0] / f"{code}.po").sentences for code in ("en", "fr"))
SOURCES = {
    path: path.read_text("utf-8") for path in (*ROOT.glob("*.py"), *ROOT.glob("templates/*.html"))
}
MADE = {
    *(f"page.{end}" for end in ("online", "offline", "last_known_online", "last_known_offline")),
    *(f"page.status.{one}" for one in ("ok", "degraded")),
    *(f"page.simulated_{one}" for one in ("yes", "no")),
    *(f"page.{one}" for one in ("station", "slot", "kind", "plan", "profile", "verdict")),
    *(f"page.basis.{one}" for one in (*_BASIS.values(), "other")),
    *(f"page.quarantined.{one}" for one in (*_QUARANTINED, "other")),
    *(f"page.wrong.{one}{end}" for one in ("filter", "value") for end in ("", "_near", "_none")),
    *(f"page.finding.{one}" for one in ("missing", "fork", "broken")),
    *(f"page.finding_state.{one}" for one in ("open", "lost", "closed")),
    *(f"page.key_state.{one}" for one in ("offered", "trusted", "revoked")),
    *(f"page.{way}.{one}" for way in ("standing", "believed") for one in get_args(State)),
}
"""The ids that are put together where they are said."""


def contradictions() -> set[str]:
    judging = (SHIPPED.parent / "judging.py").read_text("utf-8")
    return set(re.findall(r'Contradiction\(\s*"(\w+)"', judging)) | {"not_judged"}


def test_what_pages_say_is_in_the_catalogue_and_what_is_there_is_said() -> None:
    said = {name for text in SOURCES.values() for name in re.findall(r'"(page\.\w*[a-z])"', text)}
    said |= MADE | {f"page.flag.{one}" for one in contradictions()}
    said -= {"page.standing", "page.believed", "page.finding", "page.finding_state", "page.flag"}
    said -= {"page.key_state", "page.event"}
    said |= {"page.received"}
    assert len(contradictions()) > 15
    assert said == ENGLISH.keys()


@pytest.mark.parametrize("code", ["fr"])
def test_a_language_is_complete_and_fills_the_same_places(code: str) -> None:
    assert FRENCH.keys() == ENGLISH.keys()
    for name, forms in ENGLISH.items():
        assert places(FRENCH[name]) == places(forms), name
        assert len(FRENCH[name]) == len(forms), name


def places(forms: tuple[str, ...]) -> set[str]:
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="msgfmt is not installed: gettext")
def test_gettext_finds_no_fault_in_a_translation(tmp_path: Path) -> None:
    head = po.read(FOLDERS[0] / "fr.po").headers
    rows = ['msgid ""', 'msgstr ""', *(quoted(f"{k}: {v}\n") for k, v in head.items()), ""]
    for name, forms in ENGLISH.items():
        rows += ["#, python-brace-format", f"msgctxt {quoted(name)}", f"msgid {quoted(forms[0])}"]
        if len(forms) > 1:
            rows += [f"msgid_plural {quoted(forms[1])}"]
            rows += [f"msgstr[{n}] {quoted(one)}" for n, one in enumerate(FRENCH[name])]
        else:
            rows += [f"msgstr {quoted(FRENCH[name][0])}"]
    file = tmp_path / "fr.po"
    file.write_text("\n".join(rows) + "\n", "utf-8")
    run = ["msgfmt", "-c", "-o", str(tmp_path / "out.mo"), str(file)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_station_does_not_read_the_words_of_pages() -> None:
    assert not language("en").has("page.runs")
    assert Speaker("fr")("page.runs") == "Essais"


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,en;q=0.5", "fr"),
        ("de,fr;q=0.4,en;q=0.3", "fr"),
        ("en;q=0.3, fr;q=0.9", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=zero", "en"),
        ("*", "en"),
        ("de;q=0.9,*;q=0.5,fr;q=0.1", "en"),
        (",;,=;q=,\x00", "en"),
        ("FR", "fr"),
    ],
)
def test_the_language_is_the_first_that_a_browser_accepts(accepted: str, code: str) -> None:
    assert preferred(accepted, "en") == code


def test_pages_speak_the_language_that_is_asked_for(client: Client) -> None:
    assert "Latest runs" in page(client, "/").text
    french = client.get("/", headers={"accept-language": "fr-FR,fr;q=0.9"})
    assert "Derniers essais" in french.text
    assert '<html lang="fr" dir="ltr">' in french.text
    assert french.headers["vary"] == "accept-language"
    asked = Page(client.get("/?lang=fr", headers={"accept-language": "en"}).text)
    assert "Derniers essais" in asked.text
    assert "/quarantine?lang=fr" in asked.addresses()
    assert "?lang=en" in asked.addresses()
    wrong = page(client, "/?lang=frr", 400).text
    assert "Did you mean fr? Known are: en, fr" in wrong
    assert "Introuvable" in page(client, "/nowhere?lang=fr", 404).text
    assert known_languages() == ["en", "fr"]


@pytest.mark.parametrize("path", ["/", "/stations", "/quarantine", "/evidence", "/health", "/x"])
def test_no_page_shows_an_id_or_a_template(client: Client, path: str) -> None:
    for lang in known_languages():
        seen = Page(client.get(f"{path}?lang={lang}").text)
        assert not re.search(r"page\.|\{\w*\}|\{\{", seen.text)


def test_a_language_of_one_s_own_is_one_file_for_station_and_pages(tmp_path: Path) -> None:
    (tmp_path / "pt.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: pt\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
        'msgid "language.name"\nmsgstr "português"\n\n'
        'msgid "page.runs"\nmsgstr "Ensaios"\n\n'
        'msgid "verdict.pass"\nmsgstr "PASSA"\n'
    )
    folders = (tmp_path,)
    assert known_languages(folders) == ["en", "fr", "pt"]
    assert preferred("pt-BR, en;q=0.5", "fr", folders) == "pt"
    say = Speaker("pt", folders=folders)
    assert (say("page.runs"), say("verdict.pass")) == ("Ensaios", "PASSA")
    assert say("page.stations") == Speaker("en")("page.stations")
