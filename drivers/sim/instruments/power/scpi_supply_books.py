"""The manuals of SCPI supplies, for their twins. From the manuals, not from the dialects.

Rigol DP800, DP700 and DP900 programming guides; Siglent SPD3303X quick start (EN_02A); OWON SP/SPE
series, GW Instek PSW and GPP programming manuals; Agilent N6705B and E3634A user's guides; Aim-TTi
MX100TP instruction manual; and a plain SCPI-1999 supply. Identities are of real instruments where
a log of one is public.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

SELECTED, SUFFIX, NAMED, OPTIONAL, LISTED = "selected", "suffix", "named", "optional", "listed"


class Word(NamedTuple):
    """One header of a book: what it is about, how it tells the output, how it answers.

    `where`: the output that is selected; the number in the header; an argument `CH2`, which may be
    missing when it is optional; a last argument `(@2)`.
    """

    header: str
    about: str
    where: str = SELECTED
    form: str = "{:.3f}"


class Range(NamedTuple):
    """One of several ranges of an output; the first is the one after `*RST`."""

    name: str
    max_v: float
    max_a: float


class Book(NamedTuple):
    """One instrument by its book."""

    identity: str
    outputs: tuple[tuple[float, float], ...]
    """The most volts and amperes of each."""
    words: tuple[Word, ...]
    ranges: tuple[Range, ...] = ()
    strict: bool = True
    """True if it complains about a value out of range, and does not just ignore it."""
    answers: Mapping[str, Any] = {}
    """Its own answers: attributes of `SimulatedScpi` that differ."""


_SCIENTIFIC = "{:+.5E}"
_LEVEL = "[:LEVel][:IMMediate][:AMPLitude]"
_PLAIN = (
    Word("SYSTem:ERRor[:NEXT]", "errors"),
    Word("SYSTem:REMote", "nothing"),
    Word("SYSTem:LOCal", "nothing"),
    Word("INSTrument:NSELect", "select", form="{}"),
    Word(f"[SOURce:]VOLTage{_LEVEL}", "volts"),
    Word(f"[SOURce:]CURRent{_LEVEL}", "amperes"),
    Word("[SOURce:]VOLTage:PROTection[:LEVel]", "OVP level"),
    Word("[SOURce:]VOLTage:PROTection:STATe", "OVP", form="{:d}"),
    Word("OUTPut[:STATe]", "switch", form="{:d}"),
    Word("MEASure[:SCALar][:VOLTage][:DC]", "measured volts", form=_SCIENTIFIC),
    Word("MEASure[:SCALar]:CURRent[:DC]", "measured amperes", form=_SCIENTIFIC),
)
_RIGOL = (
    Word("SYSTem:ERRor", "errors"),
    Word("SYSTem:REMote", "nothing"),
    Word("SYSTem:LOCal", "nothing"),
    Word("INSTrument[:SELect]", "select", form="CH{}"),
    Word(f"[SOURce<n>:]VOLTage{_LEVEL}", "volts", SUFFIX),
    Word(f"[SOURce<n>:]CURRent{_LEVEL}", "amperes", SUFFIX),
    Word("OUTPut[:STATe]", "switch", OPTIONAL, "{:on}"),
    Word("OUTPut:MODE", "mode", OPTIONAL),
    Word("OUTPut:OVP:VALue", "OVP level", OPTIONAL),
    Word("OUTPut:OVP[:STATe]", "OVP", OPTIONAL, "{:on}"),
    Word("OUTPut:OVP:ALAR", "OVP tripped", OPTIONAL),
    Word("OUTPut:OCP:VALue", "OCP level", OPTIONAL, "{:.4f}"),
    Word("OUTPut:OCP[:STATe]", "OCP", OPTIONAL, "{:on}"),
    Word("OUTPut:OCP:ALAR", "OCP tripped", OPTIONAL),
    Word("MEASure[:VOLTage][:DC]", "measured volts", OPTIONAL, "{:.4f}"),
    Word("MEASure:CURRent[:DC]", "measured amperes", OPTIONAL, "{:.4f}"),
    Word("MEASure:POWEr[:DC]", "measured watts", OPTIONAL),
    Word("MEASure:ALL[:DC]", "everything measured", OPTIONAL, "{:.4f},{:.4f},{:.3f}"),
)
_SIGLENT = (
    Word("SYSTem:ERRor", "errors"),
    Word("SYSTem:STATus", "register"),
    Word("INSTrument", "select", form="CH{}"),
    Word("[CH<n>:]VOLTage", "volts", SUFFIX),
    Word("[CH<n>:]CURRent", "amperes", SUFFIX),
    Word("OUTPut", "switch only", NAMED),
    Word("MEASure:VOLTage", "measured volts", OPTIONAL),
    Word("MEASure:CURRent", "measured amperes", OPTIONAL),
    Word("MEASure:POWEr", "measured watts", OPTIONAL),
)
# "SYSTem:ERRor?": 1.01.01.02.05 puts a blank, 1.01.01.02.07R2 a comma after the code.
SIGLENT_OLD = {"no_error": "0 No Error", "error_format": "{code} {message}"}
_SIGLENT_NEW = {"no_error": "+0, No Error", "error_format": "{code},{message}"}

BOOKS: Mapping[str, Book] = {
    "generic": Book("ACME,PS6010,00042,1.7", ((60.0, 10.0),), _PLAIN),
    "generic-channels": Book("ACME,PS3-2,00043,1.7", ((30.0, 3.0),) * 2, _PLAIN),
    "rigol-dp800": Book(
        "RIGOL TECHNOLOGIES,DP832,DP8C174504862,00.01.14",
        ((32.0, 3.2), (32.0, 3.2), (5.3, 3.2)),
        _RIGOL,
    ),
    "rigol-dp700": Book("RIGOL TECHNOLOGIES,DP712,DP7A182500123,00.01.05", ((53.0, 3.2),), _RIGOL),
    "rigol-dp900": Book(
        "RIGOL TECHNOLOGIES,DP932E,DP9D243800456,00.01.02",
        ((32.0, 3.0), (32.0, 3.0), (6.0, 3.0)),
        tuple(word._replace(form=word.form.replace("{:on}", "{:d}")) for word in _RIGOL),
    ),
    "siglent-spd3303x": Book(
        "Siglent Technologies,SPD3303X,SPD3XIEX6R2056,{firmware},V3.0",
        ((32.0, 3.2),) * 2,
        _SIGLENT,
        strict=False,
        answers=_SIGLENT_NEW,
    ),
    "siglent-spd1000x": Book(
        "Siglent Technologies,SPD1168X,SPD13DCC6R0348,2.1.1.9,V1.0",
        ((16.0, 8.0),),
        _SIGLENT,
        strict=False,
        answers=_SIGLENT_NEW,
    ),
    "owon-spe": Book(
        "OWON,SPE3103,2350123,FV:V5.2.0",
        ((30.0, 10.0),),
        (
            Word("SYSTem:ERRor", "no error"),
            Word("SYSTem:REMote", "nothing"),
            Word("SYSTem:LOCal", "nothing"),
            Word("VOLTage", "volts"),
            Word("CURRent", "amperes"),
            Word("OUTPut", "switch", form="{:on}"),
            Word("MEASure:VOLTage", "measured volts"),
            Word("MEASure:CURRent", "measured amperes"),
            Word("MEASure:ALL", "everything measured", form="{:.3f},{:.3f}"),
        ),
        strict=False,
        answers={"no_error": "0x0000", "unheard": "ERR"},
    ),
    "gw-psw": Book(
        "GW-INSTEK,PSW-3036,TW123456,01.00.20110101",
        ((31.5, 37.8),),
        (
            Word("SYSTem:ERRor", "errors"),
            Word(f"[SOURce:]VOLTage{_LEVEL}", "volts"),
            Word(f"[SOURce:]CURRent{_LEVEL}", "amperes"),
            Word("OUTPut[:STATe][:IMMediate]", "switch", form="{:d}"),
            Word("MEASure[:SCALar]:VOLTage[:DC]", "measured volts", form="{:+08.4f}"),
            Word("MEASure[:SCALar]:CURRent[:DC]", "measured amperes", form="{:+08.4f}"),
            Word("MEASure[:SCALar]:POWer[:DC]", "measured watts", form="{:+08.4f}"),
        ),
        answers={"no_error": '+0, "No error."', "error_format": '{code}, "{message}."'},
    ),
    "gw-gpp": Book(
        "GW INSTEK,GPP-4323,SN:GEW840790,V1.17",
        ((32.0, 3.0), (32.0, 3.0), (5.0, 1.0), (15.0, 1.0)),
        (
            Word("SYSTem:ERRor", "errors"),
            Word("SOURce<n>:VOLTage", "volts", SUFFIX),
            Word("SOURce<n>:CURRent", "amperes", SUFFIX, "{:.4f}"),
            Word("OUTPut<n>:STATe", "switch", SUFFIX, "{:on}"),
            Word("MEASure<n>:VOLTage", "measured volts", SUFFIX, "{:.4f}"),
            Word("MEASure<n>:CURRent", "measured amperes", SUFFIX, "{:.4f}"),
            Word("MEASure<n>:POWEr", "measured watts", SUFFIX, "{:.3f}"),
        ),
    ),
    "keysight-n6705": Book(
        "Agilent Technologies,N6705B,MY53001146,D.01.10",
        ((20.0, 5.0), (20.0, 5.0), (50.0, 3.0), (8.0, 12.5)),
        (
            Word("SYSTem:ERRor", "errors"),
            Word(f"[SOURce:]VOLTage{_LEVEL}", "volts", LISTED, _SCIENTIFIC),
            Word(f"[SOURce:]CURRent{_LEVEL}", "amperes", LISTED, _SCIENTIFIC),
            Word("OUTPut[:STATe]", "switch", LISTED, "{:d}"),
            Word("MEASure[:SCALar]:VOLTage[:DC]", "measured volts", LISTED, _SCIENTIFIC),
            Word("MEASure[:SCALar]:CURRent[:DC]", "measured amperes", LISTED, _SCIENTIFIC),
        ),
        answers={"no_error": '+0,"No error"'},
    ),
    "agilent-e3634a": Book(
        "HEWLETT-PACKARD,E3634A,0,2.4-6.1-2.1",
        ((51.5, 7.21),),
        (
            Word("SYSTem:ERRor", "errors"),
            Word("SYSTem:REMote", "nothing"),
            Word("SYSTem:LOCal", "nothing"),
            Word(f"[SOURce:]VOLTage{_LEVEL}", "volts", form=_SCIENTIFIC),
            Word(f"[SOURce:]CURRent{_LEVEL}", "amperes", form=_SCIENTIFIC),
            Word("[SOURce:]VOLTage:RANGe", "range"),
            Word("[SOURce:]VOLTage:PROTection[:LEVel]", "OVP level", form=_SCIENTIFIC),
            Word("[SOURce:]VOLTage:PROTection:STATe", "OVP", form="{:d}"),
            Word("OUTPut[:STATe]", "switch", form="{:d}"),
            Word("MEASure[:SCALar][:VOLTage][:DC]", "measured volts", form=_SCIENTIFIC),
            Word("MEASure[:SCALar]:CURRent[:DC]", "measured amperes", form=_SCIENTIFIC),
        ),
        ranges=(Range("P25V", 25.75, 7.21), Range("P50V", 51.5, 4.12)),
        answers={"no_error": '+0,"No error"'},
    ),
    "aim-tti-mx": Book(
        "THURLBY THANDAR, MX100TP, 436129, 1.03-1.00-1.02",
        ((35.0, 3.0),) * 3,
        (
            Word("EER", "execution errors"),
            Word("V<n>", "volts", SUFFIX, "V{channel} {:.3f}"),
            Word("I<n>", "amperes", SUFFIX, "I{channel} {:.3f}"),
            Word("OP<n>", "switch", SUFFIX, "{:d}"),
            Word("V<n>O", "measured volts", SUFFIX, "{:.3f}V"),
            Word("I<n>O", "measured amperes", SUFFIX, "{:.4f}A"),
        ),
        answers={"answer_end": b"\r\n"},
    ),
}
