import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.formats import ieee1284
from drivers.formats.identities import serial_or_none
from drivers.formats.ieee1284 import DeviceId

L360 = (
    "MFG:EPSON;CMD:ESCPL2,BDC,D4,D4PX,ESCPR2;MDL:L360 Series;CLS:PRINTER;"
    "DES:EPSON L360 Series;CID:EpsonRGB;SERN:VGFK012345;"
)
FIELDS = DeviceId(
    maker="EPSON",
    model="L360 Series",
    commands=("ESCPL2", "BDC", "D4", "D4PX", "ESCPR2"),
    printer_class="PRINTER",
    description="EPSON L360 Series",
    serial_number="VGFK012345",
    other={"CID": "EpsonRGB"},
    errors=(),
)


def test_every_field_of_a_good_id() -> None:
    assert ieee1284.parse(L360) == FIELDS


def test_long_keys_mean_the_same_in_any_order_and_case() -> None:
    told = ieee1284.parse(
        " \v;SerialNumber: VGFK012345 ;description:EPSON L360 Series;CLASS:PRINTER;\n"
        "  Model:L360 Series;COMMAND SET: ESCPL2, BDC,D4 ,D4PX,,ESCPR2;cid:EpsonRGB;"
        "Manufacturer:EPSON"
    )
    assert told == FIELDS


def test_what_is_not_said_is_none_and_what_is_left_blank_is_empty() -> None:
    told = ieee1284.parse("MFG:;MDL:x;CMD:;")
    assert told == DeviceId("", "x", (), None, None, None, {}, ())


def test_values_may_hold_colons() -> None:
    told = ieee1284.parse("MFG:a;MDL:b;DES:http://printer:631/;COMMENT:RES=600:1")
    assert (told.description, told.other) == ("http://printer:631/", {"COMMENT": "RES=600:1"})


def test_a_field_without_a_key_is_an_error_and_the_rest_is_read() -> None:
    told = ieee1284.parse("MFG:EPSON;CMD:BDC;WF-7510 Series;:x;CLS:PRINTER;DES:EPSON WF-7510")
    assert (told.model, told.printer_class) == ("WF-7510", "PRINTER")
    assert told.errors == ("'WF-7510 Series' has no key", "':x' has no key")


def test_a_key_that_comes_twice_counts_once() -> None:
    told = ieee1284.parse("MFG:HP;MANUFACTURER:HP;MDL:;MODEL:a;MDL:b;CMD:PCL;CMD:PJL")
    assert (told.maker, told.model, told.commands) == ("HP", "a", ("PCL", "PJL"))
    assert told.errors == ("MDL comes again: 'b'",)


@pytest.mark.parametrize("separator", ["\0", "\n", "\r\n", "\0\0", "\t"])
def test_control_characters_before_a_key_are_separators_and_an_error(separator: str) -> None:
    fields = ("MFG:Maker", "CMD:PCL5E,PCL6", "MDL:ML-1650;CLS:PRINTER;")
    told = ieee1284.parse(separator.join(fields))
    assert (told.maker, told.commands, told.model) == ("Maker", ("PCL5E", "PCL6"), "ML-1650")
    assert told.errors == (f"{separator!r} where a semicolon belongs",)


def test_a_control_character_within_a_text_separates_nothing() -> None:
    told = ieee1284.parse("MFG:a;DES:first line\nsecond line;MDL:b")
    assert (told.description, told.model, told.errors) == ("first line second line", "b", ())


def test_a_model_that_is_not_given_is_the_description_without_the_maker() -> None:
    told = ieee1284.parse(
        "MFG:EPSON;CMD:ESCPL2,BDC;WF-7010 Series;CLS:PRINTER;DES:EPSON WF-7010 Series"
    )
    assert told.model == "WF-7010 Series"
    assert ieee1284.parse("MFG:hp;DES:Hewlett-Packard LaserJet 4").model == "LaserJet 4"
    assert ieee1284.parse("MFG:Oki;DES:B4350").model == "B4350"
    assert ieee1284.parse("MFG:Oki;MDL:;DES:B4350").model == ""


@pytest.mark.parametrize("said", ["HP", "hp", "Hewlett-Packard", "HEWLETT-PACKARD"])
def test_a_maker_has_one_name_however_it_is_spelt(said: str) -> None:
    assert ieee1284.parse(f"MFG:{said};MDL:x").maker == "HP"


def test_a_serial_number_may_be_called_ns_and_a_placeholder_is_none() -> None:
    assert ieee1284.parse("MFG:a;NS:CN1234567").serial_number == "CN1234567"
    for said in ("000000000000", "", "None", "123456789"):
        assert not ieee1284.parse(f"MFG:a;SN:{said}").serial_number


@pytest.mark.parametrize("text", ["", ";;;", "\0\0", "nothing", "FOO:bar;"])
def test_what_is_no_device_id_is_an_error(text: str) -> None:
    told = ieee1284.parse(text)
    assert "no fields of a device id" in told.errors
    assert told[:6] == (None, None, (), None, None, None)


TEXT = L360.encode()
LENGTH = len(TEXT) + 2


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        (LENGTH.to_bytes(2, "big") + TEXT, ()),
        (LENGTH.to_bytes(2, "big") + TEXT + bytes(300), ()),
        (LENGTH.to_bytes(2, "little") + TEXT, ("length is little-endian",)),
        (LENGTH.to_bytes(2, "little") + TEXT + bytes(300), ("length is little-endian",)),
        ((LENGTH - 2).to_bytes(2, "big") + TEXT, ("length does not count itself",)),
        ((LENGTH - 2).to_bytes(2, "big") + TEXT + b"\0", ("length does not count itself",)),
        (
            (LENGTH - 2).to_bytes(2, "little") + TEXT,
            ("length is little-endian", "length does not count itself"),
        ),
        (LENGTH.to_bytes(2, "big") + TEXT + b"junk", ("4 bytes follow what the length says",)),
        (b"\x00\x00" + TEXT, (f"length is 0 (00 00), but there are {LENGTH} bytes",)),
        (b"\x03\xff" + TEXT, (f"length is 1023 (03 ff), but there are {LENGTH} bytes",)),
        (TEXT, ("no length in front",)),
    ],
)
def test_the_length_in_front_is_understood_however_it_was_meant(
    data: bytes, errors: tuple[str, ...]
) -> None:
    assert ieee1284.parse_bytes(data) == FIELDS._replace(errors=errors)


def test_a_long_id_has_a_length_of_two_bytes() -> None:
    text = b"MFG:a;MDL:b;DES:" + b"x" * 600 + b";"
    told = ieee1284.parse_bytes((len(text) + 2).to_bytes(2, "big") + text)
    assert told.description == "x" * 600
    assert told.errors == ()


def test_a_name_in_utf_8_or_latin_1_is_read() -> None:
    for encoding in ("utf-8", "latin-1"):
        text = "MFG:Größe;MDL:b;".encode(encoding)
        told = ieee1284.parse_bytes((len(text) + 2).to_bytes(2, "big") + text)
        assert told.maker == "Größe"


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    told = ieee1284.parse_bytes(data)
    assert told.errors or any(told[:6])


@given(st.text() | st.text("MFGDLC:;, \n", max_size=100))
def test_no_text_makes_it_raise(text: str) -> None:
    told = ieee1284.parse(text)
    assert told.errors or any(field is not None and field != () for field in told[:6])
    assert all(command == command.strip() != "" for command in told.commands)


VALUE = st.text("abcXYZ019 -/:()", min_size=1).map(str.strip)


@given(VALUE, VALUE, st.lists(st.text("ABC123", min_size=1)), VALUE, st.permutations(range(4)))
def test_what_was_written_is_read(
    maker: str, model: str, commands: list[str], serial_number: str, order: list[int]
) -> None:
    fields = [f"MFG:{maker}", f"MDL:{model}", f"CMD:{','.join(commands)}", f"SN:{serial_number}"]
    told = ieee1284.parse(";".join(fields[place] for place in order))
    serial = serial_number and serial_or_none(serial_number)
    assert told == DeviceId(maker, model, tuple(commands), None, None, serial, {}, ())
