"""The manuals of SCPI loads, for their twins. From the manuals, not from the dialects.

Rigol DL3000 programming guide; Siglent SDL1000X programming guide (E02B); B&K Precision 8600 and
ITECH IT8500+ programming manuals; Keysight EL30000 programming guide; EastTester ET54 as public
drivers met it. Identities are of real instruments where a log of one is public.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

SUFFIX, LISTED, NONE = "suffix", "listed", ""
CC, CV, CR, CW = "CC", "CV", "CR", "CW"


class LoadBook(NamedTuple):
    """One load by its book. Headers are as a manual writes them."""

    identity: str
    max_a: float
    max_w: float
    min_ohm: float
    max_ohm: float
    levels: Mapping[str, str]
    """The header of each mode's level, by mode."""
    functions: Mapping[str, str]
    """The mode of each parameter of `function`."""
    told: Mapping[str, str]
    """The answers to `function?`, by mode."""
    others: tuple[str, ...]
    """Headers that it takes and that change nothing here."""
    max_v: float = 150.0
    low_range_a: float = 0.0
    """The range that the last user left it in; 0 if it has one range only."""
    range: str = ""
    function: str = "[SOURce:]FUNCtion"
    input: str = "[SOURce:]INPut[:STATe]"
    measure: str = "MEASure[:SCALar]:{}[:DC]"
    measured: tuple[str, str, str] = ("VOLTage", "CURRent", "POWer")
    where: str = NONE
    """The way of naming an input: not at all, in the header, by a list `(@1)`."""
    form: str = "{:.6f}"
    on: tuple[str, str] = ("0", "1")
    errors: str = "SYSTem:ERRor[:NEXT]"
    """Its error queue; none, and it ignores what it does not like."""
    remnant: bool = False
    """A piece of what else is in its buffer follows some answers."""
    answers: Mapping[str, Any] = {}
    """Its own answers: attributes of `SimulatedScpi` that differ."""


_WORDS = {"CURRent": CC, "VOLTage": CV, "RESistance": CR, "POWer": CW}
_LEVELS = {mode: f"[SOURce:]{word}[:LEVel][:IMMediate]" for word, mode in _WORDS.items()}
_LONG = {CC: "CURRENT", CV: "VOLTAGE", CR: "RESISTANCE", CW: "POWER"}
_ITECH = LoadBook(
    "B&K Precision, 8600, 802197036737120008, 1.37-1.42",
    max_v=120.0,
    max_a=30.0,
    max_w=150.0,
    min_ohm=0.05,
    max_ohm=7500.0,
    levels=_LEVELS,
    functions=_WORDS,
    told=_LONG,
    others=("SYSTem:REMote", "SYSTem:LOCal", "[SOURce:]VOLTage:RANGe"),
    low_range_a=3.0,
    range="[SOURce:]CURRent:RANGe",
)

LOAD_BOOKS: Mapping[str, LoadBook] = {
    "rigol-dl3000": LoadBook(
        "RIGOL TECHNOLOGIES,DL3021,DL3A204800938,00.01.05.00.01",
        max_a=40.0,
        max_w=200.0,
        min_ohm=0.08,
        max_ohm=15000.0,
        levels=_LEVELS,
        functions={**_WORDS, "CC": CC, "CV": CV, "CR": CR, "CP": CW},
        told={CC: CC, CV: CV, CR: CR, CW: "CP"},
        others=("[SOURce:]VOLTage:RANGe",),
        low_range_a=4.0,
        range="[SOURce:]CURRent:RANGe",
        remnant=True,
    ),
    "siglent-sdl1000": LoadBook(
        "Siglent Technologies,SDL1020X-E,SDL13GCC7R0028,1.1.1.22",
        max_a=30.0,
        max_w=200.0,
        min_ohm=0.03,
        max_ohm=10000.0,
        levels=_LEVELS,
        functions=_WORDS,
        told=_LONG,
        others=(),
        low_range_a=5.0,
        range="[SOURce:]CURRent:IRANGe",
        form="{:.3f}",
        errors="",
    ),
    "bk-8600": _ITECH,
    "itech-it8500plus": _ITECH._replace(
        identity="ITECH Ltd., IT8512A+, 800298020747910016, 1.15-1.09",
        max_v=150.0,
        max_w=300.0,
        # Public drivers leave 50 ms between two lines.
        answers={"pause_s": 0.04},
    ),
    "keysight-el30000": LoadBook(
        "KEYSIGHT TECHNOLOGIES,EL34143A,MY12345678,A.01.02",
        max_a=60.0,
        max_w=350.0,
        min_ohm=0.08,
        max_ohm=4000.0,
        levels={mode: level + "[:AMPLitude]" for mode, level in _LEVELS.items()},
        functions=_WORDS,
        told={CC: "CURR", CV: "VOLT", CR: "RES", CW: "POW"},
        others=("[SOURce:]VOLTage:RANGe",),
        low_range_a=6.0,
        range="[SOURce:]CURRent:RANGe",
        where=LISTED,
        form="{:+.6E}",
        answers={"no_error": '+0,"No error"'},
    ),
    "easttester-et5400": LoadBook(
        "ET5410A+ 08782219003 V1.00.2213.016 V1.00.2213.016",
        max_a=40.0,
        max_w=400.0,
        min_ohm=0.05,
        max_ohm=4500.0,
        levels={CC: "CURR<n>:CC", CV: "VOLT<n>:CV", CR: "RESI<n>:CR", CW: "POWE<n>:CP"},
        functions={"CC": CC, "CV": CV, "CR": CR, "CP": CW},
        told={CC: "RCC", CV: "RCV", CR: "RCR", CW: "RCP"},
        others=("LOAD<n>:VRANge", "LOAD<n>:CRANge"),
        function="CH<n>:MODE",
        input="CH<n>:SW",
        measure="MEAS<n>:{}",
        measured=("VOLTAGE", "CURRENT", "POWER"),
        where=SUFFIX,
        form="R{:.3f}",
        on=("ROFF", "RON"),
        errors="",
        answers={
            "answer_end": b"\r\n",
            "acknowledgement": "Rexecu success",
            "refusal": "Rexecu err",
            "unheard": "Rcmd err",
            "pause_s": 0.09,
        },
    ),
}
