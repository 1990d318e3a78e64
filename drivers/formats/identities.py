"""Tell identities from placeholders, and bring the spellings of a maker's name together.

A serial number tells two devices of a model apart. What a whole series says, or what stands in an
empty form, does not, and two records must never be taken for one unit by it. The words and numbers
here are those found in public collections of device data (linuxhw/EDID, linuxhw/hw-probe,
OpenPrinting's foomatic-db, dmidecode's list of OEM placeholders); the rules behind them are this
project's own.

Makers write their own names in many ways, and one maker's models belong together.
"""

import re

from drivers.formats.text import clean

_STANDS_FOR_NONE = """
    asset assettag chassisserialnumber default defaultstring empty example invalid lcdserial
    monitorserial na nil no none noserial noserialnumber notapplicable notavailable notset
    notspecified null number oem oemserial ordersn productserial sample serial serialid serialno
    serialnr serialnum serialnumber sn snnumber snxxx string systemserialnumber tbd test
    tobefilled tobefilledbyoem tobefilledbyoems unknown unset unspecified void yourserialnumber
"""
_WORDS = frozenset(_STANDS_FOR_NONE.split())
_DIGITS_UP = "0123456789" * 4
_DIGITS_DOWN = _DIGITS_UP[::-1]
_LETTERS_UP = "abcdefghijklmnopqrstuvwxyz"

_LEAST_RUN = 4
"""Digits that count up ("1234"); fewer could be the 123rd unit."""


def is_placeholder(serial: str) -> bool:
    """Tell whether a serial number is none: blank, a word that stands for one, a row of digits.

    >>> is_placeholder("SerialNumber"), is_placeholder("000000"), is_placeholder("1234567890123")
    (True, True, True)
    >>> is_placeholder("CN0G293H"), is_placeholder("100001")
    (False, False)
    """
    plain = _plain(serial)
    if plain.startswith("0x"):
        plain = plain[2:]
    if len(set(plain)) <= 1 or plain in _WORDS:
        return True
    if len(plain) >= _LEAST_RUN and (
        plain in _DIGITS_UP or plain in _DIGITS_DOWN or plain in _LETTERS_UP
    ):
        return True
    if re.fullmatch("[x0f]+", plain):
        return True
    # Two characters over and over: "01010101".
    return len(plain) >= 2 * _LEAST_RUN and plain == plain[:2] * (len(plain) // 2)


def serial_or_none(serial: str) -> str | None:
    """Return the serial number as one clean line; None where it is a placeholder."""
    text = clean(serial)
    return None if is_placeholder(text) else text


def is_placeholder_number(number: int, size_bytes: int = 4) -> bool:
    """Tell whether a binary serial number is none: 0, 1, or one byte over and over."""
    data = number.to_bytes(size_bytes, "big")
    return number <= 1 or len(set(data)) == 1


# Name of the maker: spellings as found, letters and digits only, in lower case.
_SPELLINGS = {
    "HP": "hp hewlettpackard hewlettpackardcompany hpinc hwp hpn",
    "Dell": "dell dellinc del dellcomputer dellcomputercorp dellcomputercorporation",
    "Lenovo": "lenovo len lenovogrouplimited lenovogroup",
    "Apple": "apple appleinc applecomputer applecomputerinc app",
    "Samsung": "samsung sam samsungelectronics samsungelectronicscoltd samsungelectricco",
    "LG": "lg lge gsm goldstar lgelectronics lgelectronicsinc lgphilips",
    "EPSON": "epson seikoepson seikoepsoncorp seikoepsoncorporation",
    "Canon": "canon canoninc",
    "Brother": "brother brotherindustries brotherindustriesltd",
    "Lexmark": "lexmark lexmarkinternational lexmarkinternationalinc",
    "Kyocera": "kyocera kyoceramita kyoceradocumentsolutions kyoceradocumentsolutionsinc",
    "RICOH": "ricoh ricohcoltd ricohcompanyltd",
    "Xerox": "xerox xeroxcorporation xeroxcorp",
    "OKI": "oki okidata okidatacorp okidatacorporation okielectric",
    "Konica Minolta": "konicaminolta konicaminoltaholdings",
    "Logitech": "logitech logitechinc logitec",
    "Microsoft": "microsoft microsoftcorp microsoftcorporation",
    "Cherry": "cherry cherrygmbh zfcherry",
    "Acer": "acer acr acerinc",
    "ASUS": "asus asustek asustekcomputer asustekcomputerinc aus",
    "Philips": "philips phl philipsconsumerelectronics",
    "BenQ": "benq bnq benqcorporation",
    "AOC": "aoc aoctpv aocinternational",
    "Iiyama": "iiyama ivm iiyamainternational",
    "Eizo": "eizo enc eizonanao eizonanaocorporation eizocorporation",
    "NEC": "nec necdisplay necdisplaysolutions necdisplaysolutionsltd",
    "Fujitsu": "fujitsu fus fujitsusiemens fujitsusiemenscomputers fujitsulimited",
    "Sony": "sony sny sonycorporation",
    "ViewSonic": "viewsonic vsc viewsoniccorporation",
    "Zebra": "zebra zebratechnologies ztc",
}
_MAKERS = {word: maker for maker, words in _SPELLINGS.items() for word in words.split()}


def maker_name(said: str) -> str:
    """Return the maker's name in one spelling; a maker that is not known, as it was said.

    >>> {maker_name(each) for each in ("HP", "hp", "Hewlett-Packard", "HEWLETT-PACKARD")}
    {'HP'}
    """
    text = clean(said)
    return _MAKERS.get(_plain(text), text)


def maker_key(said: str) -> str:
    """Return a key that all spellings of one maker share, for comparing and for looking up."""
    return _plain(maker_name(said))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
